//! The pass pipeline of each level, and what is ours after it: checks that the hardware does, stack
//! checks, sites.

mod anchors;
mod aside;
mod bounds;
mod counted;
mod discount;
mod dispatch;
mod dominators;
mod doubles;
mod guard;
mod merge;
mod misaligned;
mod near;
mod neon;
mod nests;
mod pieces;
mod pipeline;
mod products;
mod shape;
mod share;
mod sites;
mod stack;
mod sums;
mod swizzle;
mod widen;
mod words;

use crate::error::CompileError;
use crate::machine::o0_has_frame_pointers;
use crate::options::{MemoryModel, OptLevel, Options};
use crate::translate::symbols;
use aside::{Aside, is_for_loops};
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::module::Module as LlvmModule;
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::TargetMachine;
use inkwell::values::{BasicValue, FunctionValue};
pub use shape::Shape;
pub use sites::{Chains, Place};
use wasmc_abi::target::Arch;

/// Optimises the LLVM module of a unit and readies it for code generation. Returns its sites.
pub fn optimize(
    llvm: &LlvmModule<'_>,
    shape: &Shape,
    options: &Options,
    machine: &TargetMachine,
) -> Result<Chains<Place>, CompileError> {
    verify(llvm, "translation")?;
    neon::keep_floats_scalar(llvm, options);
    run_pipeline(llvm, options, machine)?;
    if options.memory == MemoryModel::Guard && options.level != OptLevel::O0 {
        let changed = guard::remove_checks(llvm, shape, &options.target);
        // What only the checks used.
        run_on(|function| changed.contains(&function), llvm, machine, "function(simplifycfg,adce)")?;
    }
    if widen::applies(options) {
        let changed = widen::widen_indices(llvm, shape, options);
        run_on(|function| changed.contains(&function), llvm, machine, "function(early-cse,adce)")?;
    }
    swizzle::take_small_indices(llvm);
    if let (Some(hot), OptLevel::O2 | OptLevel::O3) = (shape.hot, options.level) {
        copy_dispatches(llvm, hot, machine)?;
    }
    let for_size = options.level.is_for_size();
    let for_speed = matches!(options.level, OptLevel::O2 | OptLevel::O3);
    let arch = options.target.row.arch;
    if for_speed {
        sums::order_sums(llvm);
    }
    if arch == Arch::X86_64 && options.level != OptLevel::O0 {
        pieces::load_pieces(llvm);
    }
    if options.target.row.pointer_bits == 32 && (for_size || for_speed) {
        merge::merge_checks(llvm, shape, options.strip);
        run(llvm, machine, "function(early-cse,simplifycfg,adce)")?;
    }
    if for_size || for_speed && (arch == Arch::Arm || arch == Arch::Riscv && options.target.row.pointer_bits == 64) {
        anchors::share_anchors(llvm, arch);
        run(llvm, machine, "function(adce)")?;
    }
    neon::scalarize_floats(llvm, options);
    stack::insert_checks(llvm, options);
    let sites = sites::number(llvm);
    if arch == Arch::X86_64 && options.level == OptLevel::O3 {
        dispatch::settle_dispatches(llvm);
    }
    if options.strip && for_size {
        share::share_traps(llvm);
        if arch == Arch::Riscv {
            near::call_traps(llvm);
        }
    }
    if for_size && misaligned::applies(options) {
        misaligned::call_for_accesses(llvm);
    }
    if o0_has_frame_pointers(options.target.row) {
        optimize_all_code(llvm);
    }
    doubles::move_as_words(llvm, options);
    words::keep_products(llvm, options);
    delete_unused_stubs(llvm);
    set_sections(llvm);
    verify(llvm, "optimization")?;
    Ok(sites)
}

/// Has accesses of a loop share their counters, where loops are worth it: the first step of code generation.
pub fn reduce_strength(llvm: &LlvmModule<'_>, options: &Options, machine: &TargetMachine) -> Result<(), CompileError> {
    if options.level == OptLevel::O0 {
        return Ok(());
    }
    let is_riscv = options.target.row.arch == Arch::Riscv;
    let passes = if is_riscv { pipeline::STRENGTH_ON_RISCV } else { pipeline::STRENGTH };
    run_on(is_for_loops, llvm, machine, passes)
}

/// Deletes the stubs of traps that nothing raises any more. LLVM keeps them, since others might call them.
fn delete_unused_stubs(llvm: &LlvmModule<'_>) {
    let stubs = symbols::trap_stubs().filter_map(|name| llvm.get_function(&name));
    for stub in stubs.filter(|stub| stub.as_global_value().as_pointer_value().get_first_use().is_none()) {
        // SAFETY: nothing uses it.
        unsafe { stub.delete() };
    }
}

