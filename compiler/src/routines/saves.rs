//! RISC-V's routines that save and restore registers: for size, functions call them in place of storing and loading
//! registers themselves (LLVM's feature `save-restore`; names and frames are those of GCC's library).
//!
//! `__riscv_save_N`, called with `t0` as link register, takes a frame off the stack and stores `ra` and the first `N` of
//! `s0` to `s11` in it, `ra` at its end. `__riscv_restore_N`, to which a function jumps at its end, loads them, gives the
//! frame back and returns to the function's caller. Frames are multiples of 16 bytes, and what needs frames of one
//! length shares the code: it fills the frame, with registers that need not be saved as well.
//!
//! LLVM's tables count that frame as the function's own from the call on, and no routine goes deeper, so that the largest
//! frame is what it was. A function compares its stack pointer with the limit after the call, as after its own stores.

use crate::target::TargetRow;
use std::collections::{BTreeMap, BTreeSet};
use wasmc_abi::target::Arch;

/// All that may be saved, from the end of a frame down.
const REGISTERS: [&str; 13] = ["ra", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11"];

/// What frames are multiples of, bytes.
const STEP: usize = 16;

/// One of the routines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Saves {
    is_restore: bool,
    /// `N`.
    last: usize,
}

impl Saves {
    /// The routine that has a name on a target.
    pub fn find(name: &str, target: &TargetRow) -> Option<Saves> {
        let of_n = |last| [false, true].map(|is_restore| Saves { is_restore, last });
        let mut all = (0..REGISTERS.len()).flat_map(of_n);
        all.find(|saves| target.arch == Arch::Riscv && saves.symbol() == name)
    }

    fn symbol(self) -> String {
        format!("__riscv_{}_{}", if self.is_restore { "restore" } else { "save" }, self.last)
    }
}

/// Assembly of these routines.
pub fn assembly(wanted: &BTreeSet<Saves>, target: &TargetRow) -> String {
    let word = target.pointer_bits as usize / 8;
    let (store, load) = if word == 8 { ("sd", "ld") } else { ("sw", "lw") };
    let mut groups: BTreeMap<(bool, usize), Vec<String>> = BTreeMap::new();
    for saves in wanted {
        let frame_len = ((saves.last + 1) * word).next_multiple_of(STEP);
        groups.entry((saves.is_restore, frame_len)).or_default().push(saves.symbol());
    }
    let code = |((is_restore, frame_len), symbols): (&(bool, usize), &Vec<String>)| {
        let offsets = (0..=frame_len - word).rev().step_by(word);
        let access = |instruction: &str| -> String {
            let of_each = REGISTERS.iter().zip(offsets.clone());
            of_each.map(|(register, offset)| format!("{instruction} {register}, {offset}(sp)\n")).collect()
        };
        let body = if *is_restore {
            let frame = format!(".cfi_def_cfa_offset {frame_len}\n.cfi_offset ra, -{word}\n");
            let free = format!(".cfi_restore ra\naddi sp, sp, {frame_len}\n.cfi_def_cfa_offset 0\nret\n");
            format!("{frame}{}{free}", access(load))
        } else {
            let take = format!("addi sp, sp, -{frame_len}\n.cfi_def_cfa_offset {frame_len}\n");
            format!("{take}{}jr t0\n", access(store))
        };
        function(symbols, &body)
    };
    groups.iter().map(code).collect()
}

/// A function with the first of these names, to which the others lead as well.
fn function(symbols: &[String], body: &str) -> String {
    let name = &symbols[0];
    let entries = symbols.iter().map(|symbol| format!(".globl {symbol}\n.hidden {symbol}\n{symbol}:\n"));
    let section = format!(".section .text.{name}, \"ax\", @progbits\n.p2align 1\n.type {name}, @function\n");
    let entries: String = entries.collect();
    format!("{section}{entries}.cfi_startproc\n{body}.cfi_endproc\n.size {name}, . - {name}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    fn assembly_of(names: &[&str], target: &str) -> String {
        let row = Target::new(target, None, &[]).unwrap().row;
        let find = |name: &&str| Saves::find(name, row).unwrap_or_else(|| panic!("{name}"));
        assembly(&names.iter().map(find).collect(), row)
    }

    /// The instructions, which directives and labels stand between.
    fn instructions(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.starts_with('.') && !line.ends_with(':')).collect()
    }

    #[test]
    fn frames_are_as_llvm_expects_them() {
        let save = assembly_of(&["__riscv_save_2"], "riscv64-linux");
        let stores = ["sd ra, 24(sp)", "sd s0, 16(sp)", "sd s1, 8(sp)", "sd s2, 0(sp)"];
        assert_eq!(instructions(&save), [&["addi sp, sp, -32"], &stores[..], &["jr t0"]].concat());
        let restore = assembly_of(&["__riscv_restore_12"], "riscv32imac-none");
        let loads = instructions(&restore);
        assert_eq!((loads[0], loads[12]), ("lw ra, 60(sp)", "lw s11, 12(sp)"));
        assert_eq!(loads[13..], ["addi sp, sp, 64", "ret"]);
    }

    #[test]
    fn those_with_frames_of_one_length_share_code_and_what_is_not_called_is_not_there() {
        let text = assembly_of(&["__riscv_save_4", "__riscv_save_7", "__riscv_restore_0"], "riscv32imac-none");
        let labels: Vec<_> = text.lines().filter(|line| line.ends_with(':')).collect();
        assert_eq!(labels, ["__riscv_save_4:", "__riscv_save_7:", "__riscv_restore_0:"]);
        assert_eq!(text.matches("addi sp, sp, -32").count(), 1);
    }

    #[test]
    fn no_other_name_is_one() {
        let row = Target::new("riscv64-linux", None, &[]).unwrap().row;
        for name in ["__riscv_save_13", "__riscv_save_", "__riscv_save_01", "__riscv_flush_icache", ""] {
            assert_eq!(Saves::find(name, row), None, "{name}");
        }
        let other = Target::new("aarch64-linux", None, &[]).unwrap().row;
        assert_eq!(Saves::find("__riscv_save_0", other), None);
    }
}
