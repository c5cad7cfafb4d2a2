//! Vectors as lanes: shapes, what the operand stack holds, and what all the groups build with.

use crate::translate::Result;
use crate::translate::function::FunctionTranslator;
use crate::translate::types::Types;
use inkwell::types::{BasicTypeEnum, FloatType, IntType, VectorType};
use inkwell::values::{BasicMetadataValueEnum, BasicValue, BasicValueEnum, InstructionOpcode, IntValue, VectorValue};
use wasmc_abi::target::Arch;

pub type Translator<'u, 'ctx> = FunctionTranslator<'u, 'ctx>;

/// How the 128 bits are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    I8x16,
    I16x8,
    I32x4,
    I64x2,
    F32x4,
    F64x2,
}

impl Shape {
    /// Width of a lane, bits.
    pub fn lane_bits(self) -> u32 {
        match self {
            Shape::I8x16 => 8,
            Shape::I16x8 => 16,
            Shape::I32x4 | Shape::F32x4 => 32,
            Shape::I64x2 | Shape::F64x2 => 64,
        }
    }

    /// Count of lanes.
    pub fn lanes(self) -> u32 {
        128 / self.lane_bits()
    }

    /// The shape of integers with lanes as wide.
    pub fn integers(self) -> Shape {
        match self {
            Shape::F32x4 => Shape::I32x4,
            Shape::F64x2 => Shape::I64x2,
            other => other,
        }
    }

    /// The integers with half as wide lanes, and twice as many.
    pub fn narrower(self) -> Shape {
        match self {
            Shape::I16x8 => Shape::I8x16,
            Shape::I32x4 => Shape::I16x8,
            Shape::I64x2 => Shape::I32x4,
            other => unreachable!("no instruction narrows the lanes of {other:?}"),
        }
    }
}

/// How narrow integers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Signed,
    Unsigned,
}

/// Which half of the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    Low,
    High,
}

impl<'ctx> Types<'ctx> {
    /// The integer of that width.
    pub fn int(&self, bits: u32) -> IntType<'ctx> {
        match bits {
            8 => self.i8,
            16 => self.i16,
            32 => self.i32,
            64 => self.i64,
            _ => unreachable!("no lane has {bits} bits"),
        }
    }

    /// A lane of a shape of floats.
    pub fn float_lane(&self, shape: Shape) -> FloatType<'ctx> {
        if shape == Shape::F32x4 { self.f32 } else { self.f64 }
    }

    /// A vector of integers of `bits` bits.
    pub fn ints(&self, bits: u32, lanes: u32) -> VectorType<'ctx> {
        self.int(bits).vec_type(lanes)
    }

    /// A vector of a shape.
    pub fn vector(&self, shape: Shape) -> VectorType<'ctx> {
        match shape {
            Shape::F32x4 | Shape::F64x2 => self.float_lane(shape).vec_type(shape.lanes()),
            _ => self.ints(shape.lane_bits(), shape.lanes()),
        }
    }

    /// All 128 bits as one integer.
    pub fn v128_bits(&self) -> IntType<'ctx> {
        self.v128.get_context().i128_type()
    }

    /// An integer with a bit for each lane.
    pub fn mask(&self, lanes: u32) -> IntType<'ctx> {
        let context = self.v128.get_context();
        context.custom_width_int_type(lanes.try_into().expect("there are lanes")).expect("LLVM has it")
    }

    /// A constant with the same value in each lane.
    pub fn splat(&self, ty: VectorType<'ctx>, value: u64) -> VectorValue<'ctx> {
        let lane: BasicValueEnum = match ty.get_element_type() {
            BasicTypeEnum::IntType(ty) => ty.const_int(value, false).into(),
            other => unreachable!("{other:?} is no integer"),
        };
        VectorType::const_vector(&vec![lane; ty.get_size() as usize])
    }

    /// A constant of floats with the same value, which is exact, in each lane.
    pub fn float_splat(&self, shape: Shape, value: f64) -> VectorValue<'ctx> {
        let lane = self.float_lane(shape).const_float(value);
        VectorType::const_vector(&vec![lane; shape.lanes() as usize])
    }
}

