// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Distances between all pairs of n nodes (Floyd and Warshall), in 32-bit integers: a minimum in the innermost loop.

#include "kernel.h"

#define LARGEST 512

static int32_t distances[LARGEST][LARGEST];

KERNEL uint32_t run(uint32_t n) {
    if (n > LARGEST)
        n = LARGEST;
    uint32_t random = 7;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            distances[i][j] = i == j ? 0 : (int32_t)(next_random(&random) % 1000000 + 1);
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < n; j++) {
                int32_t over = distances[i][k] + distances[k][j];
                if (over < distances[i][j])
                    distances[i][j] = over;
            }
    uint32_t hash = n;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            hash = mix(hash, (uint32_t)distances[i][j]);
    return hash;
}
