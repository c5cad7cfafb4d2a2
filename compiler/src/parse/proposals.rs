//! The proposals that Wasm has grown by: which are compiled, which a caller wants, which one a refused module
//! would have needed, and which a module uses.

use crate::error::CompileError;
use std::fmt;
use wasmparser::{BinaryReaderError, Parser, Payload, Validator, WasmFeatures as F};

/// A proposal.
#[derive(Debug)]
pub struct Proposal {
    /// The name, as the repositories of the WebAssembly group spell it.
    pub name: &'static str,
    /// What it adds to what others give; nothing if it is a custom section, without which every module is valid.
    own: F,
    /// What it needs beside that.
    needs: F,
    /// Whether it is compiled.
    pub compiled: bool,
}

const fn row(name: &'static str, own: F, needs: F, compiled: bool) -> Proposal {
    Proposal { name, own, needs, compiled }
}

/// Every proposal. Where one builds on another, the smaller comes first.
pub const PROPOSALS: &[Proposal] = &[
    row("mutable-global", F::MUTABLE_GLOBAL, F::empty(), true),
    row("nontrapping-float-to-int-conversions", F::SATURATING_FLOAT_TO_INT, F::empty(), true),
    row("sign-extension-ops", F::SIGN_EXTENSION, F::empty(), true),
    row("multi-value", F::MULTI_VALUE, F::empty(), true),
    row("bulk-memory-operations", F::BULK_MEMORY, F::empty(), true),
    row("reference-types", F::REFERENCE_TYPES, F::empty(), true),
    row("simd", F::SIMD, F::empty(), true),
    row("relaxed-simd", F::RELAXED_SIMD, F::SIMD, true),
    row("tail-call", F::TAIL_CALL, F::empty(), true),
    row("extended-const", F::EXTENDED_CONST, F::empty(), true),
    row("multi-memory", F::MULTI_MEMORY, F::empty(), true),
    row("threads", F::THREADS, F::empty(), true),
    row("exception-handling", F::EXCEPTIONS, F::empty(), true),
    row("legacy exception-handling", F::LEGACY_EXCEPTIONS, F::EXCEPTIONS, true),
    row("memory64", F::MEMORY64, F::empty(), true),
    row("custom-page-sizes", F::CUSTOM_PAGE_SIZES, F::empty(), true),
    row("wide-arithmetic", F::WIDE_ARITHMETIC, F::empty(), true),
    row("function-references", F::FUNCTION_REFERENCES, F::REFERENCE_TYPES, true),
    row("gc", F::GC, F::FUNCTION_REFERENCES.union(F::REFERENCE_TYPES), true),
    row("stack-switching", F::STACK_SWITCHING, F::empty(), false),
    row("memory-control", F::MEMORY_CONTROL, F::empty(), false),
    row("shared-everything-threads", F::SHARED_EVERYTHING_THREADS, F::empty(), false),
    row(BRANCH_HINTING, F::empty(), F::empty(), true),
    row("compact-import-section", F::COMPACT_IMPORTS, F::empty(), true),
    row("component-model", F::COMPONENT_MODEL, F::empty(), false),
];

const BRANCH_HINTING: &str = "branch-hinting";

/// Versions of the language that are asked for by name.
const PROFILES: &[(&str, F)] = &[("mvp", F::WASM1), ("lime1", F::LIME1), ("wasm2", F::WASM2), ("wasm3", F::WASM3)];

/// The proposals that a module may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Proposals(F);

impl Default for Proposals {
    /// Everything that is compiled.
    fn default() -> Proposals {
        Proposals(union(|proposal| proposal.compiled))
    }
}

impl fmt::Debug for Proposals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(PROPOSALS.iter().filter(|p| self.0.contains(p.own)).map(|p| p.name)).finish()
    }
}

fn union(wanted: impl Fn(&Proposal) -> bool) -> F {
    PROPOSALS.iter().filter(|p| wanted(p)).fold(F::MVP, |all, proposal| all | proposal.own)
}

impl Proposals {
    /// Those of a version of the language: `mvp`, `lime1`, `wasm2` or `wasm3`, as far as they are compiled.
    pub fn profile(name: &str) -> Result<Proposals, CompileError> {
        let found = PROFILES.iter().find(|(profile, _)| *profile == name);
        let (_, features) = found.ok_or_else(|| unknown("profile", name, PROFILES.iter().map(|(name, _)| *name)))?;
        Ok(Proposals(*features & Proposals::default().0))
    }

    /// With one more, and what that needs.
    pub fn with(self, name: &str) -> Result<Proposals, CompileError> {
        let proposal = find(name)?;
        if !proposal.compiled {
            let message = format!("the {name} proposal cannot be enabled: this version does not compile it");
            return Err(CompileError::Options(message));
        }
        Ok(Proposals(self.0 | proposal.own | proposal.needs))
    }

