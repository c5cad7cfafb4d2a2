//! Wasm types ↔ LLVM types.

use inkwell::AddressSpace;
use inkwell::context::Context;
use inkwell::types::{
    BasicMetadataTypeEnum, BasicType, BasicTypeEnum, FloatType, FunctionType, IntType, PointerType, VectorType,
};
use inkwell::values::VectorValue;
use wasmc_abi::ValType;
use wasmc_abi::signature::{MAX_DIRECT_SLOTS, MAX_RESULT_SLOTS, max_result_words, slot_count, tail_words, word_count};
use wasmc_abi::target::Arch;

use crate::parse::FuncType;
use crate::target::TargetRow;

/// The LLVM types in use, made once.
pub struct Types<'ctx> {
    pub bool: IntType<'ctx>,
    pub i8: IntType<'ctx>,
    pub i16: IntType<'ctx>,
    pub i32: IntType<'ctx>,
    pub i64: IntType<'ctx>,
    pub i128: IntType<'ctx>,
    /// As wide as a pointer.
    pub word: IntType<'ctx>,
    pub f32: FloatType<'ctx>,
    pub f64: FloatType<'ctx>,
    pub ptr: PointerType<'ctx>,
    /// What a `v128` is between instructions: two 64-bit integers.
    pub v128: VectorType<'ctx>,
    /// Whether functions take and return a vector in a register of its own. Elsewhere it is two integers: a CPU
    /// feature, which the code of another image may not have, must not change the convention.
    vector_registers: bool,
    /// The most words of 32 bits that results in registers have.
    max_result_words: usize,
    /// How many words of parameters a tail call passes.
    pub tail_words: usize,
    context: &'ctx Context,
}

impl<'ctx> Types<'ctx> {
    pub fn new(context: &'ctx Context, target: &TargetRow) -> Self {
        Types {
            bool: context.bool_type(),
            i8: context.i8_type(),
            i16: context.i16_type(),
            i32: context.i32_type(),
            i64: context.i64_type(),
            i128: context.i128_type(),
            word: if target.pointer_bits == 32 { context.i32_type() } else { context.i64_type() },
            f32: context.f32_type(),
            f64: context.f64_type(),
            ptr: context.ptr_type(AddressSpace::default()),
            v128: context.i64_type().vec_type(2),
            vector_registers: matches!(target.arch, Arch::X86_64 | Arch::Aarch64),
            max_result_words: max_result_words(target.arch, target.pointer_bits),
            tail_words: tail_words(target.arch),
            context,
        }
    }

    /// The LLVM type of a Wasm value. References are 64-bit tokens on every target.
    pub fn value(&self, ty: ValType) -> BasicTypeEnum<'ctx> {
        match ty {
            ValType::I32 => self.i32.into(),
            ValType::I64 | ValType::FuncRef | ValType::ExternRef | ValType::Ref(_) => self.i64.into(),
            ValType::F32 => self.f32.into(),
            ValType::F64 => self.f64.into(),
            ValType::V128 => self.v128.into(),
        }
    }

    /// The type of a guest function: vmctx, an area if there are many parameters or results, parameters
    /// (`abi::signature`).
    pub fn guest(&self, ty: &FuncType) -> FunctionType<'ctx> {
        let mut params: Vec<BasicMetadataTypeEnum> = vec![self.ptr.into()];
        if self.has_area(ty) {
            params.push(self.ptr.into());
        }
        params.extend(direct_params(ty).iter().flat_map(|t| self.passed(*t)).map(BasicMetadataTypeEnum::from));
        self.returning(ty, &params)
    }

    /// The type of a function in the tail convention, the same for all with the same results: vmctx, an area if
    /// there are many of these, words (`abi::signature`).
    pub fn tail(&self, ty: &FuncType) -> FunctionType<'ctx> {
        let mut params: Vec<BasicMetadataTypeEnum> = vec![self.ptr.into()];
        if self.returns_in_area(ty) {
            params.push(self.ptr.into());
        }
        params.extend(vec![BasicMetadataTypeEnum::from(self.word); self.tail_words]);
        self.returning(ty, &params)
    }

    /// A function that returns the results of `ty`.
    fn returning(&self, ty: &FuncType, params: &[BasicMetadataTypeEnum<'ctx>]) -> FunctionType<'ctx> {
        let results: Vec<_> = ty.results.iter().flat_map(|t| self.passed(*t)).collect();
        match results.as_slice() {
            _ if self.returns_in_area(ty) => self.context.void_type().fn_type(params, false),
            [] => self.context.void_type().fn_type(params, false),
            [one] => one.fn_type(params, false),
            _ => self.context.struct_type(&results, false).fn_type(params, false),
        }
    }

    /// Whether some values of a call go through memory in the caller's frame.
    pub fn has_area(&self, ty: &FuncType) -> bool {
        self.returns_in_area(ty) || direct_params(ty).len() < ty.params.len()
    }

    /// Whether the results do.
    pub fn returns_in_area(&self, ty: &FuncType) -> bool {
        let slots: usize = ty.results.iter().map(|ty| slot_count(*ty)).sum();
        let words: usize = ty.results.iter().map(|ty| word_count(*ty)).sum();
        slots > MAX_RESULT_SLOTS || words > self.max_result_words
    }

    /// Whether functions take and return values of a type as two integers.
    pub fn is_split(&self, ty: ValType) -> bool {
        ty == ValType::V128 && !self.vector_registers
    }

    /// What functions take and return for a value of a type.
    fn passed(&self, ty: ValType) -> Vec<BasicTypeEnum<'ctx>> {
        if self.is_split(ty) { vec![self.i64.into(); 2] } else { vec![self.value(ty)] }
    }

    /// A vector from its bits, lane 0 in the low ones.
    pub fn vector_constant(&self, bits: u128) -> VectorValue<'ctx> {
        let half = |bits: u128| self.i64.const_int(bits as u64, false);
        VectorType::const_vector(&[half(bits), half(bits >> 64)])
    }

    /// `void`, for functions without a result.
    pub fn void(&self, params: &[BasicMetadataTypeEnum<'ctx>]) -> FunctionType<'ctx> {
        self.context.void_type().fn_type(params, false)
    }
}

/// The parameters that are passed directly.
pub fn direct_params(ty: &FuncType) -> &[ValType] {
    let mut slots = 0;
    let is_direct = |param: &&ValType| {
        slots += slot_count(**param);
        slots <= MAX_DIRECT_SLOTS
    };
    &ty.params[..ty.params.iter().take_while(is_direct).count()]
}
