# SPDX-License-Identifier: GPL-3.0-or-later
# Ways to the far end, and starting the helper there. Paths are relative to the
# root, since client/CMakeLists.txt includes this file.
find_package(libssh 0.10 REQUIRED)
set(transport ${PROJECT_SOURCE_DIR}/client/transport)
add_library(ginnel_transport STATIC
  ${transport}/agent.cc
  ${transport}/algorithms.cc
  ${transport}/askpass.cc
  ${transport}/check.cc
  ${transport}/child.cc
  ${transport}/choose.cc
  ${transport}/dial.cc
  ${transport}/host_key.cc
  ${transport}/known_hosts.cc
  ${transport}/libssh_auth.cc
  ${transport}/libssh_config.cc
  ${transport}/libssh_keys.cc
  ${transport}/libssh_link.cc
  ${transport}/libssh_session.cc
  ${transport}/libssh_transport.cc
  ${transport}/login_keys.cc
  ${transport}/login_password.cc
  ${transport}/open.cc
  ${transport}/openssh_transport.cc
  ${transport}/pass_fd.cc
  ${transport}/sha1.cc
  ${transport}/ssh_child.cc
  ${transport}/ssh_config.cc
  ${transport}/terminal.cc
  ${PROJECT_SOURCE_DIR}/client/remote_start.cc
  ${PROJECT_SOURCE_DIR}/client/start_script.cc)
target_link_libraries(ginnel_transport
  PUBLIC ginnel_mux
  PRIVATE ginnel_helper_image ssh)
target_precompile_headers(ginnel_transport REUSE_FROM ginnel_asio)
