
define i64 @shift_left(i64 %0, i32 %1) {
  %3 = lshr i64 %0, 32
  %4 = trunc i64 %3 to i32
  %5 = trunc i64 %0 to i32
  %6 = and i32 %1, 32
  %7 = icmp ne i32 %6, 0
  br i1 %7, label %8, label %12

8:
  %9 = and i32 %1, 31
  %10 = shl i32 %5, %9
  %11 = call i64 @pair(i32 %10, i32 0)
  br label %21

12:
  %13 = icmp eq i32 %1, 0
  br i1 %13, label %21, label %14

14:
  %15 = shl i32 %4, %1
  %16 = sub i32 32, %1
  %17 = lshr i32 %5, %16
  %18 = or i32 %15, %17
  %19 = shl i32 %5, %1
  %20 = call i64 @pair(i32 %18, i32 %19)
  br label %21

21:
  %.0 = phi i64 [ %11, %8 ], [ %20, %14 ], [ %0, %12 ]
  ret i64 %.0
}

define internal i64 @pair(i32 %0, i32 %1) {
  %3 = zext i32 %0 to i64
  %4 = shl i64 %3, 32
  %5 = zext i32 %1 to i64
  %6 = or i64 %4, %5
  ret i64 %6
}

define i64 @shift_right(i64 %0, i32 %1) {
  %3 = lshr i64 %0, 32
  %4 = trunc i64 %3 to i32
  %5 = trunc i64 %0 to i32
  %6 = and i32 %1, 32
  %7 = icmp ne i32 %6, 0
  br i1 %7, label %8, label %12

8:
  %9 = and i32 %1, 31
  %10 = lshr i32 %4, %9
  %11 = zext i32 %10 to i64
  br label %21

12:
  %13 = icmp eq i32 %1, 0
  br i1 %13, label %21, label %14

14:
  %15 = lshr i32 %4, %1
  %16 = lshr i32 %5, %1
  %17 = sub i32 32, %1
  %18 = shl i32 %4, %17
  %19 = or i32 %16, %18
  %20 = call i64 @pair(i32 %15, i32 %19)
  br label %21

21:
  %.0 = phi i64 [ %11, %8 ], [ %20, %14 ], [ %0, %12 ]
  ret i64 %.0
}

define i64 @shift_right_signed(i64 %0, i32 %1) {
  %3 = lshr i64 %0, 32
  %4 = trunc i64 %3 to i32
  %5 = trunc i64 %0 to i32
  %6 = ashr i32 %4, 31
  %7 = and i32 %1, 32
  %8 = icmp ne i32 %7, 0
  br i1 %8, label %9, label %13

9:
  %10 = and i32 %1, 31
  %11 = ashr i32 %4, %10
  %12 = call i64 @pair(i32 %6, i32 %11)
  br label %22

13:
  %14 = icmp eq i32 %1, 0
  br i1 %14, label %22, label %15

15:
  %16 = ashr i32 %4, %1
  %17 = lshr i32 %5, %1
  %18 = sub i32 32, %1
  %19 = shl i32 %4, %18
  %20 = or i32 %17, %19
  %21 = call i64 @pair(i32 %16, i32 %20)
  br label %22

22:
  %.0 = phi i64 [ %12, %9 ], [ %21, %15 ], [ %0, %13 ]
  ret i64 %.0
}

define i64 @div_rem_u32(i32 %0, i32 %1) {
  %3 = icmp uge i32 %0, %1
  br i1 %3, label %4, label %18

4:
  %5 = call i32 @leading_zeros_32(i32 %1)
  %6 = call i32 @leading_zeros_32(i32 %0)
  %7 = sub i32 %5, %6
  %8 = shl i32 %1, %7
  %9 = shl i32 1, %7
  br label %10

10:
  %.022 = phi i32 [ %8, %4 ], [ %17, %12 ]
  %.120 = phi i32 [ 0, %4 ], [ %.221, %12 ]
  %.1 = phi i32 [ %0, %4 ], [ %.2, %12 ]
  %.0 = phi i32 [ %9, %4 ], [ %16, %12 ]
  %11 = icmp ne i32 %.0, 0
  br i1 %11, label %12, label %18

12:
  %13 = icmp uge i32 %.1, %.022
  %14 = sub i32 %.1, %.022
  %15 = or i32 %.120, %.0
  %.221 = select i1 %13, i32 %15, i32 %.120
  %.2 = select i1 %13, i32 %14, i32 %.1
  %16 = lshr i32 %.0, 1
  %17 = lshr i32 %.022, 1
  br label %10

18:
  %.019 = phi i32 [ 0, %2 ], [ %.120, %10 ]
  %.018 = phi i32 [ %0, %2 ], [ %.1, %10 ]
  %19 = call i64 @pair(i32 %.018, i32 %.019)
  ret i64 %19
}

define internal i32 @leading_zeros_32(i32 %0) {
  %2 = icmp ne i32 %0, 0
  %3 = call i32 @llvm.ctlz.i32(i32 %0, i1 true)
  %4 = select i1 %2, i32 %3, i32 32
  ret i32 %4
}

define i32 @div_u32(i32 %0, i32 %1) {
  %3 = call i64 @div_rem_u32(i32 %0, i32 %1)
  %4 = trunc i64 %3 to i32
  ret i32 %4
}

define i64 @div_rem_s32(i32 %0, i32 %1) {
  %3 = lshr i32 %0, 31
  %4 = sub i32 0, %3
  %5 = lshr i32 %1, 31
  %6 = sub i32 0, %5
  %7 = xor i32 %0, %4
  %8 = sub i32 %7, %4
  %9 = xor i32 %1, %6
  %10 = sub i32 %9, %6
  %11 = call i64 @div_rem_u32(i32 %8, i32 %10)
  %12 = trunc i64 %11 to i32
  %13 = lshr i64 %11, 32
  %14 = trunc i64 %13 to i32
  %15 = xor i32 %4, %6
  %16 = xor i32 %14, %4
  %17 = sub i32 %16, %4
  %18 = xor i32 %12, %15
  %19 = sub i32 %18, %15
  %20 = call i64 @pair(i32 %17, i32 %19)
  ret i64 %20
}

define i32 @div_s32(i32 %0, i32 %1) {
  %3 = call i64 @div_rem_s32(i32 %0, i32 %1)
  %4 = trunc i64 %3 to i32
  ret i32 %4
}

define { i64, i64 } @div_rem_u64(i64 %0, i64 %1) {
  %3 = call { i64, i64 } @div_rem(i64 %0, i64 %1)
  ret { i64, i64 } %3
}

define internal { i64, i64 } @div_rem(i64 %0, i64 %1) {
  %3 = lshr i64 %0, 32
  %4 = trunc i64 %3 to i32
  %5 = lshr i64 %1, 32
  %6 = trunc i64 %5 to i32
  %7 = trunc i64 %1 to i32
  %8 = icmp eq i32 %6, 0
  br i1 %8, label %9, label %30

9:
  %10 = trunc i64 %0 to i32
  %11 = icmp uge i32 %4, %7
  br i1 %11, label %12, label %15

12:
  %13 = udiv i32 %4, %7
  %14 = urem i32 %4, %7
  br label %15

15:
  %.044 = phi i32 [ %13, %12 ], [ 0, %9 ]
  %.0 = phi i32 [ %14, %12 ], [ %4, %9 ]
  %16 = icmp eq i32 %.0, 0
  br i1 %16, label %17, label %19

17:
  %18 = udiv i32 %10, %7
  br label %28

19:
  %20 = call i32 @leading_zeros_32(i32 %7)
  %21 = call i64 @pair(i32 %.0, i32 %10)
  %22 = call i64 @shift_left(i64 %21, i32 %20)
  %23 = lshr i64 %22, 32
  %24 = trunc i64 %23 to i32
  %25 = trunc i64 %22 to i32
  %26 = shl i32 %7, %20
  %27 = call i32 @div_normalized(i32 %24, i32 %25, i32 %26)
  br label %28

28:
  %.045 = phi i32 [ %18, %17 ], [ %27, %19 ]
  %29 = call i64 @pair(i32 %.044, i32 %.045)
  br label %49

30:
  %31 = call i32 @leading_zeros_32(i32 %6)
  %32 = lshr i64 %0, 1
  %33 = lshr i64 %32, 32
  %34 = trunc i64 %33 to i32
  %35 = trunc i64 %32 to i32
  %36 = call i64 @shift_left(i64 %1, i32 %31)
  %37 = lshr i64 %36, 32
  %38 = trunc i64 %37 to i32
  %39 = call i32 @div_normalized(i32 %34, i32 %35, i32 %38)
  %40 = sub i32 31, %31
  %41 = lshr i32 %39, %40
  %42 = zext i32 %41 to i64
  %43 = icmp ne i64 %42, 0
  %44 = add i64 %42, -1
  %spec.select = select i1 %43, i64 %44, i64 %42
  %45 = mul i64 %spec.select, %1
  %46 = sub i64 %0, %45
  %47 = icmp uge i64 %46, %1
  %48 = add i64 %spec.select, 1
  %.2 = select i1 %47, i64 %48, i64 %spec.select
  br label %49

49:
  %.043 = phi i64 [ %29, %28 ], [ %.2, %30 ]
  %50 = mul i64 %.043, %1
  %51 = sub i64 %0, %50
  %.fca.0.insert = insertvalue { i64, i64 } poison, i64 %.043, 0
  %.fca.1.insert = insertvalue { i64, i64 } %.fca.0.insert, i64 %51, 1
  ret { i64, i64 } %.fca.1.insert
}

define { i64, i64 } @div_rem_s64(i64 %0, i64 %1) {
  %3 = lshr i64 %0, 63
  %4 = sub i64 0, %3
  %5 = lshr i64 %1, 63
  %6 = sub i64 0, %5
  %7 = xor i64 %4, %6
  %8 = xor i64 %0, %4
  %9 = sub i64 %8, %4
  %10 = xor i64 %1, %6
  %11 = sub i64 %10, %6
  %12 = call { i64, i64 } @div_rem(i64 %9, i64 %11)
  %13 = extractvalue { i64, i64 } %12, 0
  %14 = extractvalue { i64, i64 } %12, 1
  %15 = xor i64 %13, %7
  %16 = sub i64 %15, %7
  %17 = xor i64 %14, %4
  %18 = sub i64 %17, %4
  %.fca.0.insert = insertvalue { i64, i64 } poison, i64 %16, 0
  %.fca.1.insert = insertvalue { i64, i64 } %.fca.0.insert, i64 %18, 1
  ret { i64, i64 } %.fca.1.insert
}

define i64 @div_u64(i64 %0, i64 %1) {
  %3 = call { i64, i64 } @div_rem_u64(i64 %0, i64 %1)
  %4 = extractvalue { i64, i64 } %3, 0
  ret i64 %4
}

