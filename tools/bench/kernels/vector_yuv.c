// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A picture from YUV (BT.601, as cameras give it) to RGB, in planes.

#include "vectors.h"

#define POINTS (512 * 1024)

static uint8_t y_plane[POINTS], u_plane[POINTS], v_plane[POINTS], rgb[3][POINTS];

static void convert(void) {
    for (uint32_t i = 0; i < POINTS; i += 16) {
        u8x16 ys = LOAD(u8x16, y_plane + i), us = LOAD(u8x16, u_plane + i), vs = LOAD(u8x16, v_plane + i);
        i16x8 planes[3][2];
        for (uint32_t half = 0; half < 2; half++) {
            // Six bits behind the point.
            i16x8 y = ((i16x8)(half ? widen_high_u(ys) : widen_low_u(ys)) - 16) * 74;
            i16x8 u = (i16x8)(half ? widen_high_u(us) : widen_low_u(us)) - 128;
            i16x8 v = (i16x8)(half ? widen_high_u(vs) : widen_low_u(vs)) - 128;
            planes[0][half] = __builtin_elementwise_add_sat(y, v * 102) >> 6;
            planes[1][half] = __builtin_elementwise_sub_sat(y, u * 25 + v * 52) >> 6;
            planes[2][half] = __builtin_elementwise_add_sat(y, u * 129) >> 6;
        }
        for (uint32_t plane = 0; plane < 3; plane++)
            STORE(u8x16, rgb[plane] + i, saturate(planes[plane][0], planes[plane][1]));
    }
}

KERNEL uint32_t run(uint32_t n) {
    fill_bytes(y_plane, POINTS, 1);
    fill_bytes(u_plane, POINTS, 2);
    fill_bytes(v_plane, POINTS, 3);
    uint32_t hash = n;
    for (uint32_t i = 0; i < n; i++) {
        convert();
        y_plane[i % POINTS] = rgb[i % 3][i % POINTS];
        hash = mix_bytes(hash, rgb[1], 1024);
    }
    return mix_bytes(hash, rgb, sizeof rgb);
}
