/* A guest that throws: exceptions that were caught are gone, those that still go on are not. C++ without its library, of
   which `catch (...)` and destructors call the little that is here. */
extern "C" {
#include "host.h"

/* The tag of C++'s exceptions, whose value is an object's address. */
__asm__(".globl __cpp_exception\n.tagtype __cpp_exception i32\n__cpp_exception:\n");

/* What C++ says of the type `int`. Nobody looks. */
extern const char _ZTIi = 0;

static int objects[128];
static unsigned made;

void *__cxa_allocate_exception(unsigned long) { return &objects[made++ % 128]; }
void __cxa_throw(void *object, void *, void *(*)(void *)) { __builtin_wasm_throw(0, object); }
void *__cxa_begin_catch(void *object) { return object; }
void __cxa_end_catch() {}
}

namespace std {
void terminate() noexcept { __builtin_trap(); }
}

#define APART __attribute__((noinline))

static unsigned destroyed;

struct Watched {
  ~Watched() { destroyed++; }
};

APART static void throw_odd(unsigned number) {
  if (number % 2) throw (int)number;
}

APART static unsigned frames(unsigned number, unsigned depth) {
  Watched watched;
  if (depth) return frames(number, depth - 1) + 1;
  throw_odd(number);
  return 0;
}

/* Calls through ten frames, and every second call throws; how many did, and whether all frames were left in order. */
EXPORT(many) extern "C" unsigned many(unsigned count) {
  unsigned caught = 0;
  destroyed = 0;
  for (unsigned i = 0; i < count; i++) {
    try {
      frames(i, 9);
    } catch (...) {
      caught++;
    }
  }
  return destroyed == count * 10 ? caught : 0;
}

/* Functions that have caught something and call one another then: it is gone in all of them. */
EXPORT(deeper) extern "C" unsigned deeper(unsigned depth) {
  unsigned caught = 0;
  try {
    throw_odd(depth | 1);
  } catch (...) {
    caught = 1;
  }
  return depth ? deeper(depth - 1) + caught : caught;
}

static unsigned reached;

/* What is destroyed by an exception throws and catches others before that one goes on. */
struct Nested {
  unsigned depth;
  ~Nested() noexcept(false);
};

APART static void nest(unsigned depth) {
  try {
    Nested inside{depth};
    throw_odd(1);
  } catch (...) {
    reached++;
  }
}

Nested::~Nested() noexcept(false) {
  if (depth > 1) nest(depth - 1);
}

/* Has so many exceptions at a time. */
EXPORT(nested) extern "C" unsigned nested(unsigned depth) {
  reached = 0;
  nest(depth);
  return reached;
}

/* What nothing catches. */
EXPORT(uncaught) extern "C" void uncaught(unsigned number) { throw_odd(number | 1); }