define i64 @rem_u64(i64 %0, i64 %1) {
  %3 = call { i64, i64 } @div_rem_u64(i64 %0, i64 %1)
  %4 = extractvalue { i64, i64 } %3, 1
  ret i64 %4
}

define i64 @div_s64(i64 %0, i64 %1) {
  %3 = call { i64, i64 } @div_rem_s64(i64 %0, i64 %1)
  %4 = extractvalue { i64, i64 } %3, 0
  ret i64 %4
}

define i64 @rem_s64(i64 %0, i64 %1) {
  %3 = call { i64, i64 } @div_rem_s64(i64 %0, i64 %1)
  %4 = extractvalue { i64, i64 } %3, 1
  ret i64 %4
}

define i128 @div_u128(i128 %0, i128 %1) {
  %3 = alloca i128, align 16
  %4 = call i128 @divide_u128(i128 %0, i128 %1, ptr %3)
  ret i128 %4
}

define internal i128 @divide_u128(i128 %0, i128 %1, ptr %2) {
  %4 = or i128 %0, %1
  %5 = lshr i128 %4, 64
  %6 = icmp ne i128 %5, 0
  br i1 %6, label %16, label %7

7:
  %8 = trunc i128 %0 to i64
  %9 = trunc i128 %1 to i64
  %10 = urem i64 %8, %9
  %11 = zext i64 %10 to i128
  store i128 %11, ptr %2, align 16
  %12 = trunc i128 %0 to i64
  %13 = trunc i128 %1 to i64
  %14 = udiv i64 %12, %13
  %15 = zext i64 %14 to i128
  br label %34

16:
  %.025 = phi i128 [ %.126, %18 ], [ 0, %3 ]
  %.024 = phi i128 [ %.1, %18 ], [ 0, %3 ]
  %.023 = phi i32 [ %32, %18 ], [ 127, %3 ]
  %17 = icmp sge i32 %.023, 0
  br i1 %17, label %18, label %33

18:
  %19 = lshr i128 %.024, 127
  %20 = trunc i128 %19 to i64
  %21 = shl i128 %.024, 1
  %22 = zext i32 %.023 to i128
  %23 = lshr i128 %0, %22
  %24 = and i128 %23, 1
  %25 = or i128 %21, %24
  %26 = icmp ne i64 %20, 0
  %27 = icmp uge i128 %25, %1
  %or.cond = select i1 %26, i1 true, i1 %27
  %28 = sub i128 %25, %1
  %29 = zext i32 %.023 to i128
  %30 = shl i128 1, %29
  %31 = or i128 %.025, %30
  %.126 = select i1 %or.cond, i128 %31, i128 %.025
  %.1 = select i1 %or.cond, i128 %28, i128 %25
  %32 = add i32 %.023, -1
  br label %16

33:
  store i128 %.024, ptr %2, align 16
  br label %34

34:
  %.0 = phi i128 [ %.025, %33 ], [ %15, %7 ]
  ret i128 %.0
}

define i128 @rem_u128(i128 %0, i128 %1) {
  %3 = alloca i128, align 16
  %4 = call i128 @divide_u128(i128 %0, i128 %1, ptr %3)
  %5 = load i128, ptr %3, align 16
  ret i128 %5
}

define float @add_f32(float %0, float %1) {
  %3 = call i32 @bits_f32(float %0)
  %4 = call i32 @bits_f32(float %1)
  %5 = and i32 %3, 2147483647
  %6 = and i32 %4, 2147483647
  %7 = icmp ult i32 %5, %6
  %spec.select = select i1 %7, i32 %3, i32 %4
  %spec.select61 = select i1 %7, i32 %4, i32 %3
  %8 = xor i32 %spec.select61, %spec.select
  %9 = and i32 %8, -2147483648
  %10 = call i32 @exponent_of_f32(i32 %spec.select61)
  %11 = call i32 @exponent_of_f32(i32 %spec.select)
  %12 = icmp eq i32 %10, 255
  br i1 %12, label %13, label %22

13:
  %14 = icmp ne i32 %9, 0
  %15 = and i32 %spec.select, 2147483647
  %16 = icmp eq i32 %15, 2139095040
  %17 = select i1 %14, i1 %16, i1 false
  %18 = call i32 @is_nan_f32(i32 %spec.select61)
  %19 = icmp ne i32 %18, 0
  %brmerge = select i1 %19, i1 true, i1 %17
  %20 = select i1 %brmerge, i32 2143289344, i32 %spec.select61
  %21 = call float @from_bits_f32(i32 %20)
  br label %65

22:
  %23 = and i32 %spec.select, 2147483647
  %24 = icmp eq i32 %23, 0
  br i1 %24, label %25, label %31

25:
  %26 = and i32 %spec.select61, 2147483647
  %27 = icmp eq i32 %26, 0
  %28 = and i32 %spec.select61, %spec.select
  %29 = select i1 %27, i32 %28, i32 %spec.select61
  %30 = call float @from_bits_f32(i32 %29)
  br label %65

31:
  %32 = and i32 %spec.select61, 8388607
  %33 = and i32 %spec.select, 8388607
  %34 = icmp ne i32 %10, 0
  %35 = or i32 %32, 8388608
  %.056 = select i1 %34, i32 %10, i32 1
  %.053 = select i1 %34, i32 %35, i32 %32
  %36 = icmp ne i32 %11, 0
  %37 = or i32 %33, 8388608
  %.055 = select i1 %36, i32 %11, i32 1
  %.052 = select i1 %36, i32 %37, i32 %33
  %38 = shl i32 %.053, 3
  %39 = shl i32 %.052, 3
  %40 = sub i32 %.056, %.055
  %41 = call i32 @shift_sticky_f32(i32 %39, i32 %40)
  %42 = icmp ne i32 %9, 0
  br i1 %42, label %43, label %55

43:
  %44 = sub i32 %38, %41
  %45 = icmp eq i32 %44, 0
  br i1 %45, label %46, label %48

46:
  %47 = call float @from_bits_f32(i32 0)
  br label %65

48:
  %49 = call i32 @leading_zeros_f32(i32 %44)
  %50 = sub i32 %49, 5
  %51 = icmp sge i32 %50, %.056
  %52 = sub i32 %.056, 1
  %spec.select62 = select i1 %51, i32 %52, i32 %50
  %53 = shl i32 %44, %spec.select62
  %54 = sub i32 %.056, %spec.select62
  br label %62

55:
  %56 = add i32 %38, %41
  %57 = lshr i32 %56, 27
  %58 = icmp ne i32 %57, 0
  br i1 %58, label %59, label %62

59:
  %60 = call i32 @shift_sticky_f32(i32 %56, i32 1)
  %61 = add i32 %.056, 1
  br label %62

62:
  %.157 = phi i32 [ %54, %48 ], [ %61, %59 ], [ %.056, %55 ]
  %.1 = phi i32 [ %53, %48 ], [ %60, %59 ], [ %56, %55 ]
  %63 = and i32 %spec.select61, -2147483648
  %64 = call float @finish_f32(i32 %63, i32 %.157, i32 %.1)
  br label %65

65:
  %.054 = phi float [ %21, %13 ], [ %30, %25 ], [ %47, %46 ], [ %64, %62 ]
  ret float %.054
}

define internal i32 @bits_f32(float %0) {
  %2 = bitcast float %0 to i32
  ret i32 %2
}

define internal i32 @exponent_of_f32(i32 %0) {
  %2 = lshr i32 %0, 23
  %3 = and i32 %2, 255
  ret i32 %3
}

define internal float @from_bits_f32(i32 %0) {
  %2 = bitcast i32 %0 to float
  ret float %2
}

define internal i32 @is_nan_f32(i32 %0) {
  %2 = and i32 %0, 2147483647
  %3 = icmp ugt i32 %2, 2139095040
  %4 = zext i1 %3 to i32
  ret i32 %4
}

define internal i32 @shift_sticky_f32(i32 %0, i32 %1) {
  %3 = icmp sge i32 %1, 32
  br i1 %3, label %4, label %7

4:
  %5 = icmp ne i32 %0, 0
  %6 = zext i1 %5 to i32
  br label %15

7:
  %8 = lshr i32 %0, %1
  %9 = shl i32 1, %1
  %10 = sub i32 %9, 1
  %11 = and i32 %0, %10
  %12 = icmp ne i32 %11, 0
  %13 = zext i1 %12 to i32
  %14 = or i32 %8, %13
  br label %15

15:
  %.0 = phi i32 [ %6, %4 ], [ %14, %7 ]
  ret i32 %.0
}

define internal i32 @leading_zeros_f32(i32 %0) {
  %2 = call i32 @leading_zeros_32(i32 %0)
  ret i32 %2
}

define internal float @finish_f32(i32 %0, i32 %1, i32 %2) {
  %4 = icmp sge i32 %1, 255
  br i1 %4, label %5, label %8

5:
  %6 = or i32 %0, 2139095040
  %7 = call float @from_bits_f32(i32 %6)
  br label %31

8:
  %9 = icmp slt i32 %1, 1
  br i1 %9, label %10, label %13

10:
  %11 = sub i32 1, %1
  %12 = call i32 @shift_sticky_f32(i32 %2, i32 %11)
  br label %13

13:
  %.015 = phi i32 [ 1, %10 ], [ %1, %8 ]
  %.014 = phi i32 [ %12, %10 ], [ %2, %8 ]
  %14 = sub i32 %.015, 1
  %15 = shl i32 %14, 23
  %16 = lshr i32 %.014, 3
  %17 = add i32 %15, %16
  %18 = and i32 %.014, 7
  %19 = icmp ugt i32 %18, 4
  br i1 %19, label %25, label %20

20:
  %21 = icmp eq i32 %18, 4
  %22 = and i32 %17, 1
  %23 = icmp ne i32 %22, 0
  %24 = select i1 %21, i1 %23, i1 false
  br label %25

25:
  %26 = phi i1 [ true, %13 ], [ %24, %20 ]
  %27 = zext i1 %26 to i32
  %28 = add i32 %17, %27
  %29 = or i32 %0, %28
  %30 = call float @from_bits_f32(i32 %29)
  br label %31

31:
  %.0 = phi float [ %7, %5 ], [ %30, %25 ]
  ret float %.0
}

define float @sub_f32(float %0, float %1) {
  %3 = call i32 @bits_f32(float %1)
  %4 = xor i32 %3, -2147483648
  %5 = call float @from_bits_f32(i32 %4)
  %6 = call float @add_f32(float %0, float %5)
  ret float %6
}

