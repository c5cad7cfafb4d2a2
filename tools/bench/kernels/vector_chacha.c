// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ChaCha20 (RFC 8439), four blocks side by side.

#include "vectors.h"

#define LEN (64 * 1024)

static uint8_t text[LEN];

static inline u32x4 rotate(u32x4 v, uint32_t by) {
    return v << by | v >> (32 - by);
}

static inline void quarter(u32x4 *a, u32x4 *b, u32x4 *c, u32x4 *d) {
    *a += *b, *d = rotate(*d ^ *a, 16);
    *c += *d, *b = rotate(*b ^ *c, 12);
    *a += *b, *d = rotate(*d ^ *a, 8);
    *c += *d, *b = rotate(*b ^ *c, 7);
}

// The four words at one place of four blocks, as four words of one block each.
static inline void transpose(const u32x4 *v, u32x4 *to) {
    u32x4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
    u32x4 c = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
    to[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    to[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
    to[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
    to[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

static void encrypt(const uint32_t *key, uint32_t counter) {
    u32x4 start[16];
    for (uint32_t i = 0; i < 16; i++)
        start[i] = (u32x4){key[i], key[i], key[i], key[i]};
    for (uint32_t at = 0; at < LEN; at += 256, counter += 4) {
        u32x4 x[16];
        start[12] = (u32x4){counter, counter + 1, counter + 2, counter + 3};
        for (uint32_t i = 0; i < 16; i++)
            x[i] = start[i];
        for (uint32_t round = 0; round < 10; round++) {
            for (uint32_t i = 0; i < 4; i++)
                quarter(&x[i], &x[i + 4], &x[i + 8], &x[i + 12]);
            for (uint32_t i = 0; i < 4; i++)
                quarter(&x[i], &x[4 + (i + 1) % 4], &x[8 + (i + 2) % 4], &x[12 + (i + 3) % 4]);
        }
        for (uint32_t i = 0; i < 16; i++)
            x[i] += start[i];
        for (uint32_t part = 0; part < 4; part++) {
            u32x4 words[4];
            transpose(x + 4 * part, words);
            for (uint32_t block = 0; block < 4; block++) {
                uint8_t *place = text + at + 64 * block + 16 * part;
                STORE(u32x4, place, LOAD(u32x4, place) ^ words[block]);
            }
        }
    }
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t key[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, random = 1;
    for (uint32_t i = 4; i < 16; i++)
        key[i] = next_random(&random);
    fill_bytes(text, LEN, 2);
    for (uint32_t i = 0; i < n; i++)
        encrypt(key, i * (LEN / 64));
    return mix_bytes(n, text, LEN);
}
