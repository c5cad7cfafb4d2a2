// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n patterns looked for in half a megabyte of words, each in two ways: the plain search for a first character and a
// comparison, and Horspool's with its table of shifts. Byte loads, short inner loops, early exits.

#include "kernel.h"

#define TEXT_LEN (512 * 1024)
#define VOCABULARY 600
#define LONGEST_WORD 12
#define LONGEST_PATTERN 24

static char text[TEXT_LEN];
static char vocabulary[VOCABULARY][LONGEST_WORD];
static uint32_t word_lens[VOCABULARY];

static void fill_vocabulary(uint32_t *random) {
    // Letters repeat about as often as they do in English.
    static const char letters[] = "eeeeeetttttaaaaaoooooiiiinnnnssshhhrrrddlluucmmwfgypbvkjxqz";
    for (uint32_t word = 0; word < VOCABULARY; word++) {
        word_lens[word] = 2 + next_random(random) % (LONGEST_WORD - 2);
        for (uint32_t i = 0; i < word_lens[word]; i++)
            vocabulary[word][i] = letters[next_random(random) % (sizeof letters - 1)];
    }
}

static void fill_text(uint32_t *random) {
    uint32_t at = 0;
    while (at < TEXT_LEN) {
        uint32_t word = next_random(random) % VOCABULARY;
        for (uint32_t i = 0; i < word_lens[word] && at < TEXT_LEN; i++)
            text[at++] = vocabulary[word][i];
        if (at < TEXT_LEN)
            text[at++] = ' ';
    }
}

static uint32_t matches(const char *at, const char *pattern, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        if (at[i] != pattern[i])
            return 0;
    return 1;
}

static uint32_t count_plainly(const char *pattern, uint32_t len) {
    uint32_t count = 0;
    for (uint32_t at = 0; at + len <= TEXT_LEN; at++)
        if (text[at] == pattern[0] && matches(text + at + 1, pattern + 1, len - 1))
            count++;
    return count;
}

static uint32_t count_horspool(const char *pattern, uint32_t len) {
    static uint32_t shifts[256];
    for (int i = 0; i < 256; i++)
        shifts[i] = len;
    for (uint32_t i = 0; i + 1 < len; i++)
        shifts[(uint8_t)pattern[i]] = len - 1 - i;
    uint32_t count = 0;
    char last = pattern[len - 1];
    for (uint32_t at = len - 1; at < TEXT_LEN; at += shifts[(uint8_t)text[at]])
        if (text[at] == last && matches(text + at + 1 - len, pattern, len - 1))
            count++;
    return count;
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 19;
    fill_vocabulary(&random);
    fill_text(&random);
    uint32_t hash = n;
    for (uint32_t i = 0; i < n; i++) {
        char pattern[LONGEST_PATTERN];
        uint32_t len = 4 + next_random(&random) % (LONGEST_PATTERN - 4);
        uint32_t from = next_random(&random) % (TEXT_LEN - len);
        for (uint32_t j = 0; j < len; j++)
            pattern[j] = text[from + j];
        // Every third pattern is not in the text.
        if (i % 3 == 2)
            pattern[len / 2] = '#';
        hash = mix(hash, count_plainly(pattern, len));
        hash = mix(hash, count_horspool(pattern, len));
    }
    return hash;
}
