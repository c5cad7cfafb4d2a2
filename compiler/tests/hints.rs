//! Branch hints (proposal branch-hinting): what the module says of a branch is what code generation works with.

use wasmc::{Emit, OptLevel, Options, compile_observed};

/// IR of `f` as translated.
fn ir(body: &str) -> String {
    let wat = format!("(module (func (export \"f\") (param i32) (result i32) {body}))");
    let options = Options { level: OptLevel::O0, ..Options::default() };
    let ir = compile_observed(wat.as_bytes(), &options, Emit::Llvm, &mut ()).expect("it compiles");
    String::from_utf8(ir).expect("IR is text")
}

#[test]
fn hints_become_the_weights_of_their_branches() {
    let if_ = |hint: &str| ir(&format!("local.get 0 {hint} if (result i32) i32.const 1 else i32.const 2 end"));
    let br_if = |hint: &str| ir(&format!("(block local.get 0 {hint} br_if 0 (return (i32.const 1))) i32.const 2"));
    for with in [&if_ as &dyn Fn(&str) -> String, &br_if] {
        let (likely, unlikely) =
            (with(r#"(@metadata.code.branch_hint "\01")"#), with(r#"(@metadata.code.branch_hint "\00")"#));
        assert!(likely.contains(r#"!{!"branch_weights", i32 2000, i32 1}"#), "{likely}");
        assert!(unlikely.contains(r#"!{!"branch_weights", i32 1, i32 2000}"#), "{unlikely}");
        assert!(!with("").contains("i32 2000"));
    }
}
