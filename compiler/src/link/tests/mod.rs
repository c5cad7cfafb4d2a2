//! Objects as LLVM makes them from text, linked.

mod fields;
mod judge;
mod veneers;

use super::*;
use crate::target::Target as CompileTarget;
use std::io::Write;
use std::process::{Command, Stdio};
use wasmc_abi::fixup::FixupTarget;
use wasmc_abi::{Builtin, Frame};

/// What every test's functions have in common: attributes 0, debug information of a function in !9,
/// types and a unit.
const PROLOGUE: &str = r#"
@wasmc_helpers = external hidden constant [20 x ptr]
attributes #0 = { nounwind noinline uwtable(async) "frame-pointer"="none" }
!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!1, !2}
!0 = distinct !DICompileUnit(language: DW_LANG_C, file: !3, isOptimized: true, runtimeVersion: 0, emissionKind: LineTablesOnly)
!1 = !{i32 2, !"Debug Info Version", i32 3}
!2 = !{i32 8, !"PIC Level", i32 2}
!3 = !DIFile(filename: "module", directory: "")
!4 = !DISubroutineType(types: !{})
!9 = distinct !DISubprogram(name: "f", file: !3, type: !4, unit: !0, spFlags: DISPFlagDefinition)
"#;

/// Runs a tool of LLVM on a text; what it puts out, if it succeeds.
fn tool(name: &str, args: &[&str], input: &str) -> Option<Vec<u8>> {
    let prefix = std::env::var("LLVM_SYS_221_PREFIX").unwrap_or("/usr/lib/llvm-22".into());
    let mut tool = Command::new(format!("{prefix}/bin/{name}"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{name} of LLVM 22: {error}"));
    let mut pipe = tool.stdin.take().expect("it is a pipe");
    pipe.write_all(input.as_bytes()).expect("the tool reads");
    drop(pipe);
    let output = tool.wait_with_output().expect("the tool ends");
    output.status.success().then_some(output.stdout)
}

/// Compiles LLVM IR to an object, for the same kind of machine as `emit`.
fn object_for(target: &CompileTarget, level: &str, ir: &str) -> Vec<u8> {
    let (triple, cpu) = (format!("-mtriple={}", target.row.triple), format!("-mcpu={}", target.llvm_cpu));
    let (features, abi) = (format!("-mattr={}", target.llvm_features), format!("-target-abi={}", target.row.abi));
    let model = ["-relocation-model=pic", "-code-model=small", "-function-sections", "-filetype=obj", "-o", "-"];
    let args = [&[level, &triple, &cpu, &features, &abi], &model[..]].concat();
    let object = tool("llc", &args, &format!("{PROLOGUE}{ir}"));
    object.unwrap_or_else(|| panic!("llc refuses for {}:\n{ir}", target.row.name))
}

fn object(ir: &str) -> Vec<u8> {
    object_for(&CompileTarget::default(), "-O2", ir)
}

fn try_link(objects: &[&str], sites: usize) -> Result<LinkedCode, CompileError> {
    let mut chains = Chains::default();
    (0..sites).for_each(|i| chains.push(&[100 + i as u32]));
    let emitted: Vec<_> = objects.iter().map(|ir| Emitted { bytes: object(ir), sites: chains.clone() }).collect();
    link(&emitted, CompileTarget::default().row)
}

/// Links objects given as LLVM IR, with sites 1 to `sites` each, of Wasm offsets 100 and up.
fn linked(objects: &[&str], sites: usize) -> LinkedCode {
    try_link(objects, sites).unwrap()
}

fn refused(objects: &[&str]) -> String {
    try_link(objects, 9).unwrap_err().to_string()
}

impl LinkedCode {
    fn symbol(&self, name: &str) -> &Symbol {
        self.symbols.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no symbol {name}: {:?}", self.symbols))
    }

    fn code(&self, name: &str) -> &[u8] {
        let symbol = self.symbol(name);
        &self.text.bytes[(symbol.offset - self.text.offset) as usize..][..symbol.len as usize]
    }

    /// Where the field at `at` in a function's code points, counted from the field's end.
    fn pointed(&self, name: &str, at: usize) -> u32 {
        let field = i32::from_le_bytes(*self.code(name)[at..].first_chunk().unwrap());
        (self.symbol(name).offset + at as u32 + 4).wrapping_add_signed(field)
    }

    /// The field behind the first of these bytes in a function's code.
    fn field_behind(&self, name: &str, bytes: &[u8]) -> usize {
        let code = self.code(name);
        let at = code.windows(bytes.len()).position(|w| w == bytes);
        at.unwrap_or_else(|| panic!("{bytes:x?} in {name}: {code:x?}")) + bytes.len()
    }

    /// Site rows as (linked offset, first Wasm offset).
    fn site_rows(&self) -> Vec<(u32, u32)> {
        self.sites.iter().map(|s| (s.code_offset, s.wasm_offsets()[0])).collect()
    }

    fn site_at(&self, offset: u32) -> u32 {
        let rows = self.site_rows();
        rows.iter().rev().find(|(start, _)| *start <= offset).map_or(0, |(_, wasm)| *wasm)
    }

    fn frame_at(&self, offset: u32) -> Frame {
        Frame::unpack(self.unwind.iter().rev().find(|u| u.code_offset <= offset).unwrap().frame)
    }

    fn cfa_at(&self, offset: u32) -> u32 {
        self.frame_at(offset).cfa_offset
    }

    fn fixup(&self, slot: u32) -> FixupTarget {
        self.fixups
            .iter()
            .find(|f| f.slot == slot)
            .unwrap_or_else(|| panic!("slot {slot} of {:?}", self.fixups))
            .decode()
    }
}

const CALL: &[u8] = &[0xE8];

#[test]
fn calls_between_objects_reach_the_other_object() {
    let linked = linked(
        &[
            "declare hidden i32 @f1(i32) define hidden i32 @f0(i32 %x) #0 { %r = call i32 @f1(i32 %x) %s = add i32 %r, 1 ret i32 %s }",
            "declare hidden i32 @f0(i32) define hidden i32 @f1(i32 %x) #0 { %r = call i32 @f0(i32 %x) %s = add i32 %r, 1 ret i32 %s }",
        ],
        0,
    );
    for (from, to) in [("f0", "f1"), ("f1", "f0")] {
        assert_eq!(linked.pointed(from, linked.field_behind(from, CALL)), linked.symbol(to).offset);
    }
    assert!(linked.symbol("f0").offset < linked.symbol("f1").offset);
    assert!(linked.fixups.is_empty() && linked.relocated.bytes.is_empty());
}

#[test]
fn helpers_called_by_name_get_a_stub_that_jumps_through_their_slot() {
    let linked = linked(
        &["declare ptr @memcpy(ptr, ptr, i64) define hidden void @f0(ptr %a, ptr %b, i64 %n) #0 {
            %r = call ptr @memcpy(ptr %a, ptr %b, i64 %n) store i8 0, ptr %a ret void }"],
        0,
    );
    let stub = linked.symbol("memcpy");
    assert_eq!(linked.pointed("f0", linked.field_behind("f0", CALL)), stub.offset);
    assert_eq!(&linked.code("memcpy")[..2], [0xFF, 0x25]);
    let slot = linked.pointed("memcpy", 2);
    assert_eq!(slot, linked.relocated.offset + Builtin::memcpy as u32 * 8);
    assert_eq!(linked.fixup(slot), FixupTarget::Helper(Builtin::memcpy as u32));
    assert_eq!(linked.fixups.len(), Builtin::COUNT);
    assert!(linked.fixups.is_sorted_by_key(|f| f.slot));
    assert_eq!(linked.cfa_at(stub.offset), 8);
}

#[test]
fn helpers_called_by_number_are_slots_of_the_table() {
    let linked = linked(
        &["define hidden i64 @f0(ptr %v) #0 {
            %h = load ptr, ptr getelementptr ([20 x ptr], ptr @wasmc_helpers, i64 0, i64 1)
            %r = call i64 %h(ptr %v, i32 0, i64 1) %s = add i64 %r, 1 ret i64 %s }"],
        0,
    );
    let field = linked.field_behind("f0", &[0xFF, 0x15]);
    assert_eq!(linked.pointed("f0", field), linked.relocated.offset + 8);
    assert_eq!(linked.fixup(linked.relocated.offset + 8), FixupTarget::Helper(1));
    assert!(!linked.symbols.iter().any(|s| s.name == "memcpy"), "only what is called by name has a stub");
}

#[test]
fn pointers_in_constants_are_left_to_the_loader() {
    let linked = linked(
        &["@t = hidden constant [3 x ptr] [ptr @f0, ptr getelementptr (i8, ptr @t, i64 8), ptr @memset]
           declare ptr @memset(ptr, i32, i64)
           define hidden ptr @f0(i64 %i) #0 { %p = getelementptr ptr, ptr @t, i64 %i %f = load ptr, ptr %p ret ptr %f }"],
        0,
    );
    // The helper table comes first, as memset is a helper; LLVM aligns what follows to 16.
    let table = (linked.relocated.offset + Builtin::COUNT as u32 * 8).next_multiple_of(16);
    assert_eq!(linked.fixup(table), FixupTarget::Image(linked.symbol("f0").offset));
    assert_eq!(linked.fixup(table + 8), FixupTarget::Image(table + 8));
    assert_eq!(linked.fixup(table + 16), FixupTarget::Helper(Builtin::memset as u32));
    assert_eq!(linked.pointed("f0", linked.field_behind("f0", &[0x48, 0x8D, 0x05])), table);
}

#[test]
fn jump_tables_and_constants_lie_in_front_of_the_code() {
    let linked = linked(
        &["define hidden double @f0(i32 %x, double %d) #0 {
            switch i32 %x, label %z [ i32 0, label %a i32 1, label %b i32 2, label %c i32 3, label %d1 i32 4, label %e ]
            a: %r0 = fadd double %d, 1.25 ret double %r0
            b: %r1 = fmul double %d, 2.5 ret double %r1
            c: %r2 = fsub double %d, 3.5 ret double %r2
            d1: %r3 = fdiv double %d, 4.5 ret double %r3
            e: %r4 = fsub double 5.5, %d ret double %r4
            z: ret double 0.0 }"],
        0,
    );
    let rodata = &linked.rodata;
    let gap = linked.text.offset - (rodata.offset + rodata.bytes.len() as u32);
    assert!(gap < 16, "constants end where the code starts: {gap}");
    assert_eq!(linked.text.offset % 4096, 0);
    // lea table(%rip), %rcx; entries are relative to the table.
    let table = linked.pointed("f0", linked.field_behind("f0", &[0x48, 0x8D]) + 1);
    let f0 = linked.symbol("f0");
    for entry in rodata.bytes[(table - rodata.offset) as usize..].chunks(4).take(5) {
        let to = table.wrapping_add_signed(i32::from_le_bytes(*entry.first_chunk().unwrap()));
        assert!((f0.offset..f0.offset + f0.len).contains(&to), "{to:x} of {f0:x?}");
    }
    // addsd constant(%rip), %xmm0
    let constant = linked.pointed("f0", linked.field_behind("f0", &[0xF2, 0x0F, 0x58, 0x05])) - rodata.offset;
    assert_eq!(rodata.bytes[constant as usize..][..8], 1.25f64.to_le_bytes());
}

#[test]
fn loads_of_addresses_from_slots_are_relaxed() {
    let linked =
        linked(&["declare ptr @f1() define ptr @f0() #0 { ret ptr @f1 }", "define ptr @f1() #0 { ret ptr null }"], 0);
    // lea f1(%rip), %rax in place of mov f1@GOTPCREL(%rip), %rax
    assert_eq!(linked.pointed("f0", linked.field_behind("f0", &[0x48, 0x8D, 0x05])), linked.symbol("f1").offset);
}

#[test]
fn a_helpers_address_is_loaded_from_its_slot() {
    let linked = linked(&["declare ptr @memset(ptr, i32, i64) define hidden ptr @f0() #0 { ret ptr @memset }"], 0);
    let slot = linked.pointed("f0", linked.field_behind("f0", &[0x48, 0x8B, 0x05]));
    assert_eq!(linked.fixup(slot), FixupTarget::Helper(Builtin::memset as u32));
}

#[test]
fn sites_are_where_the_line_table_has_them() {
    let ir = "
        define hidden i32 @f0(ptr %v) #0 !dbg !9 {
            call void @f3(), !dbg !10
            %x = load volatile i32, ptr %v, !dbg !11
            %y = load volatile i32, ptr %v, !dbg !11
            %z = add i32 %x, %y
            ret i32 %z }
        define hidden i32 @f1(ptr %v) #0 { %x = load volatile i32, ptr %v ret i32 %x }
        define hidden void @f2(ptr %v) #0 !dbg !12 { store volatile i32 1, ptr %v, !dbg !13 ret void }
        define hidden void @f3() #0 { ret void }
        !10 = !DILocation(line: 1, scope: !9)
        !11 = !DILocation(line: 2, scope: !9)
        !12 = distinct !DISubprogram(name: \"g\", file: !3, type: !4, unit: !0, spFlags: DISPFlagDefinition)
        !13 = !DILocation(line: 2, scope: !12)";
    let linked = linked(&[ir], 2);
    let (f0, f1, f2, f3) = (linked.symbol("f0"), linked.symbol("f1"), linked.symbol("f2"), linked.symbol("f3"));
    let call = f0.offset + linked.field_behind("f0", CALL) as u32 - 1;
    assert_eq!(linked.site_at(call), 100);
    // The return address − 1 lies inside the call.
    assert_eq!(linked.site_at(call + 4), 100);
    assert_eq!(linked.site_at(f0.offset), 0, "before the first location of a function there is no site");
    let load = f0.offset + linked.field_behind("f0", &[0x03, 0x03]) as u32 - 2;
    assert_eq!(linked.site_at(load), 101);
    assert_eq!((linked.site_at(f1.offset), linked.site_at(f1.offset + f1.len - 1)), (0, 0), "no line table, no site");
    let rows = linked.site_rows();
    assert!(rows.is_sorted_by_key(|r| r.0) && rows.windows(2).all(|w| w[0].1 != w[1].1), "{rows:?}");
    assert_eq!(linked.site_at(f2.offset + f2.len - 2), 101);
    assert_eq!(linked.site_at(f3.offset), 0);
}

#[test]
fn frame_sizes_are_exact_at_sites_and_everywhere_in_functions_without() {
    let ir = "
        declare hidden void @f9(ptr, i32)
        define hidden void @f0(ptr %v, i32 %x) #0 !dbg !9 {
            %a = alloca [400 x i8]
            call void @f9(ptr %a, i32 %x), !dbg !10
            call void @f9(ptr %v, i32 %x), !dbg !10
            store volatile i32 1, ptr %v, !dbg !11
            ret void }
        define hidden void @f1(ptr %v, i32 %x) #0 {
            call void @f9(ptr %v, i32 %x) store volatile i32 1, ptr %v call void @f9(ptr %v, i32 %x) store volatile i32 1, ptr %v ret void }
        !10 = !DILocation(line: 1, scope: !9)
        !11 = !DILocation(line: 2, scope: !9)";
    let other = "define hidden void @f9(ptr %v, i32 %x) #0 { ret void }";
    let linked = linked(&[ir, other], 2);
    // push %rbp; push %rbx; sub $408, %rsp
    let frame = 8 + 16 + 408;
    let f0 = linked.symbol("f0").offset;
    let call = f0 + linked.field_behind("f0", CALL) as u32;
    assert_eq!(linked.cfa_at(call), frame);
    let inside: Vec<_> = linked.unwind.iter().filter(|u| (f0..call).contains(&u.code_offset)).collect();
    assert_eq!(inside.len(), 1, "the prologue has no site, so it has no records: {inside:?}");
    // Where the site of the store goes on into the epilogue, the records do too.
    let end = f0 + linked.symbol("f0").len - 1;
    assert_eq!((linked.site_at(end), linked.cfa_at(end)), (101, 8));
    let f1 = linked.symbol("f1");
    assert_eq!(linked.code("f1")[..2], [0x41, 0x56], "push %r14");
    assert_eq!((linked.cfa_at(f1.offset + 1), linked.cfa_at(f1.offset + 2)), (8, 16));
    assert!(linked.unwind.is_sorted_by_key(|u| u.code_offset));
    assert!(linked.unwind.windows(2).all(|w| w[0].frame != w[1].frame));
    assert_eq!(linked.max_frame, frame + 256);
}

#[test]
fn frames_that_are_not_relative_to_the_stack_pointer_are_refused() {
    let ir = "define hidden void @f0(i64 %n) #0 { %a = alloca i8, i64 %n store volatile i8 1, ptr %a ret void }";
    let message = refused(&[ir]);
    assert!(message.contains("(f0)") && message.contains("stack pointer"), "{message}");
}

#[test]
fn functions_without_a_frame_table_are_refused() {
    // LLVM knows nothing of what is in such text.
    let asm = r#"module asm ".text" module asm ".type f0,@function" module asm "f0: ret" module asm ".size f0, 1""#;
    let message = refused(&[asm]);
    assert!(message.contains("`f0` has no frame table"), "{message}");
}

#[test]
fn undefined_symbols_are_named_with_the_function_that_uses_them() {
    let ir =
        "declare void @unused() declare void @nowhere() define hidden void @f7() #0 { call void @nowhere() ret void }";
    let message = refused(&[ir]);
    assert!(message.contains("function `f7` refers to `nowhere`"), "{message}");
}

#[test]
fn sections_without_a_place_are_named() {
    for (ir, section) in [
        ("@g = hidden global i32 0", ".bss"),
        ("@g = hidden global i32 7", ".data"),
        ("@g = hidden thread_local global i32 7", ".tdata"),
        ("@g = hidden constant i32 7, section \".init_array\"", ".init_array"),
    ] {
        let message = refused(&[ir]);
        assert!(message.contains(&format!("`{section}`")), "{message}");
    }
}

#[test]
fn functions_in_another_order_are_refused_and_sections_of_their_own_are_sorted() {
    let cold =
        "define hidden void @f0() #0 section \".text.unlikely.\" { ret void } define hidden void @f1() #0 { ret void }
                define hidden void @f2() #0 section \".text.unlikely.\" { ret void }";
    let message = refused(&[cold]);
    assert!(message.contains("function `f1` comes behind `f2`"), "{message}");
    let own = "define hidden void @f1() #0 section \".text.f1\" { ret void } define hidden void @f0() #0 section \".text.f0\" { ret void }
               define hidden void @trap1() #0 section \".text.a\" { ret void }";
    let linked = linked(&[own], 0);
    let names: Vec<_> = linked.symbols.iter().map(|s| &s.name[..]).collect();
    assert_eq!(names, ["f0", "f1", "trap1"]);
}

#[test]
fn stubs_defined_in_several_objects_are_taken_from_the_first() {
    let one = "define hidden void @trap1() #0 { ret void } define hidden void @f0() #0 { call void @trap1() ret void }";
    let two = "define hidden void @trap1() #0 { ret void }";
    let three = "declare hidden void @trap1() define hidden void @f3() #0 { call void @trap1() ret void }";
    let code = linked(&[one, two, three], 0);
    assert_eq!(code.pointed("f3", code.field_behind("f3", CALL)), code.symbol("trap1").offset);
    let message = refused(&["define hidden void @f0() #0 { ret void }"; 2]);
    assert!(message.contains("`f0` is defined in two objects"), "{message}");
}

#[test]
fn local_symbols_belong_to_their_object() {
    let local = "define internal void @local() #0 { store volatile i8 1, ptr null ret void }";
    let objects = [0, 1].map(|i| format!("{local} define hidden void @f{i}() #0 {{ call void @local() ret void }}"));
    let linked = linked(&[&objects[0], &objects[1]], 0);
    let places = ["f0", "f1"].map(|f| linked.pointed(f, linked.field_behind(f, CALL)));
    assert!(places[0] < places[1], "{places:x?}");
}

#[test]
fn linking_gives_the_same_every_time() {
    let ir = "declare ptr @memcpy(ptr, ptr, i64) declare ptr @memmove(ptr, ptr, i64)
        @t = hidden constant [2 x ptr] [ptr @f0, ptr @f1]
        define hidden void @f0(ptr %a, ptr %b, i64 %n) #0 { %r = call ptr @memcpy(ptr %a, ptr %b, i64 %n) store i8 0, ptr %a ret void }
        define hidden void @f1(ptr %a, ptr %b, i64 %n) #0 { %r = call ptr @memmove(ptr %a, ptr %b, i64 %n) store i8 0, ptr %a ret void }";
    let texts: Vec<_> = (0..4).map(|_| linked(&[ir], 0)).map(|l| (l.text.bytes, l.fixups, l.symbols)).collect();
    assert!(texts.windows(2).all(|w| w[0] == w[1]));
}

#[test]
fn function_symbols_are_told_from_others() {
    assert_eq!(["f0", "f12", "f4294967295"].map(function_index), [Some(0), Some(12), Some(u32::MAX)]);
    for other in ["f", "f01", "f1.cold", "floor", "trap1", "f4294967296", ""] {
        assert_eq!(function_index(other), None, "{other}");
    }
}

/// Relocations of one field: what it gets at the limits of its range, and one past them.
mod limits {
    use super::super::read::{NO_SYMBOL, Object, ObjectSymbol, Section, SectionKind, SectionRelocation, SymbolPlace};
    use super::*;
    use object::elf;

    type Patched = Result<(Vec<u8>, Vec<Fixup>), String>;

    /// Relocates 16 bytes of `kind` with one relocation, of the symbol `s` right behind them.
    fn relocate_at(kind: SectionKind, offset: u32, number: elf::RelocationType, addend: i64) -> Patched {
        let machine = &Machine::of(CompileTarget::default().row);
        let relocations = vec![SectionRelocation { offset, number: number.0, symbol: 0, addend: Some(addend) }];
        let section = Section { name: ".x", kind, bytes: &[0; 16], align: 16, relocations };
        let place = SymbolPlace::Section(0, 16);
        let symbol = ObjectSymbol { name: "s", place, ..NO_SYMBOL };
        let objects = &[Object { sections: vec![section], symbols: vec![symbol], ..Object::default() }];
        let layout = &Layout::new(objects, machine).unwrap();
        let linker = Relocator { objects, layout, machine };
        if kind == SectionKind::Lines {
            return linker.relocate_table(0, 0).map(|bytes| (bytes, vec![])).map_err(|e| e.to_string());
        }
        let done = linker.relocate().map_err(|e| e.to_string())?;
        let part = [done.rodata, done.text, done.relocated].into_iter().find(|part| !part.bytes.is_empty());
        Ok((part.unwrap().bytes, done.fixups))
    }

    /// The same with a relocation at offset 8, so that S − P is 8.
    fn relocate(kind: SectionKind, number: elf::RelocationType, addend: i64) -> Patched {
        relocate_at(kind, 8, number, addend)
    }

    fn field(kind: SectionKind, number: elf::RelocationType, addend: i64) -> i64 {
        let (bytes, fixups) = relocate(kind, number, addend).unwrap();
        assert!(fixups.is_empty() && bytes[..8] == [0; 8]);
        i64::from_le_bytes(bytes[8..16].try_into().unwrap())
    }

    fn does_not_fit(kind: SectionKind, number: elf::RelocationType, addend: i64) {
        let message = relocate(kind, number, addend).unwrap_err();
        assert!(message.contains("`s`") && message.contains("does not fit"), "{message}");
    }

    #[test]
    fn signed_32_bits_relative_to_the_field() {
        // S − P is 8.
        for number in [elf::R_X86_64_PC32, elf::R_X86_64_PLT32] {
            for kind in [SectionKind::Text, SectionKind::Rodata, SectionKind::Relocated] {
                let low = |v: i32| i64::from(v as u32);
                assert_eq!(field(kind, number, -4), 4);
                assert_eq!(field(kind, number, i64::from(i32::MAX) - 8), low(i32::MAX));
                does_not_fit(kind, number, i64::from(i32::MAX) - 7);
                assert_eq!(field(kind, number, i64::from(i32::MIN) - 8), low(i32::MIN));
                does_not_fit(kind, number, i64::from(i32::MIN) - 9);
            }
        }
    }

    #[test]
    fn words_relative_to_the_field() {
        assert_eq!(field(SectionKind::Rodata, elf::R_X86_64_PC64, -9), -1);
        assert_eq!(field(SectionKind::Rodata, elf::R_X86_64_PC64, i64::MIN), i64::MIN + 8);
        assert_eq!(field(SectionKind::Rodata, elf::R_X86_64_PC64, i64::MAX - 8), i64::MAX);
        does_not_fit(SectionKind::Rodata, elf::R_X86_64_PC64, i64::MAX - 7);
    }

    #[test]
    fn slots_are_done_without_only_in_loads() {
        for number in [elf::R_X86_64_GOTPCREL, elf::R_X86_64_GOTPCRELX, elf::R_X86_64_REX_GOTPCRELX] {
            let message = relocate(SectionKind::Text, number, -4).unwrap_err();
            assert!(message.contains("GOTPCREL") && message.contains("other than a load"), "{message}");
        }
    }

    #[test]
    fn pointers_only_in_relocated_data_and_only_into_the_image() {
        let pointer = |addend| relocate(SectionKind::Relocated, elf::R_X86_64_64, addend);
        // The section starts at 0, as there is nothing else; it ends at 16, where the symbol is.
        let target = |addend| pointer(addend).unwrap().1[0].decode();
        assert_eq!((target(0), target(-16)), (FixupTarget::Image(16), FixupTarget::Image(0)));
        for outside in [1, -17, 1 << 31, 1 << 32, i64::MAX - 16, i64::MIN] {
            assert!(pointer(outside).unwrap_err().contains("outside the image"));
        }
        for kind in [SectionKind::Text, SectionKind::Rodata] {
            assert!(relocate(kind, elf::R_X86_64_64, 0).unwrap_err().contains("not position-independent"));
        }
    }

    #[test]
    fn addresses_that_are_fixed_are_refused() {
        for kind in [SectionKind::Text, SectionKind::Rodata, SectionKind::Relocated] {
            for number in [elf::R_X86_64_32, elf::R_X86_64_32S] {
                assert!(relocate(kind, number, 0).unwrap_err().contains("not position-independent"));
            }
        }
    }

    #[test]
    fn tables_about_the_code_get_linked_offsets() {
        // They are not stored, so nothing refers to them: S is 0. They count as standing at 0: P is 8.
        let table = |number, addend| match relocate(SectionKind::Lines, number, addend) {
            Ok((bytes, _)) => Ok(i64::from_le_bytes(bytes[8..16].try_into().unwrap())),
            Err(message) => Err(message),
        };
        assert_eq!(table(elf::R_X86_64_64, 5), Ok(5));
        assert_eq!(table(elf::R_X86_64_PC32, 5), Ok(i64::from(-3i32 as u32)));
        assert_eq!(table(elf::R_X86_64_32, u32::MAX.into()), Ok(u32::MAX.into()));
        assert!(table(elf::R_X86_64_32, i64::from(u32::MAX) + 1).unwrap_err().contains("does not fit"));
        assert!(table(elf::R_X86_64_32, -1).unwrap_err().contains("does not fit"));
        assert_eq!(table(elf::R_X86_64_32S, i32::MIN.into()), Ok(i64::from(i32::MIN as u32)));
        assert!(table(elf::R_X86_64_32S, i64::from(i32::MIN) - 1).unwrap_err().contains("does not fit"));
        assert!(table(elf::R_X86_64_32S, i64::from(i32::MAX) + 1).unwrap_err().contains("does not fit"));
    }

    #[test]
    fn unknown_types_are_named_by_number() {
        let message = relocate(SectionKind::Text, elf::RelocationType(0xDEAD), 0).unwrap_err();
        assert!(message.contains("`s`") && message.contains("57005"), "{message}");
    }

    #[test]
    fn fields_outside_their_section_are_refused() {
        for offset in [13, 16, u32::MAX >> 1] {
            let message = relocate_at(SectionKind::Text, offset, elf::R_X86_64_PC32, 0).unwrap_err();
            assert!(message.contains("outside its section"), "{offset}: {message}");
        }
        assert!(relocate_at(SectionKind::Text, 12, elf::R_X86_64_PC32, 0).is_ok());
        let pointer = relocate_at(SectionKind::Relocated, 12, elf::R_X86_64_64, 0);
        assert!(pointer.unwrap_err().contains("no pointer"));
    }
}
