// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A map from 64-bit keys to counts with open addressing: n rounds of insertions, look-ups that fail, and removals.

#include "kernel.h"

#define SLOTS (1 << 16)
#define KEYS 40000

struct slot {
    uint64_t key;
    uint32_t value, used;
};

static struct slot slots[SLOTS];

static uint32_t home(uint64_t key) { return (uint32_t)(key * 0x9e3779b97f4a7c15u >> 48); }

static struct slot *find(uint64_t key) {
    uint32_t at = home(key);
    while (slots[at].used && slots[at].key != key)
        at = (at + 1) % SLOTS;
    return &slots[at];
}

// What stands behind a removed slot moves up, so that no search ends early.
static void take_out(struct slot *slot) {
    uint32_t hole = slot - slots;
    for (uint32_t at = (hole + 1) % SLOTS; slots[at].used; at = (at + 1) % SLOTS)
        if ((at - home(slots[at].key)) % SLOTS >= (at - hole) % SLOTS) {
            slots[hole] = slots[at];
            hole = at;
        }
    slots[hole].used = 0;
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 59, hash = n;
    for (uint32_t i = 0; i < SLOTS; i++)
        slots[i].used = 0;
    for (uint32_t round = 0; round < n; round++) {
        uint32_t start = random;
        for (uint32_t i = 0; i < KEYS; i++) {
            uint64_t key = (uint64_t)next_random(&random) << 7;
            struct slot *slot = find(key);
            if (!slot->used)
                *slot = (struct slot){key, 0, 1};
            slot->value += i;
            hash += find(key ^ 1)->used;
        }
        random = start;
        for (uint32_t i = 0; i < KEYS; i++) {
            struct slot *slot = find((uint64_t)next_random(&random) << 7);
            if (slot->used) {
                hash = mix(hash, slot->value);
                take_out(slot);
            }
        }
    }
    return hash;
}
