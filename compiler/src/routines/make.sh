#!/bin/sh
# Prints the LLVM IR of the routines, which is kept in routines.ll: for no machine in particular, with what
# clang says about its own left out. Any 64-bit target does for the C: it returns two integers as two.
set -e
cd "$(dirname "$0")"
clang-22 --target=x86_64-none -ffreestanding -std=c11 -fwrapv -fno-ident -O0 -Xclang -disable-O0-optnone \
    -Wall -Wextra -Werror -emit-llvm -S -o - routines.c |
    opt-22 -S -passes='sroa,instsimplify,simplifycfg,adce' |
    sed -e '/^;/d' -e '/^source_filename/d' -e '/^target /d' -e '/^attributes /d' -e '/^!/d' \
        -e 's/ #[0-9][0-9]*\( {\)*$/\1/' -e 's/ *; preds = .*//' -e 's/, !llvm.loop ![0-9]*//' \
        -e 's/ dso_local//' -e 's/ noundef//g' | cat -s
