// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n random nucleotides by weight, in lines of sixty: a linear congruential generator, a search in a small table of
// doubles, bytes written one by one.

#include "kernel.h"

#define LINE 60
#define CODES 15

struct weight {
    double up_to;
    char code;
};

static const char codes[] = "acgtBDHKMNRSVWY";
// The four bases carry nearly all the weight, as in a genome; the rest are the ambiguity codes.
static const double shares[CODES] = {0.27, 0.12, 0.12, 0.27, 0.02, 0.02, 0.02, 0.02,
                                     0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02};

static struct weight weights[CODES];
static char line[LINE + 1];
static uint32_t seed;

static double random_share(void) {
    seed = (seed * 3877 + 29573) % 139968;
    return (double)seed / 139968.0;
}

static char random_code(void) {
    double share = random_share();
    uint32_t i = 0;
    while (weights[i].up_to < share)
        i++;
    return weights[i].code;
}

static void accumulate_weights(void) {
    double sum = 0;
    for (int i = 0; i < CODES; i++) {
        sum += shares[i];
        weights[i] = (struct weight){sum, codes[i]};
    }
    // Rounding must not leave a gap at the end of the search.
    weights[CODES - 1].up_to = 1.0;
}

KERNEL uint32_t run(uint32_t n) {
    accumulate_weights();
    seed = 42;
    uint32_t hash = n;
    for (uint32_t left = n; left > 0;) {
        uint32_t len = left < LINE ? left : LINE;
        for (uint32_t i = 0; i < len; i++)
            line[i] = random_code();
        line[len] = '\n';
        for (uint32_t i = 0; i <= len; i++)
            hash = hash * 31 + (uint8_t)line[i];
        left -= len;
    }
    return hash;
}
