//! What is refused, and that the reason given is the right one and names both sides of a mismatch.

use crate::support::builder::{CODE, CODE_LEN, DATA, POINTERS, RUNS, Sample};
use crate::support::machine;
use crate::support::seal::{patch_header, seal};
use wasmc_abi::fixup::{Fixup, FixupTarget};
use wasmc_abi::image::{ElementItem, ExternKind, InitKind, NONE, PT_METADATA, SubTypeRecord, Table};
use wasmc_abi::target::{Arch, FloatAbi, IsaState, MemoryModel};
use wasmc_abi::{Builtin, HeapType, RefType, ValType};
use wasmc_loader::{DirectoryFault, Fault, HeaderFault, LoadError, Machine, SegmentFault, Verify, limits, parse};

/// The error for a file.
fn refusal(file: &[u8], machine: &Machine) -> LoadError {
    parse(file, machine, Verify::Full).expect_err("it was accepted")
}

/// The error for the sample after a change of its header.
fn refusal_of_header(field: &str, value: u64, len: usize) -> LoadError {
    let mut file = Sample::new().build();
    patch_header(&mut file, field, &value.to_le_bytes()[..len]);
    refusal(&file, &machine())
}

/// The error for the sample after a change of its bytes, checksums computed anew.
fn refusal_of_bytes(at: usize, bytes: &[u8]) -> LoadError {
    let mut file = Sample::new().build();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    seal(&mut file);
    refusal(&file, &machine())
}

/// The message names every one of `parts`.
#[track_caller]
fn assert_says(error: LoadError, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
}

#[test]
fn what_is_no_image_is_told_apart_from_a_damaged_one() {
    assert_eq!(refusal(b"", &machine()), LoadError::Truncated { needed: 64, len: 0 });
    assert_eq!(refusal(b"\x7FEL", &machine()), LoadError::Truncated { needed: 64, len: 3 });
    assert_eq!(refusal(b"\0asm\x01\0\0\0", &machine()), LoadError::NotElf);
    let mut this_test = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    // A shared object, as most programs are; a statically linked one may be of another type.
    this_test[16] = 3;
    let error = refusal(&this_test, &Machine { page_len: 4096, ..Machine::host() });
    assert_eq!(error, LoadError::NotAot);
    assert_says(error, &["wasmc compile"]);
}

#[test]
fn the_elf_header_is_that_of_an_image() {
    assert_eq!(refusal_of_bytes(4, &[3]), LoadError::NotElf);
    assert_eq!(refusal_of_bytes(5, &[2]), LoadError::ByteOrder);
    assert_eq!(refusal_of_bytes(6, &[0]), LoadError::Header(HeaderFault::ElfVersion));
    assert_eq!(refusal_of_bytes(16, &[2]), LoadError::Header(HeaderFault::ElfType));
    assert_eq!(refusal_of_bytes(54, &[57]), LoadError::Header(HeaderFault::ProgramHeaders));
    assert_eq!(refusal_of_bytes(56, &[33]), LoadError::Header(HeaderFault::ProgramHeaders));
    assert_eq!(refusal_of_bytes(32, &u64::MAX.to_le_bytes()), LoadError::Header(HeaderFault::ProgramHeaders));
    assert!(matches!(refusal_of_bytes(32, &[0, 0, 1, 0]), LoadError::Truncated { needed: 0x100E0, .. }));
}

#[test]
fn an_image_for_another_machine_names_both() {
    let file = Sample::new().build();
    let arm = Machine { pointer_bits: 64, ..Sample::MACHINE_32 };
    let error = refusal(&file, &arm);
    assert_eq!(error, LoadError::Arch { image: 62, machine: Arch::Arm });
    assert_says(error, &["x86_64", "arm", "--target"]);
    let error = refusal_of_header("arch", 7, 4);
    assert_eq!(error, LoadError::Arch { image: 7, machine: Arch::X86_64 });
    assert_says(error, &["number 7", "x86_64"]);

    let error = refusal(&file, &Sample::MACHINE_32);
    assert_eq!(error, LoadError::PointerBits { image: 64, machine: 32 });
    assert_says(error, &["64-bit", "32-bit", "--target"]);
    assert_eq!(refusal_of_header("pointer_bits", 32, 4), LoadError::PointerBits { image: 32, machine: 64 });
}

