# SPDX-License-Identifier: GPL-3.0-or-later
# Debian's own g++ and libstdc++ against Debian's musl: a static helper a
# quarter the size of a glibc one. Debian does not support the mixture; what
# libstdc++ misses in musl is in cmake/musl/, and GINNEL_HELPER_LIBC=glibc is
# the way out.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
if(NOT DEFINED CMAKE_CXX_COMPILER)
  set(CMAKE_CXX_COMPILER g++)
endif()
if(NOT DEFINED CMAKE_C_COMPILER)
  set(CMAKE_C_COMPILER gcc)
endif()
set(CMAKE_CXX_LINKER_DEPFILE_SUPPORTED FALSE)

execute_process(COMMAND ${CMAKE_CXX_COMPILER} -dumpmachine
  OUTPUT_VARIABLE gnu_triplet OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -dumpversion
  OUTPUT_VARIABLE gcc_version OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=include
  OUTPUT_VARIABLE gcc_include OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REPLACE "-gnu" "-musl" musl_triplet ${gnu_triplet})
set(GINNEL_MUSL_LIB /usr/lib/${musl_triplet})

# The kernel's headers and asio's, in folders without glibc's beside them.
set(kernel ${CMAKE_BINARY_DIR}/kernel-include)
file(MAKE_DIRECTORY ${kernel})
file(CREATE_LINK /usr/include/linux ${kernel}/linux SYMBOLIC)
file(CREATE_LINK /usr/include/asm-generic ${kernel}/asm-generic SYMBOLIC)
file(CREATE_LINK /usr/include/${gnu_triplet}/asm ${kernel}/asm SYMBOLIC)
set(GINNEL_ASIO_INCLUDE ${CMAKE_BINARY_DIR}/asio-include)
file(MAKE_DIRECTORY ${GINNEL_ASIO_INCLUDE})
file(CREATE_LINK /usr/include/asio ${GINNEL_ASIO_INCLUDE}/asio SYMBOLIC)

set(headers "-isystem /usr/include/${musl_triplet} -isystem ${gcc_include} -isystem ${kernel}")
set(CMAKE_C_FLAGS_INIT "-nostdinc ${headers}")
set(CMAKE_CXX_FLAGS_INIT "-nostdinc -nostdinc++ -isystem /usr/include/c++/${gcc_version} -isystem /usr/include/${gnu_triplet}/c++/${gcc_version} ${headers} -include ${CMAKE_CURRENT_LIST_DIR}/musl/shim.h -fno-stack-protector -U_FORTIFY_SOURCE")
