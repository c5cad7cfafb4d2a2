//! Writes a small image that has something in every table: by hand, from the records of `abi`, so
//! that the loader is not judged by the compiler's own writer.

use super::seal::seal;
use wasmc_abi::fixup::{Fixup, FixupTarget};
use wasmc_abi::image::*;
use wasmc_abi::sites::{Site, SiteIndexRecord, SiteWriter};
use wasmc_abi::target::{Arch, FloatAbi, IsaState, MemoryModel};
use wasmc_abi::{ABI_VERSION, Builtin, FORMAT_VERSION, Frame, RefType, ValType, vmctx};
use wasmc_loader::Machine;

/// Host page of the sample.
pub const PAGE: u32 = 4096;
/// Where the read-only segment holds what data segments write, and what memories start with.
pub const DATA: u32 = 0x1F00;
pub const RUNS: u32 = 0x2000;
const READONLY_END: u32 = 0x2800;
/// The executable segment.
pub const CODE: u32 = 0x3000;
pub const CODE_LEN: u32 = 0x400;
/// The writable segment.
pub const POINTERS: u32 = 0x4000;
const POINTERS_LEN: u32 = 0x100;
/// Bytes behind the image, in place of section headers.
const BEHIND_LEN: u32 = 40;

/// An image in the making: change what you like, then [`build`](Self::build).
#[derive(Clone)]
pub struct Sample {
    pub header: Header,
    pub types: Vec<TypeRecord>,
    pub val_types: Vec<ValType>,
    pub sub_types: Vec<SubTypeRecord>,
    pub imports: Vec<ImportRecord>,
    pub exports: Vec<ExportRecord>,
    pub functions: Vec<FunctionRecord>,
    pub escapes: Vec<EscapeRecord>,
    pub tables: Vec<TableRecord>,
    pub memories: Vec<MemoryRecord>,
    pub globals: Vec<GlobalRecord>,
    pub tags: Vec<TagRecord>,
    pub elements: Vec<ElementRecord>,
    pub items: Vec<ElementItem>,
    pub data: Vec<DataRecord>,
    pub runs: Vec<MemoryRun>,
    pub fixups: Vec<Fixup>,
    pub unwind: Vec<UnwindRecord>,
    pub site_index: Vec<SiteIndexRecord>,
    pub site_stream: Vec<u8>,
    pub strings: Vec<u8>,
    pub code: Vec<u8>,
}

impl Sample {
    pub const MACHINE_64: Machine = Machine {
        arch: Arch::X86_64,
        isa_states: &[IsaState::Default],
        float_abi: FloatAbi::Hard,
        pointer_bits: 64,
        cpu_features: 0,
        page_len: PAGE,
        memory_models: &[MemoryModel::Guard, MemoryModel::Checked],
    };

    pub const MACHINE_32: Machine = Machine {
        arch: Arch::Arm,
        isa_states: &[IsaState::Thumb],
        float_abi: FloatAbi::Soft,
        pointer_bits: 32,
        cpu_features: 0,
        page_len: 1,
        memory_models: &[MemoryModel::Checked],
    };

    /// For a 64-bit machine.
    pub fn new() -> Sample {
        let mut sample = Sample::nothing();
        sample.add_types();
        sample.add_imports();
        sample.add_functions();
        sample.add_storage();
        sample.add_segments();
        sample.add_positions();
        sample.header.vmctx_len = sample.vmctx_layout().len_bytes().unwrap();
        sample
    }

    /// For a 32-bit machine.
    pub fn new_32() -> Sample {
        let mut sample = Sample::new();
        sample.header.arch = Arch::Arm as u32;
        sample.header.isa_state = IsaState::Thumb as u32;
        sample.header.float_abi = FloatAbi::Soft as u32;
        sample.header.pointer_bits = 32;
        sample.header.memory_model = MemoryModel::Checked as u32;
        sample
    }

