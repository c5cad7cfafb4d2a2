/* Threads of POSIX: a queue behind a mutex and two conditions, atomics, keys, barriers, read-write locks, once. What comes out
   does not depend on who runs when. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORKERS = 4, NUMBERS = 20000, PLACES = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static unsigned queue[PLACES], head, tail;

static void put(unsigned number) {
    pthread_mutex_lock(&lock);
    while (tail - head == PLACES) pthread_cond_wait(&not_full, &lock);
    queue[tail++ % PLACES] = number;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&lock);
}

static unsigned take(void) {
    pthread_mutex_lock(&lock);
    while (tail == head) pthread_cond_wait(&not_empty, &lock);
    unsigned number = queue[head++ % PLACES];
    pthread_cond_signal(&not_full);
    pthread_mutex_unlock(&lock);
    return number;
}

static atomic_ullong sum;
static atomic_int destroyed, first, readers_wrong;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_barrier_t barrier;
static pthread_rwlock_t shared_lock = PTHREAD_RWLOCK_INITIALIZER;
static unsigned left_side, right_side;
static _Thread_local unsigned own = 5;

static void destroy(void *value) {
    free(value);
    destroyed++;
}

static void count_first(void) { first++; }

static void *work(void *argument) {
    unsigned worker = *(unsigned *)argument;
    pthread_once(&once, count_first);
    char *name = malloc(32);
    snprintf(name, 32, "worker %u", worker);
    pthread_setspecific(key, name);
    own += worker;
    for (unsigned number; (number = take()) != 0;) {
        atomic_fetch_add(&sum, number);
        /* Memory that many threads ask for at once. */
        char *block = malloc(number % 500 + 1);
        memset(block, (int)worker, number % 500 + 1);
        free(block);
    }
    pthread_barrier_wait(&barrier);
    for (int round = 0; round < 2000; round++) {
        if (round % 8 == 0) {
            pthread_rwlock_wrlock(&shared_lock);
            left_side++;
            right_side++;
            pthread_rwlock_unlock(&shared_lock);
        } else {
            pthread_rwlock_rdlock(&shared_lock);
            if (left_side != right_side) readers_wrong++;
            pthread_rwlock_unlock(&shared_lock);
        }
    }
    char *result = malloc(64);
    snprintf(result, 64, "%s has %u of its own", (char *)pthread_getspecific(key), own);
    return result;
}

static void *fail_to_lock(void *argument) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    int tried = pthread_mutex_trylock(argument), timed = pthread_mutex_timedlock(argument, &until);
    return (void *)(long)(tried == EBUSY && timed == ETIMEDOUT);
}

static void *recurse(void *argument) {
    unsigned depth = *(unsigned *)argument - 1;
    volatile char stack[256];
    memset((char *)stack, (int)depth, sizeof stack);
    if (!depth) return (void *)1L;
    pthread_t deeper;
    void *inside;
    if (pthread_create(&deeper, NULL, recurse, &depth) || pthread_join(deeper, &inside)) abort();
    return (void *)((long)inside + (stack[7] == (char)depth));
}

int main(void) {
    pthread_t workers[WORKERS];
    unsigned numbers[WORKERS];
    pthread_key_create(&key, destroy);
    pthread_barrier_init(&barrier, NULL, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        numbers[i] = i;
        if (pthread_create(&workers[i], NULL, work, &numbers[i])) abort();
    }
    for (unsigned number = 1; number <= NUMBERS; number++) put(number);
    for (unsigned i = 0; i < WORKERS; i++) put(0);
    for (unsigned i = 0; i < WORKERS; i++) {
        void *result;
        if (pthread_join(workers[i], &result)) abort();
        printf("%s\n", (char *)result);
        free(result);
    }
    printf("sum %llu, %d destroyed, once %d\n", (unsigned long long)sum, destroyed, first);
    printf("written %u and %u times, wrong %d\n", left_side, right_side, readers_wrong);
    pthread_mutex_lock(&lock);
    pthread_t other;
    void *failed;
    if (pthread_create(&other, NULL, fail_to_lock, &lock) || pthread_join(other, &failed)) abort();
    pthread_mutex_unlock(&lock);
    printf("a lock that is held: %ld\n", (long)failed);
    unsigned depth = 20;
    void *levels;
    if (pthread_create(&other, NULL, recurse, &depth) || pthread_join(other, &levels)) abort();
    printf("threads that start threads: %ld\n", (long)levels);
    return 0;
}
