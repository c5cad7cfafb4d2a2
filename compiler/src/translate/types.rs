//! Wasm types ↔ LLVM types.

use inkwell::AddressSpace;
use inkwell::context::Context;
use inkwell::types::{BasicMetadataTypeEnum, BasicType, BasicTypeEnum, FloatType, FunctionType, IntType, PointerType};
use wasmc_abi::ValType;
use wasmc_abi::signature::{MAX_DIRECT_PARAMS, MAX_REGISTER_RESULTS};

use crate::parse::FuncType;

/// The LLVM types in use, made once.
pub struct Types<'ctx> {
    pub bool: IntType<'ctx>,
    pub i8: IntType<'ctx>,
    pub i16: IntType<'ctx>,
    pub i32: IntType<'ctx>,
    pub i64: IntType<'ctx>,
    /// As wide as a pointer.
    pub word: IntType<'ctx>,
    pub f32: FloatType<'ctx>,
    pub f64: FloatType<'ctx>,
    pub ptr: PointerType<'ctx>,
    context: &'ctx Context,
}

impl<'ctx> Types<'ctx> {
    pub fn new(context: &'ctx Context, pointer_bits: u32) -> Self {
        Types {
            bool: context.bool_type(),
            i8: context.i8_type(),
            i16: context.i16_type(),
            i32: context.i32_type(),
            i64: context.i64_type(),
            word: if pointer_bits == 32 { context.i32_type() } else { context.i64_type() },
            f32: context.f32_type(),
            f64: context.f64_type(),
            ptr: context.ptr_type(AddressSpace::default()),
            context,
        }
    }

    /// The LLVM type of a Wasm value. References are 64-bit tokens on every target.
    pub fn value(&self, ty: ValType) -> BasicTypeEnum<'ctx> {
        match ty {
            ValType::I32 => self.i32.into(),
            ValType::I64 | ValType::FuncRef | ValType::ExternRef => self.i64.into(),
            ValType::F32 => self.f32.into(),
            ValType::F64 => self.f64.into(),
            ValType::V128 => self.context.i128_type().into(),
        }
    }

    /// The type of a guest function: vmctx, an area if there are many parameters or results, parameters
    /// (`abi::signature`).
    pub fn guest(&self, ty: &FuncType) -> FunctionType<'ctx> {
        let mut params: Vec<BasicMetadataTypeEnum> = vec![self.ptr.into()];
        if has_area(ty) {
            params.push(self.ptr.into());
        }
        params.extend(direct_params(ty).iter().map(|t| BasicMetadataTypeEnum::from(self.value(*t))));
        let results: Vec<_> = ty.results.iter().map(|t| self.value(*t)).collect();
        match results.as_slice() {
            [one] => one.fn_type(&params, false),
            [_, _] => self.context.struct_type(&results, false).fn_type(&params, false),
            _ => self.context.void_type().fn_type(&params, false),
        }
    }

    /// `void`, for functions without a result.
    pub fn void(&self, params: &[BasicMetadataTypeEnum<'ctx>]) -> FunctionType<'ctx> {
        self.context.void_type().fn_type(params, false)
    }
}

/// The parameters that are passed directly.
pub fn direct_params(ty: &FuncType) -> &[ValType] {
    &ty.params[..ty.params.len().min(MAX_DIRECT_PARAMS)]
}

/// Whether some values of a call go through memory in the caller's frame.
pub fn has_area(ty: &FuncType) -> bool {
    returns_in_area(ty) || ty.params.len() > MAX_DIRECT_PARAMS
}

/// Whether the results do.
pub fn returns_in_area(ty: &FuncType) -> bool {
    ty.results.len() > MAX_REGISTER_RESULTS
}
