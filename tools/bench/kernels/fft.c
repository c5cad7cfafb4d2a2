// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// n times forth and back: the fast Fourier transform of 4096 complex numbers, in place, radix 2.

#include "kernel.h"

#define LOG 12
#define POINTS (1 << LOG)

static double re[POINTS], im[POINTS], cosines[POINTS / 2], sines[POINTS / 2];

// By repeated multiplication, since there is no libc; both sides of the comparison round alike.
static void make_roots(void) {
    const double step_re = 0.99999882345170187925, step_im = 0.00153398018628476555;
    double x = 1, y = 0;
    for (uint32_t i = 0; i < POINTS / 2; i++) {
        cosines[i] = x, sines[i] = y;
        double next = x * step_re - y * step_im;
        y = x * step_im + y * step_re;
        x = next;
    }
}

static void reorder(void) {
    for (uint32_t i = 0, j = 0; i < POINTS; i++) {
        if (i < j) {
            double r = re[i], m = im[i];
            re[i] = re[j], im[i] = im[j];
            re[j] = r, im[j] = m;
        }
        uint32_t bit = POINTS / 2;
        for (; j & bit; bit /= 2)
            j ^= bit;
        j ^= bit;
    }
}

static void transform(double sign) {
    reorder();
    for (uint32_t half = 1, stride = POINTS / 2; half < POINTS; half *= 2, stride /= 2)
        for (uint32_t start = 0; start < POINTS; start += 2 * half)
            for (uint32_t k = 0; k < half; k++) {
                uint32_t a = start + k, b = a + half;
                double c = cosines[k * stride], s = sign * sines[k * stride];
                double x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
                re[b] = re[a] - x, im[b] = im[a] - y;
                re[a] += x, im[a] += y;
            }
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 13;
    make_roots();
    for (uint32_t i = 0; i < POINTS; i++) {
        re[i] = (double)(next_random(&random) >> 8) * 0x1p-24;
        im[i] = 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        transform(-1);
        transform(1);
        for (uint32_t j = 0; j < POINTS; j++)
            re[j] *= 1.0 / POINTS, im[j] *= 1.0 / POINTS;
    }
    uint32_t hash = n;
    for (uint32_t i = 0; i < POINTS; i++)
        hash = mix_double(mix_double(hash, re[i]), im[i]);
    return hash;
}
