// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n times 64 KiB of random bytes to base64 and back: tables of characters, three bytes against four.

#include "kernel.h"

#define BYTES (48 * 1024)

static const char letters[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static uint8_t values[256], plain[BYTES], decoded[BYTES];
static char text[BYTES / 3 * 4];

static void encode(void) {
    for (uint32_t i = 0, j = 0; i < BYTES; i += 3, j += 4) {
        uint32_t word = plain[i] << 16 | plain[i + 1] << 8 | plain[i + 2];
        text[j] = letters[word >> 18];
        text[j + 1] = letters[word >> 12 & 63];
        text[j + 2] = letters[word >> 6 & 63];
        text[j + 3] = letters[word & 63];
    }
}

static void decode(void) {
    for (uint32_t i = 0, j = 0; i < BYTES; i += 3, j += 4) {
        uint32_t word = 0;
        for (uint32_t k = 0; k < 4; k++)
            word = word << 6 | values[(uint8_t)text[j + k]];
        decoded[i] = word >> 16;
        decoded[i + 1] = word >> 8;
        decoded[i + 2] = word;
    }
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 29, hash = n;
    for (uint32_t i = 0; i < 64; i++)
        values[(uint8_t)letters[i]] = i;
    for (uint32_t i = 0; i < BYTES; i++)
        plain[i] = next_random(&random) >> 24;
    for (uint32_t pass = 0; pass < n; pass++) {
        plain[pass % BYTES] ^= pass;
        encode();
        decode();
        hash = mix(mix(hash, decoded[pass % BYTES]), (uint8_t)text[pass % sizeof text]);
    }
    return hash;
}
