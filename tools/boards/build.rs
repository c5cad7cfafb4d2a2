//! What differs between boards, or between the programs here, and is no flag of the compiler's.

fn main() {
    println!("cargo::rerun-if-env-changed=BOARD_GUESTS");
    if let (Ok(guests), Ok(target)) = (std::env::var("BOARD_GUESTS"), std::env::var("TARGET")) {
        println!("cargo::rustc-env=BOARD_GUESTS={guests}/{target}");
    }
    // The suite nests deeper than a board's own stack allows.
    println!("cargo::rustc-link-arg-bin=runner=--defsym=STACK_LEN=0x100000");
}
