//! The types of a body's operands, instruction by instruction: from validation, done once more.

use super::types::abstract_type;
use super::{DefinedFuncIndex, sections::VALID};

use wasmparser::{
    BinaryReaderError, FuncToValidate, FuncValidator, FunctionBody, HeapType, Operator, ValType, ValidatorResources,
    WasmFeatures, WasmModuleResources,
};

/// What it takes to validate the bodies of a module again.
#[derive(Debug)]
pub struct Validation {
    resources: ValidatorResources,
    features: WasmFeatures,
    /// Index and type index of each function that has a body.
    functions: Vec<(u32, u32)>,
}

impl Validation {
    /// For the functions that validation has met, in order; `None` if it has met none.
    pub fn new(functions: Vec<FuncToValidate<ValidatorResources>>) -> Option<Validation> {
        let (resources, features) = functions.first().map(|first| (first.resources.clone(), first.features))?;
        Some(Validation { resources, features, functions: functions.iter().map(|f| (f.index, f.ty)).collect() })
    }

    /// Validates a body.
    pub fn check(&self, function: DefinedFuncIndex, body: &FunctionBody<'_>) -> Result<(), BinaryReaderError> {
        self.validator(function).map_or(Ok(()), |mut validator| validator.validate(body))
    }

    fn validator(&self, function: DefinedFuncIndex) -> Option<FuncValidator<ValidatorResources>> {
        let (index, ty) = *self.functions.get(function.get())?;
        let function = FuncToValidate { resources: self.resources.clone(), index, ty, features: self.features };
        Some(function.into_validator(Default::default()))
    }

    /// The operands of a body, before its first instruction; `None` for one that was made for the purpose.
    pub fn operands(&self, function: DefinedFuncIndex, body: &FunctionBody<'_>) -> Option<Operands> {
        let mut validator = self.validator(function)?;
        validator.read_locals(&mut body.get_binary_reader()).expect(VALID);
        Some(Operands(validator))
    }
}

/// The operand stack of a body as types.
pub struct Operands(FuncValidator<ValidatorResources>);

impl Operands {
    /// Goes on to behind an instruction.
    pub fn step(&mut self, offset: u32, operator: &Operator<'_>) {
        self.0.op(offset.into(), operator).expect(VALID);
    }

    /// The places of references to what the runtime reclaims, counted from the stack's bottom.
    pub fn collectable(&self) -> Vec<usize> {
        let height = self.0.operand_stack_height() as usize;
        let is_collectable = |place: &usize| {
            let Some(ValType::Ref(ty)) = self.0.get_operand_type(height - 1 - place).flatten() else { return false };
            match self.0.resources().top_type(&ty.heap_type()) {
                HeapType::Abstract { ty, .. } => abstract_type(ty).is_collectable(),
                HeapType::Concrete(_) | HeapType::Exact(_) => unreachable!("the largest types have names"),
            }
        };
        (0..height).filter(is_collectable).collect()
    }
}
