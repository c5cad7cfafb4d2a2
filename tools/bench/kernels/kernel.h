// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every kernel shares: the export, a hash for checksums, a generator for inputs. One source is built natively
// and to Wasm, so nothing here may depend on pointer width, a libc or floating-point contraction.

#ifndef KERNEL_H
#define KERNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define KERNEL __attribute__((export_name("run")))
#else
#define KERNEL __attribute__((visibility("default")))
#endif

// Does the kernel's work, n being its amount, and returns a checksum of all results. Every call starts from the same
// state, so calls with the same n agree, whoever compiled them.
uint32_t run(uint32_t n);

// One multiplication a word: cheap beside the work that it summarises, and every input bit reaches the result.
static inline uint32_t mix(uint32_t hash, uint32_t word) {
    hash = (hash ^ word) * 0x9e3779b1u;
    return hash ^ (hash >> 15);
}

// Hashes the bits and not a rounded value: the engines must agree to the last place.
static inline uint32_t mix_double(uint32_t hash, double value) {
    uint64_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return mix(mix(hash, (uint32_t)bits), (uint32_t)(bits >> 32));
}

// Marsaglia's xorshift with 32 bits of state, which must not be zero.
static inline uint32_t next_random(uint32_t *state) {
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

#endif
