//! Who calls which routine by what name: the run-time ABI of ARM, and for the others the names of GCC's
//! library and of C's.

/// A name by which LLVM's code generator may call a routine.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The name.
    pub symbol: &'static str,
    /// The routine's name in `routines.c`.
    pub routine: &'static str,
}

impl Row {
    /// LLVM's number of the convention with which it is called. ARM's run-time ABI passes floats in integer
    /// registers, whatever the float ABI is (llvm/IR/CallingConv.h: C, ARM_AAPCS).
    pub fn convention(&self) -> u32 {
        if self.symbol.starts_with("__aeabi_") { 67 } else { 0 }
    }
}

macro_rules! rows {
    ($($routine:ident: $($symbol:ident)*;)*) => {
        /// Every name.
        pub static ROWS: &[Row] = &[$($( Row { symbol: stringify!($symbol), routine: stringify!($routine) }, )*)*];
    };
}

rows! {
    shift_left: __aeabi_llsl __ashldi3;
    shift_right: __aeabi_llsr __lshrdi3;
    shift_right_signed: __aeabi_lasr __ashrdi3;
    div_u32: __aeabi_uidiv;
    div_s32: __aeabi_idiv;
    div_rem_u32: __aeabi_uidivmod;
    div_rem_s32: __aeabi_idivmod;
    div_rem_u64: __aeabi_uldivmod;
    div_rem_s64: __aeabi_ldivmod;
    div_u64: __udivdi3;
    div_s64: __divdi3;
    rem_u64: __umoddi3;
    rem_s64: __moddi3;
    div_u128: __udivti3;
    rem_u128: __umodti3;

    add_f32: __aeabi_fadd __addsf3;
    sub_f32: __aeabi_fsub __subsf3;
    mul_f32: __aeabi_fmul __mulsf3;
    div_f32: __aeabi_fdiv __divsf3;
    sqrt_f32: sqrtf;
    ceil_f32: ceilf;
    floor_f32: floorf;
    trunc_f32: truncf;
    nearest_f32: roundevenf;
    eq_f32: __aeabi_fcmpeq;
    lt_f32: __aeabi_fcmplt;
    le_f32: __aeabi_fcmple;
    gt_f32: __aeabi_fcmpgt;
    ge_f32: __aeabi_fcmpge;
    unordered_f32: __aeabi_fcmpun __unordsf2;
    compare_less_f32: __eqsf2 __nesf2 __ltsf2 __lesf2;
    compare_greater_f32: __gtsf2 __gesf2;
    from_i32_f32: __aeabi_i2f __floatsisf;
    from_u32_f32: __aeabi_ui2f __floatunsisf;
    from_i64_f32: __aeabi_l2f __floatdisf;
    from_u64_f32: __aeabi_ul2f __floatundisf;
    to_i32_f32: __aeabi_f2iz __fixsfsi;
    to_u32_f32: __aeabi_f2uiz __fixunssfsi;
    to_i64_f32: __aeabi_f2lz __fixsfdi;
    to_u64_f32: __aeabi_f2ulz __fixunssfdi;

    add_f64: __aeabi_dadd __adddf3;
    sub_f64: __aeabi_dsub __subdf3;
    mul_f64: __aeabi_dmul __muldf3;
    div_f64: __aeabi_ddiv __divdf3;
    sqrt_f64: sqrt;
    ceil_f64: ceil;
    floor_f64: floor;
    trunc_f64: trunc;
    nearest_f64: roundeven;
    eq_f64: __aeabi_dcmpeq;
    lt_f64: __aeabi_dcmplt;
    le_f64: __aeabi_dcmple;
    gt_f64: __aeabi_dcmpgt;
    ge_f64: __aeabi_dcmpge;
    unordered_f64: __aeabi_dcmpun __unorddf2;
    compare_less_f64: __eqdf2 __nedf2 __ltdf2 __ledf2;
    compare_greater_f64: __gtdf2 __gedf2;
    from_i32_f64: __aeabi_i2d __floatsidf;
    from_u32_f64: __aeabi_ui2d __floatunsidf;
    from_i64_f64: __aeabi_l2d __floatdidf;
    from_u64_f64: __aeabi_ul2d __floatundidf;
    to_i32_f64: __aeabi_d2iz __fixdfsi;
    to_u32_f64: __aeabi_d2uiz __fixunsdfsi;
    to_i64_f64: __aeabi_d2lz __fixdfdi;
    to_u64_f64: __aeabi_d2ulz __fixunsdfdi;

    promote: __aeabi_f2d __extendsfdf2;
    demote: __aeabi_d2f __truncdfsf2;

    memory_copy: memcpy __aeabi_memcpy __aeabi_memcpy4 __aeabi_memcpy8;
    memory_move: memmove __aeabi_memmove __aeabi_memmove4 __aeabi_memmove8;
    memory_fill: memset;
    memory_fill_aeabi: __aeabi_memset __aeabi_memset4 __aeabi_memset8;
    memory_clear: __aeabi_memclr __aeabi_memclr4 __aeabi_memclr8;
}
