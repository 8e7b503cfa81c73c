# SPDX-License-Identifier: GPL-3.0-or-later
# What the person says, and how the program answers: the command line (pure:
# the fuzzer holds it, too), its look-ups, logging, the background.
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)

add_library(ginnel_options STATIC
  ${CMAKE_CURRENT_LIST_DIR}/argument_files.cc
  ${CMAKE_CURRENT_LIST_DIR}/argument_syntax.cc
  ${CMAKE_CURRENT_LIST_DIR}/capture.cc
  ${CMAKE_CURRENT_LIST_DIR}/daemon.cc
  ${CMAKE_CURRENT_LIST_DIR}/listen_spec.cc
  ${CMAKE_CURRENT_LIST_DIR}/logging.cc
  ${CMAKE_CURRENT_LIST_DIR}/name_options.cc
  ${CMAKE_CURRENT_LIST_DIR}/option_table.cc
  ${CMAKE_CURRENT_LIST_DIR}/options.cc
  ${CMAKE_CURRENT_LIST_DIR}/options_text.cc
  ${CMAKE_CURRENT_LIST_DIR}/pid_file.cc
  ${CMAKE_CURRENT_LIST_DIR}/remote_spec.cc
  ${CMAKE_CURRENT_LIST_DIR}/subnet_spec.cc
  ${CMAKE_CURRENT_LIST_DIR}/system_lookups.cc)
target_link_libraries(ginnel_options
  PUBLIC ginnel_base ginnel_names
  PRIVATE CLI11::CLI11 spdlog::spdlog)
