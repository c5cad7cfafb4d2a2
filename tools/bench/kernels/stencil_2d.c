// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n sweeps of a five-point stencil over a grid of 512 by 512 doubles, as in heat flow: contiguous loads from three
// rows.

#include "kernel.h"

#define SIDE 512

static double grids[2][SIDE][SIDE];

static void sweep(double (*restrict to)[SIDE], double (*restrict from)[SIDE]) {
    for (uint32_t y = 1; y < SIDE - 1; y++)
        for (uint32_t x = 1; x < SIDE - 1; x++)
            to[y][x] = 0.2 * (from[y][x] + from[y][x - 1] + from[y][x + 1] + from[y - 1][x] + from[y + 1][x]);
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 3;
    for (uint32_t y = 0; y < SIDE; y++)
        for (uint32_t x = 0; x < SIDE; x++)
            grids[0][y][x] = grids[1][y][x] = (double)(next_random(&random) >> 8) * 0x1p-24;
    for (uint32_t i = 0; i < n; i++)
        sweep(grids[(i + 1) % 2], grids[i % 2]);
    uint32_t hash = n;
    for (uint32_t y = 0; y < SIDE; y++)
        for (uint32_t x = 0; x < SIDE; x++)
            hash = mix_double(hash, grids[n % 2][y][x]);
    return hash;
}
