// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds and walks n binary trees of random keys in a pool of nodes: pointers that no cache line predicts.

#include "kernel.h"

#define NODES 60000

struct node {
    struct node *children[2];
    uint32_t key, count;
};

static struct node pool[NODES];
static uint32_t used;

static void insert(struct node **root, uint32_t key) {
    while (*root && (*root)->key != key)
        root = &(*root)->children[key > (*root)->key];
    if (!*root) {
        struct node *node = &pool[used++];
        *node = (struct node){{0, 0}, key, 0};
        *root = node;
    }
    (*root)->count++;
}

static uint32_t walk(const struct node *node, uint32_t hash, uint32_t depth) {
    if (!node)
        return hash;
    hash = walk(node->children[0], hash, depth + 1);
    hash = mix(hash, node->key * node->count + depth);
    return walk(node->children[1], hash, depth + 1);
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 53, hash = n;
    for (uint32_t tree = 0; tree < n; tree++) {
        struct node *root = 0;
        used = 0;
        for (uint32_t i = 0; i < NODES; i++)
            insert(&root, next_random(&random) >> 12);
        hash = walk(root, hash, 0);
    }
    return hash;
}
