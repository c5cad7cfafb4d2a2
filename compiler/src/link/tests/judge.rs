//! The same objects linked by another linker, lld, at the same addresses: the bytes have to be equal.

use super::*;
use crate::link::layout::is_stored;
use crate::target::TARGETS;
use object::read::{Object as _, ObjectSection as _};
use std::fmt::Write;
use std::path::Path;

/// Where the image is in lld's eyes.
const BASE: u32 = 0x20_0000;

/// What code for machines with an OS has beside [`EVERYWHERE`].
const HOSTED: &str = r#"
@pointers = hidden constant [4 x ptr] [ptr @f0, ptr getelementptr (i8, ptr @pointers, i64 8), ptr @f3, ptr @bytes]
declare ptr @memcpy(ptr, ptr, i64)
define hidden ptr @f4(ptr %v, ptr %a, ptr %b, i64 %n) #0 {
    %h = load ptr, ptr getelementptr ([20 x ptr], ptr @wasmc_helpers, i32 0, i32 1)
    call void %h(ptr %v, i32 3), !dbg !10
    %r = call ptr @memcpy(ptr %a, ptr %b, i64 %n)
    %p = getelementptr [4 x ptr], ptr @pointers, i64 0, i64 %n
    store ptr %r, ptr %a
    %f = load ptr, ptr %p
    ret ptr %f }
declare void @f8()
define hidden ptr @f5() #0 { ret ptr @f8 }
!10 = !DILocation(line: 1, scope: !11)
!11 = distinct !DISubprogram(name: "f", file: !3, type: !4, unit: !0, spFlags: DISPFlagDefinition)
"#;

/// Calls and addresses of everything that may be in constants and in other objects.
const EVERYWHERE: &str = r#"
@bytes = hidden constant [16 x i8] c"0123456789abcdef"
@halves = hidden constant [4 x i16] [i16 1, i16 2, i16 3, i16 4]
@words = hidden constant [4 x i32] [i32 1, i32 2, i32 3, i32 4]
@doubles = hidden constant [4 x i64] [i64 1, i64 2, i64 3, i64 4]
declare hidden i32 @f7(i32)
declare hidden void @f9()
define hidden i32 @f0(i32 %x, ptr %p) #0 {
    switch i32 %x, label %z [ i32 0, label %a i32 1, label %b i32 2, label %c i32 3, label %d i32 4, label %e i32 5, label %f ]
    a: %r0 = call i32 @f7(i32 3) br label %z
    b: %r1 = call i32 @f3(i32 4, i32 1) br label %z
    c: store volatile i32 3, ptr %p br label %z
    d: call void @f9() br label %z
    e: store volatile i32 5, ptr %p br label %z
    f: %r2 = call i32 @f2(i32 6) br label %z
    z: %r = phi i32 [ 7, %0 ], [ %r0, %a ], [ %r1, %b ], [ 9, %c ], [ 1, %d ], [ 11, %e ], [ %r2, %f ]
    ret i32 %r }
define hidden i64 @f1(i32 %i, ptr %p) #0 {
    %p0 = getelementptr [16 x i8], ptr @bytes, i32 0, i32 %i
    %p1 = getelementptr [4 x i16], ptr @halves, i32 0, i32 %i
    %p2 = getelementptr [4 x i32], ptr @words, i32 0, i32 %i
    %p3 = getelementptr [4 x i64], ptr @doubles, i32 0, i32 %i
    %v0 = load volatile i8, ptr %p0 %v1 = load volatile i16, ptr %p1 %v2 = load volatile i32, ptr %p2
    %v3 = load volatile i64, ptr %p3
    %c0 = load volatile i8, ptr getelementptr (i8, ptr @bytes, i32 3)
    %c1 = load volatile i16, ptr getelementptr (i8, ptr @halves, i32 2)
    %c2 = load volatile i32, ptr getelementptr (i8, ptr @words, i32 8)
    %c3 = load volatile i64, ptr getelementptr (i8, ptr @doubles, i32 16)
    store ptr @f3, ptr %p
    ret i64 %v3 }
define internal i32 @f2(i32 %x) #0 { %r = call i32 @f7(i32 %x) %s = add i32 %r, 1 ret i32 %s }
define hidden i32 @f3(i32 %x, i32 %y) #0 { %s = tail call i32 @f7(i32 %x) ret i32 %s }
"#;

/// The other object.
const OTHER: &str = r#"
declare hidden i32 @f0(i32, ptr)
define hidden i32 @f7(i32 %x) #0 { %r = call i32 @f0(i32 %x, ptr null) %s = add i32 %r, 1 ret i32 %s }
define void @f8() #0 { ret void }
define hidden void @f9() #0 { call void @f8() store volatile i8 1, ptr null ret void }
"#;