define float @mul_f32(float %0, float %1) {
  %3 = alloca i32, align 4
  %4 = alloca i32, align 4
  %5 = alloca i32, align 4
  %6 = call i32 @bits_f32(float %0)
  %7 = call i32 @bits_f32(float %1)
  %8 = xor i32 %6, %7
  %9 = and i32 %8, -2147483648
  %10 = and i32 %6, 2147483647
  %11 = and i32 %7, 2147483647
  %12 = icmp uge i32 %10, 2139095040
  %13 = icmp uge i32 %11, 2139095040
  %or.cond = select i1 %12, i1 true, i1 %13
  br i1 %or.cond, label %14, label %26

14:
  %15 = call i32 @is_nan_f32(i32 %10)
  %16 = icmp ne i32 %15, 0
  br i1 %16, label %23, label %17

17:
  %18 = call i32 @is_nan_f32(i32 %11)
  %19 = icmp ne i32 %18, 0
  %20 = icmp eq i32 %10, 0
  %or.cond29 = or i1 %19, %20
  %21 = icmp eq i32 %11, 0
  %or.cond30 = select i1 %or.cond29, i1 true, i1 %21
  %22 = or i32 %9, 2139095040
  %spec.select = select i1 %or.cond30, i32 2143289344, i32 %22
  br label %23

23:
  %24 = phi i32 [ 2143289344, %14 ], [ %spec.select, %17 ]
  %25 = call float @from_bits_f32(i32 %24)
  br label %52

26:
  %27 = icmp eq i32 %10, 0
  %28 = icmp eq i32 %11, 0
  %or.cond31 = select i1 %27, i1 true, i1 %28
  br i1 %or.cond31, label %29, label %31

29:
  %30 = call float @from_bits_f32(i32 %9)
  br label %52

31:
  %32 = call i32 @unpack_f32(i32 %10, ptr %3)
  %33 = call i32 @unpack_f32(i32 %11, ptr %4)
  %34 = shl i32 %32, 8
  %35 = shl i32 %33, 4
  %36 = call i32 @wide_mul_f32(i32 %34, i32 %35, ptr %5)
  %37 = load i32, ptr %5, align 4
  %38 = icmp ne i32 %37, 0
  %39 = zext i1 %38 to i32
  %40 = or i32 %36, %39
  %41 = load i32, ptr %3, align 4
  %42 = load i32, ptr %4, align 4
  %43 = add i32 %41, %42
  %44 = sub i32 %43, 127
  %45 = lshr i32 %40, 27
  %46 = icmp ne i32 %45, 0
  br i1 %46, label %47, label %50

47:
  %48 = call i32 @shift_sticky_f32(i32 %40, i32 1)
  %49 = add i32 %44, 1
  br label %50

50:
  %.027 = phi i32 [ %48, %47 ], [ %40, %31 ]
  %.0 = phi i32 [ %49, %47 ], [ %44, %31 ]
  %51 = call float @finish_f32(i32 %9, i32 %.0, i32 %.027)
  br label %52

52:
  %.028 = phi float [ %25, %23 ], [ %30, %29 ], [ %51, %50 ]
  ret float %.028
}

define internal i32 @unpack_f32(i32 %0, ptr %1) {
  %3 = and i32 %0, 8388607
  %4 = call i32 @exponent_of_f32(i32 %0)
  store i32 %4, ptr %1, align 4
  %5 = load i32, ptr %1, align 4
  %6 = icmp ne i32 %5, 0
  br i1 %6, label %7, label %9

7:
  %8 = or i32 %3, 8388608
  br label %14

9:
  %10 = call i32 @leading_zeros_f32(i32 %3)
  %11 = sub i32 %10, 8
  %12 = sub i32 1, %11
  store i32 %12, ptr %1, align 4
  %13 = shl i32 %3, %11
  br label %14

14:
  %.0 = phi i32 [ %8, %7 ], [ %13, %9 ]
  ret i32 %.0
}

define internal i32 @wide_mul_f32(i32 %0, i32 %1, ptr %2) {
  %4 = zext i32 %0 to i64
  %5 = zext i32 %1 to i64
  %6 = mul i64 %4, %5
  %7 = trunc i64 %6 to i32
  store i32 %7, ptr %2, align 4
  %8 = lshr i64 %6, 32
  %9 = trunc i64 %8 to i32
  ret i32 %9
}

define float @div_f32(float %0, float %1) {
  %3 = alloca i32, align 4
  %4 = alloca i32, align 4
  %5 = call i32 @bits_f32(float %0)
  %6 = call i32 @bits_f32(float %1)
  %7 = xor i32 %5, %6
  %8 = and i32 %7, -2147483648
  %9 = and i32 %5, 2147483647
  %10 = and i32 %6, 2147483647
  %11 = call i32 @is_nan_f32(i32 %9)
  %12 = icmp ne i32 %11, 0
  br i1 %12, label %19, label %13

13:
  %14 = call i32 @is_nan_f32(i32 %10)
  %15 = icmp ne i32 %14, 0
  br i1 %15, label %19, label %16

16:
  %17 = icmp eq i32 %9, %10
  br i1 %17, label %18, label %21

18:
  switch i32 %9, label %24 [
    i32 0, label %19
    i32 2139095040, label %19
  ]

19:
  %20 = call float @from_bits_f32(i32 2143289344)
  br label %58

21:
  %22 = icmp eq i32 %9, 2139095040
  %23 = icmp eq i32 %10, 0
  %or.cond = select i1 %22, i1 true, i1 %23
  br i1 %or.cond, label %25, label %28

24:
  switch i32 %10, label %31 [
    i32 0, label %25
    i32 2139095040, label %32
  ]

25:
  %26 = or i32 %8, 2139095040
  %27 = call float @from_bits_f32(i32 %26)
  br label %58

28:
  %29 = icmp eq i32 %10, 2139095040
  %30 = icmp eq i32 %9, 0
  %or.cond42 = or i1 %29, %30
  br i1 %or.cond42, label %32, label %34

31:
  %.old = icmp eq i32 %9, 0
  br i1 %.old, label %32, label %34

32:
  %33 = call float @from_bits_f32(i32 %8)
  br label %58

34:
  %35 = call i32 @unpack_f32(i32 %9, ptr %3)
  %36 = call i32 @unpack_f32(i32 %10, ptr %4)
  %37 = load i32, ptr %3, align 4
  %38 = load i32, ptr %4, align 4
  %39 = sub i32 %37, %38
  %40 = add i32 %39, 127
  %41 = icmp ult i32 %35, %36
  %42 = shl i32 %35, 1
  %43 = add i32 %40, -1
  %.040 = select i1 %41, i32 %42, i32 %35
  %.037 = select i1 %41, i32 %43, i32 %40
  br label %44

44:
  %.141 = phi i32 [ %.040, %34 ], [ %51, %46 ]
  %.038 = phi i32 [ 0, %34 ], [ %.1, %46 ]
  %.0 = phi i32 [ 0, %34 ], [ %52, %46 ]
  %45 = icmp slt i32 %.0, 27
  br i1 %45, label %46, label %53

46:
  %47 = shl i32 %.038, 1
  %48 = icmp uge i32 %.141, %36
  %49 = sub i32 %.141, %36
  %50 = or i32 %47, 1
  %.2 = select i1 %48, i32 %49, i32 %.141
  %.1 = select i1 %48, i32 %50, i32 %47
  %51 = shl i32 %.2, 1
  %52 = add i32 %.0, 1
  br label %44

53:
  %54 = icmp ne i32 %.141, 0
  %55 = zext i1 %54 to i32
  %56 = or i32 %.038, %55
  %57 = call float @finish_f32(i32 %8, i32 %.037, i32 %56)
  br label %58

58:
  %.039 = phi float [ %20, %19 ], [ %27, %25 ], [ %33, %32 ], [ %57, %53 ]
  ret float %.039
}

define float @sqrt_f32(float %0) {
  %2 = alloca i32, align 4
  %3 = call i32 @bits_f32(float %0)
  switch i32 %3, label %4 [
    i32 -2147483648, label %39
    i32 2139095040, label %39
    i32 0, label %39
  ]

4:
  %5 = icmp ugt i32 %3, 2139095040
  br i1 %5, label %6, label %8

6:
  %7 = call float @from_bits_f32(i32 2143289344)
  br label %39

8:
  %9 = call i32 @unpack_f32(i32 %3, ptr %2)
  %10 = shl i32 %9, 3
  %11 = load i32, ptr %2, align 4
  %12 = sub i32 %11, 127
  store i32 %12, ptr %2, align 4
  %13 = load i32, ptr %2, align 4
  %14 = and i32 %13, 1
  %15 = icmp ne i32 %14, 0
  %16 = shl i32 %10, 1
  %spec.select = select i1 %15, i32 %16, i32 %10
  br label %17

17:
  %.126 = phi i32 [ %spec.select, %8 ], [ %29, %28 ]
  %.023 = phi i32 [ 0, %8 ], [ %.124, %28 ]
  %.022 = phi i32 [ 0, %8 ], [ %.1, %28 ]
  %.0 = phi i32 [ 67108864, %8 ], [ %30, %28 ]
  %18 = icmp ne i32 %.0, 0
  br i1 %18, label %19, label %31

19:
  %20 = add i32 %.023, %.0
  %21 = icmp ule i32 %20, %.126
  br i1 %21, label %22, label %28

22:
  %23 = add i32 %.023, %.0
  %24 = sub i32 %.126, %23
  %25 = mul i32 2, %.0
  %26 = add i32 %.023, %25
  %27 = add i32 %.022, %.0
  br label %28

28:
  %.2 = phi i32 [ %24, %22 ], [ %.126, %19 ]
  %.124 = phi i32 [ %26, %22 ], [ %.023, %19 ]
  %.1 = phi i32 [ %27, %22 ], [ %.022, %19 ]
  %29 = shl i32 %.2, 1
  %30 = lshr i32 %.0, 1
  br label %17

31:
  %32 = load i32, ptr %2, align 4
  %33 = ashr i32 %32, 1
  %34 = add i32 %33, 127
  %35 = icmp ne i32 %.126, 0
  %36 = zext i1 %35 to i32
  %37 = or i32 %.022, %36
  %38 = call float @finish_f32(i32 0, i32 %34, i32 %37)
  br label %39

39:
  %.027 = phi float [ %38, %31 ], [ %7, %6 ], [ %0, %1 ], [ %0, %1 ], [ %0, %1 ]
  ret float %.027
}

define i32 @compare_less_f32(float %0, float %1) {
  %3 = call i32 @compare_f32(float %0, float %1, i32 1)
  ret i32 %3
}

define internal i32 @compare_f32(float %0, float %1, i32 %2) {
  %4 = call i32 @bits_f32(float %0)
  %5 = call i32 @bits_f32(float %1)
  %6 = call i32 @is_nan_f32(i32 %4)
  %7 = icmp ne i32 %6, 0
  br i1 %7, label %26, label %8

8:
  %9 = call i32 @is_nan_f32(i32 %5)
  %10 = icmp ne i32 %9, 0
  br i1 %10, label %26, label %11

11:
  %12 = icmp eq i32 %4, %5
  br i1 %12, label %26, label %13

13:
  %14 = or i32 %4, %5
  %15 = and i32 %14, 2147483647
  %16 = icmp eq i32 %15, 0
  br i1 %16, label %26, label %17

17:
  %18 = icmp slt i32 %4, %5
  %19 = zext i1 %18 to i32
  %20 = and i32 %4, %5
  %21 = and i32 %20, -2147483648
  %22 = icmp ne i32 %21, 0
  %23 = zext i1 %22 to i32
  %24 = icmp ne i32 %23, %19
  %25 = select i1 %24, i32 -1, i32 1
  br label %26

26:
  %.0 = phi i32 [ %25, %17 ], [ %2, %3 ], [ %2, %8 ], [ 0, %13 ], [ 0, %11 ]
  ret i32 %.0
}

