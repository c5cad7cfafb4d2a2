/* A guest that does its work, and everything that a host has to survive. */
#include "host.h"

static void say(const char *text) {
  unsigned len = 0;
  while (text[len]) len++;
  host_write(text, len);
}

static void say_number(unsigned long long value) {
  char digits[20];
  unsigned at = sizeof digits;
  do digits[--at] = '0' + value % 10;
  while (value /= 10);
  host_write(digits + at, sizeof digits - at);
}

EXPORT(run) int run(int count) {
  unsigned long long before = host_clock();
  double sum = 0;
  for (int i = 1; i <= count; i++) sum += 1.0 / i;
  say("guest: a sum of ");
  say_number((unsigned long long)(sum * 1000000));
  say(host_clock() >= before ? " millionths, and time passes\n" : " millionths, and time runs backwards\n");
  return count * 2;
}

EXPORT(divide) int divide(int a, int b) { return a / b; }

EXPORT(peek) int peek(const volatile int *address) { return *address; }

/* Uses the stack of the machine, not the one that C has in its memory: a trap leaves that one as it is. */
EXPORT(dive) unsigned dive(unsigned depth) { return depth ? dive(depth + 1) * 3 + depth : 0; }

/* Three ways not to come back: in the guest's own code, in calls of the host, in helpers of the runtime. */
EXPORT(spin) void spin(void) {
  for (unsigned i = 0;; i++) __asm__ volatile("");
}

EXPORT(nag) void nag(void) {
  for (;;) host_clock();
}

static char block[4096];

EXPORT(fill) void fill(void) {
  for (;;) __builtin_memset((char *)(volatile char *)block, 1, sizeof block);
}

EXPORT(leave) void leave(int code) { host_exit(code); }
