//! Every record of every table, one after another: the rules of its fields, then what relates them.

use super::rules::{Kind, Rule, rules_from};
use super::{Check, Refused, ensure, utf8};
use crate::code_memory::Segment;
use crate::error::{DirectoryFault, Fault, HeaderFault, LoadError};
use crate::limits;
use wasmc_abi::ValType;
use wasmc_abi::image::{NONE, Table, read_words};
use wasmc_abi::target::{Arch, IsaState};
use wasmc_abi::types::TypeClass;

/// Words of the longest record.
pub(super) const WORDS: usize = 12;

/// A record as its words; those behind its end are 0.
pub(super) type Words = [u32; WORDS];

macro_rules! in_order {
    ($($table:ident)*) => {
        const ORDER: [Table; [$(Table::$table),*].len()] = [$(Table::$table),*];

        impl Check<'_, '_> {
            /// Every record of a table. Where speed counts more than size, a loop for each table that has its rules
            /// built in; in firmware one for all of them.
            #[inline(always)]
            fn table(&mut self, table: Table) -> Result<(), Fault> {
                if cfg!(target_os = "none") {
                    return self.each(table, rules_from(table));
                }
                match table {
                    $( Table::$table => self.each(table, const { rules_from(Table::$table) }), )*
                    _ => Ok(()),
                }
            }
        }
    };
}

// The tables in the order in which they are checked: types first, and what others name before what names it.
in_order! {
    ValTypes SubTypes Types Imports Functions Exports Escapes Tables Memories Globals Tags Elements Data MemoryRuns
    Unwind SiteIndex Fixups
}

// `Kind::Arity` is for both.
const _: () = assert!(limits::PARAMS_MAX == limits::RESULTS_MAX);
impl Check<'_, '_> {
    /// Checks all of them. Names: the strings are UTF-8 as a whole, so that a name needs no more than to start and end
    /// between characters.
    pub(super) fn records(&mut self) -> Result<(), Refused> {
        if !utf8::is_utf8(self.image.table_bytes(Table::Strings)) {
            return self.refuse(LoadError::Directory { table: Table::Strings, fault: DirectoryFault::Utf8 });
        }
        let [_, segment, _] = self.image.segments();
        let header = self.image.header();
        self.code = Segment { offset: header.code_offset, len: header.code_len, ..segment };
        for table in ORDER {
            (self.index, self.least, self.least_other, self.least_address) = (0, 0, 0, 0);
            if let Err(fault) = self.table(table) {
                return self.refuse(LoadError::Record { table, index: self.index, fault });
            }
            // What comes behind counts on it.
            if table == Table::Imports && !self.imports.iter().eq(&self.stated_imports()) {
                return self.refuse(LoadError::Header(HeaderFault::Counts));
            }
        }
        Ok(())
    }

    fn stated_imports(&self) -> [u32; 5] {
        let header = self.image.header();
        [
            header.imported_functions,
            header.imported_tables,
            header.imported_memories,
            header.imported_globals,
            header.imported_tags,
        ]
    }

    #[inline(always)]
    fn each(&mut self, table: Table, rules: &[Rule]) -> Result<(), Fault> {
        // Tables have whole records.
        let len = table.record_len();
        let mut bytes = self.image.table_bytes(table);
        while let Some((record, rest)) = bytes.split_at_checked(len).filter(|(record, _)| !record.is_empty()) {
            let mut words = [0; WORDS];
            if let Some(words) = words.get_mut(..len / 4) {
                read_words(record, words);
            }
            for rule in rules.iter().take_while(|rule| rule.table == table as u8) {
                self.field(rule, &words)?;
            }
            self.relations(table, &words)?;
            (self.index, bytes) = (self.index.saturating_add(1), rest);
        }
        Ok(())
    }

