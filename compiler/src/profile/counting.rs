//! The memory in which a module counts.

use super::{ModuleProfile, counters, digest, sites};
use crate::error::CompileError;
use crate::parse::{ConstExpr, Data, Export, ExportItem, MemoryIndex, MemoryType, Module, SegmentMode};
use crate::target::{Os, TargetRow};
use wasmc_abi::profile::{BodyRecord, COUNTER_LEN, EXPORT, MAGIC, PartHeader, VERSION};
use wasmc_abi::vmctx::PAGE_LEN;

/// Where the bodies of a module count.
#[derive(Debug)]
pub struct Counting {
    /// The memory, the last one.
    pub memory: MemoryIndex,
    /// By body: address of its first counter.
    pub addresses: Vec<u32>,
}

/// The most bytes that a memory for counters may have: its addresses and those in a profile are numbers of 32 bits.
const LEN_MAX: u64 = 1 << 30;

/// Gives a module a memory to count in, which begins with what `records` gets.
pub fn count<'a>(
    module: &mut Module<'a>,
    records: &'a mut Vec<u8>,
    target: &'static TargetRow,
) -> Result<(), CompileError> {
    if target.os == Os::None {
        return Err(CompileError::NotForTarget {
            what: "to count for a profile",
            target: target.name,
            reason: "firmware keeps no profile; one that the module has left elsewhere is good for it too",
        });
    }
    if module.exports.iter().any(|export| export.name == EXPORT) {
        return Err(CompileError::Profile(format!(
            "the module exports something as `{EXPORT}`, the name of the memory that its code would count in"
        )));
    }
    let before = PartHeader::LEN + module.bodies.len() * BodyRecord::LEN;
    let (mut bodies, mut addresses, mut first) = (Vec::new(), Vec::new(), 0);
    for body in &module.bodies {
        let count = counters(&sites(body));
        let end = before as u64 + COUNTER_LEN as u64 * (first + count);
        if end > LEN_MAX {
            let what = "the length of the memory for counters, in bytes,".into();
            return Err(CompileError::Limit { what, found: end, limit: LEN_MAX, offset: None });
        }
        let record = BodyRecord { digest: digest(body), first: first as u32, count: count as u32 };
        bodies.extend(record.to_bytes());
        addresses.push((before + COUNTER_LEN * first as usize) as u32);
        first += count;
    }
    let len = before as u64 + COUNTER_LEN as u64 * first;
    let (len_bytes, count) = (len as u32, module.bodies.len() as u32);
    let header = PartHeader { magic: MAGIC, version: VERSION, checksum: 0, len: len_bytes, bodies: count };
    records.extend(header.to_bytes());
    records.append(&mut bodies);

    let memory = MemoryIndex(module.memories.len() as u32);
    let pages = len.div_ceil(PAGE_LEN);
    module.memories.push(MemoryType { min: pages, max: Some(pages), page_len: PAGE_LEN, shared: false, wide: false });
    module.exports.push(Export { name: EXPORT, item: ExportItem::Memory(memory) });
    module.data.push(Data { mode: SegmentMode::Active(memory, ConstExpr::Bits(0)), bytes: records });
    module.profile = ModuleProfile::Counting(Counting { memory, addresses });
    Ok(())
}
