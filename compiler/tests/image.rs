//! Images of small modules, read by the loader and by readers that are not ours.

use goblin::elf::{Elf, header, program_header, section_header, sym};
use std::path::Path;
use std::process::Command;
use wasmc::link::LinkedCode;
use wasmc::target::{TARGETS, Target, TargetRow};
use wasmc::{CompileError, Options, compile, image, parse};
use wasmc_abi::checksum::xxh32;
use wasmc_abi::image::{Header, NONE, PT_METADATA, SegmentMode, Table};
use wasmc_abi::target::Arch;
use wasmc_loader::{Image, Machine, Verify};

fn options() -> Options {
    Options { threads: std::num::NonZeroUsize::MIN, ..Options::default() }
}

fn stripped() -> Options {
    Options { strip: true, ..options() }
}

fn build(wat: &str, options: &Options) -> Vec<u8> {
    compile(wat.as_bytes(), options).unwrap_or_else(|e| panic!("{e}\n{wat}"))
}

/// What the loader makes of an image that was built for a machine with every feature.
fn load(file: &[u8]) -> Image<'_> {
    let machine = Machine { page_len: 4096, cpu_features: u64::MAX, ..Machine::host() };
    wasmc_loader::parse(file, &machine, Verify::Full).unwrap_or_else(|e| panic!("{e}"))
}

