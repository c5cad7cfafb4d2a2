//! Which proposals are compiled, and which one a refused module would have needed.

use wasmparser::{BinaryReaderError, Validator, WasmFeatures};

/// What validation accepts: Wasm 2.0 without vectors.
pub const SUPPORTED: WasmFeatures = WasmFeatures::WASM2.difference(WasmFeatures::SIMD);

/// Proposals that are known but not compiled, by their official names. Where one builds on another,
/// the smaller comes first.
const OTHERS: &[(&str, WasmFeatures)] = &[
    ("simd", WasmFeatures::SIMD),
    ("relaxed-simd", WasmFeatures::RELAXED_SIMD.union(WasmFeatures::SIMD)),
    ("tail-call", WasmFeatures::TAIL_CALL),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
    ("multi-memory", WasmFeatures::MULTI_MEMORY),
    ("threads", WasmFeatures::THREADS),
    ("exception-handling", WasmFeatures::EXCEPTIONS),
    ("legacy exception-handling", WasmFeatures::LEGACY_EXCEPTIONS),
    ("memory64", WasmFeatures::MEMORY64),
    ("custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES),
    ("wide-arithmetic", WasmFeatures::WIDE_ARITHMETIC),
    ("function-references", WasmFeatures::FUNCTION_REFERENCES),
    ("gc", WasmFeatures::GC.union(WasmFeatures::FUNCTION_REFERENCES)),
    ("stack-switching", WasmFeatures::STACK_SWITCHING),
    ("memory-control", WasmFeatures::MEMORY_CONTROL),
    ("shared-everything-threads", WasmFeatures::SHARED_EVERYTHING_THREADS),
    ("compact-import-section", WasmFeatures::COMPACT_IMPORTS),
    ("component-model", WasmFeatures::COMPONENT_MODEL),
];

/// The proposal without which `bytes` failed with `error`: with it, validation gets further, or
/// through. `None` if no proposal helps.
pub fn missing(bytes: &[u8], error: &BinaryReaderError) -> Option<&'static str> {
    OTHERS
        .iter()
        .find(|(_, features)| {
            match Validator::new_with_features(SUPPORTED | *features).validate_all(bytes) {
                Ok(_) => true,
                // Further on, and through with everything: the module is sound and needs more than one.
                Err(later) => later.offset() > error.offset() && all_accept(bytes),
            }
        })
        .map(|(name, _)| *name)
}

fn all_accept(bytes: &[u8]) -> bool {
    let all = OTHERS.iter().fold(SUPPORTED, |all, (_, features)| all | *features);
    Validator::new_with_features(all).validate_all(bytes).is_ok()
}
