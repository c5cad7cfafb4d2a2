//! Types of functions and of everything that can be imported or exported, the matching of the two
//! (spec: valid/matching, exec/modules, import matching).

use std::fmt;

pub use wasmc_abi::ValType;

use crate::type_registry::TypeId;

/// A function type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FuncType {
    types: Box<[ValType]>,
    param_count: usize,
}

impl FuncType {
    /// A type with these parameters and results.
    pub fn new(params: impl IntoIterator<Item = ValType>, results: impl IntoIterator<Item = ValType>) -> FuncType {
        let mut types: Vec<ValType> = params.into_iter().collect();
        let param_count = types.len();
        types.extend(results);
        FuncType { types: types.into(), param_count }
    }

    /// Parameter types.
    pub fn params(&self) -> &[ValType] {
        &self.types[..self.param_count]
    }

    /// Result types.
    pub fn results(&self) -> &[ValType] {
        &self.types[self.param_count..]
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(func")?;
        for (word, types) in [("param", self.params()), ("result", self.results())] {
            if !types.is_empty() {
                write!(f, " ({word}")?;
                types.iter().try_for_each(|ty| write!(f, " {ty}"))?;
                f.write_str(")")?;
            }
        }
        f.write_str(")")
    }
}

/// The type of a table. Counts are of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableType {
    /// Element type.
    pub element: ValType,
    /// Least count.
    pub min: u64,
    /// Most, if limited.
    pub max: Option<u64>,
    /// Whether indices have 64 bits (memory64 proposal).
    pub wide: bool,
}

impl TableType {
    /// The type of a table with indices of 32 bits.
    pub fn new(element: ValType, min: u64, max: Option<u64>) -> TableType {
        TableType { element, min, max, wide: false }
    }
}

/// The type of a linear memory. Counts are of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryType {
    /// Least count.
    pub min: u64,
    /// Most, if limited.
    pub max: Option<u64>,
    /// Length of a page, bytes: 65536, or 1 (custom-page-sizes proposal).
    pub page_len: u64,
    /// Whether several threads may use it at a time (threads proposal). Then there is a maximum.
    pub shared: bool,
    /// Whether addresses have 64 bits (memory64 proposal).
    pub wide: bool,
}

impl MemoryType {
    /// The type of a memory with pages of 64 KiB and addresses of 32 bits, of one thread at a time.
    pub fn new(min: u64, max: Option<u64>) -> MemoryType {
        MemoryType { min, max, page_len: wasmc_abi::vmctx::PAGE_LEN, shared: false, wide: false }
    }

    /// The type of a memory with pages of 64 KiB and addresses of 32 bits, of several threads.
    pub fn new_shared(min: u64, max: u64) -> MemoryType {
        MemoryType { shared: true, ..MemoryType::new(min, Some(max)) }
    }
}

/// The type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalType {
    /// Type of the value.
    pub content: ValType,
    /// Whether it can be written.
    pub mutable: bool,
}

/// The type of an import or export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A linear memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// An exception tag.
    Tag(FuncType),
}

/// Whether limits `(min, max)`, with the current size as `min`, are inside `wanted`.
fn limits_match(offered: (u64, Option<u64>), wanted: (u64, Option<u64>)) -> bool {
    let max_fits = match (offered.1, wanted.1) {
        (_, None) => true,
        (Some(offered), Some(wanted)) => offered <= wanted,
        (None, Some(_)) => false,
    };
    offered.0 >= wanted.0 && max_fits
}

/// Whether every value of a type is one of the other, too. Defined types go by their canonical numbers.
pub(crate) fn matches(ty: ValType, other: ValType) -> bool {
    let (Some(a), Some(b)) = (ty.ref_type(), other.ref_type()) else { return ty == other };
    if a.is_nullable() && !b.is_nullable() {
        return false;
    }
    match (a.index(), b.index()) {
        (_, None) => a.heap().matches(b.heap()),
        (Some(a), Some(b)) => TypeId::from_number(a).matches(TypeId::from_number(b)),
        (None, Some(_)) => a.heap().is_bottom() && a.heap().matches(b.heap()),
    }
}

