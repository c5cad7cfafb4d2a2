/* Threads of WASI for musl: how they begin and end. The rest, locks, conditions and joining, is musl's own. */
#include "pthread_impl.h"
#include "stdio_impl.h"
#include <string.h>

__attribute__((import_module("wasi"), import_name("thread-spawn"))) int wasi_thread_spawn(void *start);

_Thread_local struct pthread __wasilibc_pthread_self;
hidden volatile int __thread_list_lock;
hidden volatile int __eintr_valid_flag;
static volatile int list_waiters;

/* Larger than the number of any that is started. */
enum { FIRST_THREAD = 1 << 29, STACK = 128 << 10 };

void __wasi_init_tp(void) {
    pthread_t self = __pthread_self();
    self->self = self->prev = self->next = self;
    self->tid = FIRST_THREAD;
    self->detach_state = DT_JOINABLE;
    self->robust_list.head = &self->robust_list.head;
    self->locale = &libc.global_locale;
}

void __tl_lock(void) {
    int held, self = __pthread_self()->tid;
    while ((held = a_cas(&__thread_list_lock, 0, self))) __wait(&__thread_list_lock, &list_waiters, held, 0);
}

void __tl_unlock(void) {
    a_store(&__thread_list_lock, 0);
    if (list_waiters) __wake(&__thread_list_lock, 1, 0);
}

/* Who joins a thread frees its stack: not before it is off it. */
void __tl_sync(pthread_t thread) {
    (void)thread;
    int held = __thread_list_lock;
    if (held) __wait(&__thread_list_lock, &list_waiters, held, 0);
    if (list_waiters) __wake(&__thread_list_lock, 1, 0);
}

int __munmap(void *start, size_t len) {
    (void)len;
    free(start);
    return 0;
}

void __vm_lock(void) {}
void __vm_unlock(void) {}
void __vm_wait(void) {}

struct start {
    /* Where `wasi_thread_start` finds them. */
    void *stack, *tls;
    pthread_t self;
    void *(*function)(void *);
    void *argument;
};

/* What this thread's variables are for another one. */
static pthread_t new_variables(char *place) {
    char *own = __builtin_wasm_tls_base();
    extern void __wasm_init_tls(void *);
    __wasm_init_tls(place);
    __asm__ volatile("local.get %0\n global.set __tls_base" : : "r"(own));
    return (pthread_t)(place + ((char *)__pthread_self() - own));
}

static void begin_locking(void) {
    if (libc.threaded) return;
    FILE *const files[] = { stdin, stdout, stderr };
    for (int i = 0; i < 3; i++)
        if (files[i]->lock < 0) files[i]->lock = 0;
    __pthread_self()->tsd = (void **)__pthread_tsd_main;
    libc.threaded = 1;
}

int __pthread_create(pthread_t *restrict result, const pthread_attr_t *restrict attributes,
                     void *(*function)(void *), void *restrict argument) {
    begin_locking();
    size_t stack_len = attributes && attributes->_a_stacksize ? attributes->_a_stacksize : STACK;
    size_t align = __builtin_wasm_tls_align(), tls_len = __builtin_wasm_tls_size();
    size_t len = sizeof(struct start) + __pthread_tsd_size + align + tls_len + stack_len + 16;
    char *map = calloc(1, len);
    if (!map) return EAGAIN;
    struct start *start = (void *)map;
    char *tsd = map + sizeof *start;
    char *tls = (char *)(((uintptr_t)tsd + __pthread_tsd_size + align - 1) & -align);
    pthread_t new = new_variables(tls), self = __pthread_self();
    *start = (struct start){ (void *)((uintptr_t)(map + len) & -16), tls, new, function, argument };
    new->self = new;
    new->tsd = (void **)tsd;
    new->map_base = (void *)map;
    new->map_size = len;
    new->detach_state = attributes && attributes->_a_detach ? DT_DETACHED : DT_JOINABLE;
    new->robust_list.head = &new->robust_list.head;
    new->locale = &libc.global_locale;
    __tl_lock();
    if (!libc.threads_minus_1++) libc.need_locks = 1;
    int tid = wasi_thread_spawn(start);
    if (tid > 0) {
        new->next = self->next;
        new->prev = self;
        new->next->prev = new->prev->next = new;
    } else if (!--libc.threads_minus_1) {
        libc.need_locks = 0;
    }
    __tl_unlock();
    if (tid <= 0) {
        free(map);
        return EAGAIN;
    }
    *result = new;
    return 0;
}

/* Leaves the list locked: `wasi_thread_start` unlocks it, on no stack. */
__attribute__((used)) static void run_thread(int tid, struct start *start) {
    pthread_t self = start->self;
    self->tid = tid;
    self->result = start->function(start->argument);
    __pthread_tsd_run_dtors();
    int state = a_cas(&self->detach_state, DT_JOINABLE, DT_EXITING);
    __tl_lock();
    if (!--libc.threads_minus_1) libc.need_locks = -1;
    self->next->prev = self->prev;
    self->prev->next = self->next;
    self->prev = self->next = self;
    /* The memory of a thread that nobody joins stays. */
    if (state == DT_DETACHED) return;
    a_store(&self->detach_state, DT_EXITED);
    __wake(&self->detach_state, 1, 1);
}

__asm__(".globaltype __stack_pointer, i32\n"
        ".globaltype __tls_base, i32\n"
        ".functype run_thread (i32, i32) -> ()\n"
        ".globl wasi_thread_start\n"
        ".export_name wasi_thread_start, wasi_thread_start\n"
        "wasi_thread_start:\n"
        ".functype wasi_thread_start (i32, i32) -> ()\n"
        "local.get 1\n i32.load 0\n global.set __stack_pointer\n"
        "local.get 1\n i32.load 4\n global.set __tls_base\n"
        "local.get 0\n local.get 1\n call run_thread\n"
        "i32.const __thread_list_lock\n i32.const 0\n i32.atomic.store 0\n"
        "i32.const __thread_list_lock\n i32.const 1\n memory.atomic.notify 0\n drop\n"
        "end_function\n");

weak_alias(__pthread_create, pthread_create);

/* What Zig has in its own language. */
#undef errno
_Thread_local int errno;

size_t strlen(const char *text) {
    const char *end = text;
    while (*end) end++;
    return end - text;
}
