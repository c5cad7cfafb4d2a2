//! Attributes and conventions of functions and calls. `mustprogress`, `willreturn`, `norecurse`,
//! `memory(...)` and fast-math are never given: Wasm promises none of them.

use super::symbols::IN_LOOPS;
use crate::options::{OptLevel, Options};
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::context::Context;
use inkwell::module::Module as LlvmModule;
use inkwell::types::{BasicMetadataTypeEnum, FunctionType};
use inkwell::values::{CallSiteValue, FunctionValue, LLVMTailCallKind};
use std::collections::BTreeSet;
use wasmc_abi::target::Arch;

/// LLVM's number of `fastcc` (llvm/IR/CallingConv.h): arguments and results in registers. `tailcc` has
/// the same registers, but makes every function take 8 bytes off the stack that its caller then puts
/// back, a slow `ret 8` and a `sub` for each call, even of a function without stack arguments.
pub const GUEST_CONVENTION: u32 = 8;

/// Attributes made once.
pub struct Attributes {
    guest: Vec<Attribute>,
    hosted: Vec<Attribute>,
    vmctx: Vec<Attribute>,
    swiftself: Attribute,
    nomerge: Attribute,
    trap: Vec<Attribute>,
    /// What all code on the target expects of `i32` arguments and results, if anything: the host's and the guest's, so
    /// that neither extends again what an instruction has left extended.
    extended_i32: Option<Attribute>,
    optnone: Vec<Attribute>,
    no_implicit_float: Attribute,
    never_called: Vec<Attribute>,
    often_called: Attribute,
    in_loops: Option<Attribute>,
}

impl Attributes {
    pub fn new(context: &Context, options: &Options, vmctx_len: u32) -> Self {
        let row = options.target.row;
        let flag = |name| enumerated(context, name, 0);
        let string = |key, value| context.create_string_attribute(key, value);
        let hosted = hosted(context, options);
        let mut guest = hosted.clone();
        // A loop over bytes stays one, and recursion stays recursion, which must exhaust the stack.
        guest.extend([string("no-builtins", ""), string("disable-tail-calls", "true")]);
        guest.push(string("target-features", &guest_features(options, &options.target.llvm_features)));
        let swiftself = flag("swiftself");
        Attributes {
            guest,
            hosted,
            vmctx: vec![
                swiftself,
                flag("nonnull"),
                enumerated(context, "align", wasmc_abi::vmctx::ALIGN.into()),
                enumerated(context, "dereferenceable", vmctx_len.into()),
            ],
            swiftself,
            nomerge: flag("nomerge"),
            extended_i32: (row.arch == Arch::Riscv && row.pointer_bits == 64).then(|| flag("signext")),
            trap: vec![flag("cold"), flag("noreturn"), flag("noinline")],
            optnone: vec![flag("optnone"), flag("noinline")],
            no_implicit_float: flag("noimplicitfloat"),
            never_called: vec![flag("cold"), flag("optsize")],
            often_called: flag("inlinehint"),
            in_loops: options.discounts_checks().then(|| context.create_string_attribute(IN_LOOPS, "")),
        }
    }

    /// A Wasm function.
    pub fn guest(&self, function: FunctionValue) {
        function.set_call_conventions(GUEST_CONVENTION);
        add(function, AttributeLoc::Function, &self.guest);
        add(function, AttributeLoc::Param(0), &self.vmctx);
        self.extends(function);
    }

    /// The body of a Wasm function that makes tail calls.
    pub fn tail(&self, function: FunctionValue) {
        function.set_call_conventions(GUEST_CONVENTION);
        add(function, AttributeLoc::Function, &self.guest);
        let [_swiftself, vmctx @ ..] = &self.vmctx[..] else { unreachable!("the vmctx has attributes") };
        add(function, AttributeLoc::Param(0), vmctx);
        self.extends(function);
    }

    /// A function that the host enters: C convention.
    pub fn hosted(&self, function: FunctionValue) {
        add(function, AttributeLoc::Function, &self.hosted);
        self.copies_words(function);
    }

    /// A host thunk: called as a guest function, but with a host record in place of the vmctx.
    pub fn thunk(&self, function: FunctionValue) {
        function.set_call_conventions(GUEST_CONVENTION);
        add(function, AttributeLoc::Function, &self.hosted);
        function.add_attribute(AttributeLoc::Param(0), self.swiftself);
        self.copies_words(function);
        self.extends(function);
    }

    /// Says that a function's `i32` parameters and result are extended.
    fn extends(&self, function: FunctionValue) {
        if let Some(extended) = self.extended_i32 {
            i32_places(function.get_type()).for_each(|place| function.add_attribute(place, extended));
        }
    }

    /// Arguments on the stack are copied word by word, as they were written a moment ago: a CPU would have to wait until
    /// two words are written before it could load both at once.
    fn copies_words(&self, function: FunctionValue) {
        function.add_attribute(AttributeLoc::Function, self.no_implicit_float);
    }

    /// A trap stub. The vmctx, if it takes that, it takes where guest functions have it.
    pub fn trap(&self, function: FunctionValue, takes_vmctx: bool) {
        if takes_vmctx {
            function.add_attribute(AttributeLoc::Param(0), self.swiftself);
        }
        add(function, AttributeLoc::Function, &self.hosted);
        add(function, AttributeLoc::Function, &self.trap);
    }

    /// A function that nobody has called while a profile was made: it is small rather than fast.
    pub fn never_called(&self, function: FunctionValue) {
        add(function, AttributeLoc::Function, &self.never_called);
    }

    /// A function that was called often.
    pub fn often_called(&self, function: FunctionValue) {
        function.add_attribute(AttributeLoc::Function, self.often_called);
    }