/// Something of everything.
const MODULE: &str = r#"
(module $demo
  (import "env" "print" (func $print (param i32)))
  (import "env" "offset" (global $offset i32))
  (type $binary (func (param i32 i32) (result i32)))
  (memory (export "memory") 3 4)
  (table $t (export "table") 4 funcref)
  (global $g (mut i64) (i64.const -7))
  (func $add (export "add") (type $binary) (i32.add (local.get 0) (local.get 1)))
  (func $div (export "div") (type $binary) (i32.div_s (local.get 0) (local.get 1)))
  (func $load (export "load") (param i32) (result i32) (i32.load offset=4 (local.get 0)))
  (func $indirect (export "indirect") (param i32 i32 i32) (result i32)
    (call $print (local.get 0))
    (call_indirect $t (type $binary) (local.get 0) (local.get 1) (local.get 2)))
  (func $fill (export "fill") (param i32 i32)
    (memory.fill (local.get 0) (i32.const 1) (local.get 1))
    (memory.copy (local.get 1) (local.get 0) (local.get 1)))
  (func $grow (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func $switch (export "switch") (param i32) (result f64)
    (block (block (block (block (block (br_table 0 1 2 3 4 (local.get 0)))
      (return (f64.const 1.5))) (return (f64.const 2.5))) (return (f64.const 3.5))) (return (f64.const 4.5)))
    (f64.const 5.5))
  (elem (table $t) (i32.const 0) func $add $div)
  (elem declare func $load)
  (data (i32.const 0) "hello")
  (data $passive "passive")
  (data (global.get $offset) "relative")
  (data (i32.const 70000) "later"))
"#;

#[test]
fn the_loader_accepts_what_is_written() {
    let everything = MODULE.to_string();
    let many = (0..200).map(|i| format!("(func (export \"f{i}\") (result i32) (i32.const {i}))")).collect::<String>();
    for wat in [
        "(module)",
        "(module (memory 1))",
        "(module (memory 0))",
        "(module (func))",
        "(module (memory 1) (data (i32.const 65535) \"x\") (data \"\"))",
        "(module (import \"a\" \"b\" (func)) (import \"a\" \"c\" (memory 1 2)) (data (i32.const 1) \"x\"))",
        "(module (func $start unreachable) (start $start))",
        &everything,
        &format!("(module {many})"),
    ] {
        for options in [options(), stripped()] {
            let file = build(wat, &options);
            let image = load(&file);
            assert!(image.header().image_len as usize <= file.len(), "{wat}");
        }
    }
}

#[test]
fn the_header_says_what_the_code_was_built_for() {
    let options = Options { target: Target::new("x86_64-linux", Some("x86-64-v3"), &[]).unwrap(), ..options() };
    let file = build(MODULE, &options);
    let (image, module) = (load(&file), wat::parse_str(MODULE).unwrap());
    let header = *image.header();
    assert_eq!(header.arch, Arch::X86_64 as u32);
    assert_eq!((header.cpu_features, header.pointer_bits, header.page_len), (options.target.required, 64, 4096));
    assert_eq!((header.imported_functions, header.imported_globals, header.imported_memories), (1, 1, 0));
    assert_eq!((header.start_function, header.file_len as usize), (NONE, file.len()));
    let digest: [u8; 32] = {
        use sha2::Digest;
        sha2::Sha256::digest(&module).into()
    };
    assert_eq!(header.source_digest, digest);
    let (head, body) = file.split_at(header.head_len as usize);
    assert_eq!(header.body_checksum, xxh32(body, 0));
    assert_ne!(header.head_checksum, xxh32(head, 0), "the head's checksum is of zeros in its place");
    assert_eq!(image.module_name(), Some("demo"));
    assert!(header.max_frame > 256 && header.vmctx_len > 0);
    assert!(header.code_offset % 4096 == 0 && header.code_len > 0);
}

#[test]
fn records_say_what_the_module_says() {
    let file = build(MODULE, &options());
    let image = load(&file);
    let imports: Vec<_> = image.imports().iter().map(|i| image.import_names(&i)).collect();
    assert_eq!(imports, [("env", "print"), ("env", "offset")]);
    let exports: Vec<_> = image.exports().iter().map(|e| (image.export_name(&e), e.index)).collect();
    assert_eq!(exports[..4], [("memory", 0), ("table", 0), ("add", 1), ("div", 2)]);
    let functions: Vec<_> = image.functions().iter().collect();
    assert_eq!(functions.len(), 7);
    let names: Vec<_> = functions.iter().filter_map(|f| image.function_name(f)).collect();
    assert_eq!(names, ["add", "div", "load", "indirect", "fill", "grow", "switch"]);
    assert!(functions.iter().all(|f| f.code_len > 0 && f.wasm_offset > 0), "{functions:?}");
    let div = functions[1];
    let sites = (div.code_offset..div.code_offset + div.code_len).filter_map(|at| image.site_at(at));
    let offsets: Vec<u32> = sites.map(|s| s.wasm_offsets()[0]).filter(|offset| *offset != 0).collect();
    assert!(!offsets.is_empty(), "a division can trap, so it has a site");
    assert!(offsets.iter().all(|o| image.function_at(*o) == Some(1)), "sites lie in their function: {offsets:x?}");
    let types: Vec<_> = image.types().iter().map(|t| (image.params(&t).len(), t.entry != 0, t.thunk != 0)).collect();
    assert!(types.iter().all(|(_, entry, _)| *entry), "every type can be called by the host: {types:?}");
    assert_eq!(types.iter().filter(|(.., thunk)| *thunk).count(), 1);
    let elements: Vec<_> = image.elements().iter().map(|e| (e.mode, e.count)).collect();
    assert_eq!(elements, [(SegmentMode::Active as u32, 2), (SegmentMode::Declared as u32, 0)]);
    assert!(!image.fixups().is_empty() && !image.unwind_rows().is_empty());
}

#[test]
fn without_names_sites_and_symbols_if_stripped() {
    let (full, small) = (build(MODULE, &options()), build(MODULE, &stripped()));
    assert!(small.len() < full.len());
    let image = load(&small);
    assert!(image.functions().iter().all(|f| f.name_offset == NONE));
    assert_eq!((image.site_index().len(), Elf::parse(&small).unwrap().syms.len()), (0, 0));
    assert!(!image.unwind_rows().is_empty(), "backtraces have no offsets, but go on");
}

#[test]
fn the_same_module_gives_the_same_bytes() {
    let files: Vec<_> = (0..3).map(|_| build(MODULE, &options())).collect();
    assert!(files.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn an_independent_reader_finds_segments_sections_and_symbols() {
    let file = build(MODULE, &options());
    let elf = Elf::parse(&file).unwrap();
    assert_eq!((elf.header.e_type, elf.header.e_machine, elf.is_64), (header::ET_DYN, header::EM_X86_64, true));
    let flags: Vec<_> = loads(&elf).map(|p| p.p_flags).collect();
    use program_header::{PF_R, PF_W, PF_X};
    assert_eq!(flags, [PF_R, PF_R | PF_X, PF_R | PF_W]);
    for segment in loads(&elf) {
        assert_eq!((segment.p_offset, segment.p_filesz), (segment.p_vaddr, segment.p_memsz));
        assert_eq!((segment.p_offset % 4096, segment.p_align), (0, 4096));
    }
    let stack = elf.program_headers.iter().find(|p| p.p_type == program_header::PT_GNU_STACK).unwrap();
    assert_eq!(stack.p_flags, PF_R | PF_W);
    let metadata = elf.program_headers.iter().find(|p| p.p_type == PT_METADATA).unwrap();
    assert_eq!(&file[metadata.p_offset as usize..][..8], b"wasm.aot");
    let section = |s: &section_header::SectionHeader| elf.shdr_strtab.get_at(s.sh_name).unwrap();
    let names: Vec<_> = elf.section_headers.iter().map(section).collect();
    let expected =
        ["", ".wasmc.meta", ".wasmc.memory", ".rodata", ".text", ".data.rel.ro", ".symtab", ".strtab", ".shstrtab"];
    assert_eq!(names, expected);
    let loaded = elf.section_headers.iter().filter(|s| s.is_alloc());
    for section in loaded {
        let inside = |p: &program_header::ProgramHeader| p.vm_range().contains(&(section.sh_addr as usize));
        assert_eq!(loads(&elf).filter(|p| inside(p)).count(), 1, "{section:?}");
        assert_eq!(section.sh_addr % section.sh_addralign, 0);
    }
    for function in load(&file).functions().iter() {
        let name = load(&file).function_name(&function).unwrap();
        let found: Vec<_> = elf.syms.iter().filter(|s| elf.strtab.get_at(s.st_name) == Some(name)).collect();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!((found[0].st_value, found[0].st_size), (function.code_offset.into(), function.code_len.into()));
        assert_eq!((found[0].st_type(), found[0].st_bind()), (sym::STT_FUNC, sym::STB_GLOBAL));
    }
    assert!(elf.syms.iter().filter(|s| s.st_value != 0).all(|s| s.is_function() && names[s.st_shndx] == ".text"));
}

fn loads<'a>(elf: &'a Elf<'_>) -> impl Iterator<Item = &'a program_header::ProgramHeader> {
    elf.program_headers.iter().filter(|p| p.p_type == program_header::PT_LOAD)
}

#[test]
fn names_that_no_symbol_can_have_are_changed() {
    let file = build("(module (func $\"a\\00b\" (export \"x\")))", &options());
    let elf = Elf::parse(&file).unwrap();
    assert!(elf.strtab.to_vec().unwrap().contains(&"a\u{FFFD}b"), "{:?}", elf.strtab.to_vec());
    assert_eq!(load(&file).function_name(&load(&file).functions().get(0).unwrap()), Some("a\0b"));
}

/// Runs a tool over a file; `None` if it is not installed. All it says comes back.
fn run(tool: &str, arguments: &[&str], file: &Path) -> Option<String> {
    let output = Command::new(tool).args(arguments).arg(file).env("LC_ALL", "C").output().ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{tool} {arguments:?}:\n{said}");
    Some(said)
}

#[test]
fn the_usual_tools_read_it_without_a_warning() {
    let folder = std::env::temp_dir().join(format!("wasmc-image-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, wat, options) in [
        ("full.aot", MODULE, options()),
        ("stripped.aot", MODULE, stripped()),
        ("empty.aot", "(module)", options()),
        ("data.aot", "(module (memory 1) (data (i32.const 9) \"x\"))", options()),
    ] {
        let file = folder.join(name);
        std::fs::write(&file, build(wat, &options)).unwrap();
        let mut found = 0;
        for (tool, arguments) in [
            ("readelf", &["-aW"][..]),
            ("llvm-readelf-22", &["-a"]),
            ("objdump", &["-d", "-x"]),
            ("llvm-objdump-22", &["-d", "-x"]),
            ("nm", &[]),
            ("gdb", &["-batch", "-nx", "-ex", "info functions", "-ex", "disassemble add"]),
        ] {
            if tool == "gdb" && name != "full.aot" {
                continue;
            }
            let Some(said) = run(tool, arguments, &file) else { continue };
            found += 1;
            let warned = said.lines().find(|line| line.to_lowercase().contains("warning") || line.contains("rror:"));
            assert_eq!(warned, None, "{tool} about {name}");
            if name == "full.aot" && !tool.contains("readelf") && tool != "nm" {
                assert!(said.contains("add") && said.contains("ret"), "{tool} disassembles:\n{said}");
            }
        }
        assert!(found > 0, "none of the tools is installed");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn images_for_32_bit_machines_differ_in_the_class_only() {
    let row = TargetRow { name: "arm", arch: Arch::Arm, pointer_bits: 32, page_len: 65536, ..TARGETS[0] };
    let target = Target { row: Box::leak(Box::new(row)), ..Target::default() };
    let module = wat::parse_str("(module $m (memory 1) (data (i32.const 70) \"x\"))").unwrap();
    let module = parse::parse(&module, wasmc::Proposals::default()).unwrap();
    let file = image::write(&module, &LinkedCode::default(), &Options { target, ..options() }).unwrap();
    let elf = Elf::parse(&file).unwrap();
    assert_eq!((elf.is_64, elf.header.e_machine, elf.section_headers.len()), (false, header::EM_ARM, 6));
    let metadata = elf.program_headers.iter().find(|p| p.p_type == PT_METADATA).unwrap();
    let header = Header::from_bytes(file[metadata.p_offset as usize..].first_chunk().unwrap());
    assert_eq!((header.pointer_bits, header.page_len), (32, 65536));
    let machine =
        Machine { arch: Arch::Arm, pointer_bits: 32, page_len: 65536, cpu_features: u64::MAX, ..Machine::host() };
    let image = wasmc_loader::parse(&file, &machine, Verify::Full).unwrap();
    assert_eq!(image.memory_runs().get(0).unwrap().len, 71);
}

#[test]
fn code_that_is_too_long_is_an_error() {
    let module = parse::parse(b"\0asm\x01\0\0\0", wasmc::Proposals::default()).unwrap();
    let mut code = LinkedCode::default();
    (code.text.offset, code.relocated.offset) = (0, (1 << 31) - 8192);
    code.relocated.bytes = vec![0; 8192];
    let refused = image::write(&module, &code, &options()).unwrap_err();
    assert!(matches!(refused, CompileError::Limit { limit, .. } if limit == (1 << 31) - 1), "{refused}");
}

#[test]
fn tables_are_multiples_of_8_apart_and_in_order() {
    let file = build(MODULE, &options());
    let start = Elf::parse(&file).unwrap().program_headers.iter().find(|p| p.p_type == PT_METADATA).unwrap().p_offset;
    let mut end = 0;
    for table in Table::ALL {
        let entry = &file[start as usize + Header::LEN + *table as usize * 8..];
        let [offset, count] = [0, 4].map(|at| u32::from_le_bytes(*entry[at..].first_chunk().unwrap()));
        assert!(offset % 8 == 0 && offset >= end, "{}", table.name());
        end = offset + count * table.record_len() as u32;
    }
}
