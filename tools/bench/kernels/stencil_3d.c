// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n sweeps of a seven-point stencil over a block whose sides only the run tells: index arithmetic
// with two strides in variables.

#include "kernel.h"

#define LARGEST 72

static double cubes[2][LARGEST * LARGEST * LARGEST];

static void sweep(double *to, const double *from, uint32_t width, uint32_t height, uint32_t depth) {
    uint32_t row = width, plane = width * height;
    for (uint32_t z = 1; z + 1 < depth; z++)
        for (uint32_t y = 1; y + 1 < height; y++)
            for (uint32_t x = 1; x + 1 < width; x++) {
                uint32_t i = z * plane + y * row + x;
                double sides = from[i - 1] + from[i + 1] + from[i - row] + from[i + row];
                to[i] = 0.4 * from[i] + 0.1 * (sides + from[i - plane] + from[i + plane]);
            }
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 5;
    for (uint32_t i = 0; i < LARGEST * LARGEST * LARGEST; i++)
        cubes[0][i] = cubes[1][i] = (double)(next_random(&random) >> 8) * 0x1p-24;
    uint32_t side = LARGEST - n % 3;
    for (uint32_t i = 0; i < n; i++)
        sweep(cubes[(i + 1) % 2], cubes[i % 2], side, side - 1, side - 2);
    uint32_t hash = n;
    for (uint32_t i = 0; i < LARGEST * LARGEST * LARGEST; i++)
        hash = mix_double(hash, cubes[n % 2][i]);
    return hash;
}