#[test]
fn another_calling_convention_names_both() {
    let error = refusal_of_header("isa_state", IsaState::Thumb as u64, 4);
    assert_eq!(error, LoadError::IsaState { image: 1, machine: &[IsaState::Default] });
    assert_says(error, &["thumb", "default", "--target"]);
    assert_says(refusal_of_header("isa_state", 9, 4), &["number 9", "default"]);

    let error = refusal_of_header("float_abi", FloatAbi::Soft as u64, 4);
    assert_eq!(error, LoadError::FloatAbi { image: 1, machine: FloatAbi::Hard });
    assert_says(error, &["soft", "hard", "--target"]);
}

#[test]
fn another_memory_model_names_both_and_the_flag() {
    let machine = Machine { memory_models: &[MemoryModel::Checked], ..machine() };
    let error = refusal(&Sample::new().build(), &machine);
    assert_eq!(error, LoadError::MemoryModel { image: 0, machine: &[MemoryModel::Checked] });
    assert_says(error, &["guard", "serves checked", "--memory=checked"]);
    assert_says(refusal_of_header("memory_model", 5, 4), &["number 5", "guard, checked"]);
}

#[test]
fn missing_cpu_features_are_named() {
    let error = refusal_of_header("cpu_features", 0b1_0000_0011 | 1 << 40, 8);
    let expected = LoadError::CpuFeatures { arch: Arch::X86_64, image: 0b1_0000_0011 | 1 << 40, machine: 0b111 };
    assert_eq!(error, expected);
    assert_says(error, &["features cx16, sahf, avx2, number 40;", "lacks avx2, number 40.", "--cpu"]);
}

#[test]
fn pages_that_are_too_large_name_both() {
    let error = refusal(&Sample::new().build(), &Machine { page_len: 16384, ..machine() });
    assert_eq!(error, LoadError::PageLen { image: 4096, machine: 16384 });
    assert_says(error, &["4096", "16384", "--target"]);
    for page_len in [0, 3, 4097, 1 << 17] {
        assert_eq!(refusal_of_header("page_len", page_len, 4), LoadError::Header(HeaderFault::PageLen));
    }
}

#[test]
fn other_versions_name_both() {
    let error = refusal_of_header("format_version", 2, 4);
    assert_eq!(error, LoadError::FormatVersion { image: 2, loader: 1 });
    assert_says(error, &["version 2", "version 1", "Update"]);
    let error = refusal_of_header("abi_version", 0, 4);
    assert_eq!(error, LoadError::AbiVersion { image: 0, oldest: 1, newest: 1 });
    assert_says(error, &["version 0", "1 to 1", "Compile"]);
}

#[test]
fn a_file_of_another_length_names_both() {
    let mut file = Sample::new().build();
    let stated = file.len() as u32;
    file.push(0);
    let error = refusal(&file, &machine());
    assert_eq!(error, LoadError::FileLen { stated, actual: u64::from(stated) + 1 });
    assert_says(error, &[&stated.to_string(), &(stated + 1).to_string()]);
    assert_eq!(refusal_of_header("image_len", u64::from(stated) + 1, 4), LoadError::Header(HeaderFault::ImageLen));
    // Those change what is under the checksums, which cannot be computed then.
    for head_len in [0, 500, u64::from(stated) + 1] {
        assert_eq!(refusal_of_header("head_len", head_len, 4), LoadError::Header(HeaderFault::HeadLen));
    }
}

