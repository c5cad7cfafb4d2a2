// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A stack machine that counts the primes below n and sums greatest common divisors: one large switch in a loop, every
// jump taken from data. The program is assembled at run time, so that no compiler can run it beforehand.

#include "kernel.h"

enum operation {
    PUSH, // operand: value
    GET,  // operand: local
    SET,  // operand: local
    ADD,
    SUBTRACT,
    MULTIPLY,
    REMAINDER,
    XOR,
    AND,
    SHIFT_RIGHT,
    LESS,
    EQUAL,
    NOT,
    DUPLICATE,
    SWAP,
    DROP,
    JUMP,        // operand: address
    JUMP_IF,     // operand: address
    JUMP_UNLESS, // operand: address
    CALL,        // operand: address
    RETURN,
    HALT,
};

enum local { LIMIT, CANDIDATE, DIVISOR, COUNT, DIVISORS_SUM, LEFT, RIGHT, LOCALS };

#define PROGRAM_LEN 256
#define STACK_LEN 64

static uint32_t program[PROGRAM_LEN];
static uint32_t locals[LOCALS];
static uint32_t stack[STACK_LEN];
static uint32_t returns[STACK_LEN];

// --- the assembler

static uint32_t here;

static void emit(enum operation operation) {
    program[here++] = operation;
}

// Returns where the operand stands, so that a jump forward can be given its target later.
static uint32_t emit_with(enum operation operation, uint32_t operand) {
    emit(operation);
    program[here] = operand;
    return here++;
}

static void land_here(uint32_t operand) {
    program[operand] = here;
}

// (candidate on the stack) -> 1 if prime, else 0
static uint32_t emit_is_prime(void) {
    uint32_t entry = here;
    emit_with(PUSH, 2);
    emit_with(SET, DIVISOR);
    uint32_t loop = here;
    // divisor * divisor > candidate: prime
    emit(DUPLICATE);
    emit_with(GET, DIVISOR);
    emit_with(GET, DIVISOR);
    emit(MULTIPLY);
    emit(LESS);
    uint32_t prime = emit_with(JUMP_IF, 0);
    // candidate % divisor == 0: not prime
    emit(DUPLICATE);
    emit_with(GET, DIVISOR);
    emit(REMAINDER);
    uint32_t next = emit_with(JUMP_IF, 0);
    emit(DROP);
    emit_with(PUSH, 0);
    emit(RETURN);
    land_here(next);
    emit_with(GET, DIVISOR);
    emit_with(PUSH, 1);
    emit(ADD);
    emit_with(SET, DIVISOR);
    emit_with(JUMP, loop);
    land_here(prime);
    emit(DROP);
    emit_with(PUSH, 1);
    emit(RETURN);
    return entry;
}

// (left and right as locals) -> their greatest common divisor, by Euclid
static uint32_t emit_gcd(void) {
    uint32_t loop = here;
    emit_with(GET, RIGHT);
    emit(NOT);
    uint32_t done = emit_with(JUMP_IF, 0);
    emit_with(GET, RIGHT);
    emit_with(GET, LEFT);
    emit_with(GET, RIGHT);
    emit(REMAINDER);
    emit_with(SET, RIGHT);
    emit_with(SET, LEFT);
    emit_with(JUMP, loop);
    land_here(done);
    emit_with(GET, LEFT);
    emit(RETURN);
    return loop;
}

static void emit_body(uint32_t is_prime, uint32_t gcd) {
    emit_with(GET, CANDIDATE);
    emit_with(CALL, is_prime);
    emit_with(GET, COUNT);
    emit(ADD);
    emit_with(SET, COUNT);

    emit_with(GET, CANDIDATE);
    emit_with(SET, LEFT);
    emit_with(GET, LIMIT);
    emit_with(SET, RIGHT);
    emit_with(CALL, gcd);
    emit_with(GET, DIVISORS_SUM);
    emit_with(PUSH, 1);
    emit(SHIFT_RIGHT);
    emit(XOR);
    emit_with(SET, DIVISORS_SUM);
}

static uint32_t emit_main(uint32_t is_prime, uint32_t gcd) {
    uint32_t entry = here;
    emit_with(PUSH, 2);
    emit_with(SET, CANDIDATE);
    uint32_t loop = here;
    emit_with(GET, CANDIDATE);
    emit_with(GET, LIMIT);
    emit(LESS);
    uint32_t done = emit_with(JUMP_UNLESS, 0);
    emit_body(is_prime, gcd);
    emit_with(GET, CANDIDATE);
    emit_with(PUSH, 1);
    emit(ADD);
    emit_with(SET, CANDIDATE);
    emit_with(JUMP, loop);
    land_here(done);
    emit(HALT);
    return entry;
}

// --- the machine

// `top` points at the topmost value; the slot below the first one is never read.
static void interpret(uint32_t entry) {
    const uint32_t *pc = program + entry;
    uint32_t *top = stack;
    uint32_t *back = returns;
    for (;;) {
        switch ((enum operation)*pc++) {
        case PUSH: *++top = *pc++; break;
        case GET: *++top = locals[*pc++]; break;
        case SET: locals[*pc++] = *top--; break;
        case ADD: top--; *top += top[1]; break;
        case SUBTRACT: top--; *top -= top[1]; break;
        case MULTIPLY: top--; *top *= top[1]; break;
        case REMAINDER: top--; *top %= top[1]; break;
        case XOR: top--; *top ^= top[1]; break;
        case AND: top--; *top &= top[1]; break;
        case SHIFT_RIGHT: top--; *top >>= top[1] & 31; break;
        case LESS: top--; *top = *top < top[1]; break;
        case EQUAL: top--; *top = *top == top[1]; break;
        case NOT: *top = !*top; break;
        case DUPLICATE: top++; *top = top[-1]; break;
        case SWAP: {
            uint32_t held = *top;
            *top = top[-1];
            top[-1] = held;
            break;
        }
        case DROP: top--; break;
        case JUMP: pc = program + *pc; break;
        case JUMP_IF: pc = *top-- ? program + *pc : pc + 1; break;
        case JUMP_UNLESS: pc = *top-- ? pc + 1 : program + *pc; break;
        case CALL:
            *back++ = (uint32_t)(pc + 1 - program);
            pc = program + *pc;
            break;
        case RETURN: pc = program + *--back; break;
        case HALT: return;
        }
    }
}

KERNEL uint32_t run(uint32_t n) {
    here = 0;
    uint32_t is_prime = emit_is_prime();
    uint32_t gcd = emit_gcd();
    uint32_t entry = emit_main(is_prime, gcd);
    for (int i = 0; i < LOCALS; i++)
        locals[i] = 0;
    locals[LIMIT] = n;
    interpret(entry);
    return mix(mix(n, locals[COUNT]), locals[DIVISORS_SUM]);
}
