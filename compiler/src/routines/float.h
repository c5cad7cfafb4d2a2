// Floats of one width, as integers. The file that includes this defines
//
//   WIDTH, FRACTION     bits of the whole, of the fraction
//   F, U, I             the float, and unsigned and signed integers as wide
//   NAME(x)             x with the width's suffix
//
// Every operation rounds to nearest, ties to even, keeps subnormals, and gives the canonical NaN
// (exec/numerics: with any NaN among the operands that is one of the results that Wasm allows).
//
// A *significand* has its leading one at bit FRACTION. A *wide* one has three more bits below, the last
// of them sticky: set if anything that was shifted out of it was.

#define EXPONENT_MAX ((1 << (WIDTH - 1 - FRACTION)) - 1)
#define BIAS (EXPONENT_MAX >> 1)
#define SIGN ((U)1 << (WIDTH - 1))
#define HIDDEN ((U)1 << FRACTION)
#define INFINITE ((U)EXPONENT_MAX << FRACTION)
#define CANONICAL (INFINITE | HIDDEN >> 1)
#define ONE ((U)BIAS << FRACTION)

#define bits NAME(bits)
#define from_bits NAME(from_bits)
#define exponent_of NAME(exponent_of)
#define leading_zeros NAME(leading_zeros)
#define shift_sticky NAME(shift_sticky)
#define finish NAME(finish)
#define unpack NAME(unpack)
#define is_nan NAME(is_nan)

static inline U bits(F x) {
    union { F f; U u; } both = { .f = x };
    return both.u;
}

static inline F from_bits(U x) {
    union { U u; F f; } both = { .u = x };
    return both.f;
}

static inline int exponent_of(U x) {
    return (int)(x >> FRACTION) & EXPONENT_MAX;
}

static inline int is_nan(U x) {
    return (x & ~SIGN) > INFINITE;
}

// x >> count, for any count that is not negative.
static inline U shift_sticky(U x, int count) {
    if (count >= WIDTH)
        return x != 0;
    return x >> count | ((x & (((U)1 << count) - 1)) != 0);
}

// The float of a wide significand. With a biased exponent of 1 the significand may have its leading one
// lower; below 1 it is shifted to where that is so.
static F finish(U sign, int exponent, U wide) {
    if (exponent >= EXPONENT_MAX)
        return from_bits(sign | INFINITE);
    if (exponent < 1) {
        wide = shift_sticky(wide, 1 - exponent);
        exponent = 1;
    }
    // The hidden bit adds one to the exponent's field, and what rounding carries over does too.
    U packed = ((U)(exponent - 1) << FRACTION) + (wide >> 3);
    U rest = wide & 7;
    packed += rest > 4 || (rest == 4 && (packed & 1));
    return from_bits(sign | packed);
}

// The significand of a finite number other than zero, and its biased exponent, 1 or less if subnormal.
static U unpack(U x, int *exponent) {
    U significand = x & (HIDDEN - 1);
    *exponent = exponent_of(x);
    if (*exponent != 0)
        return significand | HIDDEN;
    int shift = leading_zeros(significand) - (WIDTH - 1 - FRACTION);
    *exponent = 1 - shift;
    return significand << shift;
}

F NAME(add)(F a, F b) {
    U x = bits(a), y = bits(b);
    if ((x & ~SIGN) < (y & ~SIGN)) {
        U t = x;
        x = y;
        y = t;
    }
    U opposite = (x ^ y) & SIGN;
    int exponent = exponent_of(x), lesser = exponent_of(y);
    if (exponent == EXPONENT_MAX) {
        int infinities_cancel = opposite && (y & ~SIGN) == INFINITE;
        return from_bits(is_nan(x) || infinities_cancel ? CANONICAL : x);
    }
    if ((y & ~SIGN) == 0)
        return from_bits((x & ~SIGN) == 0 ? x & y : x);
    U wide = x & (HIDDEN - 1), other = y & (HIDDEN - 1);
    if (exponent) wide |= HIDDEN; else exponent = 1;
    if (lesser) other |= HIDDEN; else lesser = 1;
    wide <<= 3;
    other = shift_sticky(other << 3, exponent - lesser);
    if (opposite) {
        wide -= other;
        if (wide == 0)
            return from_bits(0);
        int shift = leading_zeros(wide) - (WIDTH - 1 - FRACTION - 3);
        if (shift >= exponent)
            shift = exponent - 1;
        wide <<= shift;
        exponent -= shift;
    } else {
        wide += other;
        if (wide >> (FRACTION + 4)) {
            wide = shift_sticky(wide, 1);
            exponent++;
        }
    }
    return finish(x & SIGN, exponent, wide);
}

