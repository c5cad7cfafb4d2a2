// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n turns of copying: short pieces of varying length, records of a fixed size, long pieces, overlapping moves and
// fills. Natively these are the C library's routines, in Wasm memory.copy and memory.fill.

#include "kernel.h"

#define ARENA_LEN (1 << 20)
#define LONG_LEN (64 * 1024)
#define RECORDS 2048

struct record {
    uint32_t words[12];
};

static uint8_t arena[ARENA_LEN];
static struct record records[RECORDS];

static void copy_short_pieces(uint32_t *random) {
    for (int i = 0; i < 4096; i++) {
        uint32_t pick = next_random(random);
        uint32_t len = pick % 200;
        uint32_t from = (pick >> 8) % (ARENA_LEN / 2 - 256);
        uint32_t to = ARENA_LEN / 2 + (pick >> 13) % (ARENA_LEN / 2 - 256);
        __builtin_memcpy(arena + to, arena + from, len);
    }
}

static void shuffle_records(uint32_t *random) {
    for (uint32_t i = RECORDS - 1; i > 0; i--) {
        uint32_t j = next_random(random) % (i + 1);
        struct record held = records[i];
        records[i] = records[j];
        records[j] = held;
    }
}

static void copy_long_pieces(uint32_t turn) {
    uint32_t shift = turn % 61;
    __builtin_memcpy(arena + ARENA_LEN / 2 + shift, arena + 2 * shift, LONG_LEN);
    __builtin_memmove(arena + shift + 13, arena + shift, LONG_LEN);
    __builtin_memset(arena + LONG_LEN + shift, (int)turn, LONG_LEN / 4);
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 29;
    for (uint32_t i = 0; i < ARENA_LEN; i++)
        arena[i] = (uint8_t)(i ^ i >> 7);
    for (uint32_t i = 0; i < RECORDS; i++)
        for (uint32_t j = 0; j < 12; j++)
            records[i].words[j] = i * 12 + j;
    for (uint32_t turn = 0; turn < n; turn++) {
        copy_short_pieces(&random);
        shuffle_records(&random);
        copy_long_pieces(turn);
    }
    uint32_t hash = n;
    for (uint32_t i = 0; i < ARENA_LEN; i += 4)
        hash = mix(hash, arena[i]);
    for (uint32_t i = 0; i < RECORDS; i++)
        hash = mix(hash, records[i].words[i % 12]);
    return hash;
}
