// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A picture of n by n points of 16 spheres, by rays: structures of doubles passed by pointer, square roots, branches.

#include "kernel.h"

#define SPHERES 16

struct vector {
    double x, y, z;
};
struct sphere {
    struct vector centre;
    double radius;
};

static struct sphere spheres[SPHERES];

static double dot(const struct vector *a, const struct vector *b) { return a->x * b->x + a->y * b->y + a->z * b->z; }

__attribute__((noinline)) static int hits(const struct sphere *s, const struct vector *from, const struct vector *ray,
                                          double *distance) {
    struct vector to = {s->centre.x - from->x, s->centre.y - from->y, s->centre.z - from->z};
    double along = dot(&to, ray), rest = s->radius * s->radius - dot(&to, &to) + along * along;
    if (rest < 0)
        return 0;
    double d = along - __builtin_sqrt(rest);
    if (d <= 1e-6 || d >= *distance)
        return 0;
    *distance = d;
    return 1;
}

static double trace(struct vector from, struct vector ray, uint32_t depth) {
    double light = 0, weight = 1;
    for (; depth; depth--) {
        double distance = 1e9;
        const struct sphere *nearest = 0;
        for (uint32_t i = 0; i < SPHERES; i++)
            if (hits(&spheres[i], &from, &ray, &distance))
                nearest = &spheres[i];
        if (!nearest)
            return light + weight * (ray.y > 0 ? ray.y : 0);
        from.x += ray.x * distance, from.y += ray.y * distance, from.z += ray.z * distance;
        const struct vector *centre = &nearest->centre;
        struct vector normal = {from.x - centre->x, from.y - centre->y, from.z - centre->z};
        normal.x /= nearest->radius, normal.y /= nearest->radius, normal.z /= nearest->radius;
        double twice = 2 * dot(&normal, &ray);
        ray.x -= twice * normal.x, ray.y -= twice * normal.y, ray.z -= twice * normal.z;
        light += weight * 0.2 * (1 + normal.y);
        weight *= 0.6;
    }
    return light;
}

KERNEL uint32_t run(uint32_t n) {
    uint32_t random = 71, hash = n;
    for (uint32_t i = 0; i < SPHERES; i++) {
        double *of = &spheres[i].centre.x;
        for (uint32_t j = 0; j < 3; j++)
            of[j] = (double)(next_random(&random) >> 8) * 0x1p-21 - 4;
        spheres[i].centre.z += 8;
        spheres[i].radius = 0.5 + (double)(next_random(&random) >> 8) * 0x1p-24;
    }
    for (uint32_t y = 0; y < n; y++)
        for (uint32_t x = 0; x < n; x++) {
            struct vector ray = {(double)x / n - 0.5, (double)y / n - 0.5, 1};
            double scale = 1 / __builtin_sqrt(dot(&ray, &ray));
            ray.x *= scale, ray.y *= scale, ray.z *= scale;
            hash = mix_double(hash, trace((struct vector){0, 0, -4}, ray, 5));
        }
    return hash;
}
