//! What this CPU can do, as bits of `wasmc_abi::target`'s rows.

/// The features of this CPU whose registers the OS saves, as far as a program can ask the CPU itself.
#[cfg(target_arch = "x86_64")]
pub(crate) fn features() -> u64 {
    x86_64::features()
}

/// Elsewhere a program cannot ask the CPU; an OS knows, or whoever has built the board.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn features() -> u64 {
    0
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use core::arch::x86_64::{__cpuid_count, _xgetbv, CpuidResult};
    use wasmc_abi::target::X86_64_FEATURES;

    /// Answers of the `cpuid` instruction, and which registers the OS saves.
    struct Cpu {
        leaf_1: CpuidResult,
        leaf_7: CpuidResult,
        extended_1: CpuidResult,
        saved: u64,
    }

    /// Bits of `xcr0`: the lower halves of vector registers, and their upper halves.
    const SAVES_YMM: u64 = 0b110;
    /// And the mask registers, the rest of the first 16 and the other 16 vector registers.
    const SAVES_ZMM: u64 = 0b1110_0110;

    pub(super) fn features() -> u64 {
        let cpu = Cpu::ask();
        let present = X86_64_FEATURES.iter().filter(|feature| cpu.has(feature.name));
        present.fold(0, |bits, feature| bits | 1 << feature.bit)
    }

    impl Cpu {
        fn ask() -> Cpu {
            let leaf_1 = ask(1);
            let os_uses_xsave = bit(leaf_1.ecx, 27);
            // SAFETY: the OS has enabled the instruction.
            let saved = if os_uses_xsave { unsafe { xcr0() } } else { 0 };
            Cpu { leaf_1, leaf_7: leaf_7(), extended_1: ask(0x8000_0001), saved }
        }

        /// Intel SDM, CPUID; AMD APM volume 3, appendix E.
        fn has(&self, name: &str) -> bool {
            let ymm = self.saved & SAVES_YMM == SAVES_YMM;
            let zmm = self.saved & SAVES_ZMM == SAVES_ZMM;
            let Cpu { leaf_1, leaf_7, extended_1, .. } = self;
            match name {
                "sse3" => bit(leaf_1.ecx, 0),
                "ssse3" => bit(leaf_1.ecx, 9),
                "cx16" => bit(leaf_1.ecx, 13),
                "sse4.1" => bit(leaf_1.ecx, 19),
                "sse4.2" => bit(leaf_1.ecx, 20),
                "movbe" => bit(leaf_1.ecx, 22),
                "popcnt" => bit(leaf_1.ecx, 23),
                "sahf" => bit(extended_1.ecx, 0),
                "lzcnt" => bit(extended_1.ecx, 5),
                "bmi" => bit(leaf_7.ebx, 3),
                "bmi2" => bit(leaf_7.ebx, 8),
                "fma" => ymm && bit(leaf_1.ecx, 12),
                "avx" => ymm && bit(leaf_1.ecx, 28),
                "f16c" => ymm && bit(leaf_1.ecx, 29),
                "avx2" => ymm && bit(leaf_7.ebx, 5),
                "avx512f" => zmm && bit(leaf_7.ebx, 16),
                "avx512dq" => zmm && bit(leaf_7.ebx, 17),
                "avx512cd" => zmm && bit(leaf_7.ebx, 28),
                "avx512bw" => zmm && bit(leaf_7.ebx, 30),
                "avx512vl" => zmm && bit(leaf_7.ebx, 31),
                // A row that this file does not know yet: refusing is the safe side.
                _ => false,
            }
        }
    }

    fn bit(register: u32, number: u32) -> bool {
        register & (1 << number) != 0
    }

    /// Leaf 7, zeros if this CPU has it not: beyond the last, it answers for another one.
    fn leaf_7() -> CpuidResult {
        let last = ask(0).eax;
        if last >= 7 { ask(7) } else { CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 } }
    }

    /// One leaf, which this CPU has: 0, 1 and 0x80000001, which tells of long mode, each x86-64 CPU does. It is not
    /// asked for more than that: under a hypervisor an answer takes microseconds.
    #[allow(unused_unsafe, reason = "safe in newer versions of core")]
    fn ask(leaf: u32) -> CpuidResult {
        // SAFETY: every x86-64 CPU has the instruction.
        unsafe { __cpuid_count(leaf, 0) }
    }

    /// Which registers the OS saves.
    ///
    /// # Safety
    /// The OS has enabled `xsave` (CPUID.1:ECX.OSXSAVE).
    #[target_feature(enable = "xsave")]
    unsafe fn xcr0() -> u64 {
        // SAFETY: the caller's promise.
        unsafe { _xgetbv(0) }
    }

    #[cfg(test)]
    mod tests {
        extern crate std;
        use super::*;

        macro_rules! agrees {
            ($($name:tt)*) => {$(
                assert_eq!(Cpu::ask().has($name), std::is_x86_feature_detected!($name), $name);
            )*};
        }

        #[test]
        fn answers_are_those_of_the_standard_library() {
            agrees!("popcnt" "sse3" "ssse3" "sse4.1" "sse4.2" "avx" "avx2" "f16c" "fma" "lzcnt" "movbe");
            agrees!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl");
            // Their names there: bmi1, cmpxchg16b.
            assert_eq!(Cpu::ask().has("bmi"), std::is_x86_feature_detected!("bmi1"));
            assert_eq!(Cpu::ask().has("bmi2"), std::is_x86_feature_detected!("bmi2"));
            assert_eq!(Cpu::ask().has("cx16"), std::is_x86_feature_detected!("cmpxchg16b"));
        }

        #[test]
        fn every_row_is_known_here() {
            let all = Cpu {
                leaf_1: CpuidResult { eax: 0, ebx: !0, ecx: !0, edx: !0 },
                leaf_7: CpuidResult { eax: 0, ebx: !0, ecx: !0, edx: !0 },
                extended_1: CpuidResult { eax: 0, ebx: !0, ecx: !0, edx: !0 },
                saved: !0,
            };
            assert!(X86_64_FEATURES.iter().all(|feature| all.has(feature.name)));
        }
    }
}
