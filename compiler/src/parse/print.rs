//! The parsed module as text for people: what `--emit=module` shows.

use super::{Composite, ConstExpr, ExportItem, FuncIndex, FuncType, ImportType, Module, SegmentMode, SubType};
use std::fmt::Write;
use wasmc_abi::{FieldType, StorageType, ValType};

/// One line per item of the module.
pub fn print(module: &Module<'_>) -> String {
    let mut text = String::new();
    write(&mut text, module).expect("a string takes any text");
    text
}

fn write(out: &mut String, module: &Module<'_>) -> std::fmt::Result {
    writeln!(out, "module {}", module.name.unwrap_or("(unnamed)"))?;
    for (index, ty) in module.types.iter().enumerate() {
        writeln!(out, "type {index} {}", definition(ty))?;
    }
    for import in &module.imports {
        let ty = match &import.ty {
            ImportType::Function(id) => format!("function {}", signature(module.func_type(*id))),
            ImportType::Table(ty) => format!("table {} {}", ty.element, limits(ty.min, ty.max)),
            ImportType::Memory(ty) => format!("memory {}", limits(ty.min, ty.max)),
            ImportType::Tag(id) => format!("tag {}", signature(module.func_type(*id))),
            ImportType::Global(ty) => format!("global {}{}", if ty.mutable { "mut " } else { "" }, ty.value),
        };
        writeln!(out, "import {:?} {:?} {ty}", import.module, import.name)?;
    }
    for (index, body) in module.bodies.iter().enumerate() {
        let function = FuncIndex(module.imported_functions + index as u32);
        let name = module.function_names[function.get()].unwrap_or("");
        let ty = signature(module.function_type(function));
        writeln!(out, "function {} {name} {ty} {} bytes at {:#x}", function.0, body.bytes.len(), body.offset)?;
    }
    for (index, table) in module.tables.iter().enumerate() {
        writeln!(out, "table {index} {} {}", table.element, limits(table.min, table.max))?;
    }
    for (index, memory) in module.memories.iter().enumerate() {
        writeln!(out, "memory {index} {}", limits(memory.min, memory.max))?;
    }
    for (index, global) in module.globals.iter().enumerate() {
        let mutable = if global.ty.mutable { "mut " } else { "" };
        let init = global.init.map_or("imported".into(), const_expr);
        writeln!(out, "global {index} {mutable}{} {init}", global.ty.value)?;
    }
    for (index, ty) in module.tags.iter().enumerate() {
        writeln!(out, "tag {index} {}", signature(module.func_type(*ty)))?;
    }
    for export in &module.exports {
        let item = match export.item {
            ExportItem::Function(i) => format!("function {}", i.0),
            ExportItem::Table(i) => format!("table {}", i.0),
            ExportItem::Memory(i) => format!("memory {}", i.0),
            ExportItem::Global(i) => format!("global {}", i.0),
            ExportItem::Tag(i) => format!("tag {}", i.0),
        };
        writeln!(out, "export {:?} {item}", export.name)?;
    }
    for (index, element) in module.elements.iter().enumerate() {
        writeln!(out, "elements {index} {} × {} {}", element.items.len(), element.ty, mode(element.mode, |t| t.0))?;
    }
    for (index, data) in module.data.iter().enumerate() {
        writeln!(out, "data {index} {} bytes {}", data.bytes.len(), mode(data.mode, |m| m.0))?;
    }
    match module.start {
        Some(start) => writeln!(out, "start function {}", start.0),
        None => Ok(()),
    }
}

fn definition(ty: &SubType) -> String {
    let field = |field: &FieldType| {
        let storage = match field.storage {
            StorageType::I8 => "i8".into(),
            StorageType::I16 => "i16".into(),
            StorageType::Val(ty) => ty.to_string(),
        };
        format!("{}{storage}", if field.mutable { "mut " } else { "" })
    };
    let what = match &ty.composite {
        Composite::Func(ty) => signature(ty),
        Composite::Struct(fields) => format!("struct {{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", ")),
        Composite::Array(element) => format!("array [{}]", field(element)),
    };
    let open = if ty.is_final { "" } else { "open " };
    let supertype = ty.supertype.map_or(String::new(), |id| format!(" below {}", id.0));
    format!("{open}{what}{supertype}")
}

fn signature(ty: &FuncType) -> String {
    let list = |types: &[ValType]| types.iter().map(ValType::to_string).collect::<Vec<_>>().join(", ");
    format!("({}) -> ({})", list(&ty.params), list(&ty.results))
}

fn limits(min: u64, max: Option<u64>) -> String {
    max.map_or(format!("{min}.."), |max| format!("{min}..={max}"))
}

fn const_expr(expr: ConstExpr) -> String {
    match expr {
        ConstExpr::Bits(bits) => format!("{bits:#x}"),
        ConstExpr::Global(index) => format!("global {}", index.0),
        ConstExpr::Function(index) => format!("function {}", index.0),
        ConstExpr::Computed => "computed".into(),
    }
}

fn mode<I>(mode: SegmentMode<I>, index: impl Fn(I) -> u32) -> String {
    match mode {
        SegmentMode::Active(target, offset) => format!("active in {} at {}", index(target), const_expr(offset)),
        SegmentMode::Passive => "passive".into(),
        SegmentMode::Declared => "declared".into(),
    }
}
