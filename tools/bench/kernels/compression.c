// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n times: a page of text-like bytes is compressed with a hash of four bytes and references back (as LZ4 does) and
// expanded again.

#include "kernel.h"

#define BYTES (64 * 1024)
#define TABLE_BITS 12

static uint8_t plain[BYTES + 8], packed[2 * BYTES], expanded[BYTES + 8];
static uint16_t table[1 << TABLE_BITS];

static uint32_t word_at(const uint8_t *at) {
    uint32_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

// A literal is a length below 128 and the bytes; a reference is a length from 128 and a distance.
static uint8_t *put_literals(uint8_t *to, uint32_t from, uint32_t end) {
    while (from < end) {
        uint32_t len = end - from < 127 ? end - from : 127;
        *to++ = len;
        for (uint32_t i = 0; i < len; i++)
            *to++ = plain[from + i];
        from += len;
    }
    return to;
}

static uint32_t pack(void) {
    uint8_t *to = packed;
    uint32_t literals = 0, at = 0;
    for (uint32_t i = 0; i < 1 << TABLE_BITS; i++)
        table[i] = 0;
    while (at < BYTES - 4) {
        uint32_t word = word_at(plain + at), slot = word * 2654435761u >> (32 - TABLE_BITS);
        uint32_t before = table[slot];
        table[slot] = at;
        if (before >= at || word_at(plain + before) != word) {
            at++;
            continue;
        }
        to = put_literals(to, literals, at);
        uint32_t len = 4;
        while (len < 127 && at + len < BYTES && plain[before + len] == plain[at + len])
            len++;
        *to++ = 128 + len;
        *to++ = (at - before) & 255;
        *to++ = (at - before) >> 8;
        at += len;
        literals = at;
    }
    return put_literals(to, literals, BYTES) - packed;
}

static uint32_t expand(uint32_t packed_len) {
    uint8_t *to = expanded;
    for (uint32_t at = 0; at < packed_len;) {
        uint32_t len = packed[at++];
        const uint8_t *from = packed + at;
        if (len < 128) {
            at += len;
        } else {
            len -= 128;
            from = to - (packed[at] | packed[at + 1] << 8);
            at += 2;
        }
        for (uint32_t i = 0; i < len; i++)
            to[i] = from[i];
        to += len;
    }
    return to - expanded;
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 31, hash = n;
    for (uint32_t i = 0; i < BYTES;) {
        // A word of a vocabulary of 512, then a blank.
        uint32_t word = next_random(&random) % 512, letters = mix(7, word);
        for (uint32_t len = 2 + letters % 7; len-- && i < BYTES; letters = mix(letters, len))
            plain[i++] = 'a' + letters % 26;
        if (i < BYTES)
            plain[i++] = ' ';
    }
    for (uint32_t pass = 0; pass < n; pass++) {
        plain[mix(pass, n) % BYTES] ^= 1;
        uint32_t len = pack();
        hash = mix(mix(hash, len), expand(len));
        hash = mix(hash, expanded[mix(pass, n) % BYTES]);
    }
    return hash;
}
