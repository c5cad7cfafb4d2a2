// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The best local alignment of two random sequences of n letters (Smith and Waterman): dynamic programming, two rows at
// a time, each cell after its left neighbour.

#include "kernel.h"

#define LARGEST 16384

static uint8_t first[LARGEST], second[LARGEST];
static int32_t row[LARGEST + 1];

static int32_t max(int32_t a, int32_t b) { return a > b ? a : b; }

KERNEL uint32_t run(uint32_t n) {
    if (n > LARGEST)
        n = LARGEST;
    uint32_t random = 11;
    for (uint32_t i = 0; i < n; i++) {
        first[i] = next_random(&random) >> 30;
        second[i] = next_random(&random) >> 30;
    }
    for (uint32_t j = 0; j <= n; j++)
        row[j] = 0;
    int32_t best = 0;
    uint32_t hash = n;
    for (uint32_t i = 0; i < n; i++) {
        int32_t diagonal = 0, left = 0;
        for (uint32_t j = 0; j < n; j++) {
            int32_t here = diagonal + (first[i] == second[j] ? 3 : -2);
            here = max(max(here, 0), max(left, row[j + 1]) - 2);
            diagonal = row[j + 1];
            row[j + 1] = left = here;
            best = max(best, here);
        }
        hash = mix(hash, (uint32_t)left);
    }
    return mix(hash, (uint32_t)best);
}
