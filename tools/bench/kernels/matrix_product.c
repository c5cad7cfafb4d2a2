// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The product of two n by n matrices of doubles, rows outermost and columns innermost: the loop that native compilers
// vectorise, hence the widest gap between scalar Wasm and native code.

#include "kernel.h"

#define LARGEST 1024

static double a[LARGEST * LARGEST], b[LARGEST * LARGEST], product[LARGEST * LARGEST];

static void fill(double *matrix, uint32_t n, uint32_t random) {
    for (uint32_t i = 0; i < n * n; i++)
        matrix[i] = (double)(next_random(&random) >> 8) * 0x1p-24 - 0.5;
}

static void multiply(uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        double *row = product + i * n;
        for (uint32_t j = 0; j < n; j++)
            row[j] = 0;
        for (uint32_t k = 0; k < n; k++) {
            double factor = a[i * n + k];
            for (uint32_t j = 0; j < n; j++)
                row[j] += factor * b[k * n + j];
        }
    }
}

KERNEL uint32_t run(uint32_t n) {
    if (n > LARGEST)
        n = LARGEST;
    fill(a, n, 1);
    fill(b, n, 2);
    multiply(n);
    uint32_t hash = n;
    for (uint32_t i = 0; i < n * n; i++)
        hash = mix_double(hash, product[i]);
    return hash;
}
