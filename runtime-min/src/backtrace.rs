//! Backtraces of guests: from the program counter and stack pointer of a trap to functions and Wasm
//! offsets, by the tables of the images alone.

use std::fmt;

use crate::module::Module;
use crate::trap::Trap;

/// The most frames that a trap shows.
const FRAMES_MAX: usize = 100;

/// The most code positions that are looked up for them: some are in stubs, which are not shown.
const POSITIONS_MAX: usize = FRAMES_MAX + 8;

/// One function in a backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The module's name, if it has one.
    pub module: Option<String>,
    /// The function's index in its module, imports included.
    pub func_index: u32,
    /// The function's name, if the image has it.
    pub func_name: Option<String>,
    /// Offset in the Wasm module of the instruction that trapped or called; `None` if not known.
    pub wasm_offset: Option<u32>,
}

impl Frame {
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, with_module: bool) -> fmt::Result {
        match self.wasm_offset {
            Some(offset) => write!(f, "{offset:#x}  ")?,
            None => f.write_str("?  ")?,
        }
        if with_module {
            write!(f, "{}!", self.module.as_deref().unwrap_or("?"))?;
        }
        write!(f, "{} (function {})", self.func_name.as_deref().unwrap_or("?"), self.func_index)
    }
}

/// Code positions of a trap and of the calls that led to it, innermost first.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct RawTrace {
    /// Number of the image, code offset in it.
    positions: Vec<(usize, u32)>,
    /// How many more there were.
    more: usize,
}

/// What the walk needs to know about code.
pub(crate) trait Code {
    /// Number of the image that holds an address of code, and the code offset.
    fn find(&self, pc: usize) -> Option<(usize, u32)>;
    /// Distance from the stack pointer to the canonical frame address.
    fn cfa_offset(&self, image: usize, code_offset: u32) -> Option<u32>;
}

impl Code for Vec<Module> {
    fn find(&self, pc: usize) -> Option<(usize, u32)> {
        let index = self.partition_point(|image| image.code_range().start <= pc).checked_sub(1)?;
        Some((index, self[index].code().code_offset(pc)?))
    }

    fn cfa_offset(&self, image: usize, code_offset: u32) -> Option<u32> {
        self[image].image().cfa_offset_at(code_offset)
    }
}

/// Walks the stack from the frame at `pc` and `sp` up to where the host entered, at `top`. `read` gets
/// words between `sp` and `top`.
pub(crate) fn walk(
    code: &impl Code,
    mut pc: usize,
    mut sp: usize,
    top: usize,
    read: impl Fn(usize) -> usize,
) -> RawTrace {
    const WORD: usize = size_of::<usize>();
    let mut trace = RawTrace::default();
    while let Some((image, code_offset)) = code.find(pc) {
        if trace.positions.len() < POSITIONS_MAX {
            trace.positions.push((image, code_offset));
        } else {
            trace.more += 1;
        }
        let cfa_offset = code.cfa_offset(image, code_offset).map_or(0, |offset| offset as usize);
        // A wrong table must not lead the walk out of the guest's part of the stack, or in a circle.
        let Some(cfa) = sp.checked_add(cfa_offset).filter(|cfa| *cfa <= top) else { break };
        if cfa_offset < WORD || !cfa.is_multiple_of(WORD) {
            break;
        }
        // The return address is of the instruction after the call.
        pc = read(cfa - WORD).wrapping_sub(1);
        sp = cfa;
    }
    trace
}

/// Adds the frames of a trace to a trap, with the calls that were inlined.
pub(crate) fn append(images: &[Module], trace: &RawTrace, trap: &mut Trap) {
    trap.more_frames += trace.more;
    for &(image, code_offset) in &trace.positions {
        for frame in frames(&images[image], code_offset) {
            if trap.frames.len() < FRAMES_MAX {
                trap.frames.push(frame);
            } else {
                trap.more_frames += 1;
            }
        }
    }
}

/// The functions that a code position belongs to, innermost first; none in a trampoline or thunk.
fn frames(module: &Module, code_offset: u32) -> Vec<Frame> {
    let Some(function) = module.function_at_code(code_offset) else { return Vec::new() };
    let image = module.image();
    let frame = |defined: u32, wasm_offset| {
        let name = image.functions().get(defined).and_then(|record| image.function_name(&record));
        Frame {
            module: module.name().map(Into::into),
            func_index: image.header().imported_functions + defined,
            func_name: name.map(Into::into),
            wasm_offset,
        }
    };
    let site = image.site_at(code_offset);
    let offsets = site.as_ref().map_or(&[][..], |site| site.wasm_offsets());
    let known = offsets.iter().filter(|offset| **offset != 0);
    let frames: Vec<Frame> =
        known.filter_map(|offset| Some(frame(image.function_at(*offset)?, Some(*offset)))).collect();
    if frames.is_empty() { vec![frame(function, None)] } else { frames }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code from 1000 to 1100; frames are 8 × (code offset ÷ 10) bytes.
    struct Synthetic;

    impl Code for Synthetic {
        fn find(&self, pc: usize) -> Option<(usize, u32)> {
            (1000..1100).contains(&pc).then(|| (0, (pc - 1000) as u32))
        }
        fn cfa_offset(&self, _: usize, code_offset: u32) -> Option<u32> {
            Some(code_offset / 10 * 8)
        }
    }

    fn offsets(trace: &RawTrace) -> Vec<u32> {
        trace.positions.iter().map(|(_, offset)| *offset).collect()
    }

    #[test]
    fn the_walk_follows_return_addresses_until_they_leave_the_images() {
        // Frames of 1, 2 and 3 words; the return address is each one's last.
        let stack = [1025usize, 0, 1035, 0, 0, 7777];
        let trace = walk(&Synthetic, 1010, 0, 48, |address| stack[address / 8]);
        assert_eq!(offsets(&trace), [10, 24, 34]);
        assert_eq!(trace.more, 0);
    }

    #[test]
    fn the_walk_ends_at_the_top_of_the_guest_stack_and_at_frames_without_size() {
        let stack = [1025usize, 0, 1035, 0, 0, 7777];
        let read = |address: usize| stack[address / 8];
        assert_eq!(offsets(&walk(&Synthetic, 1010, 0, 16, read)), [10, 24]);
        assert_eq!(offsets(&walk(&Synthetic, 1005, 0, 48, read)), [5]);
        assert_eq!(offsets(&walk(&Synthetic, 999, 0, 48, read)), []);
    }

    #[test]
    fn deep_stacks_are_counted_but_not_kept() {
        let trace = walk(&Synthetic, 1010, 0, 8 * 5000, |_| 1011);
        assert_eq!(trace.positions.len(), POSITIONS_MAX);
        assert_eq!(trace.more, 5001 - POSITIONS_MAX, "the first position and one for each word");
    }
}
