// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Solves n linear equations in doubles by elimination with a choice of pivots; the matrix is an array of pointers to
// rows.

#include "kernel.h"

#define LARGEST 1024

static double storage[LARGEST][LARGEST + 1];
static double *rows[LARGEST];

static double magnitude(double x) { return x < 0 ? -x : x; }

static void eliminate(uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        uint32_t pivot = k;
        for (uint32_t i = k + 1; i < n; i++)
            if (magnitude(rows[i][k]) > magnitude(rows[pivot][k]))
                pivot = i;
        double *top = rows[pivot];
        rows[pivot] = rows[k];
        rows[k] = top;
        for (uint32_t i = k + 1; i < n; i++) {
            double *row = rows[i], factor = row[k] / top[k];
            for (uint32_t j = k; j <= n; j++)
                row[j] -= factor * top[j];
        }
    }
}

KERNEL uint32_t run(uint32_t n) {
    if (n > LARGEST)
        n = LARGEST;
    uint32_t random = 17;
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = storage[i];
        for (uint32_t j = 0; j <= n; j++)
            rows[i][j] = (double)(next_random(&random) >> 8) * 0x1p-24 - 0.5;
    }
    eliminate(n);
    uint32_t hash = n;
    for (uint32_t i = n; i-- > 0;) {
        double sum = rows[i][n];
        for (uint32_t j = i + 1; j < n; j++)
            sum -= rows[i][j] * rows[j][n];
        rows[i][n] = sum / rows[i][i];
        hash = mix_double(hash, rows[i][n]);
    }
    return hash;
}
