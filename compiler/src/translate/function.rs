//! One Wasm function → one LLVM function: locals, the operator loop, and who translates what.

use super::control::Frame;
use super::entry::{load_values, store_values};
use super::fuel::Fuel;
use super::pass::{VECTOR_ALIGNMENT, align_vector, build_return, join};
use super::roots::Roots;
use super::types::direct_params;
use super::unit::Unit;
use super::{Result, ops, tail};
use crate::parse::{Body, DefinedFuncIndex, FuncIndex, FuncType, Operands, TagIndex};
use inkwell::basic_block::BasicBlock;
use inkwell::builder::Builder;
use inkwell::debug_info::DISubprogram;
use inkwell::values::{BasicValue, BasicValueEnum, FunctionValue, PointerValue};
use std::ops::Range;
use wasmc_abi::ValType;
use wasmc_abi::signature::slot_count;
use wasmparser::{BinaryReader, FunctionBody, Operator};

/// Bodies beyond this many bytes are left alone by the optimiser, whose time grows faster than their size.
const OPTIMIZED_BODY_MAX: usize = 1 << 20;
/// The same for locals.
const OPTIMIZED_LOCALS_MAX: u64 = 50_000;
/// The same for targets of one `br_table`: LLVM looks at all of them for each.
const OPTIMIZED_TARGETS_MAX: u32 = 10_000;

/// Whether the optimiser leaves a body alone.
pub fn is_oversized(body: &Body<'_>) -> bool {
    let locals = function_body(body).get_locals_reader().expect(VALID).into_iter();
    let locals: u64 = locals.map(|group| u64::from(group.expect(VALID).0)).sum();
    body.bytes.len() > OPTIMIZED_BODY_MAX
        || locals > OPTIMIZED_LOCALS_MAX
        || body.branch_targets_max > OPTIMIZED_TARGETS_MAX
}

fn function_body<'a>(body: &'a Body<'_>) -> FunctionBody<'a> {
    FunctionBody::new(BinaryReader::new(&body.bytes, body.offset.into()))
}

pub struct FunctionTranslator<'u, 'ctx> {
    pub unit: &'u Unit<'ctx, 'u>,
    pub builder: Builder<'ctx>,
    pub function: FunctionValue<'ctx>,
    pub vmctx: PointerValue<'ctx>,
    pub locals: Vec<Local<'ctx>>,
    pub stack: Vec<BasicValueEnum<'ctx>>,
    pub frames: Vec<Frame<'ctx>>,
    /// Whether the current instruction can be executed.
    pub reachable: bool,
    /// Constructs open inside code that cannot be reached.
    skipped: u32,
    index: FuncIndex,
    pub defined: DefinedFuncIndex,
    ty: &'u FuncType,
    /// Where the body starts, if it is repeated by tail calls of the function itself.
    start: Option<BasicBlock<'ctx>>,
    scope: DISubprogram<'ctx>,
    /// Offset of the current instruction in the Wasm module.
    offset: u32,
    /// Offset of the body.
    body_offset: u32,
    /// Whether globals that nobody else changes may be changed here.
    pub is_initialiser: bool,
    /// Whether the function has the tail convention.
    is_tail_entry: bool,
    /// Where the function is left by an exception, if it is.
    pub exit: Option<BasicBlock<'ctx>>,
    /// The types of the operands before the current instruction, and the references that the function tells the
    /// collector of, in modules with collectable ones.
    pub operands: Option<Operands>,
    pub roots: Option<Roots<'ctx>>,
    /// The slots among them for what open catch clauses of the legacy form have caught.
    pub catch_roots: Vec<u32>,
    /// If it is counted.
    pub fuel: Option<Fuel<'ctx>>,
    /// Which of the body's counters are the current instruction's (`abi::profile`).
    pub counters: Range<usize>,
}

/// A local.
#[derive(Clone, Copy)]
pub struct Local<'ctx> {
    pub ty: ValType,
    place: PointerValue<'ctx>,
    /// Its slot among the roots, if it holds collectable references.
    root: Option<u32>,
}

