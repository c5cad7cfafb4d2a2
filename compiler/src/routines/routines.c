// What LLVM's code generator calls where a machine has no instruction: plain functions of numbers, and
// three of memory. They become LLVM IR once (`make.sh`), which the compiler carries with it and turns into
// code for the target that needs it.
//
// No function here may use what it stands for: 64-bit shifts by a variable are made of 32-bit ones, soft
// float is integers. 64-bit division may use 32-bit division, on machines without one a routine too.

typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned __int128 u128;
typedef int i32;
typedef long long i64;
typedef unsigned char u8;

struct quotient_and_remainder {
    u64 quotient, remainder;
};

static u64 pair(u32 high, u32 low) {
    return (u64)high << 32 | low;
}

static int leading_zeros_32(u32 x) {
    return x ? __builtin_clz(x) : 32;
}

static int leading_zeros_64(u64 x) {
    u32 high = (u32)(x >> 32);
    return high ? leading_zeros_32(high) : 32 + leading_zeros_32((u32)x);
}

// Shifts of 64 bits. Counts are below 64.

u64 shift_left(u64 x, u32 count) {
    u32 high = (u32)(x >> 32), low = (u32)x;
    if (count & 32)
        return pair(low << (count & 31), 0);
    if (count == 0)
        return x;
    return pair(high << count | low >> (32 - count), low << count);
}

u64 shift_right(u64 x, u32 count) {
    u32 high = (u32)(x >> 32), low = (u32)x;
    if (count & 32)
        return high >> (count & 31);
    if (count == 0)
        return x;
    return pair(high >> count, low >> count | high << (32 - count));
}

u64 shift_right_signed(u64 x, u32 count) {
    u32 high = (u32)(x >> 32), low = (u32)x, sign = (u32)((i32)high >> 31);
    if (count & 32)
        return pair(sign, (u32)((i32)high >> (count & 31)));
    if (count == 0)
        return x;
    return pair((u32)((i32)high >> count), low >> count | high << (32 - count));
}

// Division. Divisors are not 0: compiled code has checked.

// Quotient in the low half, remainder in the high one, digit by digit.
u64 div_rem_u32(u32 a, u32 b) {
    u32 quotient = 0;
    if (a >= b) {
        u32 shift = (u32)(leading_zeros_32(b) - leading_zeros_32(a));
        b <<= shift;
        for (u32 digit = (u32)1 << shift; digit; digit >>= 1, b >>= 1) {
            if (a >= b) {
                a -= b;
                quotient |= digit;
            }
        }
    }
    return pair(a, quotient);
}

u32 div_u32(u32 a, u32 b) {
    return (u32)div_rem_u32(a, b);
}

// The signs are those of the quotient and of the dividend.
u64 div_rem_s32(u32 a, u32 b) {
    u32 sign_a = -(a >> 31), sign_b = -(b >> 31);
    u64 both = div_rem_u32((a ^ sign_a) - sign_a, (b ^ sign_b) - sign_b);
    u32 quotient = (u32)both, remainder = (u32)(both >> 32), sign = sign_a ^ sign_b;
    return pair((remainder ^ sign_a) - sign_a, (quotient ^ sign) - sign);
}

u32 div_s32(u32 a, u32 b) {
    return (u32)div_rem_s32(a, b);
}

// high·2³² + low by a divisor with its top bit set, high < divisor: two digits of 16 bits, each found from
// the divisor's upper half, at most 2 too large.
static u32 div_normalized(u32 high, u32 low, u32 divisor) {
    u32 upper = divisor >> 16, lower = divisor & 0xFFFF, quotient = 0;
    for (int i = 0; i < 2; i++) {
        u32 digit = high / upper, rest = high % upper;
        while (digit >> 16 || digit * lower > (rest << 16 | low >> 16)) {
            digit--;
            rest += upper;
            if (rest >> 16)
                break;
        }
        high = (high << 16 | low >> 16) - digit * divisor;
        low <<= 16;
        quotient = quotient << 16 | digit;
    }
    return quotient;
}

static struct quotient_and_remainder div_rem(u64 a, u64 b) {
    u32 a_high = (u32)(a >> 32), b_high = (u32)(b >> 32), b_low = (u32)b;
    u64 quotient;
    if (b_high == 0) {
        u32 upper = 0, lower = (u32)a;
        if (a_high >= b_low) {
            upper = a_high / b_low;
            a_high = a_high % b_low;
        }
        if (a_high == 0) {
            lower /= b_low;
        } else {
            u32 shift = (u32)leading_zeros_32(b_low);
            u64 scaled = shift_left(pair(a_high, lower), shift);
            lower = div_normalized((u32)(scaled >> 32), (u32)scaled, b_low << shift);
        }
        quotient = pair(upper, lower);
    } else {
        // By the divisor's upper 32 bits, of half the dividend so that the quotient fits: 1 too large at most
        // once it is put back in place.
        u32 shift = (u32)leading_zeros_32(b_high);
        u64 half = a >> 1;
        u32 estimate = div_normalized((u32)(half >> 32), (u32)half, (u32)(shift_left(b, shift) >> 32));
        quotient = estimate >> (31 - shift);
        if (quotient != 0)
            quotient--;
        if (a - quotient * b >= b)
            quotient++;
    }
    return (struct quotient_and_remainder){ quotient, a - quotient * b };
}

struct quotient_and_remainder div_rem_u64(u64 a, u64 b) {
    return div_rem(a, b);
}

