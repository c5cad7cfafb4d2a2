/* For the files of musl's threads: what they ask Linux for, Wasm has instructions for. */
#include <errno.h>
#include <time.h>

#define __syscall(name, ...) wasm_##name(__VA_ARGS__)
#define __syscall_cp __syscall

/* The first operations; those of locks that hand priorities on there are not. */
static inline int wasm_SYS_futex(volatile void *address, int operation, ...) {
    __builtin_va_list rest;
    __builtin_va_start(rest, operation);
    int wake = 0;
    switch (operation & 127) {
    case 0: {
        int value = __builtin_va_arg(rest, int);
        const struct timespec *time = __builtin_va_arg(rest, const struct timespec *);
        long long timeout = time ? time->tv_sec * 1000000000LL + time->tv_nsec : -1;
        return __builtin_wasm_memory_atomic_wait32((int *)address, value, timeout) == 2 ? -ETIMEDOUT : 0;
    }
    case 1: wake = __builtin_va_arg(rest, int); break;
    /* Who waits looks again, in place of waiting at another address. */
    case 3: wake = 1; break;
    default: return -ENOSYS;
    }
    __builtin_va_end(rest);
    return __builtin_wasm_memory_atomic_notify((int *)address, wake);
}

/* There are no other processes, and no signals. */
#define wasm_SYS_set_robust_list(...) 0
void __vm_lock(void);
void __vm_unlock(void);
void __vm_wait(void);
#define __block_app_sigs(set) ((void)(set))
#define __restore_sigs(set) ((void)(set))

/* A clock is an address here, and 0 for musl the usual one. */
#define __clock_gettime(clock, time) clock_gettime((clock) ? (clock) : CLOCK_REALTIME, time)
