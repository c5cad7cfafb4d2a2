//! Frame tables → frames, where they can be asked for: at sites, and in functions without any, which
//! are trampolines, thunks, stubs. The tables themselves do not reach the image.

use super::machine::Machine;
use super::read::SectionKind;
use super::relocate::Relocator;
use super::sites;
use super::{Symbol, symbol_at};
use crate::error::CompileError;
use gimli::{
    BaseAddresses, CfaRule, CieOrFde, DebugFrame, EhFrame, EndianSlice, LittleEndian, RegisterRule, UnwindContext,
    UnwindSection, UnwindTableRow,
};
use std::collections::BTreeSet;
use std::ops::Range;
use wasmc_abi::Frame;
use wasmc_abi::image::UnwindRecord;

/// What a call takes on the stack beyond the largest frame: the return address and what a callee
/// pushes before it checks the stack pointer.
const CALL_RESERVE: u32 = 256;

/// The frame tables of all functions.
#[derive(Debug, Default)]
pub struct Frames {
    /// Ascending.
    functions: Vec<Function>,
    rows: Vec<Row>,
    /// Symbols of functions with a frame that is not relative to the stack pointer.
    of_no_size: BTreeSet<String>,
}

/// A function's part of the tables.
#[derive(Debug)]
struct Function {
    /// Linked offsets.
    code: Range<u32>,
    /// Indices in [`Frames::rows`].
    rows: Range<usize>,
}

/// The frame in a part of a function.
#[derive(Clone, Copy, Debug)]
struct Row {
    start: u32,
    end: u32,
    frame: Frame,
}

impl Frames {
    /// The tables of all objects, checked to have every function.
    pub fn new(linker: &Relocator<'_>, symbols: &[Symbol]) -> Result<Frames, CompileError> {
        let mut frames = Frames::default();
        for (object_index, object) in linker.objects.iter().enumerate() {
            for (index, section) in object.sections.iter().enumerate() {
                let table = || linker.relocate_table(object_index, index);
                let address_size = linker.machine.pointer_len as u8;
                if section.kind == SectionKind::EhFrames {
                    let bytes = table()?;
                    let mut table = EhFrame::new(&bytes, LittleEndian);
                    table.set_address_size(address_size);
                    frames.read_table(&table, linker.machine, symbols)?;
                } else if section.kind == SectionKind::DebugFrames {
                    let bytes = table()?;
                    let mut table = DebugFrame::new(&bytes, LittleEndian);
                    table.set_address_size(address_size);
                    frames.read_table(&table, linker.machine, symbols)?;
                }
            }
        }
        if !frames.of_no_size.is_empty() {
            return Err(CompileError::FrameSize { arch: linker.machine.arch, functions: frames.of_no_size });
        }
        let code = linker.machine.code;
        let stubs = linker.layout.stubs.iter().map(|stub| stub.offset..stub.offset + code.stub.len);
        let veneer_len = code.veneer.as_ref().map_or(0, |veneer| veneer.jump.len);
        let veneers = linker.layout.islands.veneers().map(|veneer| veneer.offset..veneer.offset + veneer_len);
        for code_range in stubs.chain(veneers) {
            let (start, end, frame) = (code_range.start, code_range.end, code.entry_frame);
            frames.functions.push(Function { code: code_range, rows: frames.rows.len()..frames.rows.len() + 1 });
            frames.rows.push(Row { start, end, frame });
        }
        frames.functions.sort_by_key(|f| f.code.start);
        frames.check_complete(linker.machine, symbols)?;
        Ok(frames)
    }

    fn read_table<'a, S>(&mut self, table: &S, machine: &Machine, symbols: &[Symbol]) -> Result<(), CompileError>
    where
        S: UnwindSection<EndianSlice<'a, LittleEndian>>,
        S::Offset: gimli::UnwindOffset,
    {
        let unreadable = |e: gimli::Error| machine.error(format!("LLVM's frame table cannot be read: {e}"));
        let bases = BaseAddresses::default().set_eh_frame(0);
        let mut context = UnwindContext::new();
        let mut entries = table.entries(&bases);
        while let Some(entry) = entries.next().map_err(unreadable)? {
            let CieOrFde::Fde(fde) = entry else { continue };
            let fde = fde.parse(S::cie_from_offset).map_err(unreadable)?;
            let first = self.rows.len();
            let mut rows = fde.rows(table, &bases, &mut context).map_err(unreadable)?;
            while let Some(row) = rows.next_row().map_err(unreadable)? {
                let (start, end) = (row.start_address() as u32, row.end_address() as u32);
                match frame(row, machine) {
                    Some(frame) => self.rows.push(Row { start, end, frame }),
                    None => _ = self.of_no_size.insert(original(symbol_at(symbols, start))),
                }
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
        self.rows.iter().map(|row| row.frame.cfa_offset).max().unwrap_or(0).saturating_add(CALL_RESERVE)
    }

    /// The records to store: where a site is, or in functions without sites, each with another value
    /// than the one before it.
    pub fn records(
        &self,
        sites: &[sites::Row],
        machine: &Machine,
        symbols: &[Symbol],
    ) -> Result<Vec<UnwindRecord>, CompileError> {
        let mut records: Vec<UnwindRecord> = Vec::new();
        for function in &self.functions {
            let has_sites = has_site(sites, &function.code);
            for row in &self.rows[function.rows.clone()] {
                let wanted = !has_sites || has_site(sites, &(row.start..row.end));
                let frame = row.frame.pack().ok_or_else(|| {
                    let function = symbol_at(symbols, row.start);
                    machine.error(format!("the frame of function `{function}` fits no record: {:?}", row.frame))
                })?;
                if wanted && records.last().is_none_or(|last| last.frame != frame) {
                    records.push(UnwindRecord { code_offset: row.start, frame });
                }
            }
        }
        Ok(records)
    }
}

/// The function that LLVM made this one of.
fn original(symbol: &str) -> String {
    symbol.split('.').next().unwrap_or(symbol).to_string()
}

/// A row's frame; `None` if it is not relative to the stack pointer. What the table does not say of
/// the return address means that it has not left its register.
fn frame(row: &UnwindTableRow<usize>, machine: &Machine) -> Option<Frame> {
    let cfa_offset = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } if *register == machine.code.stack_pointer => {
            u32::try_from(*offset).ok()?
        }
        _ => return None,
    };
    let return_address = match row.register(machine.code.return_address) {
        Some(RegisterRule::Offset(offset)) => Some(u32::try_from(-offset).ok()?),
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => None,
        Some(_) => return None,
    };
    Some(Frame { cfa_offset, return_address })
}

/// Whether any of this code belongs to a site. Rows without a site do not follow one another, so
/// that few are looked at.
fn has_site(sites: &[sites::Row], code: &Range<u32>) -> bool {
    let first = sites.partition_point(|row| row.offset <= code.start).saturating_sub(1);
    let rows = sites[first..].iter().take_while(|row| row.offset < code.end);
    !code.is_empty() && rows.into_iter().any(|row| row.chain().is_some())
}
