//! The payload loop: sections of a validated module → [`Module`].

use super::{
    Body, Composite, ConstExpr, Data, DefinedFuncIndex, Element, Export, ExportItem, FuncIndex, FuncType, Global,
    GlobalIndex, GlobalType, Import, ImportType, MemoryIndex, MemoryType, Module, SegmentMode, SubType, TableIndex,
    TableType, TagIndex, TypeId, const_expr, names, types,
};
use wasm::{BinaryReaderError, ExternalKind, Parser, Payload};
use wasmc_abi::ValType;
use wasmc_abi::vmctx::PAGE_LEN;
use wasmparser as wasm;

type Result<T> = std::result::Result<T, BinaryReaderError>;

/// Reads all sections. Whatever validation refuses may panic here.
pub fn read(bytes: &[u8]) -> Result<Module<'_>> {
    let mut module = Module::default();
    let mut computed = Computed::default();
    // What tables start with is computed last: its globals stand behind all others.
    let mut table_exprs = Vec::new();
    let (mut name_section, mut hint_section) = (None, None);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::TypeSection(reader) => types::read(reader, &mut module)?,
            Payload::ImportSection(reader) => imports(reader, &mut module)?,
            Payload::FunctionSection(reader) => {
                for index in reader {
                    module.functions.push(module.type_ids[index? as usize]);
                }
            }
            Payload::TableSection(reader) => {
                for table in reader {
                    let table = table?;
                    module.tables.push(table_type(&table.ty, &module));
                    table_exprs.push(table.init);
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    module.memories.push(memory_type(&memory?));
                }
            }
            Payload::GlobalSection(reader) => {
                for global in reader {
                    let global = global?;
                    let init = computed.global(&global.init_expr, module.globals.len())?;
                    module.globals.push(Global { ty: global_type(&global.ty, &module), init: Some(init) });
                }
            }
            Payload::TagSection(reader) => {
                for tag in reader {
                    module.tags.push(module.type_ids[tag?.func_type_idx as usize]);
                }
            }
            Payload::ExportSection(reader) => exports(reader, &mut module)?,
            Payload::StartSection { func, .. } => module.start = Some(FuncIndex(func)),
            Payload::ElementSection(reader) => {
                for element in reader {
                    let element = self::element(element?, &mut module, &mut computed)?;
                    module.elements.push(element);
                }
            }
            Payload::DataCountSection { .. } => module.names_data = true,
            Payload::DataSection(reader) => {
                for data in reader {
                    let data = self::data(&data?, &mut module, &mut computed)?;
                    module.data.push(data);
                }
            }
            Payload::CodeSectionEntry(body) => {
                let body = self::body(&body, &mut module)?;
                module.bodies.push(body);
            }
            Payload::CustomSection(section) => match section.as_known() {
                wasm::KnownCustom::Name(reader) => name_section = Some(reader),
                wasm::KnownCustom::BranchHints(reader) => hint_section = Some(reader),
                _ => {}
            },
            _ => {}
        }
    }
    if let Some(reader) = hint_section {
        module.branch_hints = branch_hints(reader, &module);
    }
    for (init, table) in table_exprs.iter().zip(module.imported_tables..) {
        let init = match init {
            wasm::TableInit::RefNull => ConstExpr::Bits(0),
            wasm::TableInit::Expr(expr) => computed.value(expr, module.tables[table as usize].element, &mut module)?,
        };
        module.table_inits.push(init);
    }
    computed.finish(&mut module, bytes.len() as u32);
    module.function_names = vec![None; module.functions.len()];
    if let Some(reader) = name_section {
        names::read(reader, &mut module);
    }
    names::fall_back_to_exports(&mut module);
    Ok(module)
}

fn body<'a>(read: &wasm::FunctionBody<'a>, module: &mut Module<'a>) -> Result<Body<'a>> {
    use wasm::Operator::{BrTable, ReturnCall, ReturnCallIndirect, ReturnCallRef};
    let index = module.function_index(DefinedFuncIndex(module.bodies.len() as u32));
    let (bytes, offset) = (read.as_bytes().into(), read.range().start as u32);
    let mut body = Body { bytes, offset, ..Body::default() };
    let mut loops = Loops::default();
    for operator in read.get_operators_reader()?.into_iter_with_offsets() {
        let (operator, offset) = operator?;
        loops.step(&operator, offset as u32);
        module.table_uses.count(&operator, &module.type_ids);
        match operator {
            ReturnCall { function_index } if function_index == index.0 => body.repeats = true,
            ReturnCall { .. } | ReturnCallIndirect { .. } | ReturnCallRef { .. } => body.makes_tail_calls = true,
            BrTable { targets } => body.branch_targets_max = body.branch_targets_max.max(targets.len()),
            _ => {}
        }
    }
    body.loops = loops.found;
    Ok(body)
}

/// A loop around a `br_table` of more targets counts as one of any length: it is an interpreter's. Nothing of it is
/// vectorised, and where LLVM makes one access of those of two operations, both checks stay.
const TARGETS_MAX: u32 = 8;

