//! The module's types and index spaces: every index names something, and what can be called has code.

use super::records::{V128, Words};
use super::rules::at;
use super::{Check, ensure};
use crate::error::Fault;
use crate::limits;
use wasmc_abi::image::limits as flags;
use wasmc_abi::image::{EscapeRecord, ExportRecord};
use wasmc_abi::image::{
    ExternKind, FunctionRecord, GlobalRecord, ImportRecord, InitKind, MemoryRecord, NONE, SubTypeRecord, Table,
    TableRecord, TagRecord, TypeForm, TypeRecord,
};
use wasmc_abi::types::TypeClass;
use wasmc_abi::vmctx::PAGE_LEN;

const FUNCTION: u32 = ExternKind::Function as u32;
const MEMORY: u32 = ExternKind::Memory as u32;

/// Places of the limits in the records of tables and memories.
const MIN: usize = at!(TableRecord.min);
const MAX: usize = at!(TableRecord.max);

/// The records of what is imported and exported, by its kind. A function is looked up by its type.
const OF_KIND: [(Table, u32, Fault); 5] = [
    (Table::Functions, 0, Fault::FunctionIndex),
    (Table::Tables, 6, Fault::TableIndex),
    (Table::Memories, 6, Fault::MemoryIndex),
    (Table::Globals, 2, Fault::GlobalIndex),
    (Table::Tags, 1, Fault::TagIndex),
];

// An import's type, flags and limits stand in the record of its kind as they do in its own; how many of these words
// there are, the table above says. In a memory's record the flags come first, and what is 0 in both follows.
const _: () = {
    assert!(at!(TableRecord.ty) == 0 && at!(TableRecord.flags) == 1);
    assert!(MIN == 2 && MAX == 4);
    assert!(at!(MemoryRecord.flags) == 0 && at!(MemoryRecord.reserved) == 1);
    assert!(at!(MemoryRecord.min) == MIN && at!(MemoryRecord.max) == MAX);
    assert!(at!(GlobalRecord.ty) == 0 && at!(GlobalRecord.mutable) == 1);
    assert!(at!(TagRecord.ty) == 0);
    assert!(at!(ImportRecord.min) == 8 && at!(ImportRecord.max) == 10);
};

impl Check<'_, '_> {
    /// What relates the fields of a record to one another and to other records.
    #[inline(always)]
    pub(super) fn relations(&mut self, table: Table, words: &Words) -> Result<(), Fault> {
        match table {
            Table::SubTypes => self.sub_type(words),
            Table::Types => self.ty(words),
            Table::Imports => self.import(words),
            Table::Functions => self.function(words),
            Table::Exports => self.export(words),
            Table::Escapes => {
                let defined = self.defined_with_code(words[at!(EscapeRecord.function)])?;
                ensure(defined.is_some(), Fault::FunctionIndex)
            }
            Table::Tables => self.table_record(words),
            Table::Memories => self.memory(words),
            Table::Globals => self.global(words),
            Table::Tags => self.tag(words),
            _ => self.contents(table, words),
        }
    }

    /// Forms of all types or of none. Groups are consecutive, and supertypes come first.
    fn sub_type(&mut self, words: &Words) -> Result<(), Fault> {
        ensure(self.count(Table::SubTypes) == self.count(Table::Types), Fault::TypeIndex)?;
        let (supertype, group) = (words[at!(SubTypeRecord.supertype)], words[at!(SubTypeRecord.group)]);
        ensure(supertype == NONE || supertype < self.index, Fault::Order)?;
        ensure(group == self.index || self.index != 0 && group == self.least, Fault::Order)?;
        self.least = group;
        Ok(())
    }

    fn ty(&self, words: &Words) -> Result<(), Fault> {
        let count = words[at!(TypeRecord.params)].saturating_add(words[at!(TypeRecord.results)]);
        let end = words[at!(TypeRecord.first)].saturating_add(count);
        ensure(end <= self.count(Table::ValTypes), Fault::ValTypeRange)
    }

