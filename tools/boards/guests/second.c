/* A guest that takes the place of the first: calls through a table, memory that grows, floats of both widths. */
#include "host.h"

static unsigned values[1000];

static int up(unsigned a, unsigned b) { return a > b; }
static int down(unsigned a, unsigned b) { return a < b; }
static int (*const orders[])(unsigned, unsigned) = {up, down};

/* Sorts numbers both ways; a checksum of the result. */
EXPORT(sort) unsigned sort(unsigned count) {
  unsigned sum = 0;
  if (count > sizeof values / sizeof *values) __builtin_trap();
  for (unsigned way = 0; way < 2; way++) {
    unsigned seed = 1;
    for (unsigned i = 0; i < count; i++) values[i] = seed = seed * 1664525 + 1013904223;
    int (*after)(unsigned, unsigned) = orders[(count + way) % 2];
    for (unsigned i = 1; i < count; i++)
      for (unsigned j = i; j > 0 && after(values[j - 1], values[j]); j--) {
        unsigned value = values[j];
        values[j] = values[j - 1];
        values[j - 1] = value;
      }
    for (unsigned i = 0; i < count; i++) sum = sum * 31 + values[i];
  }
  return sum;
}

EXPORT(grow) int grow(int pages) { return __builtin_wasm_memory_grow(0, pages); }

EXPORT(floats) double floats(float a, double b) { return __builtin_sqrt(a * 3.0f) + __builtin_floor(b / 7) - (double)(long long)(b * 1e10); }
