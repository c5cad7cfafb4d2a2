//! Data segments → what is stored of them: ready pages where the contents are known now, the bytes of
//! the segments elsewhere.
//!
//! The leading active segments at constant addresses inside a defined memory always succeed, and
//! nothing can be observed between them, so that only their joint result counts. From the first other
//! active segment on, segments stay what they are, applied in order at instantiation: they may trap,
//! or depend on imports (spec: exec/modules, instantiation).

use super::put;
use crate::parse::{ConstExpr, Module, SegmentMode};
use std::ops::Range;

/// Zeros of at least this length are left out, bytes: they cost a record and split a mapping.
const ZERO_GAP: u64 = 64 * 1024;

/// Ready pages may take twice the bytes of the segments, and this much more.
const PADDING_ALLOWED: u64 = 1 << 20;

/// What is stored of the data segments.
#[derive(Debug, Default)]
pub struct Memory<'a> {
    /// Ready contents, by memory and address.
    pub runs: Vec<Run>,
    /// Each data segment.
    pub segments: Vec<StoredSegment<'a>>,
    /// Alignment of the whole.
    pub align: u64,
    /// Length of the whole, bytes.
    pub len: u64,
}

/// Initial contents of a part of a memory.
#[derive(Debug)]
pub struct Run {
    pub memory: u32,
    /// A multiple of the page length.
    pub address: u64,
    pub bytes: Vec<u8>,
    /// Distance from the start of what is stored; a multiple of the page length.
    pub offset: u64,
}

/// What is stored of a data segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredSegment<'a> {
    /// Nothing: its contents are in the runs.
    InRuns,
    /// Its bytes, this far from the start of what is stored.
    Bytes(u64, &'a [u8]),
}

/// What one segment writes.
#[derive(Clone, Copy)]
struct Write<'a> {
    memory: u32,
    address: u64,
    bytes: &'a [u8],
}

/// A range of addresses of a memory.
#[derive(Clone)]
struct Span {
    memory: u32,
    addresses: Range<u64>,
}

impl<'a> Memory<'a> {
    pub fn new(module: &Module<'a>, page_len: u32) -> Memory<'a> {
        let page_len = u64::from(page_len);
        let mut writes = leading_writes(module);
        let spans = spans(&writes, page_len);
        if !worth_it(&writes, &spans) {
            writes.clear();
        }
        let mut memory = Memory { align: 1, ..Memory::default() };
        let in_runs = |index| writes.get(index).is_some_and(Option::is_some);
        if (0..writes.len()).any(in_runs) {
            let contents = contents(&spans, &writes);
            for mut run in spans.iter().zip(&contents).flat_map(|(span, bytes)| runs(bytes, span, page_len)) {
                run.offset = memory.len;
                memory.align = page_len;
                // The rest of the last page is mapped with it and has to be zero.
                memory.len += (run.bytes.len() as u64).next_multiple_of(page_len);
                memory.runs.push(run);
            }
        }
        for (index, data) in module.data.iter().enumerate() {
            if in_runs(index) {
                memory.segments.push(StoredSegment::InRuns);
            } else {
                memory.segments.push(StoredSegment::Bytes(memory.len, data.bytes));
                memory.len += data.bytes.len() as u64;
            }
        }
        memory
    }

    /// Appends it all to the file, at image offset `start`.
    pub fn put(&self, file: &mut Vec<u8>, start: u32) {
        let runs = self.runs.iter().map(|run| (run.offset, &run.bytes[..]));
        let segments = self.segments.iter().filter_map(|segment| match segment {
            StoredSegment::InRuns => None,
            StoredSegment::Bytes(offset, bytes) => Some((*offset, *bytes)),
        });
        for (offset, bytes) in runs.chain(segments) {
            let start = start + offset as u32;
            put(file, &(start..start + bytes.len() as u32), bytes, &[0]);
        }
        if self.len > 0 {
            // Behind the last run, if no segment follows.
            file.resize(file.len().max(start as usize + self.len as usize), 0);
        }
    }
}

/// What each of the leading segments writes, up to the first active one that depends on something;
/// `None` for those that write nothing by themselves.
fn leading_writes<'a>(module: &Module<'a>) -> Vec<Option<Write<'a>>> {
    let mut writes = Vec::new();
    for data in &module.data {
        writes.push(match data.mode {
            SegmentMode::Passive | SegmentMode::Declared => None,
            SegmentMode::Active(memory, ConstExpr::Bits(bits)) if memory.0 >= module.imported_memories => {
                let ty = module.memories[memory.get()];
                // The bits of an i32 or an i64.
                let address = if ty.wide { bits as u64 } else { u64::from(bits as u32) };
                let end = address.checked_add(data.bytes.len() as u64);
                if end.is_none_or(|end| end > ty.min_len()) {
                    break;
                }
                Some(Write { memory: memory.0, address, bytes: data.bytes })
            }
            SegmentMode::Active(..) => break,
        });
    }
    writes
}

/// Whole pages that are written, ascending and disjoint, with little in between.
fn spans(writes: &[Option<Write<'_>>], page_len: u64) -> Vec<Span> {
    let pages = |write: &Write<'_>| {
        let end = write.address + write.bytes.len() as u64;
        let addresses = write.address / page_len * page_len..end.next_multiple_of(page_len);
        Span { memory: write.memory, addresses }
    };
    let written = writes.iter().flatten().filter(|write| !write.bytes.is_empty());
    let mut spans: Vec<_> = written.map(pages).collect();
    spans.sort_by_key(|span| (span.memory, span.addresses.start));
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if last.memory == span.memory && span.addresses.start < last.addresses.end + ZERO_GAP => {
                last.addresses.end = last.addresses.end.max(span.addresses.end);
            }
            _ => merged.push(span),
        }
    }
    merged
}

fn worth_it(writes: &[Option<Write<'_>>], spans: &[Span]) -> bool {
    let written: u64 = writes.iter().flatten().map(|write| write.bytes.len() as u64).sum();
    let stored: u64 = spans.iter().map(|span| span.addresses.end - span.addresses.start).sum();
    stored <= 2 * written + PADDING_ALLOWED
}

/// What each span contains after all writes.
fn contents(spans: &[Span], writes: &[Option<Write<'_>>]) -> Vec<Vec<u8>> {
    let mut contents: Vec<_> =
        spans.iter().map(|span| vec![0; (span.addresses.end - span.addresses.start) as usize]).collect();
    for write in writes.iter().flatten().filter(|write| !write.bytes.is_empty()) {
        let place = (write.memory, write.address);
        let index = spans.partition_point(|span| (span.memory, span.addresses.start) <= place) - 1;
        let start = (write.address - spans[index].addresses.start) as usize;
        contents[index][start..start + write.bytes.len()].copy_from_slice(write.bytes);
    }
    contents
}

/// The runs of a span: its contents without long stretches of zeros, without zeros at the end.
fn runs(contents: &[u8], span: &Span, page_len: u64) -> Vec<Run> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (index, page) in contents.chunks(page_len as usize).enumerate() {
        let Some(last) = page.iter().rposition(|byte| *byte != 0) else { continue };
        let start = index * page_len as usize;
        match ranges.last_mut() {
            Some(range) if ((start - range.end) as u64) < ZERO_GAP => range.end = start + last + 1,
            _ => ranges.push(start..start + last + 1),
        }
    }
    let run = |range: Range<usize>| Run {
        memory: span.memory,
        address: span.addresses.start + range.start as u64,
        bytes: contents[range].to_vec(),
        offset: 0,
    };
    ranges.into_iter().map(run).collect()
}
