//! The operand stack: what instructions take and leave, as LLVM values.

use super::function::FunctionTranslator;
use inkwell::values::{BasicValueEnum, FloatValue, IntValue};

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    pub fn push(&mut self, value: impl Into<BasicValueEnum<'ctx>>) {
        self.stack.push(value.into());
    }

    pub fn pop(&mut self) -> BasicValueEnum<'ctx> {
        self.stack.pop().expect("validated: the operand is there")
    }

    pub fn pop_int(&mut self) -> IntValue<'ctx> {
        self.pop().into_int_value()
    }

    pub fn pop_float(&mut self) -> FloatValue<'ctx> {
        self.pop().into_float_value()
    }

    /// The last `count` operands, in the order in which they were pushed.
    pub fn pop_many(&mut self, count: usize) -> Vec<BasicValueEnum<'ctx>> {
        self.stack.split_off(self.stack.len() - count)
    }
}
