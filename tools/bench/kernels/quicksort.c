// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quicksort of n random words, median of three, short runs left to one insertion sort: branches that cannot be
// predicted, loads and stores through moving pointers.

#include "kernel.h"

#define LARGEST (1u << 22)
#define SHORT_RUN 12

static uint32_t values[LARGEST];

static inline void swap(uint32_t *a, uint32_t *b) {
    uint32_t held = *a;
    *a = *b;
    *b = held;
}

static uint32_t median_of_three(uint32_t *low, uint32_t *high) {
    uint32_t *middle = low + (high - low) / 2;
    if (*middle < *low)
        swap(middle, low);
    if (*high < *middle) {
        swap(high, middle);
        if (*middle < *low)
            swap(middle, low);
    }
    return *middle;
}

// Both ends are inclusive. Recursion takes the shorter side, so the stack stays logarithmic.
static void sort_roughly(uint32_t *low, uint32_t *high) {
    while (high - low > SHORT_RUN) {
        uint32_t pivot = median_of_three(low, high);
        uint32_t *i = low, *j = high;
        while (i <= j) {
            while (*i < pivot)
                i++;
            while (*j > pivot)
                j--;
            if (i <= j)
                swap(i++, j--);
        }
        if (j - low < high - i) {
            sort_roughly(low, j);
            low = i;
        } else {
            sort_roughly(i, high);
            high = j;
        }
    }
}

static void insertion_sort(uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        uint32_t value = values[i], j = i;
        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

KERNEL uint32_t run(uint32_t n) {
    if (n < 1)
        n = 1;
    if (n > LARGEST)
        n = LARGEST;
    uint32_t random = 0x2545f491u;
    for (uint32_t i = 0; i < n; i++)
        values[i] = next_random(&random);
    sort_roughly(values, values + n - 1);
    insertion_sort(n);
    uint32_t hash = n;
    for (uint32_t i = 0; i < n; i++)
        hash = mix(hash, values[i]);
    return hash;
}
