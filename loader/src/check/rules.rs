//! What holds of a field by itself: a row each, which one reader interprets. What relates fields to one another stands
//! in `module` and `contents`.

use crate::error::Fault;
use wasmc_abi::Field;
use wasmc_abi::fixup::Fixup;
use wasmc_abi::image::{
    DataRecord, ElementRecord, EscapeRecord, ExportRecord, FunctionRecord, GlobalRecord, ImportRecord, MemoryRecord,
    MemoryRun, SubTypeRecord, Table, TableRecord, TagRecord, TypeNumber, TypeRecord, UnwindRecord,
};
use wasmc_abi::sites::SiteIndexRecord;

/// A field, by its place in the words of the record, and what it is checked for.
pub(super) struct Rule {
    pub table: u8,
    pub field: u8,
    pub kind: Kind,
    pub fault: Fault,
    /// The kind's operand.
    pub operand: u8,
}

/// What a field may be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// At most the operand.
    Most,
    /// A number of parameters or results.
    Arity,
    /// Index of a type.
    TypeIndex,
    /// The type of a value, or of a field.
    Type,
    /// A reference type.
    RefType,
    /// 0, or where an instruction of the machine code can start.
    CodeStart,
    /// A place in the machine code.
    CodePlace,
    /// Offset of a name that programs use; its length follows.
    Name,
    /// The same of a name for people, which may be absent.
    AnyName,
    /// More than in the record before.
    Ascending,
    /// As much or more.
    NotDescending,
}

/// Place of a field in the words of a record.
macro_rules! at {
    ($record:ident.$field:ident) => {
        const { wasmc_abi::Field::word($record::FIELDS, stringify!($field)) }
    };
}
pub(super) use at;

macro_rules! rules {
    ($($table:ident $record:ident { $($field:ident: $kind:ident $operand:expr, $fault:ident;)* })*) => {
        /// Of each table those of its fields, in the order of the tables below.
        const RULES: &[Rule] = &[$($(Rule {
            table: Table::$table as u8,
            field: Field::word($record::FIELDS, stringify!($field)) as u8,
            kind: Kind::$kind,
            fault: Fault::$fault,
            operand: $operand,
        },)*)*];
    };
}

rules! {
    ValTypes TypeNumber {
        number: Type 1, ValType;
    }
    SubTypes SubTypeRecord {
        form: Most 2, Kind;
        is_final: Most 1, Flag;
    }
    Types TypeRecord {
        params: Arity 0, Arity;
        results: Arity 0, Arity;
        entry: CodeStart 0, CodeRange;
        thunk: CodeStart 0, CodeRange;
    }
    Imports ImportRecord {
        module_offset: Name 0, Name;
        name_offset: Name 0, Name;
        reserved: Most 0, Reserved;
        kind: Most 4, Kind;
    }
    Functions FunctionRecord {
        ty: TypeIndex 0, TypeIndex;
        code_offset: CodeStart 0, CodeRange;
        wasm_offset: NotDescending 0, Order;
        name_offset: AnyName 0, Name;
    }
    Exports ExportRecord {
        name_offset: Name 0, Name;
        kind: Most 4, Kind;
    }
    Escapes EscapeRecord {
        function: Ascending 0, Order;
        ordinary: CodeStart 0, CodeRange;
    }
    Tables TableRecord {
        ty: RefType 0, RefType;
        reserved: Most 0, Reserved;
        init_kind: Most 2, Kind;
    }
    Memories MemoryRecord {
        reserved: Most 0, Reserved;
    }
    Globals GlobalRecord {
        ty: Type 0, ValType;
        mutable: Most 1, Flag;
        reserved: Most 0, Reserved;
        init_kind: Most 2, Kind;
    }
    Tags TagRecord {
        ty: TypeIndex 0, TypeIndex;
    }
    Elements ElementRecord {
        ty: RefType 0, RefType;
        mode: Most 2, Kind;
    }
    Data DataRecord {
        mode: Most 2, Kind;
        reserved: Most 0, Reserved;
    }
    MemoryRuns MemoryRun {
        reserved: Most 0, Reserved;
    }
    Unwind UnwindRecord {
        code_offset: Ascending 0, Order;
        code_offset: CodePlace 0, CodeRange;
    }
    SiteIndex SiteIndexRecord {
        code_offset: NotDescending 0, Order;
        stream_offset: Ascending 0, Order;
        code_offset: CodePlace 0, CodeRange;
    }
    Fixups Fixup {
        slot: Ascending 0, Order;
    }
}

/// Those of a table, and all behind them.
pub(super) const fn rules_from(table: Table) -> &'static [Rule] {
    let mut rules = RULES;
    while let Some((first, rest)) = rules.split_first() {
        if first.table == table as u8 {
            break;
        }
        rules = rest;
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn the_rules_of_a_table_stand_together() {
        let mut tables: [u8; RULES.len()] = core::array::from_fn(|index| RULES[index].table);
        let mut count = 1;
        for pair in tables.windows(2) {
            count += usize::from(pair[0] != pair[1]);
        }
        tables.sort_unstable();
        let distinct = 1 + tables.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(count, distinct);
    }
}
