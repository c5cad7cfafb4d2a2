/* A program with pointers of 64 bits: it allocates, links, sorts and copies, and returns a number that shows all of it.
   With -DNATIVE it is the same program for the machine that it is compiled on, and prints the number. */

typedef unsigned long long u64;
typedef unsigned long size;

#ifdef NATIVE
#include <stdio.h>
static char heap[64 << 20];
static size pages = 0;
static size grow(size by) { size old = pages; return (pages += by) * 65536 <= sizeof heap ? old : -1ul; }
static size have(void) { return (size)heap + pages * 65536; }
#else
extern char __heap_base;
static size grow(size by) { return __builtin_wasm_memory_grow(0, by); }
static size have(void) { return __builtin_wasm_memory_size(0) * 65536; }
#define heap (&__heap_base)
__attribute__((export_name("run")))
#endif
u64 run(u64 count);

_Static_assert(sizeof(void *) == 8, "pointers have 64 bits");

static char *next;

static void *allocate(size len) {
    if (!next) next = heap;
    size at = ((size)next + 15) & ~15ul, end = at + len;
    if (end > have() && grow((end - have() + 65535) / 65536) == -1ul) __builtin_trap();
    next = (char *)end;
    return (void *)at;
}

typedef struct Node { struct Node *next; u64 value; } Node;
static u64 table[1 << 16];

u64 run(u64 count) {
    Node *list = 0;
    for (u64 i = 0; i < count; i++) {
        Node *node = allocate(sizeof *node);
        *node = (Node){ list, i * 0x9E3779B97F4A7C15 };
        list = node;
    }
    u64 hash = 14695981039346656037u, *sorted = allocate(count * sizeof *sorted), k = 0;
    for (Node *node = list; node; node = node->next) {
        table[node->value >> 48] += node->value;
        hash = (hash ^ node->value) * 1099511628211;
        sorted[k++] = node->value;
    }
    for (u64 gap = count / 2; gap; gap /= 2)
        for (u64 i = gap; i < count; i++) {
            u64 value = sorted[i], at = i;
            for (; at >= gap && sorted[at - gap] > value; at -= gap) sorted[at] = sorted[at - gap];
            sorted[at] = value;
        }
    for (u64 i = 0; i < 1 << 16; i++) hash = hash * 31 + table[i];
    for (u64 i = 0; i < count; i += 7) hash = hash * 31 + sorted[i];
    char *from = allocate(1 << 20), *to = allocate(1 << 20);
    __builtin_memset(from, 7, 1 << 20);
    __builtin_memcpy(to, from, 1 << 20);
    for (int i = 0; i < 1 << 20; i += 4097) hash += to[i];
    return hash;
}

#ifdef NATIVE
int main(void) { printf("%lld\n", (long long)run(20000)); }
#endif