/// Finds the loops of a body.
#[derive(Default)]
struct Loops {
    /// The constructs that are open; of a loop, its number.
    open: Vec<Option<usize>>,
    /// Offset and length.
    found: Vec<(u32, u32)>,
}

impl Loops {
    /// Goes on by an operator, the one at that offset.
    fn step(&mut self, operator: &wasm::Operator<'_>, offset: u32) {
        use wasm::Operator::{Block, BrTable, Delegate, End, If, Loop, Try, TryTable};
        match operator {
            Loop { .. } => {
                self.open.push(Some(self.found.len()));
                self.found.push((offset, 0));
            }
            Block { .. } | If { .. } | TryTable { .. } | Try { .. } => self.open.push(None),
            // The body itself has an end too.
            End | Delegate { .. } => {
                if let Some(Some(number)) = self.open.pop() {
                    let (start, len) = &mut self.found[number];
                    *len = (*len).max(offset - *start);
                }
            }
            BrTable { targets } if targets.len() > TARGETS_MAX => {
                self.open.iter().flatten().for_each(|number| self.found[*number].1 = u32::MAX);
            }
            _ => {}
        }
    }
}

/// Hints by their offsets in the module. A custom section is never a reason to refuse a module: what cannot be read
/// of it says nothing.
fn branch_hints(reader: wasm::BranchHintSectionReader<'_>, module: &Module<'_>) -> Vec<(u32, bool)> {
    let mut hints = Vec::new();
    for function in reader.into_iter().map_while(Result::ok) {
        let body = module.defined(FuncIndex(function.func)).and_then(|defined| module.bodies.get(defined.get()));
        let Some(body) = body else { continue };
        for hint in function.hints.into_iter().map_while(Result::ok) {
            hints.push((body.offset.saturating_add(hint.func_offset), hint.taken));
        }
    }
    hints.sort_unstable_by_key(|(offset, _)| *offset);
    hints
}

/// Constant expressions that need instructions of their own. They become the body of one more function, the
/// module's initialiser, that leaves each value in a global.
#[derive(Default)]
struct Computed {
    /// Instructions: expression, `global.set`, expression, `global.set`, and so on.
    instructions: Vec<u8>,
    /// Functions that they refer to.
    references: Vec<FuncIndex>,
}

impl Computed {
    /// The initial value of the global `index`.
    fn global(&mut self, expr: &wasm::ConstExpr<'_>, index: usize) -> Result<ConstExpr> {
        let simple = const_expr::read(expr)?;
        // A copy of a global may be one of a global that is still to be computed.
        let is_late = matches!(simple, ConstExpr::Global(_)) && !self.instructions.is_empty();
        if simple != ConstExpr::Computed && !is_late {
            return Ok(simple);
        }
        let mut reader = expr.get_binary_reader();
        let with_end = reader.read_bytes(reader.bytes_remaining())?;
        self.instructions.extend_from_slice(with_end.strip_suffix(&[END]).unwrap_or(with_end));
        for operator in expr.get_operators_reader() {
            if let wasm::Operator::RefFunc { function_index } = operator? {
                self.references.push(FuncIndex(function_index));
            }
        }
        self.instructions.push(GLOBAL_SET);
        let mut rest = index as u32;
        while rest >= 0x80 {
            self.instructions.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.instructions.push(rest as u8);
        Ok(ConstExpr::Computed)
    }

    /// The offset of a segment, an item, or what a table starts with; if it is computed, that of a global made
    /// for it, behind all others.
    fn value(&mut self, expr: &wasm::ConstExpr<'_>, ty: ValType, module: &mut Module<'_>) -> Result<ConstExpr> {
        if const_expr::read(expr)? != ConstExpr::Computed {
            return const_expr::read(expr);
        }
        let index = module.globals.len();
        let init = Some(self.global(expr, index)?);
        module.globals.push(Global { ty: GlobalType { value: ty, mutable: false }, init });
        Ok(ConstExpr::Global(GlobalIndex(index as u32)))
    }

    /// Adds the initialiser, if there is something to compute. Offsets from `end` on are in no other function.
    fn finish(self, module: &mut Module<'_>, end: u32) {
        if self.instructions.is_empty() {
            return;
        }
        let none = FuncType { params: vec![], results: vec![] };
        let is_none =
            |(id, ty): (u32, &SubType)| ty.is_plain(TypeId(id)) && ty.composite == Composite::Func(none.clone());
        let ty = (0..).zip(&module.types).position(is_none).unwrap_or_else(|| {
            let group = TypeId(module.types.len() as u32);
            module.types.push(SubType { group, ..none.into() });
            group.get()
        });
        module.computed_references = self.references;
        module.initialiser = Some(FuncIndex(module.functions.len() as u32));
        module.functions.push(TypeId(ty as u32));
        let no_locals = [0];
        let bytes = [&no_locals[..], &self.instructions, &[END]].concat().into();
        module.bodies.push(Body { bytes, offset: end, ..Body::default() });
    }
}

/// What was validated is read without errors.
pub const VALID: &str = "the module has been validated";

const END: u8 = 0x0B;
const GLOBAL_SET: u8 = 0x24;

fn imports<'a>(reader: wasm::ImportSectionReader<'a>, module: &mut Module<'a>) -> Result<()> {
    for import in reader.into_imports() {
        let import = import?;
        let ty = match import.ty {
            wasm::TypeRef::Func(index) => {
                let id = module.type_ids[index as usize];
                module.functions.push(id);
                module.imported_functions += 1;
                ImportType::Function(id)
            }
            wasm::TypeRef::Table(ty) => {
                let ty = table_type(&ty, module);
                module.tables.push(ty);
                module.imported_tables += 1;
                ImportType::Table(ty)
            }
            wasm::TypeRef::Memory(ty) => {
                module.memories.push(memory_type(&ty));
                module.imported_memories += 1;
                ImportType::Memory(memory_type(&ty))
            }
            wasm::TypeRef::Global(ty) => {
                let ty = global_type(&ty, module);
                module.globals.push(Global { ty, init: None });
                module.imported_globals += 1;
                ImportType::Global(ty)
            }
            wasm::TypeRef::Tag(ty) => {
                let id = module.type_ids[ty.func_type_idx as usize];
                module.tags.push(id);
                module.imported_tags += 1;
                ImportType::Tag(id)
            }
            other => unreachable!("validated import of {other:?}"),
        };
        module.imports.push(Import { module: import.module, name: import.name, ty });
    }
    Ok(())
}

