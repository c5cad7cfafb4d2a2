// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The sieve of Eratosthenes over odd numbers, n times with limits that differ: strided byte stores and one linear
// count, in an array of half a megabyte.

#include "kernel.h"

#define LIMIT (1u << 20)

static uint8_t composite[LIMIT / 2];

// Element i stands for 2i + 1.
static uint32_t count_primes(uint32_t limit) {
    uint32_t half = limit / 2;
    for (uint32_t i = 0; i < half; i++)
        composite[i] = 0;
    for (uint32_t i = 1; 2 * i * (i + 1) < half; i++) {
        if (composite[i])
            continue;
        uint32_t prime = 2 * i + 1;
        for (uint32_t j = 2 * i * (i + 1); j < half; j += prime)
            composite[j] = 1;
    }
    uint32_t count = 1; // two
    for (uint32_t i = 1; i < half; i++)
        count += !composite[i];
    return count;
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t hash = n;
    for (uint32_t i = 0; i < n; i++)
        hash = mix(hash, count_primes(LIMIT - (i & 63) * 1000));
    return hash;
}