define i32 @compare_greater_f32(float %0, float %1) {
  %3 = call i32 @compare_f32(float %0, float %1, i32 -1)
  ret i32 %3
}

define i32 @unordered_f32(float %0, float %1) {
  %3 = call i32 @bits_f32(float %0)
  %4 = call i32 @is_nan_f32(i32 %3)
  %5 = icmp ne i32 %4, 0
  br i1 %5, label %10, label %6

6:
  %7 = call i32 @bits_f32(float %1)
  %8 = call i32 @is_nan_f32(i32 %7)
  %9 = icmp ne i32 %8, 0
  br label %10

10:
  %11 = phi i1 [ true, %2 ], [ %9, %6 ]
  %12 = zext i1 %11 to i32
  ret i32 %12
}

define i32 @eq_f32(float %0, float %1) {
  %3 = call i32 @compare_f32(float %0, float %1, i32 1)
  %4 = icmp eq i32 %3, 0
  %5 = zext i1 %4 to i32
  ret i32 %5
}

define i32 @lt_f32(float %0, float %1) {
  %3 = call i32 @compare_f32(float %0, float %1, i32 1)
  %4 = icmp slt i32 %3, 0
  %5 = zext i1 %4 to i32
  ret i32 %5
}

define i32 @le_f32(float %0, float %1) {
  %3 = call i32 @compare_f32(float %0, float %1, i32 1)
  %4 = icmp sle i32 %3, 0
  %5 = zext i1 %4 to i32
  ret i32 %5
}

define i32 @gt_f32(float %0, float %1) {
  %3 = call i32 @compare_f32(float %0, float %1, i32 -1)
  %4 = icmp sgt i32 %3, 0
  %5 = zext i1 %4 to i32
  ret i32 %5
}

define i32 @ge_f32(float %0, float %1) {
  %3 = call i32 @compare_f32(float %0, float %1, i32 -1)
  %4 = icmp sge i32 %3, 0
  %5 = zext i1 %4 to i32
  ret i32 %5
}

define float @from_u64_f32(i64 %0) {
  %2 = call float @from_magnitude_f32(i32 0, i64 %0)
  ret float %2
}

define internal float @from_magnitude_f32(i32 %0, i64 %1) {
  %3 = icmp eq i64 %1, 0
  br i1 %3, label %4, label %6

4:
  %5 = call float @from_bits_f32(i32 0)
  br label %24

6:
  %7 = call i32 @leading_zeros_64(i64 %1)
  %8 = sub i32 63, %7
  %9 = sub i32 26, %8
  %10 = icmp slt i32 %9, 0
  br i1 %10, label %11, label %14

11:
  %12 = sub i32 0, %9
  %13 = call i64 @shift_sticky_64(i64 %1, i32 %12)
  br label %17

14:
  %15 = zext i32 %9 to i64
  %16 = shl i64 %1, %15
  br label %17

17:
  %18 = phi i64 [ %13, %11 ], [ %16, %14 ]
  %19 = icmp ne i32 %0, 0
  %20 = select i1 %19, i32 -2147483648, i32 0
  %21 = sub i32 190, %7
  %22 = trunc i64 %18 to i32
  %23 = call float @finish_f32(i32 %20, i32 %21, i32 %22)
  br label %24

24:
  %.0 = phi float [ %5, %4 ], [ %23, %17 ]
  ret float %.0
}

define float @from_i64_f32(i64 %0) {
  %2 = icmp slt i64 %0, 0
  %3 = zext i1 %2 to i32
  %4 = icmp slt i64 %0, 0
  %5 = sub i64 0, %0
  %6 = select i1 %4, i64 %5, i64 %0
  %7 = call float @from_magnitude_f32(i32 %3, i64 %6)
  ret float %7
}

define float @from_u32_f32(i32 %0) {
  %2 = zext i32 %0 to i64
  %3 = call float @from_magnitude_f32(i32 0, i64 %2)
  ret float %3
}

define float @from_i32_f32(i32 %0) {
  %2 = icmp slt i32 %0, 0
  %3 = zext i1 %2 to i32
  %4 = icmp slt i32 %0, 0
  %5 = sub i32 0, %0
  %6 = select i1 %4, i32 %5, i32 %0
  %7 = zext i32 %6 to i64
  %8 = call float @from_magnitude_f32(i32 %3, i64 %7)
  ret float %8
}

define i64 @to_u64_f32(float %0) {
  %2 = call i64 @to_integer_f32(float %0)
  ret i64 %2
}

define internal i64 @to_integer_f32(float %0) {
  %2 = call i32 @bits_f32(float %0)
  %3 = call i32 @exponent_of_f32(i32 %2)
  %4 = sub i32 %3, 127
  %5 = icmp slt i32 %4, 0
  br i1 %5, label %26, label %6

6:
  %7 = and i32 %2, 8388607
  %8 = or i32 %7, 8388608
  %9 = zext i32 %8 to i64
  %10 = icmp slt i32 %4, 23
  br i1 %10, label %11, label %15

11:
  %12 = sub i32 23, %4
  %13 = zext i32 %12 to i64
  %14 = lshr i64 %9, %13
  br label %20

15:
  %16 = sub i32 %4, 23
  %17 = and i32 %16, 63
  %18 = zext i32 %17 to i64
  %19 = shl i64 %9, %18
  br label %20

20:
  %21 = phi i64 [ %14, %11 ], [ %19, %15 ]
  %22 = and i32 %2, -2147483648
  %23 = icmp ne i32 %22, 0
  %24 = sub i64 0, %21
  %25 = select i1 %23, i64 %24, i64 %21
  br label %26

26:
  %.0 = phi i64 [ %25, %20 ], [ 0, %1 ]
  ret i64 %.0
}

define i64 @to_i64_f32(float %0) {
  %2 = call i64 @to_integer_f32(float %0)
  ret i64 %2
}

define i32 @to_u32_f32(float %0) {
  %2 = call i64 @to_integer_f32(float %0)
  %3 = trunc i64 %2 to i32
  ret i32 %3
}

define i32 @to_i32_f32(float %0) {
  %2 = call i64 @to_integer_f32(float %0)
  %3 = trunc i64 %2 to i32
  ret i32 %3
}

define float @trunc_f32(float %0) {
  %2 = call i32 @bits_f32(float %0)
  %3 = and i32 %2, -2147483648
  %4 = and i32 %2, 2147483647
  %5 = icmp uge i32 %4, 1258291200
  br i1 %5, label %6, label %10

6:
  %7 = icmp ugt i32 %4, 2139095040
  br i1 %7, label %8, label %21

8:
  %9 = call float @from_bits_f32(i32 2143289344)
  br label %21

10:
  %11 = icmp ult i32 %4, 1065353216
  br i1 %11, label %12, label %14

12:
  %13 = call float @from_bits_f32(i32 %3)
  br label %21

14:
  %15 = call i32 @exponent_of_f32(i32 %2)
  %16 = sub i32 %15, 127
  %17 = lshr i32 8388607, %16
  %18 = xor i32 %17, -1
  %19 = and i32 %2, %18
  %20 = call float @from_bits_f32(i32 %19)
  br label %21

21:
  %.0 = phi float [ %20, %14 ], [ %13, %12 ], [ %9, %8 ], [ %0, %6 ]
  ret float %.0
}

define float @floor_f32(float %0) {
  %2 = call i32 @bits_f32(float %0)
  %3 = and i32 %2, -2147483648
  %4 = and i32 %2, 2147483647
  %5 = icmp uge i32 %4, 1258291200
  br i1 %5, label %6, label %10

6:
  %7 = icmp ugt i32 %4, 2139095040
  br i1 %7, label %8, label %27

8:
  %9 = call float @from_bits_f32(i32 2143289344)
  br label %27

10:
  %11 = icmp ult i32 %4, 1065353216
  br i1 %11, label %12, label %18

12:
  %13 = icmp ne i32 %4, 0
  %14 = icmp ne i32 %3, 0
  %spec.select = select i1 %13, i1 %14, i1 false
  %15 = select i1 %spec.select, i32 1065353216, i32 0
  %16 = or i32 %3, %15
  %17 = call float @from_bits_f32(i32 %16)
  br label %27

18:
  %19 = call i32 @exponent_of_f32(i32 %2)
  %20 = sub i32 %19, 127
  %21 = lshr i32 8388607, %20
  %22 = icmp ne i32 %3, 0
  %. = select i1 %22, i32 %21, i32 0
  %23 = add i32 %2, %.
  %24 = xor i32 %21, -1
  %25 = and i32 %23, %24
  %26 = call float @from_bits_f32(i32 %25)
  br label %27

27:
  %.0 = phi float [ %26, %18 ], [ %17, %12 ], [ %9, %8 ], [ %0, %6 ]
  ret float %.0
}

define float @ceil_f32(float %0) {
  %2 = call i32 @bits_f32(float %0)
  %3 = and i32 %2, -2147483648
  %4 = and i32 %2, 2147483647
  %5 = icmp uge i32 %4, 1258291200
  br i1 %5, label %6, label %10

6:
  %7 = icmp ugt i32 %4, 2139095040
  br i1 %7, label %8, label %29

8:
  %9 = call float @from_bits_f32(i32 2143289344)
  br label %29

10:
  %11 = icmp ult i32 %4, 1065353216
  br i1 %11, label %12, label %20

12:
  %13 = icmp ne i32 %4, 0
  %14 = icmp ne i32 %3, 0
  %15 = xor i1 %14, true
  %16 = select i1 %13, i1 %15, i1 false
  %17 = select i1 %16, i32 1065353216, i32 0
  %18 = or i32 %3, %17
  %19 = call float @from_bits_f32(i32 %18)
  br label %29

20:
  %21 = call i32 @exponent_of_f32(i32 %2)
  %22 = sub i32 %21, 127
  %23 = lshr i32 8388607, %22
  %24 = icmp ne i32 %3, 0
  %. = select i1 %24, i32 0, i32 %23
  %25 = add i32 %2, %.
  %26 = xor i32 %23, -1
  %27 = and i32 %25, %26
  %28 = call float @from_bits_f32(i32 %27)
  br label %29

29:
  %.0 = phi float [ %28, %20 ], [ %19, %12 ], [ %9, %8 ], [ %0, %6 ]
  ret float %.0
}

