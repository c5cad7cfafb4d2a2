// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Mandelbrot set on n by n points, fifty iterations at most: double arithmetic in registers, one exit that cannot
// be predicted.

#include "kernel.h"

#define ITERATIONS 50

static uint32_t escapes_after(double cr, double ci) {
    double zr = 0, zi = 0, rr = 0, ii = 0;
    uint32_t i = 0;
    while (i < ITERATIONS && rr + ii <= 4.0) {
        zi = 2.0 * zr * zi + ci;
        zr = rr - ii + cr;
        rr = zr * zr;
        ii = zi * zi;
        i++;
    }
    return i;
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t hash = n;
    double scale = 2.0 / (double)n;
    for (uint32_t y = 0; y < n; y++)
        for (uint32_t x = 0; x < n; x++)
            hash = mix(hash, escapes_after(x * scale - 1.5, y * scale - 1.0));
    return hash;
}
