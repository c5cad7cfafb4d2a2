// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of two numbers of 2048 bits, n times a thousand, in 64-bit digits: the product of two digits has 128 bits.

#include "kernel.h"

#define DIGITS 32

static uint64_t a[DIGITS], b[DIGITS], product[2 * DIGITS];

// The low half of x * y + z + carry; the high half is the new carry.
#ifdef __SIZEOF_INT128__
static uint64_t multiply_add(uint64_t x, uint64_t y, uint64_t z, uint64_t *carry) {
    unsigned __int128 sum = (unsigned __int128)x * y + z + *carry;
    *carry = (uint64_t)(sum >> 64);
    return (uint64_t)sum;
}
#else
// Machines of 32 bits, whose compilers have no such type.
static uint64_t multiply_add(uint64_t x, uint64_t y, uint64_t z, uint64_t *carry) {
    uint64_t low = (x & 0xffffffff) * (y & 0xffffffff), high = (x >> 32) * (y >> 32);
    uint64_t one = (x >> 32) * (y & 0xffffffff) + (low >> 32), other = (x & 0xffffffff) * (y >> 32) + (uint32_t)one;
    high += (one >> 32) + (other >> 32);
    low = other << 32 | (uint32_t)low;
    low += z, high += low < z;
    low += *carry, high += low < *carry;
    *carry = high;
    return low;
}
#endif

static void multiply(void) {
    for (uint32_t i = 0; i < 2 * DIGITS; i++)
        product[i] = 0;
    for (uint32_t i = 0; i < DIGITS; i++) {
        uint64_t carry = 0;
        for (uint32_t j = 0; j < DIGITS; j++) {
            product[i + j] = multiply_add(a[i], b[j], product[i + j], &carry);
        }
        product[i + DIGITS] = carry;
    }
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 41, hash = n;
    for (uint32_t i = 0; i < DIGITS; i++) {
        a[i] = (uint64_t)next_random(&random) << 32 | next_random(&random);
        b[i] = (uint64_t)next_random(&random) << 32 | next_random(&random);
    }
    for (uint32_t pass = 0; pass < n * 1000; pass++) {
        multiply();
        // The next factor depends on this product.
        for (uint32_t i = 0; i < DIGITS; i++)
            a[i] = product[i + DIGITS / 2] ^ pass;
        hash = mix(hash, (uint32_t)(product[DIGITS] >> 32));
    }
    return hash;
}
