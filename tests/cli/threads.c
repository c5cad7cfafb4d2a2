/* A program of several threads without a library: a lock and conditions by memory.atomic.wait and notify, and a queue
   through which one thread hands numbers to others. What happens then, `END` says: it is set by who compiles this. */

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))
WASI("fd_write") int fd_write(int fd, const void *iovs, int count, int *written);
WASI("proc_exit") _Noreturn void proc_exit(int status);
WASI("poll_oneoff") int poll_oneoff(const void *subscriptions, void *events, int count, int *stored);
__attribute__((import_module("wasi"), import_name("thread-spawn"))) int thread_spawn(void *start);

enum { WORKERS = 4, NUMBERS = 20000, PLACES = 8, STACK = 16384 };

typedef struct { char *stack; unsigned number; } Start;
static Start starts[WORKERS];
static char stacks[WORKERS][STACK] __attribute__((aligned(16)));

static int lock_word, not_full, not_empty, done;
static unsigned queue[PLACES], head, tail;
static unsigned long long sum, counts[WORKERS];

static void wait_while(int *word, int value) { __builtin_wasm_memory_atomic_wait32(word, value, -1); }

static void lock(void) {
    int free = 0;
    if (__atomic_compare_exchange_n(&lock_word, &free, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
    while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_SEQ_CST) != 0) wait_while(&lock_word, 2);
}

static void unlock(void) {
    if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_SEQ_CST) == 2) __builtin_wasm_memory_atomic_notify(&lock_word, 1);
}

/* A condition is a count of signals. */
static void sleep_on(int *condition) {
    int before = __atomic_load_n(condition, __ATOMIC_SEQ_CST);
    unlock();
    wait_while(condition, before);
    lock();
}

static void wake_all(int *condition) {
    __atomic_fetch_add(condition, 1, __ATOMIC_SEQ_CST);
    __builtin_wasm_memory_atomic_notify(condition, -1);
}

static void put(unsigned number) {
    lock();
    while (tail - head == PLACES) sleep_on(&not_full);
    queue[tail++ % PLACES] = number;
    wake_all(&not_empty);
    unlock();
}

static unsigned take(void) {
    lock();
    while (tail == head) sleep_on(&not_empty);
    unsigned number = queue[head++ % PLACES];
    wake_all(&not_full);
    unlock();
    return number;
}

static void print(const char *text, unsigned long long number) {
    char line[64], digits[24];
    int len = 0, count = 0, written;
    while (*text) line[len++] = *text++;
    do digits[count++] = '0' + number % 10; while (number /= 10);
    while (count) line[len++] = digits[--count];
    line[len++] = '\n';
    struct { char *bytes; int len; } iov = { line, len };
    fd_write(1, &iov, 1, &written);
}

static void nap(unsigned long long nanoseconds) {
    struct { unsigned long long userdata; unsigned char tag; unsigned id; unsigned long long timeout, precision; short flags; }
        subscription = { 0, 0, 1, nanoseconds, 0, 0 };
    char event[32];
    int stored;
    poll_oneoff(&subscription, event, 1, &stored);
}

__attribute__((used)) static void worker(int thread, Start *start) {
    unsigned long long own = 0, count = 0;
    for (unsigned number; (number = take()) != 0; count++) own += number;
#if END == 1
    if (start->number == 1) proc_exit(7);
    nap(1000000000000);
#elif END == 2
    if (start->number == 1) __builtin_trap();
    for (volatile int i = 0;; i++) {}
#endif
    lock();
    sum += own;
    unlock();
    counts[start->number] = count;
    __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
    __builtin_wasm_memory_atomic_notify(&done, 1);
}

/* A thread has no stack before it gets one. */
__asm__(
    ".globaltype __stack_pointer, i32\n"
    ".functype worker (i32, i32) -> ()\n"
    ".globl wasi_thread_start\n"
    ".export_name wasi_thread_start, wasi_thread_start\n"
    "wasi_thread_start:\n"
    ".functype wasi_thread_start (i32, i32) -> ()\n"
    "local.get 1\n i32.load 0\n global.set __stack_pointer\n"
    "local.get 0\n local.get 1\n call worker\n"
    "end_function\n");

__attribute__((export_name("_start"))) void start(void) {
    for (unsigned i = 0; i < WORKERS; i++) {
        starts[i] = (Start){ stacks[i] + STACK, i };
        if (thread_spawn(&starts[i]) <= 0) proc_exit(2);
    }
    for (unsigned number = 1; number <= NUMBERS; number++) put(number);
    for (unsigned i = 0; i < WORKERS; i++) put(0);
    for (int ended; (ended = __atomic_load_n(&done, __ATOMIC_SEQ_CST)) < WORKERS;) wait_while(&done, ended);
    unsigned long long count = 0;
    for (unsigned i = 0; i < WORKERS; i++) count += counts[i];
    print("sum ", sum);
    print("count ", count);
}
