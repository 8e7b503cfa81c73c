/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What GCC 12's run-time libraries, built for glibc 2.36, need and musl does
 * not have. */
#define _GNU_SOURCE
#include <elf.h>
#include <link.h>

/* libstdc++ asks this before it uses atomics; 0 is the careful answer. */
char __libc_single_threaded = 0;

/* glibc 2.35's <dlfcn.h>: how the unwinder finds an object's .eh_frame_hdr. */
struct dl_find_object {
  unsigned long long dlfo_flags;
  void *dlfo_map_start, *dlfo_map_end;
  struct link_map *dlfo_link_map;
  void *dlfo_eh_frame;
  void *reserved[8];
};

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* A static program is one object: itself. */
int _dl_find_object(void *pc, struct dl_find_object *result) {
  const char *base = (const char *)&__ehdr_start;
  const ElfW(Phdr) *header = (const void *)(base + __ehdr_start.e_phoff);
  (void)pc;
  for (int i = 0; i < __ehdr_start.e_phnum; i++) {
    if (header[i].p_type != PT_GNU_EH_FRAME) continue;
    result->dlfo_flags = 0;
    result->dlfo_map_start = (void *)base;
    result->dlfo_map_end = (void *)~0ul;
    result->dlfo_link_map = 0;
    result->dlfo_eh_frame = (void *)header[i].p_vaddr;
    return 0;
  }
  return -1;
}