impl<'ctx> Local<'ctx> {
    /// Whether its value is there.
    pub fn is_at(&self, place: PointerValue<'ctx>) -> bool {
        self.place == place
    }
}

impl<'u, 'ctx> FunctionTranslator<'u, 'ctx> {
    /// Defines the function.
    pub fn translate(unit: &'u Unit<'ctx, 'u>, defined: DefinedFuncIndex) -> Result<()> {
        let index = unit.module.function_index(defined);
        let tail_entry = unit.tail_entry(index);
        if let Some(body) = tail_entry {
            tail::define_ordinary(unit, index, body)?;
        }
        let function = tail_entry.or(unit.function(index)).expect("a defined function is declared");
        let body = &unit.module.bodies[defined.get()];
        let builder = unit.context.create_builder();
        builder.position_at_end(unit.context.append_basic_block(function, ""));
        let mut this = FunctionTranslator {
            unit,
            builder,
            function,
            vmctx: function.get_first_param().expect("a guest function has a vmctx").into_pointer_value(),
            locals: Vec::new(),
            stack: Vec::new(),
            frames: Vec::new(),
            reachable: true,
            skipped: 0,
            index,
            defined,
            ty: unit.module.function_type(index),
            start: None,
            scope: function.get_subprogram().expect("a declared function has a scope"),
            offset: body.offset,
            body_offset: body.offset,
            is_initialiser: unit.module.initialiser == Some(index),
            is_tail_entry: tail_entry.is_some(),
            exit: None,
            operands: None,
            roots: None,
            catch_roots: Vec::new(),
            fuel: None,
            counters: 0..0,
        };
        this.begin_profile()?;
        if is_oversized(body) {
            unit.attributes.leave_alone(function);
        }
        this.hold_vmctx()?;
        this.begin_fuel()?;
        if let Some(validation) = &unit.module.validation {
            this.operands = validation.operands(defined, &function_body(body));
            this.begin_roots()?;
        }
        this.declare_locals(&function_body(body))?;
        if body.repeats {
            let start = this.new_block();
            this.builder.build_unconditional_branch(start)?;
            this.builder.position_at_end(start);
            this.start = Some(start);
        }
        this.body(&function_body(body))
    }

    /// Starts the function again with these parameters if it is the one with that index: a tail call of itself.
    pub fn repeat(&mut self, index: FuncIndex, params: &[BasicValueEnum<'ctx>]) -> Result<bool> {
        let Some(start) = self.start.filter(|_| index == self.index) else { return Ok(false) };
        for index in 0..self.locals.len() {
            let zero = self.unit.types.value(self.locals[index].ty).const_zero();
            self.store_local(index as u32, params.get(index).copied().unwrap_or(zero))?;
        }
        self.builder.build_unconditional_branch(start)?;
        Ok(true)
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        let ty = self.ty;
        self.begin_function(&ty.results)?;
        self.enter_with_fuel()?;
        let mut operators = body.get_operators_reader().expect(VALID);
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset().expect(VALID);
            self.offset = offset as u32;
            let executed = self.reachable;
            self.step_profile(&operator);
            self.operator(&operator)?;
            self.count_fuel(&operator, executed)?;
            if let Some(operands) = &mut self.operands {
                operands.step(self.offset, &operator);
            }
        }
        if self.reachable {
            let results = std::mem::take(&mut self.stack);
            self.build_return(&results)?;
        }
        self.end_exceptional_exit()?;
        self.end_stretch();
        self.end_roots()
    }

    /// Keeps LLVM from dropping the vmctx argument where nothing uses it: the stack check, which comes
    /// after optimisation, will. It takes this away.
    fn hold_vmctx(&self) -> Result<()> {
        self.builder.build_call(self.unit.fake_use(), &[self.vmctx.into()], "")?;
        Ok(())
    }