F NAME(sub)(F a, F b) {
    return NAME(add)(a, from_bits(bits(b) ^ SIGN));
}

F NAME(mul)(F a, F b) {
    U x = bits(a), y = bits(b), sign = (x ^ y) & SIGN;
    x &= ~SIGN;
    y &= ~SIGN;
    if (x >= INFINITE || y >= INFINITE)
        return from_bits(is_nan(x) || is_nan(y) || x == 0 || y == 0 ? CANONICAL : sign | INFINITE);
    if (x == 0 || y == 0)
        return from_bits(sign);
    int ex, ey;
    U mx = unpack(x, &ex), my = unpack(y, &ey);
    // Shifted so that the upper half of the product is wide, or one bit more than that.
    U low, wide = NAME(wide_mul)(mx << (WIDTH - 1 - FRACTION), my << 4, &low);
    wide |= low != 0;
    int exponent = ex + ey - BIAS;
    if (wide >> (FRACTION + 4)) {
        wide = shift_sticky(wide, 1);
        exponent++;
    }
    return finish(sign, exponent, wide);
}

F NAME(div)(F a, F b) {
    U x = bits(a), y = bits(b), sign = (x ^ y) & SIGN;
    x &= ~SIGN;
    y &= ~SIGN;
    if (is_nan(x) || is_nan(y) || (x == y && (x == 0 || x == INFINITE)))
        return from_bits(CANONICAL);
    if (x == INFINITE || y == 0)
        return from_bits(sign | INFINITE);
    if (y == INFINITE || x == 0)
        return from_bits(sign);
    int ex, ey;
    U rest = unpack(x, &ex), divisor = unpack(y, &ey), wide = 0;
    int exponent = ex - ey + BIAS;
    if (rest < divisor) {
        rest <<= 1;
        exponent--;
    }
    for (int i = 0; i < FRACTION + 4; i++) {
        wide <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            wide |= 1;
        }
        rest <<= 1;
    }
    return finish(sign, exponent, wide | (rest != 0));
}

F NAME(sqrt)(F a) {
    U x = bits(a);
    if ((x & ~SIGN) == 0 || x == INFINITE)
        return a;
    if (x > INFINITE)
        return from_bits(CANONICAL);
    int exponent;
    // A root's digits, one a round: `twice` is two times the root so far.
    U rest = unpack(x, &exponent) << 3, twice = 0, wide = 0;
    exponent -= BIAS;
    if (exponent & 1)
        rest <<= 1;
    for (U digit = HIDDEN << 3; digit; digit >>= 1) {
        if (twice + digit <= rest) {
            rest -= twice + digit;
            twice += 2 * digit;
            wide += digit;
        }
        rest <<= 1;
    }
    return finish(0, (exponent >> 1) + BIAS, wide | (rest != 0));
}

// Comparison as the GNU routines have it: negative, 0 or positive; `unordered` if there is a NaN.
static int NAME(compare)(F a, F b, int unordered) {
    U x = bits(a), y = bits(b);
    if (is_nan(x) || is_nan(y))
        return unordered;
    if (x == y || ((x | y) & ~SIGN) == 0)
        return 0;
    int less = (I)x < (I)y;
    // The lesser of two negative numbers has the greater bits.
    return ((x & y & SIGN) != 0) != less ? -1 : 1;
}

