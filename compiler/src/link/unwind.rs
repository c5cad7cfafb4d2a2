//! Frame tables → distances from the stack pointer to the frame's top, where they can be asked for.
//! They can at sites and in functions without any: trampolines, thunks, stubs. The tables themselves
//! do not reach the image.

use super::machine::Machine;
use super::read::SectionKind;
use super::relocate::Relocator;
use super::sites::Row;
use super::{Symbol, symbol_at};
use crate::error::CompileError;
use gimli::{BaseAddresses, CfaRule, CieOrFde, EhFrame, LittleEndian, UnwindContext, UnwindSection};
use std::ops::Range;
use wasmc_abi::image::UnwindRecord;

/// What a call takes on the stack beyond the largest frame: the return address and what a callee
/// pushes before it checks the stack pointer.
const CALL_RESERVE: u32 = 256;

/// The frame tables of all functions.
#[derive(Debug, Default)]
pub struct Frames {
    /// Ascending.
    functions: Vec<Function>,
    rows: Vec<Frame>,
}

/// A function's part of the tables.
#[derive(Debug)]
struct Function {
    /// Linked offsets.
    code: Range<u32>,
    /// Indices in [`Frames::rows`].
    rows: Range<usize>,
}

/// The frame size in a part of a function.
#[derive(Clone, Copy, Debug)]
struct Frame {
    start: u32,
    end: u32,
    /// Canonical frame address − stack pointer.
    cfa_offset: u32,
}

impl Frames {
    /// The tables of all objects, checked to have every function.
    pub fn new(linker: &Relocator<'_>, symbols: &[Symbol]) -> Result<Frames, CompileError> {
        let mut frames = Frames::default();
        for (object_index, object) in linker.objects.iter().enumerate() {
            for (index, section) in object.sections.iter().enumerate() {
                if section.kind == SectionKind::Frames {
                    let table = linker.relocate_table(object_index, index)?;
                    frames.read_table(&table, linker.machine, symbols)?;
                }
            }
        }
        let machine = linker.machine;
        for stub in &linker.layout.stubs {
            let (start, end, cfa_offset) =
                (stub.offset, stub.offset + machine.code.stub_len, machine.code.entry_cfa_offset);
            frames.functions.push(Function { code: start..end, rows: frames.rows.len()..frames.rows.len() + 1 });
            frames.rows.push(Frame { start, end, cfa_offset });
        }
        frames.functions.sort_by_key(|f| f.code.start);
        frames.check_complete(machine, symbols)?;
        Ok(frames)
    }

    fn read_table(&mut self, table: &[u8], machine: &Machine, symbols: &[Symbol]) -> Result<(), CompileError> {
        let unreadable = |e: gimli::Error| machine.error(format!("LLVM's frame table cannot be read: {e}"));
        let mut section = EhFrame::new(table, LittleEndian);
        section.set_address_size(machine.pointer_len as u8);
        let bases = BaseAddresses::default().set_eh_frame(0);
        let mut context = UnwindContext::new();
        let mut entries = section.entries(&bases);
        while let Some(entry) = entries.next().map_err(unreadable)? {
            let CieOrFde::Fde(fde) = entry else { continue };
            let fde = fde.parse(EhFrame::cie_from_offset).map_err(unreadable)?;
            let first = self.rows.len();
            let mut rows = fde.rows(&section, &bases, &mut context).map_err(unreadable)?;
            while let Some(row) = rows.next_row().map_err(unreadable)? {
                let (start, end) = (row.start_address() as u32, row.end_address() as u32);
                let cfa_offset = cfa_offset(row.cfa(), machine).ok_or_else(|| {
                    let function = symbol_at(symbols, start);
                    machine.error(format!("the frame of function `{function}` is not relative to the stack pointer"))
                })?;
                self.rows.push(Frame { start, end, cfa_offset });
            }
            let code = fde.initial_address() as u32..fde.end_address() as u32;
            self.functions.push(Function { code, rows: first..self.rows.len() });
        }
        Ok(())
    }

    /// Without its own table a function would be taken to have the frame of the one before it.
    fn check_complete(&self, machine: &Machine, symbols: &[Symbol]) -> Result<(), CompileError> {
        let mut functions = self.functions.iter().peekable();
        for symbol in symbols.iter().filter(|s| s.len > 0) {
            while functions.next_if(|f| f.code.end <= symbol.offset).is_some() {}
            if functions.peek().is_none_or(|f| f.code.start > symbol.offset) {
                return Err(machine.error(format!("function `{}` has no frame table", symbol.name)));
            }
        }
        Ok(())
    }

    /// Room that a call of any function may take on the stack.
    pub fn max_frame(&self) -> u32 {
        self.rows.iter().map(|row| row.cfa_offset).max().unwrap_or(0).saturating_add(CALL_RESERVE)
    }

    /// The records to store: where a site is, or in functions without sites, each with another value
    /// than the one before it.
    pub fn records(&self, sites: &[Row]) -> Vec<UnwindRecord> {
        let mut records: Vec<UnwindRecord> = Vec::new();
        for function in &self.functions {
            let has_sites = has_site(sites, &function.code);
            for row in &self.rows[function.rows.clone()] {
                let wanted = !has_sites || has_site(sites, &(row.start..row.end));
                if wanted && records.last().is_none_or(|last| last.cfa_offset != row.cfa_offset) {
                    records.push(UnwindRecord { code_offset: row.start, cfa_offset: row.cfa_offset });
                }
            }
        }
        records
    }
}

fn cfa_offset(rule: &CfaRule<usize>, machine: &Machine) -> Option<u32> {
    match rule {
        CfaRule::RegisterAndOffset { register, offset } if *register == machine.code.stack_pointer => {
            u32::try_from(*offset).ok()
        }
        _ => None,
    }
}

/// Whether any of this code belongs to a site. Rows without a site do not follow one another, so
/// that few are looked at.
fn has_site(sites: &[Row], code: &Range<u32>) -> bool {
    let first = sites.partition_point(|row| row.offset <= code.start).saturating_sub(1);
    let rows = sites[first..].iter().take_while(|row| row.offset < code.end);
    !code.is_empty() && rows.into_iter().any(|row| row.chain().is_some())
}
