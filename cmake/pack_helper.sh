#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# pack_helper.sh HELPER OUTDIR: strips and gzips the far-end program and writes
# helper_image.S, which embeds it with its build id (a hash of its contents
# that the linker made) and the architecture it runs on.
set -eu
helper=$1 out=$2
strip -o "$out/ginnel-helper.stripped" "$helper"
gzip -9 -n -c "$out/ginnel-helper.stripped" >"$out/ginnel-helper.gz"
id=$(readelf -n "$out/ginnel-helper.stripped" | sed -n 's/.*Build ID: //p')
machine=$(uname -m)
[ -n "$id" ] || { echo "pack_helper.sh: $helper has no build id" >&2; exit 1; }
cat >"$out/helper_image.S" <<END
    .section .rodata
    .global ginnel_helper_begin, ginnel_helper_end
    .global ginnel_helper_build_id, ginnel_helper_machine
ginnel_helper_begin:
    .incbin "$out/ginnel-helper.gz"
ginnel_helper_end:
ginnel_helper_build_id:
    .asciz "$id"
ginnel_helper_machine:
    .asciz "$machine"
    .section .note.GNU-stack,"",%progbits
END