int NAME(compare_less)(F a, F b) { return NAME(compare)(a, b, 1); }
int NAME(compare_greater)(F a, F b) { return NAME(compare)(a, b, -1); }
int NAME(unordered)(F a, F b) { return is_nan(bits(a)) || is_nan(bits(b)); }
int NAME(eq)(F a, F b) { return NAME(compare)(a, b, 1) == 0; }
int NAME(lt)(F a, F b) { return NAME(compare)(a, b, 1) < 0; }
int NAME(le)(F a, F b) { return NAME(compare)(a, b, 1) <= 0; }
int NAME(gt)(F a, F b) { return NAME(compare)(a, b, -1) > 0; }
int NAME(ge)(F a, F b) { return NAME(compare)(a, b, -1) >= 0; }

static F NAME(from_magnitude)(int negative, u64 magnitude) {
    if (magnitude == 0)
        return from_bits(0);
    int zeros = leading_zeros_64(magnitude);
    int shift = FRACTION + 3 - (63 - zeros);
    u64 wide = shift < 0 ? shift_sticky_64(magnitude, -shift) : magnitude << shift;
    return finish(negative ? SIGN : 0, BIAS + 63 - zeros, (U)wide);
}

F NAME(from_u64)(u64 x) { return NAME(from_magnitude)(0, x); }
F NAME(from_i64)(i64 x) { return NAME(from_magnitude)(x < 0, x < 0 ? -(u64)x : (u64)x); }
F NAME(from_u32)(u32 x) { return NAME(from_magnitude)(0, x); }
F NAME(from_i32)(i32 x) { return NAME(from_magnitude)(x < 0, x < 0 ? -(u32)x : (u32)x); }

// The integral part, if it fits; else anything.
static u64 NAME(to_integer)(F a) {
    U x = bits(a);
    int exponent = exponent_of(x) - BIAS;
    if (exponent < 0)
        return 0;
    u64 magnitude = (x & (HIDDEN - 1)) | HIDDEN;
    magnitude = exponent < FRACTION ? magnitude >> (FRACTION - exponent) : magnitude << ((exponent - FRACTION) & 63);
    return x & SIGN ? -magnitude : magnitude;
}

u64 NAME(to_u64)(F a) { return NAME(to_integer)(a); }
i64 NAME(to_i64)(F a) { return (i64)NAME(to_integer)(a); }
u32 NAME(to_u32)(F a) { return (u32)NAME(to_integer)(a); }
i32 NAME(to_i32)(F a) { return (i32)NAME(to_integer)(a); }

// Rounding to an integral value. `small`: whether a number between 0 and 1, of either sign, becomes 1.
// `carry`: what is added to the bits before those of the fractional part, `below`, go.
#define ROUNDING(name, small, carry)                                                                                   \
    F NAME(name)(F a) {                                                                                                \
        U x = bits(a), sign = x & SIGN, magnitude = x & ~SIGN;                                                         \
        if (magnitude >= (U)(BIAS + FRACTION) << FRACTION)                                                             \
            return magnitude > INFINITE ? from_bits(CANONICAL) : a;                                                    \
        if (magnitude < ONE)                                                                                           \
            return from_bits(sign | (magnitude != 0 && (small) ? ONE : 0));                                            \
        U below = (HIDDEN - 1) >> (exponent_of(x) - BIAS);                                                             \
        return from_bits((x + (carry)) & ~below);                                                                      \
    }

ROUNDING(trunc, 0, 0)
ROUNDING(floor, sign, sign ? below : 0)
ROUNDING(ceil, !sign, sign ? 0 : below)
ROUNDING(nearest, magnitude > ONE - HIDDEN, (below >> 1) + ((x & (below + 1)) != 0))

#undef ROUNDING
#undef EXPONENT_MAX
#undef BIAS
#undef SIGN
#undef HIDDEN
#undef INFINITE
#undef CANONICAL
#undef ONE
#undef bits
#undef from_bits
#undef exponent_of
#undef leading_zeros
#undef shift_sticky
#undef finish
#undef unpack
#undef is_nan
