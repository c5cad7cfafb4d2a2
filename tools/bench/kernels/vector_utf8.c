// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Is it UTF-8? By look-ups of the halves of each byte and the one before it (Keiser and Lemire, 2021).

#include "vectors.h"

#define LEN (64 * 1024)

static uint8_t text[LEN];

enum {
    TOO_SHORT = 1,
    TOO_LONG = 2,
    OVERLONG_3 = 4,
    TOO_LARGE = 8,
    SURROGATE = 16,
    OVERLONG_2 = 32,
    TOO_LARGE_1000 = 64,
    OVERLONG_4 = 64,
    TWO_CONTINUATIONS = 128,
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS,
};

// Bytes that stand `by` before those of `v`.
#define BEFORE(by, previous, v)                                                                                        \
    __builtin_shufflevector(previous, v, 16 - by, 17 - by, 18 - by, 19 - by, 20 - by, 21 - by, 22 - by, 23 - by,       \
                            24 - by, 25 - by, 26 - by, 27 - by, 28 - by, 29 - by, 30 - by, 31 - by)

static u8x16 errors_in(u8x16 v, u8x16 previous) {
    const u8x16 first_high = {TOO_LONG,          TOO_LONG,
                              TOO_LONG,          TOO_LONG,
                              TOO_LONG,          TOO_LONG,
                              TOO_LONG,          TOO_LONG,
                              TWO_CONTINUATIONS, TWO_CONTINUATIONS,
                              TWO_CONTINUATIONS, TWO_CONTINUATIONS,
                              TOO_SHORT | OVERLONG_2, TOO_SHORT,
                              TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4};
    const uint8_t large = CARRY | TOO_LARGE | TOO_LARGE_1000;
    const u8x16 first_low = {CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, CARRY | OVERLONG_2, CARRY, CARRY,
                             CARRY | TOO_LARGE, large, large, large, large, large, large, large, large,
                             large | SURROGATE, large, large};
    const uint8_t long_2 = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS;
    const u8x16 second_high = {TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
                               long_2 | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4, long_2 | OVERLONG_3 | TOO_LARGE,
                               long_2 | SURROGATE | TOO_LARGE, long_2 | SURROGATE | TOO_LARGE,
                               TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT};
    u8x16 first = BEFORE(1, previous, v);
    u8x16 special = look_up(first_high, first >> 4) & look_up(first_low, first & 15) & look_up(second_high, v >> 4);
    // A third or fourth byte has to be a continuation of one.
    u8x16 third = __builtin_elementwise_sub_sat(BEFORE(2, previous, v), (u8x16){} + (0xe0 - 0x80));
    u8x16 fourth = __builtin_elementwise_sub_sat(BEFORE(3, previous, v), (u8x16){} + (0xf0 - 0x80));
    return ((third | fourth) & 0x80) ^ special;
}

static uint32_t is_valid(void) {
    u8x16 errors = {}, previous = {};
    for (uint32_t at = 0; at < LEN; at += 16) {
        u8x16 v = LOAD(u8x16, text + at);
        errors |= errors_in(v, previous);
        previous = v;
    }
    // The text ends in a letter, so nothing can be left open.
    return top_bits((u8x16)(errors != 0)) == 0;
}

// Code points of one to four bytes.
static void fill(void) {
    uint32_t random = 1, at = 0;
    while (at < LEN - 4) {
        uint32_t bits = next_random(&random);
        switch (bits & 7) {
        case 0:
            text[at++] = 0xc3;
            break;
        case 1:
            text[at++] = 0xe2;
            text[at++] = 0x80 | (bits >> 14 & 0x3f);
            break;
        case 2:
            text[at++] = 0xf0;
            text[at++] = 0x9f;
            text[at++] = 0x80 | (bits >> 14 & 0x3f);
            break;
        default:
            text[at++] = 'a' + bits % 26;
            continue;
        }
        text[at++] = 0x80 | (bits >> 8 & 0x3f);
    }
    while (at < LEN)
        text[at++] = 'z';
}

KERNEL uint32_t run(uint32_t n) {
    fill();
    uint32_t hash = n;
    for (uint32_t i = 0; i < n; i++) {
        // Every second text has one wrong byte.
        uint8_t *place = text + (i * 2654435761u) % LEN, was = *place;
        if (i % 2)
            *place = 0xff;
        hash = mix(hash, is_valid());
        *place = was;
    }
    return hash;
}