    /// A module with nothing in it.
    pub fn nothing() -> Sample {
        let header = Header {
            magic: MAGIC,
            format_version: FORMAT_VERSION,
            abi_version: ABI_VERSION,
            arch: Arch::X86_64 as u32,
            pointer_bits: 64,
            memory_model: MemoryModel::Guard as u32,
            page_len: PAGE,
            code_offset: CODE,
            code_len: CODE_LEN,
            start_function: NONE,
            initialiser: NONE,
            name_offset: NONE,
            vmctx_len: vmctx::Layout::default().len_bytes().unwrap(),
            ..Header::default()
        };
        Sample {
            header,
            types: vec![],
            val_types: vec![],
            sub_types: vec![],
            imports: vec![],
            exports: vec![],
            functions: vec![],
            escapes: vec![],
            tables: vec![],
            memories: vec![],
            globals: vec![],
            tags: vec![],
            elements: vec![],
            items: vec![],
            data: vec![],
            runs: vec![],
            fixups: vec![],
            unwind: vec![],
            site_index: vec![],
            site_stream: vec![],
            strings: vec![],
            code: vec![0xCC; CODE_LEN as usize],
        }
    }

    /// Adds a string.
    pub fn string(&mut self, text: &str) -> (u32, u32) {
        let offset = self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        (offset, text.len() as u32)
    }

    fn add_types(&mut self) {
        use ValType::*;
        // () → (), (i32 i64) → (f64), (externref) → (v128 funcref), (exnref) → ()
        self.val_types = vec![I32, I64, F64, ExternRef, V128, FuncRef, RefType::EXN.val_type()];
        self.types = vec![
            TypeRecord { first: 0, params: 0, results: 0, entry: CODE, thunk: 0 },
            TypeRecord { first: 0, params: 2, results: 1, entry: CODE + 0x20, thunk: CODE + 0x40 },
            TypeRecord { first: 3, params: 1, results: 2, entry: 0, thunk: 0 },
            TypeRecord { first: 6, params: 1, results: 0, entry: 0, thunk: 0 },
        ];
    }

    fn add_imports(&mut self) {
        let import = |sample: &mut Sample, name, record: ImportRecord| {
            let ((module_offset, module_len), (name_offset, name_len)) = (sample.string("höst"), sample.string(name));
            sample.imports.push(ImportRecord { module_offset, module_len, name_offset, name_len, ..record });
        };
        let empty = ImportRecord::default();
        import(self, "call", ImportRecord { kind: ExternKind::Function as u32, ty: 1, ..empty });
        let table = ImportRecord { kind: ExternKind::Table as u32, ty: ValType::FuncRef.number(), ..empty };
        import(self, "table", ImportRecord { flags: 1, min: 2, max: 20, ..table });
        import(self, "memory", ImportRecord { kind: ExternKind::Memory as u32, min: 1, ..empty });
        let global = ImportRecord { kind: ExternKind::Global as u32, ..empty };
        import(self, "base", ImportRecord { ty: ValType::I32.number(), ..global });
        import(self, "", ImportRecord { ty: ValType::FuncRef.number(), ..global });
        import(self, "tag", ImportRecord { kind: ExternKind::Tag as u32, ty: 0, ..empty });
        self.header.imported_functions = 1;
        self.header.imported_tables = 1;
        self.header.imported_memories = 1;
        self.header.imported_globals = 2;
        self.header.imported_tags = 1;
    }

    /// Functions 1 to 4; number 3 was inlined everywhere.
    fn add_functions(&mut self) {
        for (i, (ty, has_code)) in [(0, true), (1, true), (2, false), (2, true)].into_iter().enumerate() {
            let i = i as u32;
            let (name_offset, name_len) = if i == 1 { (NONE, 0) } else { self.string(&"f".repeat(300 * i as usize)) };
            let (code_offset, code_len) = if has_code { (CODE + 0x100 + 0x40 * i, 0x40) } else { (0, 0) };
            let wasm_offset = 0x50 + 0x10 * i;
            self.functions.push(FunctionRecord { code_offset, code_len, ty, wasm_offset, name_offset, name_len });
        }
        self.escapes =
            vec![EscapeRecord { function: 1, ordinary: 0 }, EscapeRecord { function: 4, ordinary: CODE + 0x300 }];
        self.header.start_function = 1;
        (self.header.name_offset, self.header.name_len) = self.string("sample");
        for (kind, index, name) in
            [(0, 0, "call"), (0, 2, "run"), (1, 0, "table"), (2, 1, "memory"), (3, 3, "g"), (4, 1, "t")]
        {
            let (name_offset, name_len) = self.string(name);
            self.exports.push(ExportRecord { name_offset, name_len, kind, index });
        }
    }