/// Rounds of copying: ways back to a dispatch come together in steps, and what they share first is copied first.
const DISPATCH_ROUNDS: usize = 8;

/// Copies dispatches of interpreters.
fn copy_dispatches(llvm: &LlvmModule<'_>, hot: u64, machine: &TargetMachine) -> Result<(), CompileError> {
    for _ in 0..DISPATCH_ROUNDS {
        if !dispatch::copy_dispatches(llvm, hot) {
            break;
        }
        run(llvm, machine, "function(sroa<preserve-cfg>,simplifycfg)")?;
    }
    Ok(())
}

/// Lets code generation optimise the functions too that the passes so far have left alone.
fn optimize_all_code(llvm: &LlvmModule<'_>) {
    let optnone = Attribute::get_named_enum_kind_id("optnone");
    for function in llvm.get_functions() {
        function.remove_enum_attribute(AttributeLoc::Function, optnone);
    }
}

/// Optimises routines that the compiler has brought along.
pub fn optimize_routines(
    llvm: &LlvmModule<'_>,
    options: &Options,
    machine: &TargetMachine,
) -> Result<(), CompileError> {
    verify(llvm, "routines")?;
    // Before all else what nothing calls goes.
    run(llvm, machine, &format!("globaldce,{},{}", pipeline::whole(options.level), pipeline::STRENGTH))?;
    set_sections(llvm);
    verify(llvm, "optimization")
}

/// A section each, by which the link step puts functions in the order of their indices. LLVM sets cold
/// ones apart, and orders those of a module by use.
fn set_sections(llvm: &LlvmModule<'_>) {
    for function in llvm.get_functions().filter(|f| f.count_basic_blocks() > 0) {
        function.set_section(Some(&format!(".text.{}", function.get_name().to_string_lossy())));
    }
}

/// The functions that stand for the module's own.
fn guest_functions<'ctx>(llvm: &LlvmModule<'ctx>) -> impl Iterator<Item = FunctionValue<'ctx>> {
    llvm.get_functions().filter(|f| f.get_subprogram().is_some() && f.count_basic_blocks() > 0)
}

/// LLVM's pipeline, with what is ours in the middle of it.
fn run_pipeline(llvm: &LlvmModule<'_>, options: &Options, machine: &TargetMachine) -> Result<(), CompileError> {
    let parts = pipeline::parts(options.level);
    if options.discounts_checks() {
        discount::discount_checks(llvm);
    }
    run(llvm, machine, if parts.is_some() { pipeline::FIRST } else { pipeline::whole(options.level) })?;
    let has_product = options.target.row.pointer_bits == 64 && options.level != OptLevel::O0;
    if has_product && products::combine_products(llvm) {
        run(llvm, machine, pipeline::AFTER_PRODUCTS)?;
    }
    let Some(parts) = parts else { return Ok(()) };
    aside::mark(llvm);
    let run_for_loops = |passes: &str| run_on(is_for_loops, llvm, machine, passes);
    run_for_loops(parts.for_loops)?;
    if nests::mark_nests(llvm) {
        run_for_loops(pipeline::NESTS)?;
    }
    if counted::version_loops(llvm, options) {
        verify(llvm, "doubling of loops")?;
        run_for_loops(pipeline::AFTER_COUNTED)?;
    }
    run_for_loops(&parts.vectorising)?;
    counted::forget(llvm);
    run_for_loops(parts.second)?;
    counted::settle(llvm);
    run_for_loops(&parts.third)?;
    run(llvm, machine, pipeline::UNUSED)
}

/// Runs passes over some functions.
fn run_on<'ctx>(
    which: impl Fn(FunctionValue<'ctx>) -> bool,
    llvm: &LlvmModule<'ctx>,
    machine: &TargetMachine,
    passes: &str,
) -> Result<(), CompileError> {
    let aside = Aside::all_but(llvm, which);
    run(llvm, machine, passes)?;
    aside.take_back();
    Ok(())
}

fn run(llvm: &LlvmModule<'_>, machine: &TargetMachine, passes: &str) -> Result<(), CompileError> {
    llvm.run_passes(passes, machine, PassBuilderOptions::create())
        .map_err(|e| CompileError::Llvm { phase: "optimization", message: e.to_string() })
}