impl ExternType {
    /// Whether a thing of this type can stand for an import of type `wanted`. For a memory or table
    /// `self.min` is its current size.
    pub fn matches(&self, wanted: &ExternType) -> bool {
        match (self, wanted) {
            (ExternType::Func(a), ExternType::Func(b)) => a == b,
            (ExternType::Table(a), ExternType::Table(b)) => {
                (a.element, a.wide) == (b.element, b.wide) && limits_match((a.min, a.max), (b.min, b.max))
            }
            (ExternType::Memory(a), ExternType::Memory(b)) => {
                let same = (a.page_len, a.shared, a.wide) == (b.page_len, b.shared, b.wide);
                same && limits_match((a.min, a.max), (b.min, b.max))
            }
            (ExternType::Global(a), ExternType::Global(b)) if a.mutable || b.mutable => a == b,
            (ExternType::Global(a), ExternType::Global(b)) => matches(a.content, b.content),
            (ExternType::Tag(a), ExternType::Tag(b)) => a == b,
            _ => false,
        }
    }
}

fn write_limits(f: &mut fmt::Formatter<'_>, wide: bool, min: u64, max: Option<u64>) -> fmt::Result {
    write!(f, "{}{min}", if wide { "i64 " } else { "" })?;
    max.map_or(Ok(()), |max| write!(f, " {max}"))
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(ty) => write!(f, "{ty}"),
            ExternType::Table(ty) => {
                f.write_str("(table ")?;
                write_limits(f, ty.wide, ty.min, ty.max)?;
                write!(f, " {})", ty.element)
            }
            ExternType::Memory(ty) => {
                f.write_str("(memory ")?;
                write_limits(f, ty.wide, ty.min, ty.max)?;
                f.write_str(if ty.shared { " shared)" } else { ")" })
            }
            ExternType::Global(ty) if ty.mutable => write!(f, "(global (mut {}))", ty.content),
            ExternType::Global(ty) => write!(f, "(global {})", ty.content),
            ExternType::Tag(ty) => write!(f, "(tag {ty})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValType::*;

    #[test]
    fn memory_limits_match_by_current_size_and_maximum() {
        let memory = |min, max| ExternType::Memory(MemoryType::new(min, max));
        assert!(memory(2, None).matches(&memory(1, None)));
        assert!(memory(2, Some(3)).matches(&memory(2, Some(3))));
        assert!(memory(2, Some(3)).matches(&memory(0, None)));
        assert!(!memory(2, None).matches(&memory(3, None)));
        assert!(!memory(2, None).matches(&memory(2, Some(3))));
        assert!(!memory(2, Some(4)).matches(&memory(2, Some(3))));
        for other in [MemoryType::new_shared(2, 3), MemoryType { wide: true, ..MemoryType::new(2, Some(3)) }] {
            let other = ExternType::Memory(other);
            assert!(
                other.matches(&other) && !other.matches(&memory(2, Some(3))) && !memory(2, Some(3)).matches(&other)
            );
        }
        let bytes = ExternType::Memory(MemoryType { page_len: 1, ..MemoryType::new(1 << 20, None) });
        assert!(bytes.matches(&bytes) && !bytes.matches(&memory(1, None)) && !memory(9, None).matches(&bytes));
    }

    #[test]
    fn tables_globals_and_functions_match_exactly_where_the_spec_says() {
        let table = |element, min, max| ExternType::Table(TableType::new(element, min, max));
        assert!(table(FuncRef, 10, Some(20)).matches(&table(FuncRef, 5, Some(25))));
        assert!(!table(ExternRef, 10, Some(20)).matches(&table(FuncRef, 5, Some(25))));
        let global = |content, mutable| ExternType::Global(GlobalType { content, mutable });
        assert!(global(I32, true).matches(&global(I32, true)));
        assert!(!global(I32, true).matches(&global(I32, false)));
        assert!(!global(I32, false).matches(&global(I64, false)));
        let func = |p: &[ValType], r: &[ValType]| ExternType::Func(FuncType::new(p.iter().copied(), r.iter().copied()));
        assert!(func(&[I32], &[]).matches(&func(&[I32], &[])));
        assert!(!func(&[I32], &[]).matches(&func(&[], &[I32])));
        assert!(!func(&[], &[]).matches(&global(I32, false)));
    }

    #[test]
    fn types_print_as_in_the_text_format() {
        let func = FuncType::new([I32, F64], [I64]);
        assert_eq!(func.to_string(), "(func (param i32 f64) (result i64))");
        assert_eq!(FuncType::new([], []).to_string(), "(func)");
        let table = ExternType::Table(TableType::new(FuncRef, 10, Some(20)));
        assert_eq!(table.to_string(), "(table 10 20 funcref)");
        let memory = MemoryType { wide: true, ..MemoryType::new_shared(1, 2) };
        assert_eq!(ExternType::Memory(memory).to_string(), "(memory i64 1 2 shared)");
        let global = ExternType::Global(GlobalType { content: I32, mutable: true });
        assert_eq!(global.to_string(), "(global (mut i32))");
    }
}