    /// Returns values of the function's result types.
    pub fn build_return(&mut self, results: &[BasicValueEnum<'ctx>]) -> Result<()> {
        self.pop_roots()?;
        self.store_fuel()?;
        if !self.unit.types.returns_in_area(self.ty) {
            return build_return(self.unit, &self.builder, &self.ty.results, results);
        }
        store_values(self.unit, &self.builder, self.area(), &self.ty.results, results, 0)?;
        build_return(self.unit, &self.builder, &[], &[])
    }

    /// The area that the function was called with.
    pub fn area(&self) -> PointerValue<'ctx> {
        area(self.function)
    }

    fn declare_locals(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        let params = match self.is_tail_entry {
            true => tail::params(self.unit, &self.builder, self.function, self.ty)?,
            false => params_by_ordinary_convention(self.unit, &self.builder, self.function, self.ty)?,
        };
        for (ty, value) in self.ty.params.iter().zip(&params) {
            self.declare_local(*ty, *value)?;
        }
        if self.ty.params.iter().any(|ty| ty.is_collectable()) {
            self.always_root()?;
            for (index, value) in params.into_iter().enumerate() {
                self.root_local(self.locals[index], value)?;
            }
        }
        for group in body.get_locals_reader().expect(VALID) {
            let (count, ty) = group.expect(VALID);
            let ty = self.unit.module.val_type(&ty);
            for _ in 0..count {
                self.declare_local(ty, self.unit.types.value(ty).const_zero())?;
            }
        }
        Ok(())
    }

    fn declare_local(&mut self, ty: ValType, value: BasicValueEnum<'ctx>) -> Result<()> {
        let local = self.builder.build_alloca(self.unit.types.value(ty), "")?;
        if ty == ValType::V128 {
            // No more than a frame has on every target.
            let alloca = local.as_instruction_value().expect("an alloca is an instruction");
            alloca.set_alignment(VECTOR_ALIGNMENT).expect("it is a power of two");
        }
        align_vector(self.builder.build_store(local, value)?);
        let root = ty.is_collectable().then(|| self.new_root());
        self.locals.push(Local { ty, place: local, root });
        Ok(())
    }

