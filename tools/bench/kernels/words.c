// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counts lines, words and kinds of characters in n copies of a generated text, by a table of classes and states: one
// dependent load a byte.

#include "kernel.h"

#define BYTES (128 * 1024)

enum { BLANK, LETTER, DIGIT, MARK, NEWLINE, CLASSES };
enum { OUTSIDE, WORD, NUMBER, STATES };

static uint8_t classes[256], text[BYTES];
static const uint8_t transitions[STATES][CLASSES] = {
    {OUTSIDE, WORD, NUMBER, OUTSIDE, OUTSIDE},
    {OUTSIDE, WORD, WORD, OUTSIDE, OUTSIDE},
    {OUTSIDE, WORD, NUMBER, NUMBER, OUTSIDE},
};
static uint32_t entered[STATES][STATES];

static uint8_t class_of(uint32_t c) {
    if (c == '\n')
        return NEWLINE;
    if (c <= ' ')
        return BLANK;
    if (c >= '0' && c <= '9')
        return DIGIT;
    return (c | 32) >= 'a' && (c | 32) <= 'z' ? LETTER : MARK;
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 47, hash = n;
    for (uint32_t i = 0; i < 256; i++)
        classes[i] = class_of(i);
    static const char sample[32] = "abcdefghijklmn  etaoin 0123.,;\n ";
    for (uint32_t i = 0; i < BYTES; i++)
        text[i] = sample[next_random(&random) >> 27];
    for (uint32_t pass = 0; pass < n; pass++) {
        uint32_t state = OUTSIDE, lines = 0;
        for (uint32_t i = 0; i < BYTES; i++) {
            uint32_t class = classes[text[i]], next = transitions[state][class];
            entered[state][next]++;
            lines += class == NEWLINE;
            state = next;
        }
        hash = mix(mix(hash, lines), entered[OUTSIDE][WORD] + entered[OUTSIDE][NUMBER]);
    }
    for (uint32_t i = 0; i < STATES * STATES; i++) {
        hash = mix(hash, entered[i / STATES][i % STATES]);
        entered[i / STATES][i % STATES] = 0;
    }
    return hash;
}