    fn add_storage(&mut self) {
        let (funcref, externref) = (ValType::FuncRef.number(), ValType::ExternRef.number());
        self.tables = vec![
            TableRecord { ty: funcref, flags: 1, min: 2, max: 20, ..TableRecord::default() },
            TableRecord { ty: externref, min: 1, ..TableRecord::default() },
        ];
        self.memories = vec![
            MemoryRecord { min: 1, ..MemoryRecord::default() },
            MemoryRecord { flags: 1, min: 2, max: 65536, ..MemoryRecord::default() },
        ];
        let global = |ty: ValType, init_kind: InitKind, init| {
            let (ty, init_kind) = (ty.number(), init_kind as u32);
            GlobalRecord { ty, init_kind, init, ..GlobalRecord::default() }
        };
        self.globals = vec![
            global(ValType::I32, InitKind::Const, 0),
            global(ValType::FuncRef, InitKind::Const, 0),
            GlobalRecord { mutable: 1, ..global(ValType::F64, InitKind::Const, u64::MAX) },
            global(ValType::FuncRef, InitKind::Function, 4),
            global(ValType::I32, InitKind::Global, 0),
            global(ValType::ExternRef, InitKind::Const, 0),
        ];
        self.tags = vec![TagRecord { ty: 0 }, TagRecord { ty: 3 }];
    }

    fn add_segments(&mut self) {
        let (funcref, externref) = (ValType::FuncRef.number(), ValType::ExternRef.number());
        let (active, passive, declared) =
            (SegmentMode::Active as u32, SegmentMode::Passive as u32, SegmentMode::Declared as u32);
        let empty = ElementRecord::default();
        self.elements = vec![
            ElementRecord { mode: active, ty: funcref, offset_kind: 1, first: 0, count: 3, ..empty },
            ElementRecord { mode: active, table: 1, ty: externref, offset: 7, first: 3, count: 1, ..empty },
            ElementRecord { mode: declared, ty: externref, ..empty },
            ElementRecord { mode: passive, ty: funcref, first: 4, count: 2, ..empty },
        ];
        self.items = [4, ITEM_GLOBAL + 3, NONE, ITEM_GLOBAL + 5, 0, 1].map(|item| ElementItem { item }).to_vec();
        let data = DataRecord { data_offset: DATA, data_len: 9, ..DataRecord::default() };
        self.data = vec![
            DataRecord { mode: active, offset_kind: 1, ..data },
            DataRecord { mode: passive, data_offset: DATA + 4, ..data },
            DataRecord { mode: declared, data_len: 0, ..data },
        ];
        let run = MemoryRun { memory: 1, data_offset: RUNS, len: 100, ..MemoryRun::default() };
        self.runs = vec![run, MemoryRun { address: 0x1_0000, len: 0x800, ..run }];
    }

    fn add_positions(&mut self) {
        let helpers = Builtin::ALL.iter().map(|helper| FixupTarget::Helper(*helper as u32));
        let images = [0, CODE + 0x101, POINTERS + 8, POINTERS + POINTERS_LEN].map(FixupTarget::Image);
        self.fixups = (0..).zip(helpers.chain(images)).map(|(k, to)| Fixup::new(POINTERS + 8 * k, to)).collect();
        let frame = |i| Frame { cfa_offset: 8 + 16 * i, return_address: Some(8) }.pack().expect("it is small");
        self.unwind = (0..8).map(|i| UnwindRecord { code_offset: CODE + 0x80 * i, frame: frame(i) }).collect();
        let (index, stream) = (&mut self.site_index, &mut self.site_stream);
        let mut writer = SiteWriter::new(|byte| stream.push(byte), |record| index.push(record));
        for i in 0..150u32 {
            let callers: Vec<u32> = (0..=i % 5).map(|depth| 0x50 + (i + 7 * depth) % 0x40).collect();
            writer.push(&Site::new(CODE + 5 * i, &callers));
        }
    }

    pub fn vmctx_layout(&self) -> vmctx::Layout {
        vmctx::Layout {
            tail_slots: self.header.tail_slots,
            memories: self.memories.len() as u32,
            tables: self.tables.len() as u32,
            globals: self.globals.len() as u32,
            imported_functions: self.header.imported_functions,
            escaping_functions: self.escapes.len() as u32,
            type_ids: self.types.len() as u32,
            tags: self.tags.len() as u32,
        }
    }

