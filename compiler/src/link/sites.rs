//! Line tables → rows of sites. Line `n` of an object's table is the object's site `n − 1`; line 0 is none.

use super::Symbol;
use super::machine::Machine;
use super::read::SectionKind;
use super::relocate::Relocator;
use crate::error::CompileError;
use crate::generate::Emitted;
use crate::optimize::Chains;
use gimli::{DebugLine, DebugLineOffset, LittleEndian};

/// From `offset` on, up to the next row, code belongs to the site that `line` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Linked offset.
    pub offset: u32,
    /// 0: to no site.
    pub line: u32,
}

impl Row {
    /// Index of the site.
    pub fn chain(self) -> Option<usize> {
        self.line.checked_sub(1).map(|index| index as usize)
    }
}

/// A row while rows are collected. Of several at one offset the last one counts, in this order:
/// starts of functions, ends of sequences, then the tables' own.
type Ranked = (u32, Rank, u32);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Function,
    End,
    Row,
}

/// Rows for all of the text, ascending, each with another line than the one before it; and the sites of all objects, by
/// which these lines count.
pub fn rows(
    linker: &Relocator<'_>,
    symbols: &[Symbol],
    emitted: &[Emitted],
) -> Result<(Vec<Row>, Chains), CompileError> {
    // A function without a line table must not continue the sites of the one before it.
    let mut ranked: Vec<Ranked> = symbols.iter().map(|s| (s.offset, Rank::Function, 0)).collect();
    let mut chains = Chains::default();
    for (object_index, (object, Emitted { sites, .. })) in linker.objects.iter().zip(emitted).enumerate() {
        let (first_row, sites_before) = (ranked.len(), chains.len() as u32);
        for (index, section) in object.sections.iter().enumerate() {
            if section.kind == SectionKind::Lines {
                let table = linker.relocate_table(object_index, index)?;
                let read = read_table(&table, linker.machine, &mut ranked);
                read.map_err(|e| linker.machine.error(format!("LLVM's line table cannot be read: {e}")))?;
            }
        }
        for (offset, _, line) in ranked[first_row..].iter_mut().filter(|(_, _, line)| *line != 0) {
            if *line as usize > sites.len() {
                let function = super::symbol_at(symbols, *offset);
                let message = format!("function `{function}` has site {line} of {}", sites.len());
                return Err(linker.machine.error(message));
            }
            *line += sites_before;
        }
        chains.append(sites);
    }
    // Stable: rows at one offset stay in the table's order.
    ranked.sort_by_key(|(offset, rank, _)| (*offset, *rank));
    // What ends with the text has nothing behind it.
    ranked.truncate(ranked.partition_point(|(offset, ..)| *offset < linker.layout.text.end));
    Ok((merge(&ranked), chains))
}

fn read_table(table: &[u8], machine: &Machine, to: &mut Vec<Ranked>) -> gimli::Result<()> {
    let lines = DebugLine::new(table, LittleEndian);
    let mut start = 0;
    while start < table.len() {
        let program = lines.program(DebugLineOffset(start), machine.pointer_len as u8, None, None)?;
        let header = program.header();
        start += usize::from(header.format().initial_length_size()) + header.unit_length();
        let mut rows = program.rows();
        let mut sequence_start = to.len();
        while let Some((_, row)) = rows.next_row()? {
            let offset = row.address() as u32;
            if row.end_sequence() {
                // Rows without code belong to nothing, least of all to what comes next.
                let kept = to[sequence_start..].iter().rposition(|(o, _, _)| *o < offset).map_or(0, |last| last + 1);
                to.truncate(sequence_start + kept);
                to.push((offset, Rank::End, 0));
                sequence_start = to.len();
            } else {
                let line = row.line().map_or(0, |line| u32::try_from(line.get()).unwrap_or(u32::MAX));
                to.push((offset, Rank::Row, line));
            }
        }
    }
    Ok(())
}

/// Leaves one row per offset, and only those where the line changes. Before the first row there is
/// no site.
fn merge(ranked: &[Ranked]) -> Vec<Row> {
    let mut merged: Vec<Row> = Vec::new();
    for at_offset in ranked.chunk_by(|a, b| a.0 == b.0) {
        let (offset, _, line) = at_offset[at_offset.len() - 1];
        if merged.last().map_or(0, |last| last.line) != line {
            merged.push(Row { offset, line });
        }
    }
    merged
}

/// Leaves out where there is no site inside a function: nobody looks there, since only at sites does
/// execution leave the code. That is every other row. The next function still does not continue a site.
pub fn needed(rows: &[Row], symbols: &[Symbol]) -> Vec<Row> {
    let mut needed = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        if row.line != 0 {
            needed.push(*row);
            continue;
        }
        let next = rows.get(index + 1).map_or(u32::MAX, |next| next.offset);
        let start = symbols.get(symbols.partition_point(|s| s.offset < row.offset)).map(|s| s.offset);
        needed.extend(start.filter(|start| *start < next).map(|offset| Row { offset, line: 0 }));
    }
    needed.dedup_by_key(|row| row.line);
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_rows_at_one_offset_the_last_counts_and_ends_give_way_to_starts() {
        let ranked = [
            (0, Rank::Function, 0),
            (0, Rank::Row, 0),
            (4, Rank::Row, 7),
            (4, Rank::Row, 8),
            (6, Rank::Row, 8),
            (9, Rank::Function, 0),
            (9, Rank::End, 0),
            (9, Rank::Row, 8),
            (12, Rank::End, 0),
            (16, Rank::Function, 0),
        ];
        assert_eq!(merge(&ranked), [Row { offset: 4, line: 8 }, Row { offset: 12, line: 0 }]);
    }
}
