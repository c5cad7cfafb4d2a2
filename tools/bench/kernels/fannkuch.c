// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All permutations of n numbers, each flipped at its head until the head is zero: short loops over small arrays with
// data-dependent trip counts.

#include "kernel.h"

#define LARGEST 12

static int32_t permutation[LARGEST], scratch[LARGEST], rotations[LARGEST];

static int32_t count_flips(uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        scratch[i] = permutation[i];
    int32_t flips = 0;
    for (int32_t head = scratch[0]; head != 0; head = scratch[0]) {
        for (int32_t low = 0, high = head; low < high; low++, high--) {
            int32_t held = scratch[low];
            scratch[low] = scratch[high];
            scratch[high] = held;
        }
        flips++;
    }
    return flips;
}

// Rotates the shortest prefix that has not been through all its rotations; 0 when every permutation has been seen.
static int next_permutation(uint32_t n) {
    for (uint32_t last = 1; last < n; last++) {
        int32_t first = permutation[0];
        for (uint32_t i = 0; i < last; i++)
            permutation[i] = permutation[i + 1];
        permutation[last] = first;
        if (++rotations[last] <= (int32_t)last)
            return 1;
        rotations[last] = 0;
    }
    return 0;
}

KERNEL uint32_t run(uint32_t n) {
    if (n > LARGEST)
        n = LARGEST;
    for (uint32_t i = 0; i < n; i++) {
        permutation[i] = (int32_t)i;
        rotations[i] = 0;
    }
    int32_t most = 0, alternating = 0, sign = 1;
    do {
        int32_t flips = count_flips(n);
        if (flips > most)
            most = flips;
        alternating += sign * flips;
        sign = -sign;
    } while (next_permutation(n));
    return mix(mix(n, (uint32_t)most), (uint32_t)alternating);
}