define float @nearest_f32(float %0) {
  %2 = call i32 @bits_f32(float %0)
  %3 = and i32 %2, -2147483648
  %4 = and i32 %2, 2147483647
  %5 = icmp uge i32 %4, 1258291200
  br i1 %5, label %6, label %10

6:
  %7 = icmp ugt i32 %4, 2139095040
  br i1 %7, label %8, label %32

8:
  %9 = call float @from_bits_f32(i32 2143289344)
  br label %32

10:
  %11 = icmp ult i32 %4, 1065353216
  br i1 %11, label %12, label %18

12:
  %13 = icmp ne i32 %4, 0
  %14 = icmp ugt i32 %4, 1056964608
  %spec.select = select i1 %13, i1 %14, i1 false
  %15 = select i1 %spec.select, i32 1065353216, i32 0
  %16 = or i32 %3, %15
  %17 = call float @from_bits_f32(i32 %16)
  br label %32

18:
  %19 = call i32 @exponent_of_f32(i32 %2)
  %20 = sub i32 %19, 127
  %21 = lshr i32 8388607, %20
  %22 = lshr i32 %21, 1
  %23 = add i32 %21, 1
  %24 = and i32 %2, %23
  %25 = icmp ne i32 %24, 0
  %26 = zext i1 %25 to i32
  %27 = add i32 %22, %26
  %28 = add i32 %2, %27
  %29 = xor i32 %21, -1
  %30 = and i32 %28, %29
  %31 = call float @from_bits_f32(i32 %30)
  br label %32

32:
  %.0 = phi float [ %31, %18 ], [ %17, %12 ], [ %9, %8 ], [ %0, %6 ]
  ret float %.0
}

define double @add_f64(double %0, double %1) {
  %3 = call i64 @bits_f64(double %0)
  %4 = call i64 @bits_f64(double %1)
  %5 = and i64 %3, 9223372036854775807
  %6 = and i64 %4, 9223372036854775807
  %7 = icmp ult i64 %5, %6
  %spec.select = select i1 %7, i64 %3, i64 %4
  %spec.select61 = select i1 %7, i64 %4, i64 %3
  %8 = xor i64 %spec.select61, %spec.select
  %9 = and i64 %8, -9223372036854775808
  %10 = call i32 @exponent_of_f64(i64 %spec.select61)
  %11 = call i32 @exponent_of_f64(i64 %spec.select)
  %12 = icmp eq i32 %10, 2047
  br i1 %12, label %13, label %22

13:
  %14 = icmp ne i64 %9, 0
  %15 = and i64 %spec.select, 9223372036854775807
  %16 = icmp eq i64 %15, 9218868437227405312
  %17 = select i1 %14, i1 %16, i1 false
  %18 = call i32 @is_nan_f64(i64 %spec.select61)
  %19 = icmp ne i32 %18, 0
  %brmerge = select i1 %19, i1 true, i1 %17
  %20 = select i1 %brmerge, i64 9221120237041090560, i64 %spec.select61
  %21 = call double @from_bits_f64(i64 %20)
  br label %66

22:
  %23 = and i64 %spec.select, 9223372036854775807
  %24 = icmp eq i64 %23, 0
  br i1 %24, label %25, label %31

25:
  %26 = and i64 %spec.select61, 9223372036854775807
  %27 = icmp eq i64 %26, 0
  %28 = and i64 %spec.select61, %spec.select
  %29 = select i1 %27, i64 %28, i64 %spec.select61
  %30 = call double @from_bits_f64(i64 %29)
  br label %66

31:
  %32 = and i64 %spec.select61, 4503599627370495
  %33 = and i64 %spec.select, 4503599627370495
  %34 = icmp ne i32 %10, 0
  %35 = or i64 %32, 4503599627370496
  %.056 = select i1 %34, i32 %10, i32 1
  %.053 = select i1 %34, i64 %35, i64 %32
  %36 = icmp ne i32 %11, 0
  %37 = or i64 %33, 4503599627370496
  %.055 = select i1 %36, i32 %11, i32 1
  %.052 = select i1 %36, i64 %37, i64 %33
  %38 = shl i64 %.053, 3
  %39 = shl i64 %.052, 3
  %40 = sub i32 %.056, %.055
  %41 = call i64 @shift_sticky_f64(i64 %39, i32 %40)
  %42 = icmp ne i64 %9, 0
  br i1 %42, label %43, label %56

43:
  %44 = sub i64 %38, %41
  %45 = icmp eq i64 %44, 0
  br i1 %45, label %46, label %48

46:
  %47 = call double @from_bits_f64(i64 0)
  br label %66

48:
  %49 = call i32 @leading_zeros_f64(i64 %44)
  %50 = sub i32 %49, 8
  %51 = icmp sge i32 %50, %.056
  %52 = sub i32 %.056, 1
  %spec.select62 = select i1 %51, i32 %52, i32 %50
  %53 = zext i32 %spec.select62 to i64
  %54 = shl i64 %44, %53
  %55 = sub i32 %.056, %spec.select62
  br label %63

56:
  %57 = add i64 %38, %41
  %58 = lshr i64 %57, 56
  %59 = icmp ne i64 %58, 0
  br i1 %59, label %60, label %63

60:
  %61 = call i64 @shift_sticky_f64(i64 %57, i32 1)
  %62 = add i32 %.056, 1
  br label %63

63:
  %.157 = phi i32 [ %55, %48 ], [ %62, %60 ], [ %.056, %56 ]
  %.1 = phi i64 [ %54, %48 ], [ %61, %60 ], [ %57, %56 ]
  %64 = and i64 %spec.select61, -9223372036854775808
  %65 = call double @finish_f64(i64 %64, i32 %.157, i64 %.1)
  br label %66

66:
  %.054 = phi double [ %21, %13 ], [ %30, %25 ], [ %47, %46 ], [ %65, %63 ]
  ret double %.054
}

define internal i64 @bits_f64(double %0) {
  %2 = bitcast double %0 to i64
  ret i64 %2
}

define internal i32 @exponent_of_f64(i64 %0) {
  %2 = lshr i64 %0, 52
  %3 = trunc i64 %2 to i32
  %4 = and i32 %3, 2047
  ret i32 %4
}

define internal double @from_bits_f64(i64 %0) {
  %2 = bitcast i64 %0 to double
  ret double %2
}

define internal i32 @is_nan_f64(i64 %0) {
  %2 = and i64 %0, 9223372036854775807
  %3 = icmp ugt i64 %2, 9218868437227405312
  %4 = zext i1 %3 to i32
  ret i32 %4
}

define internal i64 @shift_sticky_f64(i64 %0, i32 %1) {
  %3 = icmp sge i32 %1, 64
  br i1 %3, label %4, label %8

4:
  %5 = icmp ne i64 %0, 0
  %6 = zext i1 %5 to i32
  %7 = sext i32 %6 to i64
  br label %19

8:
  %9 = zext i32 %1 to i64
  %10 = lshr i64 %0, %9
  %11 = zext i32 %1 to i64
  %12 = shl i64 1, %11
  %13 = sub i64 %12, 1
  %14 = and i64 %0, %13
  %15 = icmp ne i64 %14, 0
  %16 = zext i1 %15 to i32
  %17 = sext i32 %16 to i64
  %18 = or i64 %10, %17
  br label %19

19:
  %.0 = phi i64 [ %7, %4 ], [ %18, %8 ]
  ret i64 %.0
}

define internal i32 @leading_zeros_f64(i64 %0) {
  %2 = call i32 @leading_zeros_64(i64 %0)
  ret i32 %2
}

define internal double @finish_f64(i64 %0, i32 %1, i64 %2) {
  %4 = icmp sge i32 %1, 2047
  br i1 %4, label %5, label %8

5:
  %6 = or i64 %0, 9218868437227405312
  %7 = call double @from_bits_f64(i64 %6)
  br label %33

8:
  %9 = icmp slt i32 %1, 1
  br i1 %9, label %10, label %13

10:
  %11 = sub i32 1, %1
  %12 = call i64 @shift_sticky_f64(i64 %2, i32 %11)
  br label %13

13:
  %.015 = phi i32 [ 1, %10 ], [ %1, %8 ]
  %.014 = phi i64 [ %12, %10 ], [ %2, %8 ]
  %14 = sub i32 %.015, 1
  %15 = sext i32 %14 to i64
  %16 = shl i64 %15, 52
  %17 = lshr i64 %.014, 3
  %18 = add i64 %16, %17
  %19 = and i64 %.014, 7
  %20 = icmp ugt i64 %19, 4
  br i1 %20, label %26, label %21

21:
  %22 = icmp eq i64 %19, 4
  %23 = and i64 %18, 1
  %24 = icmp ne i64 %23, 0
  %25 = select i1 %22, i1 %24, i1 false
  br label %26

26:
  %27 = phi i1 [ true, %13 ], [ %25, %21 ]
  %28 = zext i1 %27 to i32
  %29 = sext i32 %28 to i64
  %30 = add i64 %18, %29
  %31 = or i64 %0, %30
  %32 = call double @from_bits_f64(i64 %31)
  br label %33

33:
  %.0 = phi double [ %7, %5 ], [ %32, %26 ]
  ret double %.0
}

define double @sub_f64(double %0, double %1) {
  %3 = call i64 @bits_f64(double %1)
  %4 = xor i64 %3, -9223372036854775808
  %5 = call double @from_bits_f64(i64 %4)
  %6 = call double @add_f64(double %0, double %5)
  ret double %6
}