    /// Imports agree with the records that stand for them in the tables of their kind.
    fn import(&mut self, words: &Words) -> Result<(), Fault> {
        let (kind, ty) = (words[at!(ImportRecord.kind)], words[at!(ImportRecord.ty)]);
        let (Some(count), Some((table, len, _))) = (self.imports.get_mut(kind as usize), OF_KIND.get(kind as usize))
        else {
            return Err(Fault::Kind);
        };
        let index = *count;
        *count = index.saturating_add(1);
        if kind == FUNCTION {
            let thunk = self.word(Table::Types, ty, at!(TypeRecord.thunk)).ok_or(Fault::TypeIndex)?;
            return ensure(thunk != 0, Fault::NoThunk);
        }
        const LIMITS: usize = at!(ImportRecord.min);
        let mut wanted = [0, 0, words[LIMITS], words[LIMITS + 1], words[LIMITS + 2], words[LIMITS + 3]];
        let flags = words[at!(ImportRecord.flags)];
        (wanted[0], wanted[1]) = if kind == MEMORY { (flags, ty) } else { (ty, flags) };
        let same = wanted.iter().zip(0..*len).all(|(word, at)| self.word(*table, index, at as usize) == Some(*word));
        ensure(same, Fault::Imported)
    }

    fn function(&mut self, words: &Words) -> Result<(), Fault> {
        let (offset, len) = (words[at!(FunctionRecord.code_offset)], words[at!(FunctionRecord.code_len)]);
        if offset != 0 {
            ensure(offset >= self.least, Fault::Order)?;
            ensure(self.code.contains(offset, len), Fault::CodeRange)?;
            self.least = offset.saturating_add(len);
        }
        Ok(())
    }

    /// Two exports of the same name are not looked for: that would take a sorted table or memory. They
    /// do no harm, a search finds the first.
    fn export(&self, words: &Words) -> Result<(), Fault> {
        let (kind, index) = (words[at!(ExportRecord.kind)], words[at!(ExportRecord.index)]);
        if kind == FUNCTION {
            return self.callable(index);
        }
        let (table, _, fault) = OF_KIND.get(kind as usize).ok_or(Fault::Kind)?;
        ensure(index < self.count(*table), *fault)
    }

    /// A function that the host can call: if the module defines it, there are code and an entry
    /// trampoline.
    pub(super) fn callable(&self, function: u32) -> Result<(), Fault> {
        match self.defined_with_code(function)? {
            Some(ty) => ensure(self.word(Table::Types, ty, at!(TypeRecord.entry)) != Some(0), Fault::NoEntry),
            None => Ok(()),
        }
    }

    /// The type of a function that the module defines, and that has code; `None` for an imported one.
    fn defined_with_code(&self, function: u32) -> Result<Option<u32>, Fault> {
        let Some(defined) = function.checked_sub(self.image.header().imported_functions) else {
            return Ok(None);
        };
        let code = self.word(Table::Functions, defined, at!(FunctionRecord.code_offset)).ok_or(Fault::FunctionIndex)?;
        ensure(code != 0, Fault::NoCode)?;
        let ty = self.word(Table::Functions, defined, at!(FunctionRecord.ty));
        ty.filter(|ty| *ty < self.count(Table::Types)).ok_or(Fault::TypeIndex).map(Some)
    }

    fn table_record(&self, words: &Words) -> Result<(), Fault> {
        let is_small = words[MIN + 1] == 0 && u64::from(words[MIN]) <= limits::TABLE_ELEMENTS_MAX;
        ensure(is_small, Fault::TooLarge)?;
        self.limits(words, words[at!(TableRecord.flags)], flags::MAX | flags::WIDE)?;
        const INIT: usize = at!(TableRecord.init);
        let kind = words[at!(TableRecord.init_kind)];
        self.value(words[at!(TableRecord.ty)], kind, words[INIT], words[INIT + 1], self.count(Table::Globals))
    }