    /// With one less, and without what needs it.
    pub fn without(self, name: &str) -> Result<Proposals, CompileError> {
        let gone = find(name)?.own;
        if gone.is_empty() {
            let message = format!("the {name} proposal cannot be disabled: what it adds to a module changes no result");
            return Err(CompileError::Options(message));
        }
        let lost = PROPOSALS.iter().filter(|p| p.needs.intersects(gone)).fold(gone, |lost, p| lost | p.own);
        Ok(Proposals(self.0.difference(lost)))
    }

    pub(super) fn features(self) -> F {
        self.0
    }
}

fn find(name: &str) -> Result<&'static Proposal, CompileError> {
    let found = PROPOSALS.iter().find(|proposal| proposal.name == name);
    found.ok_or_else(|| unknown("proposal", name, PROPOSALS.iter().map(|p| p.name)))
}

fn unknown(what: &str, name: &str, known: impl Iterator<Item = &'static str>) -> CompileError {
    let known: Vec<_> = known.collect();
    CompileError::Options(format!("there is no {what} `{name}`; there are: {}", known.join(", ")))
}

/// The proposals that a binary module uses: it is not valid without them. An error if it is not with all of them.
pub fn used(bytes: &[u8]) -> Result<Vec<&'static Proposal>, CompileError> {
    let all = union(|_| true);
    let validate = |features| Validator::new_with_features(features).validate_all(bytes);
    validate(all).map_err(|error| super::invalid(bytes, &error))?;
    let is_used = |proposal: &&Proposal| match proposal.name {
        BRANCH_HINTING => has_branch_hints(bytes),
        _ => validate(all.difference(proposal.own)).is_err(),
    };
    Ok(PROPOSALS.iter().filter(is_used).collect())
}

fn has_branch_hints(bytes: &[u8]) -> bool {
    Parser::new(0).parse_all(bytes).any(|payload| match payload {
        Ok(Payload::CustomSection(section)) => section.name() == "metadata.code.branch_hint",
        _ => false,
    })
}

/// The proposal without which `bytes` failed with `error`: with it, validation gets further, or
/// through. `None` if no proposal helps.
pub fn missing(bytes: &[u8], error: &BinaryReaderError, given: Proposals) -> Option<&'static Proposal> {
    PROPOSALS.iter().filter(|proposal| !given.0.contains(proposal.own)).find(|proposal| {
        match Validator::new_with_features(given.0 | proposal.own | proposal.needs).validate_all(bytes) {
            Ok(_) => true,
            // Further on, and through with everything: the module is sound and needs more than one.
            Err(later) => {
                let all = || Validator::new_with_features(union(|_| true)).validate_all(bytes).is_ok();
                later.offset() > error.offset() && all()
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wat: &str) -> Vec<&'static str> {
        used(&wat::parse_str(wat).unwrap()).unwrap().iter().map(|proposal| proposal.name).collect()
    }

    #[test]
    fn what_a_module_uses_is_found_by_leaving_it_out() {
        assert_eq!(names("(module (func (result i32) i32.const 1))"), [""; 0]);
        assert_eq!(
            names("(module (memory 1) (memory 1) (func (result i32 i32) i32.const 1 i32.const 2))"),
            ["multi-value", "multi-memory"]
        );
        assert_eq!(names("(module (global i32 (i32.add (i32.const 1) (i32.const 2))))"), ["extended-const"]);
        assert_eq!(
            names(
                "(module (func (param v128 v128) (result v128)
            local.get 0 local.get 1 i8x16.relaxed_swizzle))"
            ),
            ["simd", "relaxed-simd"]
        );
        assert_eq!(names("(module (func $f (return_call $f)))"), ["tail-call"]);
        let hinted = r#"(module (func (param i32) local.get 0 (@metadata.code.branch_hint "\01") if end))"#;
        assert_eq!(names(hinted), ["branch-hinting"]);
        assert_eq!(names(r#"(module (import "m" (item "a" (func)) (item "b" (func))))"#), ["compact-import-section"]);
        assert!(used(b"\0asm\x01\0\0\0\x01").is_err());
    }

    #[test]
    fn profiles_and_changes_add_up() {
        let wasm2 = Proposals::profile("wasm2").unwrap();
        assert!(!wasm2.0.contains(F::MULTI_MEMORY) && wasm2.0.contains(F::BULK_MEMORY));
        assert!(wasm2.with("multi-memory").unwrap().0.contains(F::MULTI_MEMORY));
        assert!(!wasm2.without("reference-types").unwrap().0.contains(F::REFERENCE_TYPES));
        assert!(Proposals::default().0.contains(Proposals::profile("lime1").unwrap().0));
        for (what, error) in [
            ("a profile", Proposals::profile("wasm4")),
            ("a proposal", wasm2.with("threadz")),
            ("not compiled", wasm2.with("component-model")),
            ("nothing that could be missing", wasm2.without("branch-hinting")),
        ] {
            assert!(matches!(error, Err(CompileError::Options(_))), "{what}");
        }
    }
}