    #[inline(always)]
    fn field(&mut self, rule: &Rule, words: &Words) -> Result<(), Fault> {
        let at = usize::from(rule.field);
        let [word, next] = [at, at.wrapping_add(1)].map(|at| words.get(at).copied().unwrap_or_default());
        let operand = u32::from(rule.operand);
        let holds = match rule.kind {
            Kind::Most => word <= operand,
            Kind::Arity => word <= limits::PARAMS_MAX,
            Kind::TypeIndex => word < self.count(Table::Types),
            Kind::Type => return self.value_type(word, operand != 0).map(|_| ()),
            Kind::RefType => self.value_type(word, false)?.is_reference(),
            Kind::CodeStart if word == 0 => true,
            Kind::CodeStart => {
                ensure(self.code.contains(word, 1), rule.fault)?;
                return ensure(word.is_multiple_of(self.instruction_align()), Fault::CodeAlignment);
            }
            Kind::CodePlace => self.code.contains(word, 1),
            Kind::Name => return self.name(word, next),
            Kind::AnyName => word == NONE || self.is_name(word, next),
            Kind::Ascending => {
                let holds = word >= self.least;
                self.least = word.saturating_add(1);
                holds
            }
            Kind::NotDescending => {
                let holds = word >= self.least_other;
                self.least_other = word;
                holds
            }
        };
        ensure(holds, rule.fault)
    }

    /// A name that programs use.
    pub(super) fn name(&self, offset: u32, len: u32) -> Result<(), Fault> {
        ensure(len <= limits::NAME_LEN_MAX, Fault::NameLen)?;
        ensure(self.is_name(offset, len), Fault::Name)
    }

    #[cfg_attr(not(target_os = "none"), inline(always))]
    fn is_name(&self, offset: u32, len: u32) -> bool {
        let strings = self.image.table_bytes(Table::Strings);
        utf8::is_boundary(strings, offset) && utf8::is_boundary(strings, offset.saturating_add(len))
    }

    /// What the type of a value, or of a field, is, and the type that it names exists.
    pub(super) fn value_type(&self, number: u32, is_field: bool) -> Result<TypeClass, Fault> {
        let class = if is_field { TypeClass::of_field(number) } else { TypeClass::of(number) };
        let class = class.ok_or(Fault::ValType)?;
        let is_there = class.index(number).is_none_or(|index| index < self.count(Table::Types));
        if is_there { Ok(class) } else { Err(Fault::TypeIndex) }
    }

    fn instruction_align(&self) -> u32 {
        let header = self.image.header();
        match (self.machine.arch, header.isa_state == IsaState::Thumb as u32) {
            (Arch::Aarch64, _) | (Arch::Arm, false) => 4,
            // T32; RISC-V with compressed instructions.
            (Arch::Arm | Arch::Riscv, _) => 2,
            (Arch::X86_64, _) => 1,
        }
    }

    /// How many records a table has.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    pub(super) fn count(&self, table: Table) -> u32 {
        self.image.table_bytes(table).len().checked_div(table.record_len()).unwrap_or_default() as u32
    }

    /// A word of a record.
    #[inline(never)]
    pub(super) fn word(&self, table: Table, index: u32, at: usize) -> Option<u32> {
        let start = (index as usize).checked_mul(table.record_len())?.checked_add(at.wrapping_mul(4))?;
        let bytes = self.image.table_bytes(table).get(start..)?;
        Some(u32::from_le_bytes(*bytes.first_chunk()?))
    }

    /// The type of values, by its number, of one of the first `globals` globals.
    pub(super) fn global_type(&self, low: u32, high: u32, globals: u32) -> Result<u32, Fault> {
        use super::rules::at;
        use wasmc_abi::image::GlobalRecord;
        let ty = if high == 0 && low < globals { self.word(Table::Globals, low, at!(GlobalRecord.ty)) } else { None };
        ty.ok_or(Fault::GlobalIndex)
    }
}

/// The number of a type whose values are plain.
pub(super) const I32: u32 = ValType::I32.number();
/// The same.
pub(super) const I64: u32 = ValType::I64.number();
/// The same.
pub(super) const V128: u32 = ValType::V128.number();

#[cfg(test)]
mod tests {
    use super::{ORDER, WORDS};
    use wasmc_abi::image::Table;

    #[test]
    fn every_table_is_checked_but_those_that_others_lead_to() {
        for table in Table::ALL {
            let is_checked = ORDER.contains(table);
            let is_led_to = matches!(table, Table::ElementItems | Table::Strings | Table::SiteStream);
            assert_eq!(ORDER.iter().filter(|other| *other == table).count(), usize::from(is_checked));
            assert!(is_checked != is_led_to, "{}", table.name());
            assert!(table.record_len() <= 4 * WORDS && (is_led_to || table.record_len().is_multiple_of(4)));
        }
    }
}