    /// A body too large for the optimiser, which then does not make it small either.
    pub fn leave_alone(&self, function: FunctionValue) {
        for name in ["optsize", "minsize"] {
            function.remove_enum_attribute(AttributeLoc::Function, Attribute::get_named_enum_kind_id(name));
        }
        add(function, AttributeLoc::Function, &self.optnone);
    }

    /// A call of a guest function.
    pub fn guest_call(&self, call: CallSiteValue) {
        self.body_call(call);
        call.add_attribute(AttributeLoc::Param(0), self.swiftself);
    }

    /// A call in a loop within a loop.
    pub fn call_in_loops(&self, call: CallSiteValue) {
        if let Some(attribute) = self.in_loops {
            call.add_attribute(AttributeLoc::Function, attribute);
        }
    }

    /// A call, by its ordinary entry, of the body of a function that makes tail calls.
    pub fn body_call(&self, call: CallSiteValue) {
        call.set_call_convention(GUEST_CONVENTION);
        self.hosted_call(call);
    }

    /// A tail call. Nothing keeps LLVM from making it one, not even that all others are disabled.
    pub fn tail_call(&self, call: CallSiteValue) {
        self.body_call(call);
        call.set_tail_call_kind(LLVMTailCallKind::LLVMTailCallKindMustTail);
    }

    /// A call of the host: C convention.
    pub fn hosted_call(&self, call: CallSiteValue) {
        if let Some(extended) = self.extended_i32 {
            i32_places(call.get_called_fn_type()).for_each(|place| call.add_attribute(place, extended));
        }
    }

    /// A call of a trap stub.
    pub fn trap_stub_call(&self, call: CallSiteValue, takes_vmctx: bool) {
        if takes_vmctx {
            call.add_attribute(AttributeLoc::Param(0), self.swiftself);
        }
        self.trap_call(call);
    }

    /// A call that does not come back; each keeps its own place, and so its Wasm offset.
    pub fn trap_call(&self, call: CallSiteValue) {
        for attribute in &self.trap[..2] {
            call.add_attribute(AttributeLoc::Function, *attribute);
        }
        call.add_attribute(AttributeLoc::Function, self.nomerge);
    }
}

/// Where a function has an `i32`.
fn i32_places(ty: FunctionType<'_>) -> impl Iterator<Item = AttributeLoc> {
    let is_i32 = |ty: BasicMetadataTypeEnum| ty.is_int_type() && ty.into_int_type().get_bit_width() == 32;
    let params = (0..).zip(ty.get_param_types()).filter(move |(_, ty)| is_i32(*ty));
    let result = ty.get_return_type().filter(|ty| is_i32((*ty).into()));
    params.map(|(index, _)| AttributeLoc::Param(index)).chain(result.map(|_| AttributeLoc::Return))
}

/// What every function has that is not the guest's.
fn hosted(context: &Context, options: &Options) -> Vec<Attribute> {
    let flag = |name| enumerated(context, name, 0);
    let string = |key, value| context.create_string_attribute(key, value);
    let mut hosted = vec![
        flag("nounwind"),
        // Asynchronous unwind tables: the frame size is known at each instruction.
        enumerated(context, "uwtable", 2),
        string("frame-pointer", "none"),
        // Frames are measured from the stack pointer alone; nothing in them is aligned to more than 16.
        string("no-realign-stack", ""),
        string("target-cpu", options.target.llvm_cpu),
        string("tune-cpu", options.target.llvm_tune),
        string("target-features", &options.target.llvm_features),
    ];
    match options.level {
        OptLevel::Os => hosted.push(flag("optsize")),
        OptLevel::Oz => hosted.extend([flag("optsize"), flag("minsize")]),
        _ => {}
    }
    hosted
}

/// The features that guest functions have on a target with these: for size on RISC-V they call for code that saves and
/// restores registers (`routines/saves.rs`). Stubs and trampolines save too few for that.
fn guest_features(options: &Options, of_target: &str) -> String {
    let calls_to_save = options.level.is_for_size() && options.target.row.arch == Arch::Riscv;
    if calls_to_save { format!("{of_target},+save-restore") } else { of_target.to_string() }
}

/// Takes vectors of a length found out at run time from functions, by their names.
pub fn without_vectors(llvm: &LlvmModule<'_>, options: &Options, names: &BTreeSet<String>) {
    let features = guest_features(options, &options.target.llvm_features_without_vectors());
    let features = llvm.get_context().create_string_attribute("target-features", &features);
    for function in names.iter().filter_map(|name| llvm.get_function(name)) {
        function.add_attribute(AttributeLoc::Function, features);
    }
}

/// Attributes of the routines that the compiler brings along (`routines`).
pub struct RoutineAttributes(Vec<Attribute>);

impl RoutineAttributes {
    /// For the target and the level of the options.
    pub fn new(context: &Context, options: &Options) -> Self {
        let mut attributes = hosted(context, options);
        // A loop that copies bytes does not become a call of itself.
        attributes.push(context.create_string_attribute("no-builtins", ""));
        RoutineAttributes(attributes)
    }

    /// Gives a function what every routine has.
    pub fn add(&self, function: FunctionValue) {
        add(function, AttributeLoc::Function, &self.0);
    }
}

fn enumerated(context: &Context, name: &str, value: u64) -> Attribute {
    let kind = Attribute::get_named_enum_kind_id(name);
    assert!(kind != 0, "LLVM knows the attribute {name}");
    context.create_enum_attribute(kind, value)
}

fn add(function: FunctionValue, place: AttributeLoc, attributes: &[Attribute]) {
    for attribute in attributes {
        function.add_attribute(place, *attribute);
    }
}