#[test]
fn bytes_are_those_of_lld() {
    for row in TARGETS {
        let target = CompileTarget::new(row.name, None, &[]).unwrap();
        let main = if Machine::of(row).has_relocated { [EVERYWHERE, HOSTED].concat() } else { EVERYWHERE.into() };
        for level in ["-O0", "-O2"] {
            compare(&target, &[object_for(&target, level, &main), object_for(&target, level, OTHER)]);
        }
    }
}

/// Links in both ways and compares each section.
fn compare(target: &CompileTarget, files: &[Vec<u8>]) {
    let name = target.row.name;
    let machine = &Machine::of(target.row);
    let objects = &read::objects(files, machine).unwrap();
    let layout = &Layout::new(objects, machine).unwrap();
    let relocated = Relocator { objects, layout, machine }.relocate().unwrap();
    let folder = std::env::temp_dir().join(format!("wasmc-judge-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let relax = if machine.code.relax_slot_load.is_some() { "--relax" } else { "--no-relax" };
    let theirs = lld(&folder, files, &script(objects, layout, machine), relax);
    let theirs = object::File::parse(&theirs[..]).unwrap();
    for (object, section) in stored(objects) {
        let offset = layout.section(object, section);
        let parts = [&relocated.rodata, &relocated.text, &relocated.relocated];
        let len = objects[object].sections[section].bytes.len();
        let part = parts.iter().find(|p| (p.offset..p.offset + p.bytes.len() as u32).contains(&offset)).unwrap();
        let mut ours = part.bytes[(offset - part.offset) as usize..][..len].to_vec();
        for fixup in relocated.fixups.iter().filter(|f| (offset..offset + len as u32).contains(&f.slot)) {
            let FixupTarget::Image(to) = fixup.decode() else { panic!("no helper has its address taken here") };
            let pointer = u64::from(BASE + to).to_le_bytes();
            let at = (fixup.slot - offset) as usize;
            ours[at..][..machine.pointer_len as usize].copy_from_slice(&pointer[..machine.pointer_len as usize]);
        }
        let what = &objects[object].sections[section].name;
        let linked =
            theirs.section_by_name(&format!(".s{object}.{section}")).unwrap_or_else(|| panic!("{name}: {what}"));
        assert_eq!(linked.address(), u64::from(BASE + offset));
        assert_eq!(linked.data().unwrap(), ours, "{name}: {what} of object {object}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn stored<'a>(objects: &'a [read::Object<'_>]) -> impl Iterator<Item = (usize, usize)> + 'a {
    objects.iter().enumerate().flat_map(|(i, object)| {
        let sections = object.sections.iter().enumerate();
        sections.filter(|(_, section)| is_stored(section.kind)).map(move |(index, _)| (i, index))
    })
}

/// Tells lld to put everything where we have put it.
fn script(objects: &[read::Object<'_>], layout: &Layout, machine: &Machine) -> String {
    let section = |(o, s): (usize, usize)| {
        (layout.section(o, s), format!(".s{o}.{s}"), format!("*{o}.o({})", objects[o].sections[s].name))
    };
    // RISC-V's first entry is the dynamic section's.
    let header = if machine.arch == Arch::Riscv { machine.pointer_len } else { 0 };
    let slots = layout.slots.values().map(|slot| (slot - header, ".got".to_string(), "*(.got)".to_string()));
    let mut places: Vec<_> = stored(objects).map(section).chain(slots).collect();
    places.sort();
    let mut script = String::from("SECTIONS {\n");
    for (offset, output, input) in places {
        writeln!(script, "{output} {:#x} : {{ {input} }}", BASE + offset).unwrap();
    }
    script.push_str("/DISCARD/ : { *(.ARM.ex* .eh_frame* .debug* .comment .note*) } }\n");
    for stub in &layout.stubs {
        let address = BASE + stub.offset;
        writeln!(script, "{} = {address:#x};", stub.helper.symbol()).unwrap();
    }
    if let Some(table) = layout.helper_table {
        writeln!(script, "wasmc_helpers = {:#x};", BASE + table).unwrap();
    }
    script
}

/// What lld makes of the objects.
fn lld(folder: &Path, files: &[Vec<u8>], script: &str, relax: &str) -> Vec<u8> {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_string();
    let mut args = vec!["-O0".into(), relax.into(), "-e0".into(), "-o".into(), path("out"), "-T".into()];
    std::fs::write(path("script"), script).unwrap();
    args.push(path("script"));
    for (index, file) in files.iter().enumerate() {
        args.push(path(&format!("{index}.o")));
        std::fs::write(args.last().unwrap(), file).unwrap();
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    tool("ld.lld", &args, "").unwrap_or_else(|| panic!("lld refuses:\n{script}"));
    std::fs::read(path("out")).unwrap()
}