#[test]
fn damage_is_found_where_it_is_and_names_both_checksums() {
    let mut file = Sample::new().build();
    file[CODE as usize] ^= 1;
    let error = refusal(&file, &machine());
    let LoadError::BodyChecksum { stated, computed } = error else { panic!("{error:?}") };
    assert_says(error, &[&format!("{stated:08x}"), &format!("{computed:08x}")]);
    // Whoever trusts the storage does not read the code.
    parse(&file, &machine(), Verify::Head).unwrap();
    file[1000] ^= 1;
    let error = parse(&file, &machine(), Verify::Head).unwrap_err();
    let LoadError::HeadChecksum { stated, computed } = error else { panic!("{error:?}") };
    assert_says(error, &[&format!("{stated:08x}"), &format!("{computed:08x}")]);
}

/// Where the program header with this number starts: type, flags, offset, address, physical address,
/// length in the file, length in memory.
fn program_header(index: usize) -> usize {
    64 + 56 * index
}

#[test]
fn segments_are_where_they_belong() {
    let refused = |index: usize, changes: &[(usize, u64, usize)]| {
        let mut file = Sample::new().build();
        for &(at, value, len) in changes {
            let at = program_header(index) + at;
            file[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
        }
        seal(&mut file);
        match refusal(&file, &machine()) {
            LoadError::Segment { index: found, fault } => {
                assert_eq!(found as usize, index);
                fault
            }
            error => panic!("{error:?}"),
        }
    };
    let (kind, flags, offset, address, len, memory_len) = (0, 4, 8, 16, 32, 40);
    for writable_code in [7, 3, 2, 1, 0] {
        assert_eq!(refused(1, &[(flags, writable_code, 4)]), SegmentFault::Access);
    }
    assert_eq!(refused(1, &[(flags, 4, 4)]), SegmentFault::Order);
    assert_eq!(refused(0, &[(flags, 5, 4)]), SegmentFault::Order);
    assert_eq!(refused(2, &[(flags, 5, 4)]), SegmentFault::Order);
    assert_eq!(refused(2, &[(kind, 2, 4)]), SegmentFault::Kind);
    assert_eq!(refused(1, &[(address, 0x5000, 8)]), SegmentFault::NotLinked);
    assert_eq!(refused(1, &[(memory_len, 0x500, 8)]), SegmentFault::NotLinked);
    assert_eq!(refused(1, &[(offset, 0x3800, 8), (address, 0x3800, 8)]), SegmentFault::Alignment);
    assert_eq!(refused(1, &[(offset, 0x2000, 8), (address, 0x2000, 8)]), SegmentFault::Overlap);
    assert_eq!(refused(2, &[(offset, 0x1_0000, 8), (address, 0x1_0000, 8)]), SegmentFault::Range);
    assert_eq!(refused(2, &[(len, 0x101, 8), (memory_len, 0x101, 8)]), SegmentFault::Range);
    assert_eq!(refused(2, &[(len, u64::MAX, 8), (memory_len, u64::MAX, 8)]), SegmentFault::Range);
}

#[test]
fn the_metadata_is_one_block_in_the_read_only_segment() {
    let at = program_header(0);
    assert_eq!(refusal_of_bytes(at, &PT_METADATA.to_le_bytes()), LoadError::NotAot);
    assert_eq!(refusal_of_bytes(program_header(3), &[0]), LoadError::NotAot);
    let mut file = Sample::new().build();
    for field in [32, 40] {
        file[at + field..at + field + 2].copy_from_slice(&[0, 2]);
    }
    seal(&mut file);
    assert_eq!(refusal(&file, &machine()), LoadError::Header(HeaderFault::Metadata));
}

#[test]
fn informative_program_headers_are_passed_over() {
    // The writable segment becomes a GNU_STACK row, and the pointers in it go.
    let sample = Sample { fixups: vec![], ..Sample::new() };
    let mut file = sample.build();
    file[program_header(2)..][..4].copy_from_slice(&0x6474_E551_u32.to_le_bytes());
    seal(&mut file);
    let image = parse(&file, &machine(), Verify::Full).unwrap();
    assert_eq!(image.segments().map(|segment| segment.len != 0), [true, true, false]);
}

#[test]
fn the_header_agrees_with_the_tables() {
    let fault = |field: &str, value: u64| match refusal_of_header(field, value, 4) {
        LoadError::Header(fault) => fault,
        error => panic!("{error:?}"),
    };
    for count in ["imported_functions", "imported_tables", "imported_memories", "imported_globals", "imported_tags"] {
        assert_eq!(fault(count, 3), HeaderFault::Counts);
    }
    assert_eq!(fault("code_offset", u64::from(CODE) - 1), HeaderFault::CodeRange);
    assert_eq!(fault("code_len", u64::from(CODE_LEN) + 1), HeaderFault::CodeRange);
    assert_eq!(fault("name_offset", 100_000), HeaderFault::ModuleName);
    assert_eq!(fault("tail_slots", 2 * u64::from(limits::PARAMS_MAX) + 2), HeaderFault::TailSlots);
    assert_eq!(fault("tail_slots", 1), HeaderFault::TailSlots);
    assert_eq!(fault("flags", 2), HeaderFault::Reserved);
    // No such function; parameters; inlined everywhere.
    for start in [5, 0, 2, 3] {
        assert_eq!(fault("start_function", start), HeaderFault::StartFunction);
        assert_eq!(fault("initialiser", start), HeaderFault::Initialiser);
    }
    let stated = Sample::new().header.vmctx_len;
    let error = refusal_of_header("vmctx_len", u64::from(stated) + 16, 4);
    assert_eq!(error, LoadError::VmctxLen { stated: stated + 16, computed: Some(stated) });
    assert_says(error, &[&stated.to_string(), &(stated + 16).to_string()]);
}

#[test]
fn tables_are_where_the_directory_says_and_hold_what_they_should() {
    let directory = 64 + 4 * 56 + wasmc_abi::image::Header::LEN;
    let fault = |table: Table, field: usize, value: u32| match refusal_of_bytes(
        directory + 8 * table as usize + field,
        &value.to_le_bytes(),
    ) {
        LoadError::Directory { table: found, fault } => {
            assert_eq!(found, table);
            fault
        }
        error => panic!("{error:?}"),
    };
    assert_eq!(fault(Table::Types, 0, 8), DirectoryFault::Order);
    assert_eq!(fault(Table::Imports, 0, 12), DirectoryFault::Alignment);
    assert_eq!(fault(Table::Strings, 0, 0x1_0000), DirectoryFault::Range);
    assert_eq!(fault(Table::Strings, 0, 0xFFFF_FFF8), DirectoryFault::Range);
    assert_eq!(fault(Table::Strings, 4, 0x7FFF_FFFF), DirectoryFault::Range);
    assert_eq!(fault(Table::Functions, 4, 1_000_001), DirectoryFault::Count);
    let mut sample = Sample::new();
    sample.strings.push(0xC3);
    let error = refusal(&sample.build(), &machine());
    assert_eq!(error, LoadError::Directory { table: Table::Strings, fault: DirectoryFault::Utf8 });
}

/// The fault found in a record of `table`, after a change of the sample.
#[track_caller]
fn assert_fault(table: Table, index: u32, fault: Fault, change: impl FnOnce(&mut Sample)) {
    let mut sample = Sample::new();
    change(&mut sample);
    assert_eq!(refusal(&sample.build(), &machine()), LoadError::Record { table, index, fault });
}

#[test]
fn types_are_checked() {
    use Table::Types;
    assert_fault(Types, 1, Fault::Arity, |s| s.types[1].params = limits::PARAMS_MAX + 1);
    assert_fault(Types, 2, Fault::ValTypeRange, |s| s.types[2].results = 4);
    assert_fault(Types, 2, Fault::ValTypeRange, |s| s.types[2].first = u32::MAX);
    assert_fault(Types, 0, Fault::CodeRange, |s| s.types[0].entry = CODE - 1);
    assert_fault(Types, 1, Fault::CodeRange, |s| s.types[1].thunk = CODE + CODE_LEN);
    let mut file = Sample::new().build();
    let numbers: Vec<u8> = [0x7F_u32, 0x7E, 0x7C, 0x6F, 0x7B, 0x70].iter().flat_map(|ty| ty.to_le_bytes()).collect();
    let val_types = file.windows(numbers.len()).position(|bytes| bytes == numbers).unwrap();
    file[val_types + 4] = 0x40;
    seal(&mut file);
    let error = LoadError::Record { table: Table::ValTypes, index: 1, fault: Fault::ValType };
    assert_eq!(refusal(&file, &machine()), error);
    assert_says(error, &["Record 1", "ValTypes", "value type"]);
}

#[test]
fn forms_of_types_are_checked() {
    use Table::{SubTypes, Tables};
    let with_forms = |change: fn(&mut [SubTypeRecord])| {
        move |s: &mut Sample| {
            let plain = |group| SubTypeRecord { form: 0, is_final: 1, supertype: NONE, group };
            s.sub_types = (0..4).map(plain).collect();
            change(&mut s.sub_types);
        }
    };
    assert_fault(SubTypes, 1, Fault::Kind, with_forms(|s| s[1].form = 3));
    assert_fault(SubTypes, 1, Fault::Flag, with_forms(|s| s[1].is_final = 2));
    assert_fault(SubTypes, 1, Fault::Order, with_forms(|s| s[1].supertype = 1));
    assert_fault(SubTypes, 2, Fault::Order, with_forms(|s| s[2].group = 0));
    assert_fault(SubTypes, 0, Fault::TypeIndex, |s| s.sub_types = vec![SubTypeRecord::default()]);
    let beyond = RefType::defined(true, HeapType::Func, 4).number();
    assert_fault(Tables, 1, Fault::TypeIndex, move |s| s.tables[1].ty = beyond);
    assert_fault(Tables, 1, Fault::NotNull, |s| s.tables[1].init = 1);
}

#[test]
fn code_starts_where_instructions_can() {
    let mut sample = Sample::new_32();
    sample.types[0].entry += 1;
    let error = parse(&sample.build(), &Sample::MACHINE_32, Verify::Full).unwrap_err();
    assert_eq!(error, LoadError::Record { table: Table::Types, index: 0, fault: Fault::CodeAlignment });
}

#[test]
fn imports_are_checked() {
    use Table::Imports;
    assert_fault(Imports, 0, Fault::Kind, |s| s.imports[0].kind = 5);
    assert_fault(Imports, 0, Fault::TypeIndex, |s| s.imports[0].ty = 4);
    assert_fault(Imports, 0, Fault::NoThunk, |s| s.imports[0].ty = 0);
    assert_fault(Imports, 0, Fault::Reserved, |s| s.imports[0].reserved = 1);
    assert_fault(Imports, 1, Fault::Imported, |s| s.imports[1].flags = 5);
    assert_fault(Imports, 1, Fault::Imported, |s| s.imports[1].ty = ValType::ExternRef.number());
    assert_fault(Imports, 2, Fault::Imported, |s| s.imports[2].min = 2);
    assert_fault(Imports, 3, Fault::Imported, |s| s.imports[3].flags = 1);
    assert_fault(Imports, 3, Fault::Imported, |s| s.globals[0].ty = ValType::I64.number());
    assert_fault(Imports, 5, Fault::Imported, |s| s.imports[5].ty = 3);
    assert_fault(Imports, 2, Fault::Name, |s| s.imports[2].name_len = 90_000);
    assert_fault(Imports, 2, Fault::NameLen, |s| s.imports[2].module_len = limits::NAME_LEN_MAX + 1);
    // The second byte of a two-byte character.
    assert_fault(Imports, 0, Fault::Name, |s| s.imports[0].module_len = 2);
}

#[test]
fn names_longer_than_255_bytes_are_taken() {
    let mut sample = Sample::new();
    (sample.exports[0].name_offset, sample.exports[0].name_len) = (sample.functions[3].name_offset, 900);
    let file = sample.build();
    let image = parse(&file, &machine(), Verify::Full).unwrap();
    assert_eq!(image.export_name(&image.exports().get(0).unwrap()).len(), 900);
}

#[test]
fn exports_are_checked() {
    use Table::Exports;
    for (index, (kind, beyond, fault)) in [
        (ExternKind::Function, 5, Fault::FunctionIndex),
        (ExternKind::Table, 2, Fault::TableIndex),
        (ExternKind::Memory, 2, Fault::MemoryIndex),
        (ExternKind::Global, 6, Fault::GlobalIndex),
        (ExternKind::Tag, 2, Fault::TagIndex),
    ]
    .into_iter()
    .enumerate()
    {
        assert_fault(Exports, index as u32, fault, |s| {
            (s.exports[index].kind, s.exports[index].index) = (kind as u32, beyond);
        });
    }
    assert_fault(Exports, 1, Fault::Kind, |s| s.exports[1].kind = 5);
    assert_fault(Exports, 1, Fault::NoCode, |s| s.exports[1].index = 3);
    assert_fault(Exports, 1, Fault::NoEntry, |s| s.exports[1].index = 4);
    assert_fault(Exports, 1, Fault::Name, |s| s.exports[1].name_offset = u32::MAX);
}

#[test]
fn functions_are_checked() {
    use Table::{Escapes, Functions};
    assert_fault(Functions, 2, Fault::TypeIndex, |s| s.functions[2].ty = 4);
    assert_fault(Functions, 1, Fault::Order, |s| s.functions[1].code_offset = CODE + 0x100);
    assert_fault(Functions, 3, Fault::CodeRange, |s| s.functions[3].code_len = CODE_LEN);
    assert_fault(Functions, 0, Fault::CodeRange, |s| s.functions[0].code_offset = 1);
    assert_fault(Functions, 2, Fault::Order, |s| s.functions[2].wasm_offset = 0);
    assert_fault(Functions, 3, Fault::Name, |s| s.functions[3].name_len = 100_000);
    assert_fault(Escapes, 1, Fault::Order, |s| s.escapes[1].function = 1);
    assert_fault(Escapes, 0, Fault::FunctionIndex, |s| s.escapes[0].function = 0);
    assert_fault(Escapes, 1, Fault::FunctionIndex, |s| s.escapes[1].function = 5);
    assert_fault(Escapes, 1, Fault::NoCode, |s| s.escapes[1].function = 3);
    assert_fault(Escapes, 0, Fault::CodeRange, |s| s.escapes[0].ordinary = CODE + CODE_LEN);
    assert_fault(Escapes, 1, Fault::CodeRange, |s| s.escapes[1].ordinary = CODE - 1);
}

#[test]
fn tables_and_memories_are_checked() {
    use Table::{Memories, Tables};
    assert_fault(Tables, 1, Fault::RefType, |s| s.tables[1].ty = ValType::I32.number());
    assert_fault(Tables, 1, Fault::ValType, |s| s.tables[1].ty = 0);
    assert_fault(Tables, 1, Fault::Flag, |s| s.tables[1].flags = 2);
    let mut sample = Sample::new_32();
    sample.memories[1].flags |= 4;
    let error = parse(&sample.build(), &Sample::MACHINE_32, Verify::Full).unwrap_err();
    assert_eq!(error, LoadError::Record { table: Memories, index: 1, fault: Fault::Flag }, "no 64-bit addresses");
    assert_fault(Tables, 1, Fault::Limits, |s| s.tables[1].flags = 1);
    assert_fault(Tables, 1, Fault::TooLarge, |s| s.tables[1].min = limits::TABLE_ELEMENTS_MAX + 1);
    assert_fault(Memories, 1, Fault::Limits, |s| s.memories[1].max = 1);
    assert_fault(Memories, 1, Fault::TooLarge, |s| s.memories[1].max = 65_537);
    assert_fault(Memories, 1, Fault::Flag, |s| s.memories[1].flags = 16);
    assert_fault(Memories, 1, Fault::Reserved, |s| s.memories[1].reserved = 1);
    // Shared without a maximum.
    assert_fault(Memories, 1, Fault::Flag, |s| s.memories[1].flags = 2);
    assert_fault(Memories, 1, Fault::TooLarge, |s| (s.memories[1].flags, s.memories[1].min) = (0, 65_537));
}

#[test]
fn no_global_makes_a_reference_out_of_a_number() {
    use Table::Globals;
    assert_fault(Globals, 2, Fault::ValType, |s| s.globals[2].ty = 0x40);
    assert_fault(Globals, 2, Fault::Flag, |s| s.globals[2].mutable = 2);
    assert_fault(Globals, 2, Fault::Kind, |s| s.globals[2].init_kind = 3);
    assert_fault(Globals, 3, Fault::NotNull, |s| s.globals[3].init_kind = InitKind::Const as u32);
    assert_fault(Globals, 5, Fault::NotNull, |s| s.globals[5].init = 1);
    assert_fault(Globals, 3, Fault::NoRecord, |s| s.globals[3].init = 2);
    assert_fault(Globals, 3, Fault::FunctionIndex, |s| s.globals[3].init = 5);
    assert_fault(Globals, 3, Fault::FunctionIndex, |s| s.globals[3].init = 4 | 1 << 32);
    assert_fault(Globals, 5, Fault::TypeMismatch, |s| {
        (s.globals[5].init_kind, s.globals[5].init) = (InitKind::Function as u32, 4);
    });
    assert_fault(Globals, 4, Fault::TypeMismatch, |s| s.globals[4].init = 1);
    // Itself, which has no value yet.
    assert_fault(Globals, 4, Fault::GlobalIndex, |s| s.globals[4].init = 4);
}

#[test]
fn element_segments_are_checked() {
    use Table::Elements;
    assert_fault(Elements, 0, Fault::Kind, |s| s.elements[0].mode = 3);
    assert_fault(Elements, 0, Fault::TableIndex, |s| s.elements[0].table = 2);
    assert_fault(Elements, 0, Fault::TypeMismatch, |s| s.elements[0].table = 1);
    assert_fault(Elements, 0, Fault::Kind, |s| s.elements[0].offset_kind = 3);
    assert_fault(Elements, 0, Fault::TypeMismatch, |s| s.elements[0].offset_kind = InitKind::Function as u32);
    assert_fault(Elements, 0, Fault::TypeMismatch, |s| s.elements[0].offset = 2);
    assert_fault(Elements, 0, Fault::GlobalIndex, |s| s.elements[0].offset = 1 << 32);
    assert_fault(Elements, 1, Fault::Order, |s| s.elements[1].first = 2);
    assert_fault(Elements, 3, Fault::ItemRange, |s| s.elements[3].count = 3);
    assert_fault(Elements, 3, Fault::RefType, |s| s.elements[3].ty = ValType::I64.number());
    let item = |item: u32| move |s: &mut Sample| s.items[3] = ElementItem { item };
    assert_fault(Elements, 1, Fault::TypeMismatch, item(4));
    assert_fault(Elements, 1, Fault::TypeMismatch, item(1 << 31 | 3));
    assert_fault(Elements, 1, Fault::GlobalIndex, item(NONE - 1));
    assert_fault(Elements, 3, Fault::NoRecord, |s| s.items[5].item = 2);
    assert_fault(Elements, 3, Fault::FunctionIndex, |s| s.items[5].item = 5);
}

#[test]
fn data_segments_and_memory_runs_are_checked() {
    use Table::{Data, MemoryRuns};
    assert_fault(Data, 1, Fault::Kind, |s| s.data[1].mode = 3);
    assert_fault(Data, 1, Fault::Reserved, |s| s.data[1].reserved = 3);
    assert_fault(Data, 0, Fault::MemoryIndex, |s| s.data[0].memory = 2);
    assert_fault(Data, 0, Fault::TypeMismatch, |s| s.data[0].offset = 1);
    assert_fault(Data, 1, Fault::OutsideReadOnly, |s| s.data[1].data_offset = CODE);
    assert_fault(Data, 1, Fault::OutsideReadOnly, |s| s.data[1].data_len = 0xFFFF_FFFF - DATA);
    assert_fault(Data, 1, Fault::OutsideReadOnly, |s| s.data[1].data_len = u32::MAX);
    assert_fault(MemoryRuns, 0, Fault::MemoryIndex, |s| s.runs[0].memory = 0);
    assert_fault(MemoryRuns, 1, Fault::MemoryIndex, |s| s.runs[1].memory = 2);
    assert_fault(MemoryRuns, 1, Fault::Overlap, |s| s.runs[1].address = 0);
    assert_fault(MemoryRuns, 1, Fault::Overlap, |s| s.runs[1].memory = 0);
    assert_fault(MemoryRuns, 1, Fault::PageAlignment, |s| s.runs[1].address += 8);
    assert_fault(MemoryRuns, 1, Fault::PageAlignment, |s| s.runs[1].data_offset += 8);
    assert_fault(MemoryRuns, 1, Fault::OutsideMemory, |s| s.runs[1].address = 0x1_F000 + 4096);
    assert_fault(MemoryRuns, 1, Fault::OutsideMemory, |s| s.runs[1].address = u64::MAX << 12);
    assert_fault(MemoryRuns, 1, Fault::OutsideReadOnly, |s| s.runs[1].len = 0x801);
    assert_fault(MemoryRuns, 1, Fault::OutsideReadOnly, |s| s.runs[1].data_offset = RUNS + 0x1000);
}

#[test]
fn positions_are_checked() {
    use Table::{SiteIndex, Unwind};
    assert_fault(Unwind, 3, Fault::Order, |s| s.unwind[3].code_offset = s.unwind[2].code_offset);
    assert_fault(Unwind, 0, Fault::CodeRange, |s| s.unwind[0].code_offset = 0);
    assert_fault(Unwind, 7, Fault::CodeRange, |s| s.unwind[7].code_offset = CODE + CODE_LEN);
    assert_fault(SiteIndex, 1, Fault::Order, |s| s.site_index[1].code_offset = CODE - 1);
    assert_fault(SiteIndex, 1, Fault::Order, |s| s.site_index[1].stream_offset = 0);
    assert_fault(SiteIndex, 2, Fault::CodeRange, |s| s.site_index[2].code_offset = POINTERS);
    assert_fault(SiteIndex, 2, Fault::StreamRange, |s| s.site_index[2].stream_offset = s.site_stream.len() as u32);
}

#[test]
fn fixups_only_write_pointers_to_what_there_is() {
    use Table::Fixups;
    let slot = |slot| move |s: &mut Sample| s.fixups[0].slot = slot;
    assert_fault(Fixups, 0, Fault::SlotRange, slot(POINTERS - 8));
    assert_fault(Fixups, 0, Fault::SlotRange, slot(CODE));
    assert_fault(Fixups, 0, Fault::SlotAlignment, slot(POINTERS + 4));
    let last = Sample::new().fixups.len() - 1;
    assert_fault(Fixups, last as u32, Fault::SlotRange, |s| s.fixups[last].slot = POINTERS + 0x100);
    assert_fault(Fixups, last as u32, Fault::SlotRange, |s| s.fixups[last].slot = u32::MAX - 7);
    assert_fault(Fixups, 1, Fault::Order, |s| s.fixups[1].slot = s.fixups[0].slot);
    let target = |to: FixupTarget| move |s: &mut Sample| s.fixups[0] = Fixup::new(POINTERS, to);
    assert_fault(Fixups, 0, Fault::Target, target(FixupTarget::Image(POINTERS + 0x101)));
    assert_fault(Fixups, 0, Fault::Helper, target(FixupTarget::Helper(Builtin::COUNT as u32)));
}
