// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The product of two matrices of floats, in blocks of four rows and eight columns that stay in registers.

#include "vectors.h"

#define SIZE 256

static float a[SIZE * SIZE], b[SIZE * SIZE], product[SIZE * SIZE];

static void fill(float *matrix, uint32_t random) {
    for (uint32_t i = 0; i < SIZE * SIZE; i++)
        matrix[i] = (float)(next_random(&random) >> 16) * 0x1p-16f - 0.5f;
}

static void multiply(void) {
    for (uint32_t i = 0; i < SIZE; i += 4)
        for (uint32_t j = 0; j < SIZE; j += 8) {
            f32x4 sums[4][2] = {};
            for (uint32_t k = 0; k < SIZE; k++) {
                f32x4 left = LOAD(f32x4, b + k * SIZE + j), right = LOAD(f32x4, b + k * SIZE + j + 4);
                for (uint32_t row = 0; row < 4; row++) {
                    float factor = a[(i + row) * SIZE + k];
                    sums[row][0] += factor * left;
                    sums[row][1] += factor * right;
                }
            }
            for (uint32_t row = 0; row < 4; row++)
                for (uint32_t half = 0; half < 2; half++)
                    STORE(f32x4, product + (i + row) * SIZE + j + 4 * half, sums[row][half]);
        }
}

KERNEL uint32_t run(uint32_t n) {
    fill(a, 1);
    fill(b, 2);
    uint32_t hash = n;
    for (uint32_t i = 0; i < n; i++) {
        multiply();
        a[i % (SIZE * SIZE)] = product[i % SIZE];
        hash = mix_bytes(hash, product, 1024);
    }
    return mix_bytes(hash, product, sizeof product);
}
