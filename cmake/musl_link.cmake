# SPDX-License-Identifier: GPL-3.0-or-later
# Links ginnel-helper by hand: musl's start files and C library, GCC's own
# run-time libraries, and the few symbols of cmake/musl/shim.c.
add_library(ginnel_musl_shim STATIC ${PROJECT_SOURCE_DIR}/cmake/musl/shim.c)
target_link_libraries(ginnel-helper PRIVATE ginnel_musl_shim)
foreach(file crtbeginT.o crtend.o libstdc++.a libgcc_eh.a libgcc.a)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=${file}
    OUTPUT_VARIABLE gcc_${file} OUTPUT_STRIP_TRAILING_WHITESPACE)
endforeach()
set(CMAKE_CXX_LINK_EXECUTABLE
  "<CMAKE_CXX_COMPILER> -static -no-pie -nostdlib -nostartfiles -Wl,--eh-frame-hdr <LINK_FLAGS> -o <TARGET> ${GINNEL_MUSL_LIB}/crt1.o ${GINNEL_MUSL_LIB}/crti.o ${gcc_crtbeginT.o} <OBJECTS> -Wl,--start-group <LINK_LIBRARIES> ${gcc_libstdc++.a} ${gcc_libgcc_eh.a} ${gcc_libgcc.a} ${GINNEL_MUSL_LIB}/libc.a -Wl,--end-group ${gcc_crtend.o} ${GINNEL_MUSL_LIB}/crtn.o")
