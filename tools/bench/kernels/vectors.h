// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vectors of 128 bits for the kernels that are written with them: clang's own types, which are the same on every
// machine, and by name what these cannot say, as SSE4.1's and Wasm's intrinsic that mean the same.

#ifndef VECTORS_H
#define VECTORS_H

#include "kernel.h"

#ifdef __wasm__
#include <wasm_simd128.h>
#else
#include <immintrin.h>
#endif

typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef uint8_t u8x8 __attribute__((vector_size(8)));
typedef int8_t i8x8 __attribute__((vector_size(8)));

// Reads or writes at any address.
#define LOAD(type, address) (*(const type##_anywhere *)(address))
#define STORE(type, address, value) (*(type##_anywhere *)(address) = (value))

typedef u8x16 u8x16_anywhere __attribute__((aligned(1)));
typedef i8x16 i8x16_anywhere __attribute__((aligned(1)));
typedef u32x4 u32x4_anywhere __attribute__((aligned(1)));
typedef f32x4 f32x4_anywhere __attribute__((aligned(1)));

// The halves of a vector of bytes as words.
#define LOW_HALF(v) __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
#define HIGH_HALF(v) __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)

static inline i16x8 widen_low(i8x16 v) { return __builtin_convertvector(LOW_HALF(v), i16x8); }
static inline i16x8 widen_high(i8x16 v) { return __builtin_convertvector(HIGH_HALF(v), i16x8); }
static inline u16x8 widen_low_u(u8x16 v) { return __builtin_convertvector(LOW_HALF(v), u16x8); }
static inline u16x8 widen_high_u(u8x16 v) { return __builtin_convertvector(HIGH_HALF(v), u16x8); }

// Bytes of a table by indices below 16.
static inline u8x16 look_up(u8x16 table, u8x16 index) {
#ifdef __wasm__
    return (u8x16)wasm_i8x16_swizzle((v128_t)table, (v128_t)index);
#elif defined(__SSSE3__)
    return (u8x16)_mm_shuffle_epi8((__m128i)table, (__m128i)index);
#else
    u8x16 found = {};
    for (uint32_t i = 0; i < 16; i++)
        found[i] = table[index[i]];
    return found;
#endif
}

// The top bits of all bytes.
static inline uint32_t top_bits(u8x16 v) {
#ifdef __wasm__
    return wasm_i8x16_bitmask((v128_t)v);
#else
    return (uint32_t)_mm_movemask_epi8((__m128i)v);
#endif
}

// Sums of the products of neighbours.
static inline i32x4 dot(i16x8 a, i16x8 b) {
#ifdef __wasm__
    return (i32x4)wasm_i32x4_dot_i16x8((v128_t)a, (v128_t)b);
#else
    return (i32x4)_mm_madd_epi16((__m128i)a, (__m128i)b);
#endif
}

// Words as bytes, those below 0 as 0 and those above 255 as 255.
static inline u8x16 saturate(i16x8 low, i16x8 high) {
#ifdef __wasm__
    return (u8x16)wasm_u8x16_narrow_i16x8((v128_t)low, (v128_t)high);
#else
    return (u8x16)_mm_packus_epi16((__m128i)low, (__m128i)high);
#endif
}

// A checksum of memory, a multiple of four bytes.
static inline uint32_t mix_bytes(uint32_t hash, const void *bytes, uint32_t len) {
    for (uint32_t i = 0; i < len; i += 4) {
        uint32_t word;
        __builtin_memcpy(&word, (const char *)bytes + i, sizeof word);
        hash = mix(hash, word);
    }
    return hash;
}

static inline void fill_bytes(void *bytes, uint32_t len, uint32_t random) {
    for (uint32_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(next_random(&random) >> 8);
}

#endif