define double @mul_f64(double %0, double %1) {
  %3 = alloca i32, align 4
  %4 = alloca i32, align 4
  %5 = alloca i64, align 8
  %6 = call i64 @bits_f64(double %0)
  %7 = call i64 @bits_f64(double %1)
  %8 = xor i64 %6, %7
  %9 = and i64 %8, -9223372036854775808
  %10 = and i64 %6, 9223372036854775807
  %11 = and i64 %7, 9223372036854775807
  %12 = icmp uge i64 %10, 9218868437227405312
  %13 = icmp uge i64 %11, 9218868437227405312
  %or.cond = select i1 %12, i1 true, i1 %13
  br i1 %or.cond, label %14, label %26

14:
  %15 = call i32 @is_nan_f64(i64 %10)
  %16 = icmp ne i32 %15, 0
  br i1 %16, label %23, label %17

17:
  %18 = call i32 @is_nan_f64(i64 %11)
  %19 = icmp ne i32 %18, 0
  %20 = icmp eq i64 %10, 0
  %or.cond29 = or i1 %19, %20
  %21 = icmp eq i64 %11, 0
  %or.cond30 = select i1 %or.cond29, i1 true, i1 %21
  %22 = or i64 %9, 9218868437227405312
  %spec.select = select i1 %or.cond30, i64 9221120237041090560, i64 %22
  br label %23

23:
  %24 = phi i64 [ 9221120237041090560, %14 ], [ %spec.select, %17 ]
  %25 = call double @from_bits_f64(i64 %24)
  br label %53

26:
  %27 = icmp eq i64 %10, 0
  %28 = icmp eq i64 %11, 0
  %or.cond31 = select i1 %27, i1 true, i1 %28
  br i1 %or.cond31, label %29, label %31

29:
  %30 = call double @from_bits_f64(i64 %9)
  br label %53

31:
  %32 = call i64 @unpack_f64(i64 %10, ptr %3)
  %33 = call i64 @unpack_f64(i64 %11, ptr %4)
  %34 = shl i64 %32, 11
  %35 = shl i64 %33, 4
  %36 = call i64 @wide_mul_f64(i64 %34, i64 %35, ptr %5)
  %37 = load i64, ptr %5, align 8
  %38 = icmp ne i64 %37, 0
  %39 = zext i1 %38 to i32
  %40 = sext i32 %39 to i64
  %41 = or i64 %36, %40
  %42 = load i32, ptr %3, align 4
  %43 = load i32, ptr %4, align 4
  %44 = add i32 %42, %43
  %45 = sub i32 %44, 1023
  %46 = lshr i64 %41, 56
  %47 = icmp ne i64 %46, 0
  br i1 %47, label %48, label %51

48:
  %49 = call i64 @shift_sticky_f64(i64 %41, i32 1)
  %50 = add i32 %45, 1
  br label %51

51:
  %.027 = phi i64 [ %49, %48 ], [ %41, %31 ]
  %.0 = phi i32 [ %50, %48 ], [ %45, %31 ]
  %52 = call double @finish_f64(i64 %9, i32 %.0, i64 %.027)
  br label %53

53:
  %.028 = phi double [ %25, %23 ], [ %30, %29 ], [ %52, %51 ]
  ret double %.028
}

define internal i64 @unpack_f64(i64 %0, ptr %1) {
  %3 = and i64 %0, 4503599627370495
  %4 = call i32 @exponent_of_f64(i64 %0)
  store i32 %4, ptr %1, align 4
  %5 = load i32, ptr %1, align 4
  %6 = icmp ne i32 %5, 0
  br i1 %6, label %7, label %9

7:
  %8 = or i64 %3, 4503599627370496
  br label %15

9:
  %10 = call i32 @leading_zeros_f64(i64 %3)
  %11 = sub i32 %10, 11
  %12 = sub i32 1, %11
  store i32 %12, ptr %1, align 4
  %13 = zext i32 %11 to i64
  %14 = shl i64 %3, %13
  br label %15

15:
  %.0 = phi i64 [ %8, %7 ], [ %14, %9 ]
  ret i64 %.0
}

define internal i64 @wide_mul_f64(i64 %0, i64 %1, ptr %2) {
  %4 = trunc i64 %0 to i32
  %5 = zext i32 %4 to i64
  %6 = lshr i64 %0, 32
  %7 = trunc i64 %1 to i32
  %8 = zext i32 %7 to i64
  %9 = lshr i64 %1, 32
  %10 = mul i64 %5, %8
  %11 = mul i64 %6, %9
  %12 = mul i64 %6, %8
  %13 = lshr i64 %10, 32
  %14 = add i64 %12, %13
  %15 = mul i64 %5, %9
  %16 = trunc i64 %14 to i32
  %17 = zext i32 %16 to i64
  %18 = add i64 %15, %17
  %19 = trunc i64 %18 to i32
  %20 = trunc i64 %10 to i32
  %21 = call i64 @pair(i32 %19, i32 %20)
  store i64 %21, ptr %2, align 8
  %22 = lshr i64 %14, 32
  %23 = add i64 %11, %22
  %24 = lshr i64 %18, 32
  %25 = add i64 %23, %24
  ret i64 %25
}

define double @div_f64(double %0, double %1) {
  %3 = alloca i32, align 4
  %4 = alloca i32, align 4
  %5 = call i64 @bits_f64(double %0)
  %6 = call i64 @bits_f64(double %1)
  %7 = xor i64 %5, %6
  %8 = and i64 %7, -9223372036854775808
  %9 = and i64 %5, 9223372036854775807
  %10 = and i64 %6, 9223372036854775807
  %11 = call i32 @is_nan_f64(i64 %9)
  %12 = icmp ne i32 %11, 0
  br i1 %12, label %19, label %13

13:
  %14 = call i32 @is_nan_f64(i64 %10)
  %15 = icmp ne i32 %14, 0
  br i1 %15, label %19, label %16

16:
  %17 = icmp eq i64 %9, %10
  br i1 %17, label %18, label %21

18:
  switch i64 %9, label %24 [
    i64 0, label %19
    i64 9218868437227405312, label %19
  ]

19:
  %20 = call double @from_bits_f64(i64 9221120237041090560)
  br label %59

21:
  %22 = icmp eq i64 %9, 9218868437227405312
  %23 = icmp eq i64 %10, 0
  %or.cond = select i1 %22, i1 true, i1 %23
  br i1 %or.cond, label %25, label %28

24:
  switch i64 %10, label %31 [
    i64 0, label %25
    i64 9218868437227405312, label %32
  ]

25:
  %26 = or i64 %8, 9218868437227405312
  %27 = call double @from_bits_f64(i64 %26)
  br label %59

28:
  %29 = icmp eq i64 %10, 9218868437227405312
  %30 = icmp eq i64 %9, 0
  %or.cond42 = or i1 %29, %30
  br i1 %or.cond42, label %32, label %34

31:
  %.old = icmp eq i64 %9, 0
  br i1 %.old, label %32, label %34

32:
  %33 = call double @from_bits_f64(i64 %8)
  br label %59

34:
  %35 = call i64 @unpack_f64(i64 %9, ptr %3)
  %36 = call i64 @unpack_f64(i64 %10, ptr %4)
  %37 = load i32, ptr %3, align 4
  %38 = load i32, ptr %4, align 4
  %39 = sub i32 %37, %38
  %40 = add i32 %39, 1023
  %41 = icmp ult i64 %35, %36
  %42 = shl i64 %35, 1
  %43 = add i32 %40, -1
  %.040 = select i1 %41, i64 %42, i64 %35
  %.037 = select i1 %41, i32 %43, i32 %40
  br label %44

44:
  %.141 = phi i64 [ %.040, %34 ], [ %51, %46 ]
  %.038 = phi i64 [ 0, %34 ], [ %.1, %46 ]
  %.0 = phi i32 [ 0, %34 ], [ %52, %46 ]
  %45 = icmp slt i32 %.0, 56
  br i1 %45, label %46, label %53

46:
  %47 = shl i64 %.038, 1
  %48 = icmp uge i64 %.141, %36
  %49 = sub i64 %.141, %36
  %50 = or i64 %47, 1
  %.2 = select i1 %48, i64 %49, i64 %.141
  %.1 = select i1 %48, i64 %50, i64 %47
  %51 = shl i64 %.2, 1
  %52 = add i32 %.0, 1
  br label %44

53:
  %54 = icmp ne i64 %.141, 0
  %55 = zext i1 %54 to i32
  %56 = sext i32 %55 to i64
  %57 = or i64 %.038, %56
  %58 = call double @finish_f64(i64 %8, i32 %.037, i64 %57)
  br label %59

59:
  %.039 = phi double [ %20, %19 ], [ %27, %25 ], [ %33, %32 ], [ %58, %53 ]
  ret double %.039
}

define double @sqrt_f64(double %0) {
  %2 = alloca i32, align 4
  %3 = call i64 @bits_f64(double %0)
  switch i64 %3, label %4 [
    i64 -9223372036854775808, label %40
    i64 9218868437227405312, label %40
    i64 0, label %40
  ]

4:
  %5 = icmp ugt i64 %3, 9218868437227405312
  br i1 %5, label %6, label %8

6:
  %7 = call double @from_bits_f64(i64 9221120237041090560)
  br label %40

8:
  %9 = call i64 @unpack_f64(i64 %3, ptr %2)
  %10 = shl i64 %9, 3
  %11 = load i32, ptr %2, align 4
  %12 = sub i32 %11, 1023
  store i32 %12, ptr %2, align 4
  %13 = load i32, ptr %2, align 4
  %14 = and i32 %13, 1
  %15 = icmp ne i32 %14, 0
  %16 = shl i64 %10, 1
  %spec.select = select i1 %15, i64 %16, i64 %10
  br label %17

17:
  %.126 = phi i64 [ %spec.select, %8 ], [ %29, %28 ]
  %.023 = phi i64 [ 0, %8 ], [ %.124, %28 ]
  %.022 = phi i64 [ 0, %8 ], [ %.1, %28 ]
  %.0 = phi i64 [ 36028797018963968, %8 ], [ %30, %28 ]
  %18 = icmp ne i64 %.0, 0
  br i1 %18, label %19, label %31

19:
  %20 = add i64 %.023, %.0
  %21 = icmp ule i64 %20, %.126
  br i1 %21, label %22, label %28

22:
  %23 = add i64 %.023, %.0
  %24 = sub i64 %.126, %23
  %25 = mul i64 2, %.0
  %26 = add i64 %.023, %25
  %27 = add i64 %.022, %.0
  br label %28

28:
  %.2 = phi i64 [ %24, %22 ], [ %.126, %19 ]
  %.124 = phi i64 [ %26, %22 ], [ %.023, %19 ]
  %.1 = phi i64 [ %27, %22 ], [ %.022, %19 ]
  %29 = shl i64 %.2, 1
  %30 = lshr i64 %.0, 1
  br label %17

31:
  %32 = load i32, ptr %2, align 4
  %33 = ashr i32 %32, 1
  %34 = add i32 %33, 1023
  %35 = icmp ne i64 %.126, 0
  %36 = zext i1 %35 to i32
  %37 = sext i32 %36 to i64
  %38 = or i64 %.022, %37
  %39 = call double @finish_f64(i64 0, i32 %34, i64 %38)
  br label %40

40:
  %.027 = phi double [ %39, %31 ], [ %7, %6 ], [ %0, %1 ], [ %0, %1 ], [ %0, %1 ]
  ret double %.027
}

define i32 @compare_less_f64(double %0, double %1) {
  %3 = call i32 @compare_f64(double %0, double %1, i32 1)
  ret i32 %3
}

define internal i32 @compare_f64(double %0, double %1, i32 %2) {
  %4 = call i64 @bits_f64(double %0)
  %5 = call i64 @bits_f64(double %1)
  %6 = call i32 @is_nan_f64(i64 %4)
  %7 = icmp ne i32 %6, 0
  br i1 %7, label %26, label %8

8:
  %9 = call i32 @is_nan_f64(i64 %5)
  %10 = icmp ne i32 %9, 0
  br i1 %10, label %26, label %11

11:
  %12 = icmp eq i64 %4, %5
  br i1 %12, label %26, label %13

13:
  %14 = or i64 %4, %5
  %15 = and i64 %14, 9223372036854775807
  %16 = icmp eq i64 %15, 0
  br i1 %16, label %26, label %17

17:
  %18 = icmp slt i64 %4, %5
  %19 = zext i1 %18 to i32
  %20 = and i64 %4, %5
  %21 = and i64 %20, -9223372036854775808
  %22 = icmp ne i64 %21, 0
  %23 = zext i1 %22 to i32
  %24 = icmp ne i32 %23, %19
  %25 = select i1 %24, i32 -1, i32 1
  br label %26

26:
  %.0 = phi i32 [ %25, %17 ], [ %2, %3 ], [ %2, %8 ], [ 0, %13 ], [ 0, %11 ]
  ret i32 %.0
}

