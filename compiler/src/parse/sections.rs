//! The payload loop: sections of a validated module → [`Module`].

use super::{
    Body, ConstExpr, Data, Element, Export, ExportItem, FuncIndex, FuncType, Global, GlobalIndex, GlobalType, Import,
    ImportType, MemoryIndex, MemoryType, Module, SegmentMode, TableIndex, TableType, TypeId, const_expr, names,
};
use std::collections::HashMap;
use wasm::{BinaryReaderError, ExternalKind, Parser, Payload};
use wasmc_abi::ValType;
use wasmparser as wasm;

type Result<T> = std::result::Result<T, BinaryReaderError>;

/// Reads all sections. Whatever validation refuses may panic here.
pub fn read(bytes: &[u8]) -> Result<Module<'_>> {
    let mut module = Module::default();
    let mut name_section = None;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::TypeSection(reader) => types(reader, &mut module)?,
            Payload::ImportSection(reader) => imports(reader, &mut module)?,
            Payload::FunctionSection(reader) => {
                for index in reader {
                    module.functions.push(module.type_ids[index? as usize]);
                }
            }
            Payload::TableSection(reader) => {
                for table in reader {
                    module.tables.push(table_type(&table?.ty));
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
                    let init = Some(const_expr::read(&global.init_expr)?);
                    module.globals.push(Global { ty: global_type(&global.ty), init });
                }
            }
            Payload::ExportSection(reader) => exports(reader, &mut module)?,
            Payload::StartSection { func, .. } => module.start = Some(FuncIndex(func)),
            Payload::ElementSection(reader) => {
                for element in reader {
                    module.elements.push(self::element(element?)?);
                }
            }
            Payload::DataCountSection { .. } => module.names_data = true,
            Payload::DataSection(reader) => {
                for data in reader {
                    module.data.push(self::data(&data?)?);
                }
            }
            Payload::CodeSectionEntry(body) => {
                let (bytes, offset) = (body.as_bytes(), body.range().start as u32);
                module.bodies.push(Body { bytes, offset });
            }
            Payload::CustomSection(section) => {
                if let wasm::KnownCustom::Name(reader) = section.as_known() {
                    name_section = Some(reader);
                }
            }
            _ => {}
        }
    }
    module.function_names = vec![None; module.functions.len()];
    if let Some(reader) = name_section {
        names::read(reader, &mut module);
    }
    names::fall_back_to_exports(&mut module);
    Ok(module)
}

fn types(reader: wasm::TypeSectionReader<'_>, module: &mut Module<'_>) -> Result<()> {
    let mut distinct: HashMap<FuncType, TypeId> = HashMap::new();
    for ty in reader.into_iter_err_on_gc_types() {
        let ty = ty?;
        let ty = FuncType {
            params: ty.params().iter().map(val_type).collect(),
            results: ty.results().iter().map(val_type).collect(),
        };
        let next = TypeId(module.types.len() as u32);
        let id = *distinct.entry(ty.clone()).or_insert(next);
        if id == next {
            module.types.push(ty);
        }
        module.type_ids.push(id);
    }
    Ok(())
}

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
                module.tables.push(table_type(&ty));
                module.imported_tables += 1;
                ImportType::Table(table_type(&ty))
            }
            wasm::TypeRef::Memory(ty) => {
                module.memories.push(memory_type(&ty));
                module.imported_memories += 1;
                ImportType::Memory(memory_type(&ty))
            }
            wasm::TypeRef::Global(ty) => {
                let ty = global_type(&ty);
                module.globals.push(Global { ty, init: None });
                module.imported_globals += 1;
                ImportType::Global(ty)
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
            other => unreachable!("validated export of {other:?}"),
        };
        module.exports.push(Export { name: export.name, item });
    }
    Ok(())
}

fn element(element: wasm::Element<'_>) -> Result<Element> {
    let mode = match element.kind {
        wasm::ElementKind::Active { table_index, offset_expr } => {
            SegmentMode::Active(TableIndex(table_index.unwrap_or(0)), const_expr::read(&offset_expr)?)
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
            (ref_type(ty), reader.into_iter().map(|e| const_expr::read(&e?)).collect::<Result<_>>()?)
        }
    };
    Ok(Element { mode, ty, items })
}

fn data<'a>(data: &wasm::Data<'a>) -> Result<Data<'a>> {
    let mode = match &data.kind {
        wasm::DataKind::Active { memory_index, offset_expr } => {
            SegmentMode::Active(MemoryIndex(*memory_index), const_expr::read(offset_expr)?)
        }
        wasm::DataKind::Passive => SegmentMode::Passive,
    };
    Ok(Data { mode, bytes: data.data })
}

/// The stored form of a validated value type.
pub fn val_type(ty: &wasm::ValType) -> ValType {
    match ty {
        wasm::ValType::I32 => ValType::I32,
        wasm::ValType::I64 => ValType::I64,
        wasm::ValType::F32 => ValType::F32,
        wasm::ValType::F64 => ValType::F64,
        wasm::ValType::V128 => ValType::V128,
        wasm::ValType::Ref(ty) => ref_type(*ty),
    }
}

fn ref_type(ty: wasm::RefType) -> ValType {
    if ty.is_func_ref() {
        ValType::FuncRef
    } else if ty.is_extern_ref() {
        ValType::ExternRef
    } else {
        unreachable!("validated reference type {ty}")
    }
}

fn table_type(ty: &wasm::TableType) -> TableType {
    TableType { element: ref_type(ty.element_type), min: ty.initial, max: ty.maximum }
}

fn memory_type(ty: &wasm::MemoryType) -> MemoryType {
    MemoryType { min: ty.initial, max: ty.maximum }
}

fn global_type(ty: &wasm::GlobalType) -> GlobalType {
    GlobalType { value: val_type(&ty.content_type), mutable: ty.mutable }
}