    fn memory(&self, words: &Words) -> Result<(), Fault> {
        let found = words[at!(MemoryRecord.flags)];
        let has_max = found & flags::MAX != 0;
        ensure(has_max || found & flags::SHARED == 0, Fault::Flag)?;
        self.limits(words, found, flags::MAX | flags::SHARED | flags::WIDE | flags::BYTE_PAGES)?;
        let most = if has_max { number(words[MAX], words[MAX + 1]) } else { number(words[MIN], words[MIN + 1]) };
        const PAGES_MAX: u64 = limits::MEMORY_LEN_MAX / PAGE_LEN;
        let is_small = most <= if found & flags::BYTE_PAGES != 0 { limits::MEMORY_LEN_MAX } else { PAGES_MAX };
        ensure(found & flags::WIDE != 0 || is_small, Fault::TooLarge)
    }

    /// The flags of limits: none but `known` ones, and addresses of 64 bits only where pointers have as many. The
    /// limits: least, and most if there is one.
    fn limits(&self, words: &Words, found: u32, known: u32) -> Result<(), Fault> {
        let wide = found & flags::WIDE != 0;
        ensure(found & !known == 0 && !(wide && self.image.header().pointer_bits != 64), Fault::Flag)?;
        let is_least = number(words[MIN], words[MIN + 1]) <= number(words[MAX], words[MAX + 1]);
        ensure(found & flags::MAX == 0 || is_least, Fault::Limits)
    }

    fn global(&self, words: &Words) -> Result<(), Fault> {
        const HIGH: usize = at!(GlobalRecord.init_high);
        if self.index < self.image.header().imported_globals {
            return Ok(());
        }
        let is_vector =
            words[at!(GlobalRecord.ty)] == V128 && words[at!(GlobalRecord.init_kind)] == InitKind::Const as u32;
        ensure(is_vector || words[HIGH] | words[HIGH + 1] == 0, Fault::Reserved)?;
        const INIT: usize = at!(GlobalRecord.init);
        // Globals get their values in order, so one may use those before it.
        let kind = words[at!(GlobalRecord.init_kind)];
        self.value(words[at!(GlobalRecord.ty)], kind, words[INIT], words[INIT + 1], self.index)
    }

    fn tag(&self, words: &Words) -> Result<(), Fault> {
        let ty = words[at!(TagRecord.ty)];
        // Without forms all types are functions'.
        let form = self.word(Table::SubTypes, ty, at!(SubTypeRecord.form)).unwrap_or(TypeForm::Function as u32);
        let results = self.word(Table::Types, ty, at!(TypeRecord.results));
        ensure(form == TypeForm::Function as u32 && results == Some(0), Fault::TagType)
    }

    /// A constant expression that gives a value of a type and may use the first `globals` globals.
    /// Types matter: a number taken for a reference would be an address of the guest's choice.
    #[inline(never)]
    pub(super) fn value(&self, ty: u32, kind: u32, low: u32, high: u32, globals: u32) -> Result<(), Fault> {
        let class = TypeClass::of(ty).ok_or(Fault::ValType)?;
        if kind == InitKind::Const as u32 {
            return ensure(!class.is_reference() || low | high == 0, Fault::NotNull);
        }
        if kind == InitKind::Global as u32 {
            let global = self.global_type(low, high, globals)?;
            return ensure(TypeClass::of(global) == Some(class), Fault::TypeMismatch);
        }
        ensure(class == TypeClass::FUNCTION, Fault::TypeMismatch)?;
        // A function that a reference can be made to: the vmctx has a record of it.
        ensure(high == 0 && low < self.image.function_count(), Fault::FunctionIndex)?;
        let imported = low < self.image.header().imported_functions;
        ensure(imported || self.escapes(low), Fault::NoRecord)
    }

    /// Whether a defined function has a record: these ascend.
    fn escapes(&self, function: u32) -> bool {
        let (mut low, mut high) = (0, self.count(Table::Escapes));
        while low < high {
            let middle = low.midpoint(high);
            match self.word(Table::Escapes, middle, at!(EscapeRecord.function)) {
                Some(found) if found == function => return true,
                Some(found) if found < function => low = middle.saturating_add(1),
                _ => high = middle,
            }
        }
        false
    }
}

/// A number of 64 bits.
pub(super) fn number(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}
