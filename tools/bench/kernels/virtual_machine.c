// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A stack machine for expressions with 48 instructions, n programs: a large switch in a loop.

#include "kernel.h"

#define CODE 4096
#define DEPTH 64

static uint8_t code[CODE];
static uint32_t stack[DEPTH];

#define TOP stack[sp % DEPTH]
#define BELOW stack[(sp - 1) % DEPTH]
#define BINARY(number, expression) \
    case number: { uint32_t a = BELOW, b = TOP; sp--; TOP = (expression); break; }
#define UNARY(number, expression) \
    case number: { uint32_t a = TOP; TOP = (expression); break; }

static uint32_t execute(uint32_t seed) {
    uint32_t sp = 8, registers[4] = {seed, seed * 3, seed ^ 0x5555, 1};
    for (uint32_t pc = 0; pc < CODE; pc++) {
        uint32_t op = code[pc];
        switch (op) {
            BINARY(0, a + b) BINARY(1, a - b) BINARY(2, a * b) BINARY(3, a & b) BINARY(4, a | b)
            BINARY(5, a ^ b) BINARY(6, a << (b & 31)) BINARY(7, a >> (b & 31)) BINARY(8, a < b) BINARY(9, a == b)
            BINARY(10, a > b ? a : b) BINARY(11, a < b ? a : b) BINARY(12, a / (b | 1)) BINARY(13, a % (b | 1))
            BINARY(14, mix(a, b)) BINARY(15, (int32_t)a >> (b & 31))
            UNARY(16, a + 1) UNARY(17, a - 1) UNARY(18, ~a) UNARY(19, -a) UNARY(20, !a) UNARY(21, a << 1)
            UNARY(22, a >> 1) UNARY(23, a << 7 | a >> 25) UNARY(24, a * 5) UNARY(25, a & 0xff) UNARY(26, a >> 8)
            UNARY(27, (uint32_t)__builtin_popcount(a)) UNARY(28, a ^ pc) UNARY(29, a + sp) UNARY(30, a * a)
            UNARY(31, a | 1)
            case 32: case 33: case 34: case 35: sp++; TOP = registers[op & 3]; break;
            case 36: case 37: case 38: case 39: registers[op & 3] = TOP; sp--; break;
            case 40: case 41: sp++; TOP = pc * op; break;
            case 42: { uint32_t a = BELOW; BELOW = TOP; TOP = a; break; }
            case 43: { uint32_t a = TOP; sp++; TOP = a; break; }
            case 44: pc += TOP & 3; break;
            case 45: if (TOP & 1) pc += 2; break;
            case 46: sp += 2; break;
            case 47: sp--; break;
        }
    }
    return mix(TOP, mix(registers[0], registers[3]));
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 67, hash = n;
    for (uint32_t i = 0; i < DEPTH; i++)
        stack[i] = i;
    for (uint32_t i = 0; i < CODE; i++)
        code[i] = next_random(&random) % 48;
    for (uint32_t i = 0; i < n; i++)
        hash = mix(hash, execute(hash));
    return hash;
}