    /// The bytes of every table, in order, with the count of records.
    fn table_bytes(&self) -> [(usize, Vec<u8>); Table::COUNT] {
        macro_rules! records {
            ($($field:ident)*) => { [$( (self.$field.len(), self.$field.iter().flat_map(|r| r.to_bytes()).collect()) ),*] };
        }
        let [types, imports, exports, functions, escapes, tables, memories, globals, elements, items, data, runs] =
            records!(types imports exports functions escapes tables memories globals elements items data runs);
        let [tags, fixups, unwind, site_index, sub_types] = records!(tags fixups unwind site_index sub_types);
        let val_types = self.val_types.iter().flat_map(|ty| TypeNumber { number: ty.number() }.to_bytes());
        let val_types = (self.val_types.len(), val_types.collect());
        let site_stream = (self.site_stream.len(), self.site_stream.clone());
        let strings = (self.strings.len(), self.strings.clone());
        [
            types,
            val_types,
            imports,
            exports,
            functions,
            escapes,
            tables,
            memories,
            globals,
            tags,
            elements,
            items,
            data,
            runs,
            fixups,
            unwind,
            site_index,
            sub_types,
            strings,
            site_stream,
        ]
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        let wide = self.header.pointer_bits == 64;
        let metadata_offset = if wide { 64 + 4 * 56 } else { 52 + 4 * 32 };
        let (directory, tables) = self.directory();
        let metadata_len = (PREFIX_LEN + tables.len()) as u32;
        let image_len = POINTERS + POINTERS_LEN;
        let header = Header {
            image_len,
            file_len: image_len + BEHIND_LEN,
            head_len: metadata_offset + metadata_len,
            ..self.header
        };
        let rows = [
            (1, 4, 0, READONLY_END),
            (1, 5, CODE, CODE_LEN),
            // Without pointers to fill, as images for firmware are, there is no segment for them.
            (u32::from(!self.fixups.is_empty()), 6, POINTERS, POINTERS_LEN),
            (PT_METADATA, 4, metadata_offset, metadata_len),
        ];
        let mut file = elf_headers(wide, self.header.arch as u16, &rows);
        assert_eq!(file.len() as u32, metadata_offset);
        file.extend(header.to_bytes());
        file.extend(directory);
        file.extend(tables);
        assert!(file.len() <= DATA as usize, "the sample's metadata is too long: {}", file.len());
        file.resize(header.file_len as usize, 0);
        file[DATA as usize..][..9].copy_from_slice(b"some data");
        for (i, byte) in file[RUNS as usize..READONLY_END as usize].iter_mut().enumerate() {
            *byte = i as u8;
        }
        file[CODE as usize..][..CODE_LEN as usize].copy_from_slice(&self.code);
        seal(&mut file);
        file
    }

    fn directory(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut directory, mut tables) = (vec![], vec![]);
        for (count, bytes) in self.table_bytes() {
            let offset = (PREFIX_LEN + tables.len()) as u32;
            directory.extend(DirectoryEntry { offset, count: count as u32 }.to_bytes());
            tables.extend(bytes);
            tables.resize(tables.len().next_multiple_of(8), 0);
        }
        (directory, tables)
    }
}

/// The ELF header and program headers (type, flags, offset, length).
fn elf_headers(wide: bool, machine: u16, rows: &[(u32, u32, u32, u32)]) -> Vec<u8> {
    let word = |value: u32| u64::from(value).to_le_bytes()[..if wide { 8 } else { 4 }].to_vec();
    let (header_len, row_len) = if wide { (64u16, 56u16) } else { (52, 32) };
    let mut elf = b"\x7FELF".to_vec();
    elf.extend([if wide { 2 } else { 1 }, 1, 1]);
    elf.resize(16, 0);
    elf.extend(3u16.to_le_bytes());
    elf.extend(machine.to_le_bytes());
    elf.extend(1u32.to_le_bytes());
    elf.extend([word(0), word(header_len.into()), word(0)].concat());
    elf.extend(0u32.to_le_bytes());
    elf.extend([header_len, row_len, rows.len() as u16, 0, 0, 0].map(u16::to_le_bytes).concat());
    for &(kind, flags, offset, len) in rows {
        elf.extend(kind.to_le_bytes());
        if wide {
            elf.extend(flags.to_le_bytes());
        }
        elf.extend([word(offset), word(offset), word(offset), word(len), word(len)].concat());
        if !wide {
            elf.extend(flags.to_le_bytes());
        }
        elf.extend(word(PAGE));
    }
    elf
}