define i32 @compare_greater_f64(double %0, double %1) {
  %3 = call i32 @compare_f64(double %0, double %1, i32 -1)
  ret i32 %3
}

define i32 @unordered_f64(double %0, double %1) {
  %3 = call i64 @bits_f64(double %0)
  %4 = call i32 @is_nan_f64(i64 %3)
  %5 = icmp ne i32 %4, 0
  br i1 %5, label %10, label %6

6:
  %7 = call i64 @bits_f64(double %1)
  %8 = call i32 @is_nan_f64(i64 %7)
  %9 = icmp ne i32 %8, 0
  br label %10

10:
  %11 = phi i1 [ true, %2 ], [ %9, %6 ]
  %12 = zext i1 %11 to i32
  ret i32 %12
}

define i32 @eq_f64(double %0, double %1) {
  %3 = call i32 @compare_f64(double %0, double %1, i32 1)
  %4 = icmp eq i32 %3, 0
  %5 = zext i1 %4 to i32
  ret i32 %5
}

define i32 @lt_f64(double %0, double %1) {
  %3 = call i32 @compare_f64(double %0, double %1, i32 1)
  %4 = icmp slt i32 %3, 0
  %5 = zext i1 %4 to i32
  ret i32 %5
}

define i32 @le_f64(double %0, double %1) {
  %3 = call i32 @compare_f64(double %0, double %1, i32 1)
  %4 = icmp sle i32 %3, 0
  %5 = zext i1 %4 to i32
  ret i32 %5
}

define i32 @gt_f64(double %0, double %1) {
  %3 = call i32 @compare_f64(double %0, double %1, i32 -1)
  %4 = icmp sgt i32 %3, 0
  %5 = zext i1 %4 to i32
  ret i32 %5
}

define i32 @ge_f64(double %0, double %1) {
  %3 = call i32 @compare_f64(double %0, double %1, i32 -1)
  %4 = icmp sge i32 %3, 0
  %5 = zext i1 %4 to i32
  ret i32 %5
}

define double @from_u64_f64(i64 %0) {
  %2 = call double @from_magnitude_f64(i32 0, i64 %0)
  ret double %2
}

define internal double @from_magnitude_f64(i32 %0, i64 %1) {
  %3 = icmp eq i64 %1, 0
  br i1 %3, label %4, label %6

4:
  %5 = call double @from_bits_f64(i64 0)
  br label %23

6:
  %7 = call i32 @leading_zeros_64(i64 %1)
  %8 = sub i32 63, %7
  %9 = sub i32 55, %8
  %10 = icmp slt i32 %9, 0
  br i1 %10, label %11, label %14

11:
  %12 = sub i32 0, %9
  %13 = call i64 @shift_sticky_64(i64 %1, i32 %12)
  br label %17

14:
  %15 = zext i32 %9 to i64
  %16 = shl i64 %1, %15
  br label %17

17:
  %18 = phi i64 [ %13, %11 ], [ %16, %14 ]
  %19 = icmp ne i32 %0, 0
  %20 = select i1 %19, i64 -9223372036854775808, i64 0
  %21 = sub i32 1086, %7
  %22 = call double @finish_f64(i64 %20, i32 %21, i64 %18)
  br label %23

23:
  %.0 = phi double [ %5, %4 ], [ %22, %17 ]
  ret double %.0
}

define double @from_i64_f64(i64 %0) {
  %2 = icmp slt i64 %0, 0
  %3 = zext i1 %2 to i32
  %4 = icmp slt i64 %0, 0
  %5 = sub i64 0, %0
  %6 = select i1 %4, i64 %5, i64 %0
  %7 = call double @from_magnitude_f64(i32 %3, i64 %6)
  ret double %7
}

define double @from_u32_f64(i32 %0) {
  %2 = zext i32 %0 to i64
  %3 = call double @from_magnitude_f64(i32 0, i64 %2)
  ret double %3
}

define double @from_i32_f64(i32 %0) {
  %2 = icmp slt i32 %0, 0
  %3 = zext i1 %2 to i32
  %4 = icmp slt i32 %0, 0
  %5 = sub i32 0, %0
  %6 = select i1 %4, i32 %5, i32 %0
  %7 = zext i32 %6 to i64
  %8 = call double @from_magnitude_f64(i32 %3, i64 %7)
  ret double %8
}

define i64 @to_u64_f64(double %0) {
  %2 = call i64 @to_integer_f64(double %0)
  ret i64 %2
}

define internal i64 @to_integer_f64(double %0) {
  %2 = call i64 @bits_f64(double %0)
  %3 = call i32 @exponent_of_f64(i64 %2)
  %4 = sub i32 %3, 1023
  %5 = icmp slt i32 %4, 0
  br i1 %5, label %25, label %6

6:
  %7 = and i64 %2, 4503599627370495
  %8 = or i64 %7, 4503599627370496
  %9 = icmp slt i32 %4, 52
  br i1 %9, label %10, label %14

10:
  %11 = sub i32 52, %4
  %12 = zext i32 %11 to i64
  %13 = lshr i64 %8, %12
  br label %19

14:
  %15 = sub i32 %4, 52
  %16 = and i32 %15, 63
  %17 = zext i32 %16 to i64
  %18 = shl i64 %8, %17
  br label %19

19:
  %20 = phi i64 [ %13, %10 ], [ %18, %14 ]
  %21 = and i64 %2, -9223372036854775808
  %22 = icmp ne i64 %21, 0
  %23 = sub i64 0, %20
  %24 = select i1 %22, i64 %23, i64 %20
  br label %25

25:
  %.0 = phi i64 [ %24, %19 ], [ 0, %1 ]
  ret i64 %.0
}

define i64 @to_i64_f64(double %0) {
  %2 = call i64 @to_integer_f64(double %0)
  ret i64 %2
}

define i32 @to_u32_f64(double %0) {
  %2 = call i64 @to_integer_f64(double %0)
  %3 = trunc i64 %2 to i32
  ret i32 %3
}

define i32 @to_i32_f64(double %0) {
  %2 = call i64 @to_integer_f64(double %0)
  %3 = trunc i64 %2 to i32
  ret i32 %3
}

define double @trunc_f64(double %0) {
  %2 = call i64 @bits_f64(double %0)
  %3 = and i64 %2, -9223372036854775808
  %4 = and i64 %2, 9223372036854775807
  %5 = icmp uge i64 %4, 4841369599423283200
  br i1 %5, label %6, label %10

6:
  %7 = icmp ugt i64 %4, 9218868437227405312
  br i1 %7, label %8, label %22

8:
  %9 = call double @from_bits_f64(i64 9221120237041090560)
  br label %22

10:
  %11 = icmp ult i64 %4, 4607182418800017408
  br i1 %11, label %12, label %14

12:
  %13 = call double @from_bits_f64(i64 %3)
  br label %22

14:
  %15 = call i32 @exponent_of_f64(i64 %2)
  %16 = sub i32 %15, 1023
  %17 = zext i32 %16 to i64
  %18 = lshr i64 4503599627370495, %17
  %19 = xor i64 %18, -1
  %20 = and i64 %2, %19
  %21 = call double @from_bits_f64(i64 %20)
  br label %22

22:
  %.0 = phi double [ %21, %14 ], [ %13, %12 ], [ %9, %8 ], [ %0, %6 ]
  ret double %.0
}

define double @floor_f64(double %0) {
  %2 = call i64 @bits_f64(double %0)
  %3 = and i64 %2, -9223372036854775808
  %4 = and i64 %2, 9223372036854775807
  %5 = icmp uge i64 %4, 4841369599423283200
  br i1 %5, label %6, label %10

6:
  %7 = icmp ugt i64 %4, 9218868437227405312
  br i1 %7, label %8, label %28

8:
  %9 = call double @from_bits_f64(i64 9221120237041090560)
  br label %28

10:
  %11 = icmp ult i64 %4, 4607182418800017408
  br i1 %11, label %12, label %18

12:
  %13 = icmp ne i64 %4, 0
  %14 = icmp ne i64 %3, 0
  %spec.select = select i1 %13, i1 %14, i1 false
  %15 = select i1 %spec.select, i64 4607182418800017408, i64 0
  %16 = or i64 %3, %15
  %17 = call double @from_bits_f64(i64 %16)
  br label %28

18:
  %19 = call i32 @exponent_of_f64(i64 %2)
  %20 = sub i32 %19, 1023
  %21 = zext i32 %20 to i64
  %22 = lshr i64 4503599627370495, %21
  %23 = icmp ne i64 %3, 0
  %. = select i1 %23, i64 %22, i64 0
  %24 = add i64 %2, %.
  %25 = xor i64 %22, -1
  %26 = and i64 %24, %25
  %27 = call double @from_bits_f64(i64 %26)
  br label %28

28:
  %.0 = phi double [ %27, %18 ], [ %17, %12 ], [ %9, %8 ], [ %0, %6 ]
  ret double %.0
}

define double @ceil_f64(double %0) {
  %2 = call i64 @bits_f64(double %0)
  %3 = and i64 %2, -9223372036854775808
  %4 = and i64 %2, 9223372036854775807
  %5 = icmp uge i64 %4, 4841369599423283200
  br i1 %5, label %6, label %10

6:
  %7 = icmp ugt i64 %4, 9218868437227405312
  br i1 %7, label %8, label %30

8:
  %9 = call double @from_bits_f64(i64 9221120237041090560)
  br label %30

10:
  %11 = icmp ult i64 %4, 4607182418800017408
  br i1 %11, label %12, label %20

12:
  %13 = icmp ne i64 %4, 0
  %14 = icmp ne i64 %3, 0
  %15 = xor i1 %14, true
  %16 = select i1 %13, i1 %15, i1 false
  %17 = select i1 %16, i64 4607182418800017408, i64 0
  %18 = or i64 %3, %17
  %19 = call double @from_bits_f64(i64 %18)
  br label %30

20:
  %21 = call i32 @exponent_of_f64(i64 %2)
  %22 = sub i32 %21, 1023
  %23 = zext i32 %22 to i64
  %24 = lshr i64 4503599627370495, %23
  %25 = icmp ne i64 %3, 0
  %. = select i1 %25, i64 0, i64 %24
  %26 = add i64 %2, %.
  %27 = xor i64 %24, -1
  %28 = and i64 %26, %27
  %29 = call double @from_bits_f64(i64 %28)
  br label %30

30:
  %.0 = phi double [ %29, %20 ], [ %19, %12 ], [ %9, %8 ], [ %0, %6 ]
  ret double %.0
}

