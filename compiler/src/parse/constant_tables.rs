//! Tables whose elements are known when compiling: element segments fill them, and nothing writes them after that.

use super::{ConstExpr, ExportItem, FuncIndex, Module, SegmentMode, TableIndex, TypeId};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::Operator as O;

/// Tables of more elements are not looked at.
const ELEMENTS_MAX: u64 = 1 << 20;

/// What the bodies of a module do with its tables.
#[derive(Debug, Default)]
pub struct TableUses {
    /// Tables that instructions may write.
    written: BTreeSet<TableIndex>,
    /// How many indirect calls there are of each type through each table. Tail calls are none of them.
    pub calls: BTreeMap<(TableIndex, TypeId), u32>,
}

impl TableUses {
    /// Counts one instruction. `type_ids` is as in [`Module`].
    pub(super) fn count(&mut self, operator: &O<'_>, type_ids: &[TypeId]) {
        match operator {
            O::TableSet { table }
            | O::TableGrow { table }
            | O::TableFill { table }
            | O::TableInit { table, .. }
            | O::TableCopy { dst_table: table, .. } => drop(self.written.insert(TableIndex(*table))),
            O::CallIndirect { type_index, table_index } => {
                *self.calls.entry((TableIndex(*table_index), type_ids[*type_index as usize])).or_default() += 1;
            }
            _ => {}
        }
    }
}

impl Module<'_> {
    /// The elements of a table, `None` for null, if it has the same ones whenever code of the module runs.
    pub fn constant_elements(&self, table: TableIndex) -> Option<Vec<Option<FuncIndex>>> {
        let ty = self.tables[table.get()];
        let init = self.table_inits.get(table.0.checked_sub(self.imported_tables)? as usize)?;
        let exported = self.exports.iter().any(|export| export.item == ExportItem::Table(table));
        let known = *init == ConstExpr::Bits(0) && ty.element.is_func_ref() && ty.min <= ELEMENTS_MAX;
        if !known || exported || self.table_uses.written.contains(&table) {
            return None;
        }
        let mut elements = vec![None; ty.min as usize];
        for segment in &self.elements {
            let SegmentMode::Active(to, offset) = segment.mode else { continue };
            // Of a segment that does not fit, or goes where others may run what an earlier one has brought, code could
            // see the tables as they are in between.
            let ConstExpr::Bits(offset) = offset else { return None };
            let end = offset + segment.items.len() as u128;
            if to.0 < self.imported_tables || end > self.tables[to.get()].min.into() {
                return None;
            }
            if to == table {
                for (element, item) in elements[offset as usize..].iter_mut().zip(&segment.items) {
                    *element = match item {
                        ConstExpr::Function(function) => Some(*function),
                        ConstExpr::Bits(_) => None,
                        _ => return None,
                    };
                }
            }
        }
        Some(elements)
    }

    /// Whether a function of one type can be called as one of another: it is that, or a subtype of it.
    pub fn is_subtype(&self, ty: TypeId, of: TypeId) -> bool {
        std::iter::successors(Some(ty), |ty| self.types[ty.get()].supertype).any(|ty| ty == of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Proposals, parse};

    fn elements(fields: &str) -> Option<Vec<Option<u32>>> {
        let wat = format!("(module (func) (func) (table 4 funcref) {fields})");
        let wasm = wat::parse_str(wat).unwrap();
        let module = parse(&wasm, Proposals::default()).unwrap();
        let elements = module.constant_elements(TableIndex(0))?;
        Some(elements.into_iter().map(|element| element.map(|function| function.0)).collect())
    }

    #[test]
    fn segments_say_what_a_table_holds_that_nobody_writes() {
        assert_eq!(elements(""), Some(vec![None; 4]));
        assert_eq!(
            elements("(elem (i32.const 1) func 0 1) (elem (i32.const 2) funcref (ref.null func) (ref.func 0))"),
            Some(vec![None, Some(0), None, Some(0)])
        );
        assert_eq!(elements("(elem (i32.const 2) func 1) (elem func 0) (elem declare func 0)").unwrap()[2], Some(1));
        assert_eq!(elements("(table 1 1 funcref) (elem (table 1) (i32.const 0) func 0)"), Some(vec![None; 4]));
    }

    #[test]
    fn what_others_may_write_or_see_half_filled_is_not_known() {
        for fields in [
            r#"(export "t" (table 0))"#,
            "(func (table.set (i32.const 0) (ref.null func)))",
            "(func (drop (table.grow (ref.null func) (i32.const 1))))",
            "(func (table.fill (i32.const 0) (ref.null func) (i32.const 1)))",
            "(elem $e func 0) (func (table.init $e (i32.const 0) (i32.const 0) (i32.const 1)))",
            "(table 1 funcref) (func (table.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 1)))",
            "(elem (i32.const 3) func 0 1)",
            "(table 1 funcref) (elem (table 1) (i32.const 1) func 0)",
            "(global i32 (i32.const 1)) (elem (i32.const 0) func 0) (elem (global.get 0) func 0)",
        ] {
            assert_eq!(elements(fields), None, "{fields}");
        }
        assert_eq!(
            elements("(table 1 funcref) (func (table.copy 1 0 (i32.const 0) (i32.const 0) (i32.const 1)))"),
            Some(vec![None; 4])
        );
        let imported =
            r#"(module (import "" "t" (table 1 funcref)) (table 1 funcref) (func) (elem (i32.const 0) func 0))"#;
        let wasm = wat::parse_str(imported).unwrap();
        let module = parse(&wasm, Proposals::default()).unwrap();
        assert_eq!(module.constant_elements(TableIndex(0)), None);
        assert_eq!(module.constant_elements(TableIndex(1)), None);
    }
}
