// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the next byte of a kind is, 64 bytes at a time.

#include "vectors.h"

#define LEN (64 * 1024)

static uint8_t text[LEN];

// The text ends in the byte.
static uint32_t find(uint32_t from, uint8_t byte) {
    u8x16 wanted = (u8x16){} + byte;
    for (;; from += 64) {
        u8x16 found[4], any = {};
        if (from + 64 > LEN)
            break;
        for (uint32_t i = 0; i < 4; i++)
            any |= found[i] = (u8x16)(LOAD(u8x16, text + from + 16 * i) == wanted);
        if (top_bits(any) == 0)
            continue;
        for (uint32_t i = 0; i < 4; i++)
            if (top_bits(found[i]))
                return from + 16 * i + (uint32_t)__builtin_ctz(top_bits(found[i]));
    }
    while (text[from] != byte)
        from++;
    return from;
}

KERNEL uint32_t run(uint32_t n) {
    fill_bytes(text, LEN, 1);
    uint32_t random = 3, hash = n;
    // Rare enough to be far from one another.
    for (uint32_t i = 0; i < LEN; i++)
        if (text[i] == '\n' && next_random(&random) % 16)
            text[i] = ' ';
    text[LEN - 1] = '\n';
    for (uint32_t i = 0; i < n; i++) {
        uint32_t lines = 0;
        for (uint32_t at = 0; at < LEN; lines++)
            at = find(at, '\n') + 1;
        hash = mix(hash, lines);
        text[i % (LEN - 1)] = (uint8_t)(hash % 32 ? ' ' : '\n');
    }
    return hash;
}
