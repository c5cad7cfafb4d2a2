// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n passes over a thousand objects of six classes through tables of methods, as C++ or an object system in C does it:
// indirect calls with small bodies, whose targets are known from the table alone.

#include "kernel.h"

#define OBJECTS 1024

struct object;

struct methods {
    uint32_t (*measure)(const struct object *);
    void (*advance)(struct object *, uint32_t by);
    uint32_t (*combine)(const struct object *, const struct object *);
};

struct object {
    const struct methods *methods;
    uint32_t a, b, c;
};

static uint32_t box_measure(const struct object *o) { return o->a * o->b + o->b * o->c + o->a * o->c; }
static void box_advance(struct object *o, uint32_t by) { o->a += by; }
static uint32_t box_combine(const struct object *o, const struct object *other) { return o->a ^ other->b; }

static uint32_t ring_measure(const struct object *o) { return (o->a - o->b) * 22 / 7; }
static void ring_advance(struct object *o, uint32_t by) { o->a += by, o->b += by >> 1; }
static uint32_t ring_combine(const struct object *o, const struct object *other) { return o->b + other->a; }

static uint32_t counter_measure(const struct object *o) { return o->a; }
static void counter_advance(struct object *o, uint32_t by) { o->a += by & 1 ? o->b : o->c; }
static uint32_t counter_combine(const struct object *o, const struct object *other) {
    return o->a < other->a ? o->a : other->a;
}

static uint32_t hasher_measure(const struct object *o) { return mix(o->a, o->b); }
static void hasher_advance(struct object *o, uint32_t by) { o->a = mix(o->a, by); }
static uint32_t hasher_combine(const struct object *o, const struct object *other) { return mix(o->a, other->c); }

static uint32_t shifter_measure(const struct object *o) { return o->a >> (o->b & 7); }
static void shifter_advance(struct object *o, uint32_t by) { o->a = o->a << 1 | o->a >> 31, o->b += by; }
static uint32_t shifter_combine(const struct object *o, const struct object *other) { return o->a & ~other->a; }

// An object that asks another method of its own: a call inside the call.
static uint32_t proxy_measure(const struct object *o) { return o->methods->combine(o, o) + 1; }
static void proxy_advance(struct object *o, uint32_t by) { o->c ^= by; }
static uint32_t proxy_combine(const struct object *o, const struct object *other) { return o->c - other->b; }

static const struct methods classes[6] = {
    {box_measure, box_advance, box_combine},
    {ring_measure, ring_advance, ring_combine},
    {counter_measure, counter_advance, counter_combine},
    {hasher_measure, hasher_advance, hasher_combine},
    {shifter_measure, shifter_advance, shifter_combine},
    {proxy_measure, proxy_advance, proxy_combine},
};

static struct object objects[OBJECTS];
static struct object *order[OBJECTS];

static void make_objects(void) {
    uint32_t random = 23;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        // Runs of one class, four objects each, as lists in real programs tend to have them.
        const struct methods *methods = i % 4 ? objects[i - 1].methods : &classes[next_random(&random) % 6];
        objects[i] = (struct object){methods, next_random(&random), next_random(&random), next_random(&random)};
        order[i] = &objects[i];
    }
}

KERNEL uint32_t run(uint32_t n) {
    make_objects();
    uint32_t hash = n;
    for (uint32_t pass = 0; pass < n; pass++) {
        for (uint32_t i = 0; i < OBJECTS; i++) {
            struct object *o = order[i];
            o->methods->advance(o, pass + i);
            hash += o->methods->measure(o);
            hash ^= o->methods->combine(o, order[(i + pass) % OBJECTS]);
        }
        hash = mix(hash, pass);
    }
    return hash;
}
