/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Included before everything when Debian's libstdc++ headers, configured for
 * glibc, are compiled against musl: the glibc names they use. */
#pragma once
#define __GLIBC_PREREQ(major, minor) 0
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <locale.h>
typedef locale_t __locale_t;
/* glibc's <ctype.h> bits, little-endian, for std::ctype_base. */
enum {
  _ISupper = 1 << 8,
  _ISlower = 1 << 9,
  _ISalpha = 1 << 10,
  _ISdigit = 1 << 11,
  _ISxdigit = 1 << 12,
  _ISspace = 1 << 13,
  _ISprint = 1 << 14,
  _ISgraph = 1 << 15,
  _ISblank = 1,
  _IScntrl = 2,
  _ISpunct = 4,
  _ISalnum = 8
};

/* glibc 2.30's; <mutex> names them inline. Nothing here has threads, so they
 * are declared and never linked. */
#include <pthread.h>
#include <time.h>
#ifdef __cplusplus
extern "C" {
#endif
int pthread_mutex_clocklock(pthread_mutex_t*, clockid_t,
                            const struct timespec*);
int pthread_cond_clockwait(pthread_cond_t*, pthread_mutex_t*, clockid_t,
                           const struct timespec*);
#ifdef __cplusplus
}
#endif