define double @nearest_f64(double %0) {
  %2 = call i64 @bits_f64(double %0)
  %3 = and i64 %2, -9223372036854775808
  %4 = and i64 %2, 9223372036854775807
  %5 = icmp uge i64 %4, 4841369599423283200
  br i1 %5, label %6, label %10

6:
  %7 = icmp ugt i64 %4, 9218868437227405312
  br i1 %7, label %8, label %34

8:
  %9 = call double @from_bits_f64(i64 9221120237041090560)
  br label %34

10:
  %11 = icmp ult i64 %4, 4607182418800017408
  br i1 %11, label %12, label %18

12:
  %13 = icmp ne i64 %4, 0
  %14 = icmp ugt i64 %4, 4602678819172646912
  %spec.select = select i1 %13, i1 %14, i1 false
  %15 = select i1 %spec.select, i64 4607182418800017408, i64 0
  %16 = or i64 %3, %15
  %17 = call double @from_bits_f64(i64 %16)
  br label %34

18:
  %19 = call i32 @exponent_of_f64(i64 %2)
  %20 = sub i32 %19, 1023
  %21 = zext i32 %20 to i64
  %22 = lshr i64 4503599627370495, %21
  %23 = lshr i64 %22, 1
  %24 = add i64 %22, 1
  %25 = and i64 %2, %24
  %26 = icmp ne i64 %25, 0
  %27 = zext i1 %26 to i32
  %28 = sext i32 %27 to i64
  %29 = add i64 %23, %28
  %30 = add i64 %2, %29
  %31 = xor i64 %22, -1
  %32 = and i64 %30, %31
  %33 = call double @from_bits_f64(i64 %32)
  br label %34

34:
  %.0 = phi double [ %33, %18 ], [ %17, %12 ], [ %9, %8 ], [ %0, %6 ]
  ret double %.0
}

define double @promote(float %0) {
  %2 = alloca i32, align 4
  %3 = call i32 @bits_f32(float %0)
  %4 = lshr i32 %3, 31
  %5 = zext i32 %4 to i64
  %6 = shl i64 %5, 63
  %7 = and i32 %3, 2147483647
  %8 = icmp ugt i32 %7, 2139095040
  br i1 %8, label %9, label %11

9:
  %10 = call double @from_bits_f64(i64 9221120237041090560)
  br label %30

11:
  switch i32 %7, label %17 [
    i32 2139095040, label %12
    i32 0, label %15
  ]

12:
  %13 = or i64 %6, 9218868437227405312
  %14 = call double @from_bits_f64(i64 %13)
  br label %30

15:
  %16 = call double @from_bits_f64(i64 %6)
  br label %30

17:
  %18 = call i32 @unpack_f32(i32 %7, ptr %2)
  %19 = zext i32 %18 to i64
  %20 = load i32, ptr %2, align 4
  %21 = sub i32 %20, 127
  %22 = add i32 %21, 1023
  %23 = sub i32 %22, 1
  %24 = sext i32 %23 to i64
  %25 = shl i64 %24, 52
  %26 = shl i64 %19, 29
  %27 = add i64 %25, %26
  %28 = or i64 %6, %27
  %29 = call double @from_bits_f64(i64 %28)
  br label %30

30:
  %.0 = phi double [ %10, %9 ], [ %14, %12 ], [ %16, %15 ], [ %29, %17 ]
  ret double %.0
}

define float @demote(double %0) {
  %2 = call i64 @bits_f64(double %0)
  %3 = lshr i64 %2, 63
  %4 = trunc i64 %3 to i32
  %5 = shl i32 %4, 31
  %6 = and i64 %2, 9223372036854775807
  %7 = icmp ugt i64 %6, 9218868437227405312
  br i1 %7, label %8, label %10

8:
  %9 = call float @from_bits_f32(i32 2143289344)
  br label %22

10:
  %11 = call i32 @exponent_of_f64(i64 %6)
  %12 = sub i32 %11, 1023
  %13 = add i32 %12, 127
  %14 = and i64 %6, 4503599627370495
  %15 = call i32 @exponent_of_f64(i64 %6)
  %16 = icmp ne i32 %15, 0
  %17 = select i1 %16, i64 4503599627370496, i64 0
  %18 = or i64 %14, %17
  %19 = call i64 @shift_sticky_64(i64 %18, i32 26)
  %20 = trunc i64 %19 to i32
  %21 = call float @finish_f32(i32 %5, i32 %13, i32 %20)
  br label %22

22:
  %.0 = phi float [ %9, %8 ], [ %21, %10 ]
  ret float %.0
}

define internal i64 @shift_sticky_64(i64 %0, i32 %1) {
  %3 = icmp sge i32 %1, 64
  br i1 %3, label %4, label %8

4:
  %5 = icmp ne i64 %0, 0
  %6 = zext i1 %5 to i32
  %7 = sext i32 %6 to i64
  br label %19

8:
  %9 = zext i32 %1 to i64
  %10 = lshr i64 %0, %9
  %11 = zext i32 %1 to i64
  %12 = shl i64 1, %11
  %13 = sub i64 %12, 1
  %14 = and i64 %0, %13
  %15 = icmp ne i64 %14, 0
  %16 = zext i1 %15 to i32
  %17 = sext i32 %16 to i64
  %18 = or i64 %10, %17
  br label %19

19:
  %20 = phi i64 [ %7, %4 ], [ %18, %8 ]
  ret i64 %20
}

define ptr @memory_copy(ptr %0, ptr %1, i32 %2) {
  %4 = call ptr @copy_up(ptr %0, ptr %1, i32 %2)
  ret ptr %4
}

define internal ptr @copy_up(ptr %0, ptr %1, i32 %2) {
  br label %4

4:
  %.0 = phi i32 [ 0, %3 ], [ %12, %6 ]
  %5 = icmp ult i32 %.0, %2
  br i1 %5, label %6, label %13

6:
  %7 = zext i32 %.0 to i64
  %8 = getelementptr inbounds nuw i8, ptr %1, i64 %7
  %9 = load i8, ptr %8, align 1
  %10 = zext i32 %.0 to i64
  %11 = getelementptr inbounds nuw i8, ptr %0, i64 %10
  store i8 %9, ptr %11, align 1
  %12 = add i32 %.0, 1
  br label %4

13:
  ret ptr %0
}

define ptr @memory_move(ptr %0, ptr %1, i32 %2) {
  %4 = icmp ule ptr %0, %1
  br i1 %4, label %5, label %7

5:
  %6 = call ptr @copy_up(ptr %0, ptr %1, i32 %2)
  br label %16

7:
  %.0 = phi i32 [ %8, %10 ], [ %2, %3 ]
  %8 = add i32 %.0, -1
  %9 = icmp ne i32 %.0, 0
  br i1 %9, label %10, label %16

10:
  %11 = zext i32 %8 to i64
  %12 = getelementptr inbounds nuw i8, ptr %1, i64 %11
  %13 = load i8, ptr %12, align 1
  %14 = zext i32 %8 to i64
  %15 = getelementptr inbounds nuw i8, ptr %0, i64 %14
  store i8 %13, ptr %15, align 1
  br label %7

16:
  %.011 = phi ptr [ %6, %5 ], [ %0, %7 ]
  ret ptr %.011
}

define ptr @memory_fill(ptr %0, i32 %1, i32 %2) {
  br label %4

4:
  %.0 = phi i32 [ 0, %3 ], [ %10, %6 ]
  %5 = icmp ult i32 %.0, %2
  br i1 %5, label %6, label %11

6:
  %7 = trunc i32 %1 to i8
  %8 = zext i32 %.0 to i64
  %9 = getelementptr inbounds nuw i8, ptr %0, i64 %8
  store i8 %7, ptr %9, align 1
  %10 = add i32 %.0, 1
  br label %4

11:
  ret ptr %0
}

define void @memory_fill_aeabi(ptr %0, i32 %1, i32 %2) {
  %4 = call ptr @memory_fill(ptr %0, i32 %2, i32 %1)
  ret void
}

define void @memory_clear(ptr %0, i32 %1) {
  %3 = call ptr @memory_fill(ptr %0, i32 0, i32 %1)
  ret void
}

declare i32 @llvm.ctlz.i32(i32, i1 immarg)

define internal i32 @div_normalized(i32 %0, i32 %1, i32 %2) {
  %4 = lshr i32 %2, 16
  %5 = and i32 %2, 65535
  br label %6

6:
  %.029 = phi i32 [ %1, %3 ], [ %30, %24 ]
  %.028 = phi i32 [ %0, %3 ], [ %29, %24 ]
  %.027 = phi i32 [ 0, %3 ], [ %32, %24 ]
  %.026 = phi i32 [ 0, %3 ], [ %33, %24 ]
  %7 = icmp slt i32 %.026, 2
  br i1 %7, label %8, label %34

8:
  %9 = udiv i32 %.028, %4
  %10 = urem i32 %.028, %4
  br label %11

11:
  %.025 = phi i32 [ %9, %8 ], [ %20, %.critedge ]
  %.0 = phi i32 [ %10, %8 ], [ %21, %.critedge ]
  %12 = lshr i32 %.025, 16
  %13 = icmp ne i32 %12, 0
  br i1 %13, label %.critedge, label %14

14:
  %15 = mul i32 %.025, %5
  %16 = shl i32 %.0, 16
  %17 = lshr i32 %.029, 16
  %18 = or i32 %16, %17
  %19 = icmp ugt i32 %15, %18
  br i1 %19, label %.critedge, label %24

.critedge:
  %20 = add i32 %.025, -1
  %21 = add i32 %.0, %4
  %22 = lshr i32 %21, 16
  %23 = icmp ne i32 %22, 0
  br i1 %23, label %24, label %11

24:
  %.1 = phi i32 [ %.025, %14 ], [ %20, %.critedge ]
  %25 = shl i32 %.028, 16
  %26 = lshr i32 %.029, 16
  %27 = or i32 %25, %26
  %28 = mul i32 %.1, %2
  %29 = sub i32 %27, %28
  %30 = shl i32 %.029, 16
  %31 = shl i32 %.027, 16
  %32 = or i32 %31, %.1
  %33 = add i32 %.026, 1
  br label %6

34:
  ret i32 %.027
}

define internal i32 @leading_zeros_64(i64 %0) {
  %2 = lshr i64 %0, 32
  %3 = trunc i64 %2 to i32
  %4 = icmp ne i32 %3, 0
  br i1 %4, label %5, label %7

5:
  %6 = call i32 @leading_zeros_32(i32 %3)
  br label %11

7:
  %8 = trunc i64 %0 to i32
  %9 = call i32 @leading_zeros_32(i32 %8)
  %10 = add i32 32, %9
  br label %11

11:
  %12 = phi i32 [ %6, %5 ], [ %10, %7 ]
  ret i32 %12
}

