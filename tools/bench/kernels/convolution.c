// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n passes of a 5 by 5 filter over a picture of bytes, with weights from a table: short inner loops of narrow integers.

#include "kernel.h"

#define WIDTH 640
#define HEIGHT 360

static uint8_t picture[HEIGHT + 4][WIDTH + 4];
static uint8_t filtered[HEIGHT][WIDTH];
static int16_t weights[5][5];

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 19;
    for (uint32_t y = 0; y < HEIGHT + 4; y++)
        for (uint32_t x = 0; x < WIDTH + 4; x++)
            picture[y][x] = next_random(&random) >> 24;
    uint32_t hash = n;
    for (uint32_t pass = 0; pass < n; pass++) {
        for (uint32_t i = 0; i < 25; i++)
            weights[i / 5][i % 5] = (int16_t)(next_random(&random) % 21) - 5;
        for (uint32_t y = 0; y < HEIGHT; y++)
            for (uint32_t x = 0; x < WIDTH; x++) {
                int32_t sum = 0;
                for (uint32_t v = 0; v < 5; v++)
                    for (uint32_t u = 0; u < 5; u++)
                        sum += weights[v][u] * picture[y + v][x + u];
                sum >>= 7;
                filtered[y][x] = sum < 0 ? 0 : sum > 255 ? 255 : sum;
            }
        for (uint32_t y = 0; y < HEIGHT; y++)
            hash = mix(hash, filtered[y][(pass * 7 + y) % WIDTH]);
    }
    return hash;
}
