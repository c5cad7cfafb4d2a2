//! The parsed module as text for people: what `--emit=module` shows.

use super::{ConstExpr, ExportItem, FuncIndex, FuncType, ImportType, Module, SegmentMode};
use std::fmt::Write;

/// One line per item of the module.
pub fn print(module: &Module<'_>) -> String {
    let mut text = String::new();
    write(&mut text, module).expect("a string takes any text");
    text
}

fn write(out: &mut String, module: &Module<'_>) -> std::fmt::Result {
    writeln!(out, "module {}", module.name.unwrap_or("(unnamed)"))?;
    for (index, ty) in module.types.iter().enumerate() {
        writeln!(out, "type {index} {}", signature(ty))?;
    }
    for import in &module.imports {
        let ty = match &import.ty {
            ImportType::Function(id) => format!("function {}", signature(&module.types[id.get()])),
            ImportType::Table(ty) => format!("table {} {}", ty.element, limits(ty.min, ty.max)),
            ImportType::Memory(ty) => format!("memory {}", limits(ty.min, ty.max)),
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
    for export in &module.exports {
        let item = match export.item {
            ExportItem::Function(i) => format!("function {}", i.0),
            ExportItem::Table(i) => format!("table {}", i.0),
            ExportItem::Memory(i) => format!("memory {}", i.0),
            ExportItem::Global(i) => format!("global {}", i.0),
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

fn signature(ty: &FuncType) -> String {
    let list = |types: &[wasmc_abi::ValType]| types.iter().map(|t| t.name()).collect::<Vec<_>>().join(", ");
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
