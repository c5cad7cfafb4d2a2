// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SipHash-2-4 of n thousand short messages of growing length: 64-bit additions and rotations, then a tail of bytes.

#include "kernel.h"

static uint8_t message[64];

static uint64_t rotate(uint64_t x, uint32_t by) { return x << by | x >> (64 - by); }

struct state {
    uint64_t a, b, c, d;
};

static void round_of(struct state *s) {
    s->a += s->b, s->b = rotate(s->b, 13) ^ s->a, s->a = rotate(s->a, 32);
    s->c += s->d, s->d = rotate(s->d, 16) ^ s->c;
    s->a += s->d, s->d = rotate(s->d, 21) ^ s->a;
    s->c += s->b, s->b = rotate(s->b, 17) ^ s->c, s->c = rotate(s->c, 32);
}

static uint64_t siphash(uint64_t key0, uint64_t key1, const uint8_t *at, uint32_t len) {
    struct state s = {key0 ^ 0x736f6d6570736575, key1 ^ 0x646f72616e646f6d, key0 ^ 0x6c7967656e657261,
                      key1 ^ 0x7465646279746573};
    uint64_t word;
    uint32_t i = 0;
    for (; i + 8 <= len; i += 8) {
        __builtin_memcpy(&word, at + i, sizeof word);
        s.d ^= word;
        round_of(&s), round_of(&s);
        s.a ^= word;
    }
    word = (uint64_t)len << 56;
    for (uint32_t shift = 0; i < len; i++, shift += 8)
        word |= (uint64_t)at[i] << shift;
    s.d ^= word;
    round_of(&s), round_of(&s);
    s.a ^= word;
    s.c ^= 255;
    round_of(&s), round_of(&s), round_of(&s), round_of(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

KERNEL uint32_t run(uint32_t n) {
    uint64_t key = 43;
    for (uint32_t i = 0; i < sizeof message; i++)
        message[i] = i;
    for (uint32_t i = 0; i < n * 1000; i++)
        key = siphash(key, i, message, i % sizeof message);
    return (uint32_t)(key ^ key >> 32);
}
