// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The largest singular value of an n by n matrix that is computed and never stored, by power iteration: one division
// for each element and sums whose order is fixed.

#include "kernel.h"

#define LARGEST 4096

static double u[LARGEST], v[LARGEST], between[LARGEST];

static double element(uint32_t row, uint32_t column) {
    uint32_t diagonal = row + column;
    return 1.0 / (double)(diagonal * (diagonal + 1) / 2 + row + 1);
}

static void multiply(uint32_t n, const double *in, double *out) {
    for (uint32_t i = 0; i < n; i++) {
        double sum = 0;
        for (uint32_t j = 0; j < n; j++)
            sum += element(i, j) * in[j];
        out[i] = sum;
    }
}

static void multiply_transposed(uint32_t n, const double *in, double *out) {
    for (uint32_t i = 0; i < n; i++) {
        double sum = 0;
        for (uint32_t j = 0; j < n; j++)
            sum += element(j, i) * in[j];
        out[i] = sum;
    }
}

KERNEL uint32_t run(uint32_t n) {
    if (n > LARGEST)
        n = LARGEST;
    for (uint32_t i = 0; i < n; i++)
        u[i] = 1;
    for (int i = 0; i < 10; i++) {
        multiply(n, u, between);
        multiply_transposed(n, between, v);
        multiply(n, v, between);
        multiply_transposed(n, between, u);
    }
    double uv = 0, vv = 0;
    for (uint32_t i = 0; i < n; i++) {
        uv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    return mix_double(n, __builtin_sqrt(uv / vv));
}