    /// The value of a local.
    pub fn load_local(&self, index: u32) -> Result<BasicValueEnum<'ctx>> {
        let Local { ty, place, .. } = self.locals[index as usize];
        let value = self.builder.build_load(self.unit.types.value(ty), place, "")?;
        align_vector(value.as_instruction_value().expect("a load is an instruction"));
        Ok(value)
    }

    /// Stores to a local.
    pub fn store_local(&mut self, index: u32, value: BasicValueEnum<'ctx>) -> Result<()> {
        let local = self.locals[index as usize];
        align_vector(self.builder.build_store(local.place, value)?);
        self.root_local(local, value)
    }

    fn root_local(&mut self, local: Local<'ctx>, value: BasicValueEnum<'ctx>) -> Result<()> {
        local.root.map_or(Ok(()), |slot| self.root(slot, value))
    }

    /// Memory in this frame for values of a call of a function of type `ty`.
    pub fn new_area(&self, ty: &FuncType) -> Result<PointerValue<'ctx>> {
        let slots = |types: &[ValType]| types.iter().map(|t| slot_count(*t)).sum::<usize>();
        let slots = slots(&ty.params).max(slots(&ty.results));
        let first = self.function.get_first_basic_block().and_then(|b| b.get_first_instruction());
        let builder = self.unit.context.create_builder();
        builder.position_before(&first.expect("the entry block has a local, or the first frame's branch"));
        let area = builder.build_alloca(self.unit.types.i64.array_type(slots as u32), "")?;
        Ok(area)
    }

    /// Offset of the current instruction in the Wasm module.
    pub fn offset(&self) -> u32 {
        self.offset
    }

    /// The same in the function's body: it does not change with what stands before in the module.
    pub fn offset_in_body(&self) -> u32 {
        self.offset - self.body_offset
    }

    /// What the builder makes from now on can leave the code, at the current instruction.
    pub fn locate(&self) {
        self.unit.debug.locate(&self.builder, self.scope, Some(self.offset_in_body()));
    }

    /// Ends what [`Self::locate`] began.
    pub fn unlocate(&self) {
        self.builder.unset_current_debug_location();
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Result<()> {
        if !self.reachable {
            return self.skip(operator);
        }
        use Operator as O;
        match operator {
            O::Nop => Ok(()),
            O::Unreachable => {
                self.trap(wasmc_abi::TrapCode::Unreachable)?;
                self.reachable = false;
                Ok(())
            }
            O::Block { blockty } => self.begin_block(*blockty),
            O::Loop { blockty } => self.begin_loop(*blockty),
            O::If { blockty } => self.begin_if(*blockty),
            O::Else => self.begin_else(),
            O::End => self.end(),
            O::Br { relative_depth } => self.branch(*relative_depth),
            O::BrIf { relative_depth } => self.branch_if(*relative_depth),
            O::BrTable { targets } => self.branch_table(targets),
            O::Return => self.branch(self.outermost()),
            O::TryTable { try_table } => self.begin_try_table(try_table),
            O::Throw { tag_index } => self.throw(TagIndex(*tag_index)),
            O::ThrowRef => self.throw_ref(),
            O::Try { blockty } => self.begin_try(*blockty),
            O::Catch { tag_index } => self.begin_catch(Some(TagIndex(*tag_index))),
            O::CatchAll => self.begin_catch(None),
            O::Delegate { relative_depth } => self.delegate(*relative_depth),
            O::Rethrow { relative_depth } => self.rethrow(*relative_depth),
            _ => {
                let known = ops::variable::translate(self, operator)?
                    || ops::memory::translate(self, operator)?
                    || ops::numeric::translate(self, operator)?
                    || ops::convert::translate(self, operator)?
                    || ops::call::translate(self, operator)?
                    || ops::table::translate(self, operator)?
                    || ops::reference::translate(self, operator)?
                    || ops::object::translate(self, operator)?
                    || ops::cast::translate(self, operator)?
                    || ops::vector::translate(self, operator)?
                    || ops::atomic::translate(self, operator)?;
                assert!(known, "validation admits {operator:?}, which has no translation");
                Ok(())
            }
        }
    }

    fn skip(&mut self, operator: &Operator<'_>) -> Result<()> {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => self.skipped += 1,
            Operator::End | Operator::Delegate { .. } if self.skipped > 0 => self.skipped -= 1,
            Operator::End => self.end()?,
            Operator::Delegate { relative_depth } => self.delegate(*relative_depth)?,
            Operator::Else if self.skipped == 0 => self.begin_else()?,
            Operator::Catch { tag_index } if self.skipped == 0 => self.begin_catch(Some(TagIndex(*tag_index)))?,
            Operator::CatchAll if self.skipped == 0 => self.begin_catch(None)?,
            _ => {}
        }
        Ok(())
    }
}

/// The area that a function was called with.
fn area<'ctx>(function: FunctionValue<'ctx>) -> PointerValue<'ctx> {
    function.get_nth_param(1).expect("the area comes after the vmctx").into_pointer_value()
}

/// The parameters of a function that was called by the ordinary convention.
pub fn params_by_ordinary_convention<'ctx>(
    unit: &Unit<'ctx, '_>,
    builder: &Builder<'ctx>,
    function: FunctionValue<'ctx>,
    ty: &FuncType,
) -> Result<Vec<BasicValueEnum<'ctx>>> {
    let direct = direct_params(ty);
    let mut passed = function.get_param_iter().skip(1 + usize::from(unit.types.has_area(ty)));
    let mut params = join(unit, builder, direct, &mut passed)?;
    if params.len() < ty.params.len() {
        params.extend(load_values(unit, builder, area(function), &ty.params, direct.len())?);
    }
    Ok(params)
}

/// Bodies are read only after validation.
const VALID: &str = "the body has been validated";