impl<'ctx> FunctionTranslator<'_, 'ctx> {
    /// Pushes a vector of any shape.
    pub fn push_vector(&mut self, value: VectorValue<'ctx>) -> Result<()> {
        let value = self.reshape(value, self.unit.types.v128)?;
        self.push(value);
        Ok(())
    }

    /// Pops a vector as one of this shape.
    pub fn pop_vector(&mut self, shape: Shape) -> Result<VectorValue<'ctx>> {
        let value = self.pop().into_vector_value();
        self.reshape(value, self.unit.types.vector(shape))
    }

    /// The same bits as another vector.
    pub fn reshape(&self, value: VectorValue<'ctx>, ty: VectorType<'ctx>) -> Result<VectorValue<'ctx>> {
        let origin = unshaped(value);
        for same in [value, origin] {
            if same.get_type() == ty {
                return Ok(same);
            }
        }
        Ok(self.builder.build_bit_cast(origin, ty, "")?.into_vector_value())
    }

    /// The lanes with these numbers; those of `b` follow those of `a`.
    pub fn pick(
        &self,
        a: VectorValue<'ctx>,
        b: VectorValue<'ctx>,
        lanes: impl Iterator<Item = u32>,
    ) -> Result<VectorValue<'ctx>> {
        let lanes: Vec<_> = lanes.map(|lane| self.unit.types.i32.const_int(lane.into(), false)).collect();
        Ok(self.builder.build_shuffle_vector(a, b, VectorType::const_vector(&lanes), "")?)
    }

    /// Half of the lanes.
    pub fn half(&self, value: VectorValue<'ctx>, half: Half) -> Result<VectorValue<'ctx>> {
        let count = value.get_type().get_size() / 2;
        let first = if half == Half::Low { 0 } else { count };
        self.pick(value, value.get_type().get_poison(), first..first + count)
    }

    /// A vector with the same value in each lane.
    pub fn splat(&self, ty: VectorType<'ctx>, value: BasicValueEnum<'ctx>) -> Result<VectorValue<'ctx>> {
        let one = self.builder.build_insert_element(ty.get_poison(), value, self.unit.types.i32.const_zero(), "")?;
        self.pick(one, ty.get_poison(), (0..ty.get_size()).map(|_| 0))
    }

    /// The value of a lane.
    pub fn lane(&self, value: VectorValue<'ctx>, lane: u32) -> Result<BasicValueEnum<'ctx>> {
        let lane = self.unit.types.i32.const_int(lane.into(), false);
        Ok(self.builder.build_extract_element(value, lane, "")?)
    }

    /// The value of a lane. For 32-bit ARM a float is fenced: LLVM makes one operation on vectors of those on all
    /// their lanes, and NEON's takes subnormals for zero.
    fn lane_apart(&self, value: VectorValue<'ctx>, lane: u32) -> Result<BasicValueEnum<'ctx>> {
        let value = self.lane(value, lane)?;
        if self.unit.target.arch == Arch::Arm && value.is_float_value() {
            return self.intrinsic_call("llvm.arithmetic.fence", &[value.get_type()], &[value.into()]);
        }
        Ok(value)
    }

    /// The vector with another value in a lane.
    pub fn with_lane(
        &self,
        vector: VectorValue<'ctx>,
        lane: u32,
        value: BasicValueEnum<'ctx>,
    ) -> Result<VectorValue<'ctx>> {
        let lane = self.unit.types.i32.const_int(lane.into(), false);
        Ok(self.builder.build_insert_element(vector, value, lane, "")?)
    }

    /// Lanes as integers of another width.
    pub fn extend(&self, value: VectorValue<'ctx>, bits: u32, sign: Sign) -> Result<VectorValue<'ctx>> {
        let ty = self.unit.types.ints(bits, value.get_type().get_size());
        Ok(match sign {
            Sign::Signed => self.builder.build_int_s_extend(value, ty, "")?,
            Sign::Unsigned => self.builder.build_int_z_extend(value, ty, "")?,
        })
    }

    /// Calls an intrinsic that is overloaded for the type of its first operand.
    pub fn vector_call(&self, name: &'static str, args: &[VectorValue<'ctx>]) -> Result<VectorValue<'ctx>> {
        let args: Vec<BasicMetadataValueEnum> = args.iter().map(|a| (*a).into()).collect();
        Ok(self.intrinsic_call(name, &[args[0].into_vector_value().get_type().into()], &args)?.into_vector_value())
    }

    /// Calls an intrinsic of a machine that is not overloaded.
    pub fn machine_call(&self, name: &'static str, args: &[VectorValue<'ctx>]) -> Result<VectorValue<'ctx>> {
        let args: Vec<BasicMetadataValueEnum> = args.iter().map(|a| (*a).into()).collect();
        Ok(self.intrinsic_call(name, &[], &args)?.into_vector_value())
    }

    /// Whether RISC-V's vectors are there to be used.
    pub fn has_riscv_vectors(&self) -> bool {
        self.unit.has_riscv_vectors(self.function)
    }

    /// Calls an intrinsic of RISC-V's vectors, whose length no type says: the operands are in the first lanes. `types`
    /// of the vector is it overloaded for; `rounding` is a mode, if it wants one.
    pub fn riscv_call(
        &self,
        name: &'static str,
        types: usize,
        [a, b]: [VectorValue<'ctx>; 2],
        rounding: Option<u64>,
    ) -> Result<VectorValue<'ctx>> {
        let (fixed, i64) = (a.get_type(), self.unit.types.i64);
        let lanes = fixed.get_size();
        // What every machine with such vectors has in a register: 128 bits, two times 64.
        let scalable = fixed.get_element_type().into_int_type().scalable_vec_type(lanes / 2);
        let first = i64.const_zero();
        let wide = |value: VectorValue<'ctx>| {
            let args = [scalable.get_poison().into(), value.into(), first.into()];
            self.intrinsic_call("llvm.vector.insert", &[scalable.into(), fixed.into()], &args)
        };
        let mut args = vec![scalable.get_poison().into(), wide(a)?.into(), wide(b)?.into()];
        args.extend(rounding.map(|mode| BasicMetadataValueEnum::from(i64.const_int(mode, false))));
        args.push(i64.const_int(lanes.into(), false).into());
        let overload: Vec<BasicTypeEnum> = vec![scalable.into(); types].into_iter().chain([i64.into()]).collect();
        let result = self.intrinsic_call(name, &overload, &args)?;
        let overload = [fixed.into(), scalable.into()];
        Ok(self.intrinsic_call("llvm.vector.extract", &overload, &[result.into(), first.into()])?.into_vector_value())
    }

    /// Calls an intrinsic.
    pub fn intrinsic_call(
        &self,
        name: &'static str,
        overload: &[BasicTypeEnum<'ctx>],
        args: &[BasicMetadataValueEnum<'ctx>],
    ) -> Result<BasicValueEnum<'ctx>> {
        let function = self.unit.intrinsic_of(name, overload);
        Ok(self.builder.build_call(function, args, "")?.try_as_basic_value().unwrap_basic())
    }

    /// All ones in each lane where a condition holds.
    pub fn extend_mask(&self, condition: VectorValue<'ctx>, ty: VectorType<'ctx>) -> Result<VectorValue<'ctx>> {
        Ok(self.builder.build_int_s_extend(condition, ty, "")?)
    }

    /// All ones in each lane where a condition holds, as an operand.
    pub fn push_mask(&mut self, condition: VectorValue<'ctx>, shape: Shape) -> Result<()> {
        let mask = self.extend_mask(condition, self.unit.types.vector(shape.integers()))?;
        self.push_vector(mask)
    }

    /// An integer with a value of the lanes' width, as `i32` operands have it.
    pub fn push_extended(&mut self, value: IntValue<'ctx>, sign: Sign) -> Result<()> {
        let i32 = self.unit.types.i32;
        let value = match sign {
            _ if value.get_type().get_bit_width() >= 32 => value,
            Sign::Signed => self.builder.build_int_s_extend(value, i32, "")?,
            Sign::Unsigned => self.builder.build_int_z_extend(value, i32, "")?,
        };
        self.push(value);
        Ok(())
    }

    /// Builds each lane of a result from the same lane of the operands.
    pub fn by_lane(
        &mut self,
        args: &[VectorValue<'ctx>],
        to: VectorType<'ctx>,
        build: &mut dyn FnMut(&mut Self, &[BasicValueEnum<'ctx>]) -> Result<BasicValueEnum<'ctx>>,
    ) -> Result<VectorValue<'ctx>> {
        let mut result = to.get_poison();
        for lane in 0..to.get_size() {
            let args = args.iter().map(|a| self.lane_apart(*a, lane)).collect::<Result<Vec<_>>>()?;
            let value = build(self, &args)?;
            result = self.with_lane(result, lane, value)?;
        }
        Ok(result)
    }
}

/// What was given another shape, or the value itself.
pub fn unshaped(value: VectorValue<'_>) -> VectorValue<'_> {
    let cast = value.as_instruction_value().filter(|i| i.get_opcode() == InstructionOpcode::BitCast);
    match cast.and_then(|cast| cast.get_operand(0)?.value()) {
        Some(BasicValueEnum::VectorValue(origin)) => origin,
        _ => value,
    }
}