struct quotient_and_remainder div_rem_s64(u64 a, u64 b) {
    u64 sign_a = -(a >> 63), sign_b = -(b >> 63), sign = sign_a ^ sign_b;
    struct quotient_and_remainder both = div_rem((a ^ sign_a) - sign_a, (b ^ sign_b) - sign_b);
    both.quotient = (both.quotient ^ sign) - sign;
    both.remainder = (both.remainder ^ sign_a) - sign_a;
    return both;
}

u64 div_u64(u64 a, u64 b) { return div_rem_u64(a, b).quotient; }
u64 rem_u64(u64 a, u64 b) { return div_rem_u64(a, b).remainder; }
u64 div_s64(u64 a, u64 b) { return div_rem_s64(a, b).quotient; }
u64 rem_s64(u64 a, u64 b) { return div_rem_s64(a, b).remainder; }

// On machines of 64 bits. Wasm has no such numbers: LLVM counts a loop's rounds with them, and they hardly ever need
// more than half of their bits.
static u128 divide_u128(u128 a, u128 b, u128 *remainder) {
    if (!((a | b) >> 64)) {
        *remainder = (u64)a % (u64)b;
        return (u64)a / (u64)b;
    }
    u128 quotient = 0, rest = 0;
    for (int bit = 127; bit >= 0; bit--) {
        u64 carry = (u64)(rest >> 127);
        rest = rest << 1 | (a >> bit & 1);
        if (carry || rest >= b) {
            rest -= b;
            quotient |= (u128)1 << bit;
        }
    }
    *remainder = rest;
    return quotient;
}

u128 div_u128(u128 a, u128 b) {
    u128 remainder;
    return divide_u128(a, b, &remainder);
}

u128 rem_u128(u128 a, u128 b) {
    u128 remainder;
    divide_u128(a, b, &remainder);
    return remainder;
}

// Floats.

// The upper half of a product; the lower one goes to `low`.
static u32 wide_mul_f32(u32 a, u32 b, u32 *low) {
    u64 product = (u64)a * b;
    *low = (u32)product;
    return (u32)(product >> 32);
}

static u64 wide_mul_f64(u64 a, u64 b, u64 *low) {
    u64 a_low = (u32)a, a_high = a >> 32, b_low = (u32)b, b_high = b >> 32;
    u64 lower = a_low * b_low, upper = a_high * b_high;
    u64 middle = a_high * b_low + (lower >> 32), other = a_low * b_high + (u32)middle;
    *low = pair((u32)other, (u32)lower);
    return upper + (middle >> 32) + (other >> 32);
}

static u64 shift_sticky_64(u64 x, int count) {
    return count >= 64 ? x != 0 : x >> count | ((x & (((u64)1 << count) - 1)) != 0);
}

static int leading_zeros_f32(u32 x) {
    return leading_zeros_32(x);
}

static int leading_zeros_f64(u64 x) {
    return leading_zeros_64(x);
}

#define WIDTH 32
#define FRACTION 23
#define F float
#define U u32
#define I i32
#define NAME(x) x##_f32
#include "float.h"
#undef WIDTH
#undef FRACTION
#undef F
#undef U
#undef I
#undef NAME

#define WIDTH 64
#define FRACTION 52
#define F double
#define U u64
#define I i64
#define NAME(x) x##_f64
#include "float.h"

double promote(float a) {
    u32 x = bits_f32(a);
    u64 sign = (u64)(x >> 31) << 63;
    x &= 0x7FFFFFFF;
    if (x > 0x7F800000)
        return from_bits_f64(0x7FF8000000000000);
    if (x == 0x7F800000)
        return from_bits_f64(sign | 0x7FF0000000000000);
    if (x == 0)
        return from_bits_f64(sign);
    int exponent;
    u64 significand = unpack_f32(x, &exponent);
    // The hidden bit adds one to the exponent.
    return from_bits_f64(sign | (((u64)(exponent - 127 + 1023 - 1) << 52) + (significand << 29)));
}

float demote(double a) {
    u64 x = bits_f64(a);
    u32 sign = (u32)(x >> 63) << 31;
    x &= ~((u64)1 << 63);
    if (x > 0x7FF0000000000000)
        return from_bits_f32(0x7FC00000);
    // An infinity's exponent is too large here too, and a subnormal's so small that nothing is left of it.
    int exponent = exponent_of_f64(x) - 1023 + 127;
    u64 significand = (x & (((u64)1 << 52) - 1)) | (exponent_of_f64(x) != 0 ? (u64)1 << 52 : 0);
    return finish_f32(sign, exponent, (u32)shift_sticky_64(significand, 52 - 23 - 3));
}

// Memory.

static void *copy_up(u8 *to, const u8 *from, u32 len) {
    for (u32 i = 0; i < len; i++)
        to[i] = from[i];
    return to;
}

void *memory_copy(u8 *to, const u8 *from, u32 len) {
    return copy_up(to, from, len);
}

void *memory_move(u8 *to, const u8 *from, u32 len) {
    if (to <= from)
        return copy_up(to, from, len);
    while (len--)
        to[len] = from[len];
    return to;
}

void *memory_fill(u8 *to, u32 byte, u32 len) {
    for (u32 i = 0; i < len; i++)
        to[i] = (u8)byte;
    return to;
}

// The order of arguments in ARM's run-time ABI.
void memory_fill_aeabi(u8 *to, u32 len, u32 byte) { memory_fill(to, byte, len); }
void memory_clear(u8 *to, u32 len) { memory_fill(to, 0, len); }