fn exports<'a>(reader: wasm::ExportSectionReader<'a>, module: &mut Module<'a>) -> Result<()> {
    for export in reader {
        let export = export?;
        let item = match export.kind {
            ExternalKind::Func => ExportItem::Function(FuncIndex(export.index)),
            ExternalKind::Table => ExportItem::Table(TableIndex(export.index)),
            ExternalKind::Memory => ExportItem::Memory(MemoryIndex(export.index)),
            ExternalKind::Global => ExportItem::Global(GlobalIndex(export.index)),
            ExternalKind::Tag => ExportItem::Tag(TagIndex(export.index)),
            other => unreachable!("validated export of {other:?}"),
        };
        module.exports.push(Export { name: export.name, item });
    }
    Ok(())
}

fn element(element: wasm::Element<'_>, module: &mut Module<'_>, computed: &mut Computed) -> Result<Element> {
    let mode = match element.kind {
        wasm::ElementKind::Active { table_index, offset_expr } => {
            let table = TableIndex(table_index.unwrap_or(0));
            let ty = index_type(module.tables[table.get()].wide);
            SegmentMode::Active(table, computed.value(&offset_expr, ty, module)?)
        }
        wasm::ElementKind::Passive => SegmentMode::Passive,
        wasm::ElementKind::Declared => SegmentMode::Declared,
    };
    let (ty, items) = match element.items {
        wasm::ElementItems::Functions(reader) => {
            let items = reader.into_iter().map(|f| Ok(ConstExpr::Function(FuncIndex(f?))));
            (ValType::FuncRef, items.collect::<Result<_>>()?)
        }
        wasm::ElementItems::Expressions(ty, reader) => {
            let ty = module.val_type(&wasm::ValType::Ref(ty));
            (ty, reader.into_iter().map(|e| computed.value(&e?, ty, module)).collect::<Result<_>>()?)
        }
    };
    Ok(Element { mode, ty, items })
}

fn data<'a>(data: &wasm::Data<'a>, module: &mut Module<'a>, computed: &mut Computed) -> Result<Data<'a>> {
    let mode = match &data.kind {
        wasm::DataKind::Active { memory_index, offset_expr } => {
            let memory = MemoryIndex(*memory_index);
            let ty = index_type(module.memories[memory.get()].wide);
            SegmentMode::Active(memory, computed.value(offset_expr, ty, module)?)
        }
        wasm::DataKind::Passive => SegmentMode::Passive,
    };
    Ok(Data { mode, bytes: data.data })
}

/// The type of a table's indices, or a memory's addresses.
fn index_type(wide: bool) -> ValType {
    if wide { ValType::I64 } else { ValType::I32 }
}

fn table_type(ty: &wasm::TableType, module: &Module<'_>) -> TableType {
    let element = module.val_type(&wasm::ValType::Ref(ty.element_type));
    TableType { element, min: ty.initial, max: ty.maximum, wide: ty.table64 }
}

fn memory_type(ty: &wasm::MemoryType) -> MemoryType {
    let page_len = 1 << ty.page_size_log2.unwrap_or(PAGE_LEN.trailing_zeros());
    MemoryType { min: ty.initial, max: ty.maximum, page_len, shared: ty.shared, wide: ty.memory64 }
}

fn global_type(ty: &wasm::GlobalType, module: &Module<'_>) -> GlobalType {
    GlobalType { value: module.val_type(&ty.content_type), mutable: ty.mutable }
}
