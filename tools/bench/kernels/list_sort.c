// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sorts a linked list of 50 000 records n times by merging, with the order given by a function pointer.

#include "kernel.h"

#define RECORDS 50000

struct record {
    struct record *next;
    uint32_t key, rank;
};

typedef int32_t compare(const struct record *, const struct record *);

static struct record records[RECORDS];

static int32_t by_key(const struct record *a, const struct record *b) { return a->key < b->key ? -1 : a->key > b->key; }
static int32_t by_rank(const struct record *a, const struct record *b) { return (int32_t)(a->rank - b->rank); }

static compare *const orders[2] = {by_key, by_rank};

static struct record *merge(struct record *a, struct record *b, compare *order) {
    struct record *head, **tail = &head;
    while (a && b) {
        struct record **lesser = order(a, b) <= 0 ? &a : &b;
        *tail = *lesser;
        tail = &(*lesser)->next;
        *lesser = *tail;
    }
    *tail = a ? a : b;
    return head;
}

static struct record *sort(struct record *list, uint32_t len, compare *order) {
    if (len <= 1) {
        if (list)
            list->next = 0;
        return list;
    }
    struct record *middle = list;
    for (uint32_t i = 0; i < len / 2; i++)
        middle = middle->next;
    struct record *second = sort(middle, len - len / 2, order);
    return merge(sort(list, len / 2, order), second, order);
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 61, hash = n;
    for (uint32_t i = 0; i < RECORDS; i++)
        records[i] = (struct record){i + 1 < RECORDS ? &records[i + 1] : 0, next_random(&random), i};
    struct record *list = records;
    for (uint32_t pass = 0; pass < n; pass++) {
        list = sort(list, RECORDS, orders[pass % 2]);
        hash = mix(hash, list->key);
    }
    for (; list; list = list->next)
        hash = mix(hash, list->key);
    return hash;
}
