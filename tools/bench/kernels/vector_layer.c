// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small neural network: layers of 256 neurons, inputs and weights of 8 bits, sums of 32.

#include "vectors.h"

#define WIDTH 256
#define LAYERS 4

static int8_t weights[LAYERS][WIDTH][WIDTH], values[2][WIDTH];

static void apply(const int8_t (*layer)[WIDTH], const int8_t *from, int8_t *to) {
    for (uint32_t neuron = 0; neuron < WIDTH; neuron++) {
        i32x4 sums = {}, more = {};
        for (uint32_t i = 0; i < WIDTH; i += 16) {
            i8x16 x = LOAD(i8x16, from + i), w = LOAD(i8x16, layer[neuron] + i);
            sums += dot(widen_low(x), widen_low(w));
            more += dot(widen_high(x), widen_high(w));
        }
        sums += more;
        int32_t sum = (sums[0] + sums[1] + sums[2] + sums[3]) >> 10;
        to[neuron] = (int8_t)(sum < 0 ? 0 : sum > 127 ? 127 : sum);
    }
}

KERNEL uint32_t run(uint32_t n) {
    fill_bytes(weights, sizeof weights, 1);
    fill_bytes(values, sizeof values, 2);
    uint32_t hash = n;
    for (uint32_t i = 0; i < n; i++) {
        values[0][i % WIDTH] = (int8_t)hash;
        for (uint32_t layer = 0; layer < LAYERS; layer++)
            apply(weights[layer], values[layer % 2], values[1 - layer % 2]);
        hash = mix_bytes(hash, values[0], WIDTH);
    }
    return hash;
}
