// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n times a text of mixed scripts is decoded from UTF-8 into code points, with every check that the standard asks for,
// and encoded again.

#include "kernel.h"

#define POINTS (32 * 1024)

static uint32_t points[POINTS];
static uint8_t text[4 * POINTS];

static uint32_t encode(void) {
    uint8_t *to = text;
    for (uint32_t i = 0; i < POINTS; i++) {
        uint32_t c = points[i];
        if (c < 0x80) {
            *to++ = c;
        } else if (c < 0x800) {
            *to++ = 0xc0 | c >> 6;
            *to++ = 0x80 | (c & 63);
        } else if (c < 0x10000) {
            *to++ = 0xe0 | c >> 12;
            *to++ = 0x80 | (c >> 6 & 63);
            *to++ = 0x80 | (c & 63);
        } else {
            *to++ = 0xf0 | c >> 18;
            *to++ = 0x80 | (c >> 12 & 63);
            *to++ = 0x80 | (c >> 6 & 63);
            *to++ = 0x80 | (c & 63);
        }
    }
    return to - text;
}

// Returns the count of code points; what is not UTF-8 counts as one replacement character a byte.
static uint32_t decode(uint32_t len) {
    uint32_t count = 0;
    for (uint32_t at = 0; at < len;) {
        uint32_t lead = text[at++], point = lead, more = 0, least = 0;
        if (lead >= 0xf0 && lead < 0xf8)
            point = lead & 7, more = 3, least = 0x10000;
        else if (lead >= 0xe0)
            point = lead & 15, more = 2, least = 0x800;
        else if (lead >= 0xc0)
            point = lead & 31, more = 1, least = 0x80;
        else if (lead >= 0x80)
            point = 0xfffd;
        uint32_t end = at + more;
        for (; at < end && at < len && (text[at] & 0xc0) == 0x80; at++)
            point = point << 6 | (text[at] & 63);
        if (at < end || point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
            point = 0xfffd;
        points[count++] = point;
    }
    return count;
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 37, hash = n;
    static const uint32_t scripts[8] = {0x20, 0x61, 0x65, 0x41, 0x3b1, 0x430, 0x4e00, 0x1f600};
    for (uint32_t i = 0; i < POINTS; i++)
        points[i] = scripts[next_random(&random) >> 29] + (next_random(&random) >> 28);
    for (uint32_t pass = 0; pass < n; pass++) {
        uint32_t len = encode();
        text[mix(pass, n) % len] ^= pass & 1;
        uint32_t count = decode(len);
        hash = mix(mix(hash, len), mix(count, points[pass % POINTS]));
    }
    return hash;
}
