/* A guest that takes the place of the first: calls through a table, memory that grows, floats of both widths, accesses
   that are not aligned. */
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

struct half { unsigned short value; } __attribute__((packed));
struct word { unsigned value; } __attribute__((packed));
struct wide { unsigned long long value; } __attribute__((packed));
static char bytes[32];

/* Reads and writes each width at eight addresses in a row; a checksum of what was read. */
EXPORT(odd) unsigned odd(unsigned from) {
  unsigned sum = 1;
  for (char *at = bytes + from; at < bytes + from + 8; at++) {
    ((struct wide *)at)->value = 0xF1E2D3C4B5A69788ull * sum;
    ((struct word *)(at + 3))->value ^= sum;
    ((struct half *)(at + 5))->value += sum;
    unsigned long long wide = ((struct wide *)(at + 1))->value;
    sum = sum * 31 + ((struct half *)(at + 2))->value;
    sum = sum * 31 + ((struct word *)(at + 1))->value;
    sum = sum * 31 + (unsigned)(wide ^ wide >> 32);
  }
  return sum;
}
