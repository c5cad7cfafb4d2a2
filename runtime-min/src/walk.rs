//! Code positions, by the tables of the images alone: one step of a walk over the guest's stack, and the function
//! that a position is in.

use wasmc_abi::Frame;
use wasmc_abi::image::FunctionRecord;
use wasmc_loader::Image;

use crate::activation::Position;

/// Length of a return address, bytes.
pub(crate) const WORD: usize = size_of::<usize>();

/// Bits of a return address that are no part of the address: ARM has the instruction set state there.
const STATE_BITS: usize = if cfg!(target_arch = "arm") { 1 } else { 0 };

/// Where the caller of the code at `position` stands; `None` if `frame` cannot be right: a wrong table must
/// not lead the walk out of the guest's part of the stack, or in a circle.
pub(crate) fn caller(position: Position, frame: Frame, top: usize, read: impl Fn(usize) -> usize) -> Option<Position> {
    let len = frame.cfa_offset as usize;
    let cfa = position.sp.checked_add(len).filter(|cfa| *cfa <= top)?;
    let address = match frame.return_address.map(|distance| distance as usize) {
        // Of the innermost frame only: a call has put something else into the register.
        None => position.link,
        Some(distance) if (WORD..=len).contains(&distance) && (cfa - distance).is_multiple_of(WORD) => {
            read(cfa - distance)
        }
        Some(_) => return None,
    };
    // It is of the instruction after the call.
    Some(Position { pc: (address & !STATE_BITS).wrapping_sub(1), sp: cfa, link: 0 })
}

/// Index among the defined functions of the one whose code holds a code offset.
pub(crate) fn function_at_code(image: &Image<'_>, code_offset: u32) -> Option<u32> {
    let functions = image.functions();
    // Functions without code of their own have offset 0 and stand between the others: such a
    // one counts as the next that has code.
    let at_or_after = |mut index: u32, end: u32| -> Option<(u32, FunctionRecord)> {
        while index < end {
            match functions.get(index)? {
                function if function.code_offset != 0 => return Some((index, function)),
                _ => index += 1,
            }
        }
        None
    };
    let (mut low, mut high) = (0, functions.len());
    let mut found = None;
    while low < high {
        let middle = low.midpoint(high);
        match at_or_after(middle, high) {
            Some((index, function)) if function.code_offset <= code_offset => {
                found = Some((index, function));
                low = index + 1;
            }
            _ => high = middle,
        }
    }
    let (index, function) = found?;
    (code_offset - function.code_offset < function.code_len).then_some(index)
}