fn verify(llvm: &LlvmModule<'_>, phase: &'static str) -> Result<(), CompileError> {
    if cfg!(debug_assertions) {
        llvm.verify().map_err(|e| CompileError::Llvm { phase, message: e.to_string() })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::reduce_strength;
    use crate::machine::target_machine;
    use crate::translate::symbols;
    use crate::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};
    use inkwell::context::Context;
    use inkwell::memory_buffer::MemoryBuffer;
    use wasmc_abi::TrapCode;

    /// The traps that the code of a module has stubs for.
    fn stubs(module: &str, memory: MemoryModel) -> Vec<TrapCode> {
        let options = Options { level: OptLevel::O3, memory, ..Options::default() };
        let ir = compile_observed(module.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        let has = |code: &TrapCode| ir.contains(&format!("define hidden void @{}(", symbols::trap_stub(*code)));
        TrapCode::ALL.iter().copied().filter(has).collect()
    }

    #[test]
    fn traps_that_nothing_raises_have_no_stubs() {
        use TrapCode::{DivideByZero, MemoryOutOfBounds, StackOverflow, UncaughtException};
        let nothing = r#"(module (func (export "f") (param i32) (result i32) local.get 0))"#;
        assert_eq!(stubs(nothing, MemoryModel::Guard), []);
        let load = r#"(module (memory 0) (func (export "f") (param i32) (result i32)
            (i32.load (i32.rem_u (i32.const 99) (local.get 0)))))"#;
        // The hardware checks the load.
        assert_eq!(stubs(load, MemoryModel::Guard), [DivideByZero]);
        assert_eq!(stubs(load, MemoryModel::Checked), [MemoryOutOfBounds, DivideByZero]);
        // The check of the stack comes last of all. What is imported might throw.
        let call =
            r#"(module (import "" "g" (func $g (param i32))) (func (export "f") (param i32) (call $g (local.get 0))))"#;
        assert_eq!(stubs(call, MemoryModel::Guard), [StackOverflow, UncaughtException]);
    }

    /// An indirect call through a table that others may change, between accesses of a memory that is imported.
    const INDIRECT: &str = r#"(module
        (import "" "" (memory 1)) (table (export "t") 1 2 funcref) (type $t (func (param i32) (result i32)))
        (func (export "f") (param i32) (result i32)
          (i32.store (local.get 0) (i32.load offset=8 (local.get 0)))
          (i32.load (call_indirect (type $t) (i32.load (local.get 0)) (local.get 0)))))"#;

    #[test]
    fn an_indirect_call_finds_out_only_in_a_stub_what_is_wrong_with_its_callee() {
        use TrapCode::{StackOverflow, UncaughtException, UndefinedElement};
        assert_eq!(stubs(INDIRECT, MemoryModel::Guard), [UndefinedElement, StackOverflow, UncaughtException]);
        let options = Options { level: OptLevel::O3, ..Options::default() };
        let ir = compile_observed(INDIRECT.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        assert_eq!(ir.matches("call void @trap_callee(i64").count(), 1);
    }

    #[test]
    fn of_loads_those_of_linear_memory_alone_are_kept_in_order() {
        let options = Options { level: OptLevel::O3, ..Options::default() };
        let ir = compile_observed(INDIRECT.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        let count = |text| ir.matches(text).count();
        assert_eq!([count("load volatile"), count("load volatile i32"), count("store volatile i32")], [3, 3, 1]);
        assert!(count(" load ptr") >= 3 && count(" load i64") >= 2, "the table's elements, type, code and vmctx");
    }

    #[test]
    fn below_a_memorys_minimum_nothing_is_checked() {
        use TrapCode::MemoryOutOfBounds;
        // One byte of the index, and four that are loaded.
        let load = |memory: &str, offset: u32| {
            let load = format!("(i32.load offset={offset} (i32.and (local.get 0) (i32.const 255)))");
            format!(r#"(module {memory} (func (export "f") (param i32) (result i32) {load}))"#)
        };
        for memory in ["(memory 1)", r#"(import "" "" (memory 1))"#, r#"(memory (export "m") 1 9)"#] {
            assert_eq!(stubs(&load(memory, 65536 - 4 - 255), MemoryModel::Checked), [], "{memory}");
            assert_eq!(stubs(&load(memory, 65536 - 3 - 255), MemoryModel::Checked), [MemoryOutOfBounds], "{memory}");
        }
    }

    #[test]
    fn loops_of_many_rounds_are_not_unrolled_as_a_whole() {
        // Sums of a vector a round.
        let load = |base| format!("(v128.load offset={base} (local.get 0))");
        let sums = |rounds: usize| {
            let module = format!(
                r#"(module (memory 1) (func (export "f") (result v128) (local i32 v128)
                  (loop (local.set 1 (i32x4.add (local.get 1) (i32x4.mul {} {})))
                    (br_if 0 (i32.ne (local.tee 0 (i32.add (local.get 0) (i32.const 16))) (i32.const {}))))
                  (local.get 1)))"#,
                load(1024),
                load(8192),
                16 * rounds
            );
            let options = Options { level: OptLevel::O3, ..Options::default() };
            let ir = compile_observed(module.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
            String::from_utf8(ir).unwrap().matches("mul <4 x i32>").count()
        };
        assert_eq!(sums(8), 8);
        assert!(sums(16) < 8);
    }

    #[test]
    fn what_loops_in_loops_call_is_inlined_for_all_its_checks() {
        let load = |offset: u32| format!("(f64.load offset={offset} (local.get 0))");
        let sum = (1..8).fold(load(0), |sum, n| format!("(f64.add {sum} {})", load(n * 100_000)));
        let count = "(br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))";
        let call = "(f64.store (i32.const 0) (call $sum (local.get 0)))";
        let calls = |body: String, memory| {
            let module = format!(
                r#"(module (memory 1) (func $sum (param i32) (result f64) {sum})
                  (func (export "f") (param i32) {body} (f64.store (i32.const 0) (call $sum (i32.const 8)))))"#
            );
            let options = Options { level: OptLevel::O3, memory, ..Options::default() };
            let ir = compile_observed(module.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
            String::from_utf8(ir).unwrap().matches("call fastcc double").count()
        };
        for body in [format!("(loop {call} {count})"), format!("(loop (loop {call} {count}) {count})")] {
            assert_eq!(calls(body.clone(), MemoryModel::Guard), 0, "{body}");
            let is_inlined = body.contains("(loop (loop");
            assert_eq!(calls(body, MemoryModel::Checked) == 0, is_inlined);
        }
    }

    #[test]
    fn checks_that_are_the_same_in_all_rounds_come_before_the_loop() {
        // With pointers of 32 bits LLVM finds out before the loop whether a check in it fails.
        let module = r#"(module (memory 4) (func (export "f") (param $n i32) (param $d i32) (result f64)
            (local $i i32) (local $p i32) (local $sum f64)
            (local.set $p (i32.const 65536))
            (loop
              (local.set $sum (f64.add (local.get $sum) (f64.div (f64.load (local.get $p))
                (f64.convert_i32_u (i32.mul (local.get $i) (local.get $d))))))
              (local.set $p (i32.add (local.get $p) (i32.const 8)))
              (br_if 0 (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
            (local.get $sum)))"#;
        let target = Target::new("armv7-linux", None, &[]).unwrap();
        let options = Options { target, level: OptLevel::O3, memory: MemoryModel::Checked, ..Options::default() };
        let ir = compile_observed(module.as_bytes(), &options, Emit::Optimized, &mut ()).unwrap();
        let ir = String::from_utf8(ir).unwrap();
        // The loop is one block.
        let divides = ir.split("\n\n").find(|block| block.contains("fdiv")).unwrap();
        assert!(divides.contains("phi double"), "{ir}");
    }

    #[test]
    fn on_riscv_rounds_are_counted_by_addresses() {
        let loops = "define void @f(ptr %p, i32 %n) {
              br label %loop
            loop:
              %a = phi ptr [ %p, %0 ], [ %b, %loop ]
              %i = phi i32 [ %n, %0 ], [ %j, %loop ]
              store volatile i64 0, ptr %a
              %b = getelementptr i8, ptr %a, i64 8
              %j = add i32 %i, -1
              %ends = icmp eq i32 %j, 0
              br i1 %ends, label %end, label %loop
            end:
              ret void
            }";
        let phis = |target| {
            let options = Options { target: Target::new(target, None, &[]).unwrap(), ..Options::default() };
            let (machine, context) = (target_machine(&options).unwrap(), Context::create());
            let text = MemoryBuffer::create_from_memory_range_copy(loops.as_bytes(), "");
            let llvm = context.create_module_from_ir(text).unwrap();
            reduce_strength(&llvm, &options, &machine).unwrap();
            llvm.print_to_string().to_string().matches(" phi ").count()
        };
        assert_eq!([phis("riscv64-linux"), phis("x86_64-linux")], [1, 2]);
    }
}
