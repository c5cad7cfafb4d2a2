//! Backtraces of guests: from the program counter and stack pointer of a trap to functions and Wasm
//! offsets, by the tables of the images alone.

use std::fmt;

use crate::activation::Position;
use crate::module::Module;
use crate::trap::Trap;
use crate::walk::{self, caller};

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
    /// The frame of the code at an offset.
    fn frame(&self, image: usize, code_offset: u32) -> Option<wasmc_abi::Frame>;
}

impl Code for Vec<Module> {
    fn find(&self, pc: usize) -> Option<(usize, u32)> {
        let index = self.partition_point(|image| image.code_range().start <= pc).checked_sub(1)?;
        Some((index, self[index].code().code_offset(pc)?))
    }

    fn frame(&self, image: usize, code_offset: u32) -> Option<wasmc_abi::Frame> {
        self[image].image().frame_at(code_offset)
    }
}

/// Walks the stack from the frame at `position` up to where the host entered, at `top`. `read` gets words
/// between its `sp` and `top`.
pub(crate) fn walk(code: &impl Code, mut position: Position, top: usize, read: impl Fn(usize) -> usize) -> RawTrace {
    let mut trace = RawTrace::default();
    while let Some((image, code_offset)) = code.find(position.pc) {
        if trace.positions.len() < POSITIONS_MAX {
            trace.positions.push((image, code_offset));
        } else {
            trace.more += 1;
        }
        let Some(caller) = code.frame(image, code_offset).and_then(|frame| caller(position, frame, top, &read)) else {
            break;
        };
        position = caller;
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
    if !frames.is_empty() {
        return frames;
    }
    walk::function_at_code(&image, code_offset).map(|function| frame(function, None)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk::WORD;

    /// Code from 1000 to 1100; frames are as many words as the tens of the code offset say, with the return
    /// address in the last of them, or in the link register where the units are 9.
    struct Synthetic;

    impl Code for Synthetic {
        fn find(&self, pc: usize) -> Option<(usize, u32)> {
            (1000..1100).contains(&pc).then(|| (0, (pc - 1000) as u32))
        }
        fn frame(&self, _: usize, code_offset: u32) -> Option<wasmc_abi::Frame> {
            let return_address = (code_offset % 10 != 9).then_some(WORD as u32);
            Some(wasmc_abi::Frame { cfa_offset: code_offset / 10 * WORD as u32, return_address })
        }
    }

    /// Code offsets of the walk from a position over a stack that starts at address 0.
    fn walked(pc: usize, link: usize, top_words: usize, stack: &[usize]) -> Vec<u32> {
        let position = Position { pc, sp: 0, link };
        let trace = walk(&Synthetic, position, top_words * WORD, |address| stack[address / WORD]);
        assert_eq!(trace.more, 0);
        trace.positions.iter().map(|(_, offset)| *offset).collect()
    }

    /// What is below frames of 1, 2 and 3 words.
    const STACK: &[usize] = &[1026, 0, 1036, 0, 0, 7777];

    #[test]
    fn the_walk_follows_return_addresses_until_they_leave_the_images() {
        assert_eq!(walked(1010, 0, 6, STACK), [10, 25, 35]);
    }

    #[test]
    fn the_walk_ends_at_the_top_of_the_guest_stack_and_at_frames_without_size() {
        assert_eq!(walked(1010, 0, 2, STACK), [10, 25]);
        assert_eq!(walked(1005, 0, 6, STACK), [5]);
        assert_eq!(walked(999, 0, 6, STACK), []);
    }

    #[test]
    fn the_link_register_counts_in_the_innermost_frame_only() {
        assert_eq!(walked(1009, 1014, 6, STACK), [9, 13, 25, 35]);
        assert_eq!(walked(1019, 1010, 6, &[0, 1026, 0, 1036]), [19, 9], "a call has overwritten it");
        assert_eq!(walked(1009, 0, 6, STACK), [9], "a call has overwritten it");
    }

    #[test]
    fn deep_stacks_are_counted_but_not_kept() {
        let trace = walk(&Synthetic, Position { pc: 1010, sp: 0, link: 0 }, WORD * 5000, |_| 1012);
        assert_eq!(trace.positions.len(), POSITIONS_MAX);
        assert_eq!(trace.more, 5001 - POSITIONS_MAX, "the first position and one for each word");
    }
}
