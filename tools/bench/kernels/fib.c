// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fibonacci's n-th number by recursion: nothing but calls, returns and the checks made at a function's entry.

#include "kernel.h"

static uint32_t fib(uint32_t n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

KERNEL uint32_t run(uint32_t n) {
    return mix(n, fib(n));
}
