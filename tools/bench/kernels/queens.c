// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counts the ways to place n queens: recursion with three words of state, and a loop over bits.

#include "kernel.h"

static uint32_t all, visited;

static uint32_t place(uint32_t columns, uint32_t left, uint32_t right) {
    visited++;
    if (columns == all)
        return 1;
    uint32_t count = 0;
    for (uint32_t free = all & ~(columns | left | right); free; free &= free - 1) {
        uint32_t queen = free & -free;
        count += place(columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return count;
}

KERNEL uint32_t run(uint32_t n) {
    all = (1u << n % 32) - 1;
    visited = 0;
    uint32_t count = place(0, 0, 0);
    return mix(mix(n, count), visited);
}
