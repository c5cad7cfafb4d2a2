//! What a compilation tells while it runs: the phases of the pipeline, and functions done.
//!
//! The pipeline calls an [`Observer`]; the command turns the calls into a progress bar and into the
//! table of `--timings`. Nothing here measures or prints.

/// An arrow of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Wasm bytes → module, with validation.
    Parse,
    /// Module → ELF objects: translated, optimised and emitted, unit by unit.
    Generate,
    /// ELF objects → linked code.
    Link,
    /// Linked code and module → image.
    Image,
}

impl Phase {
    /// Every phase, in the order in which they run.
    pub const ALL: [Phase; 4] = [Phase::Parse, Phase::Generate, Phase::Link, Phase::Image];

    /// The name, which is that of the source file too.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Parse => "parse",
            Phase::Generate => "generate",
            Phase::Link => "link",
            Phase::Image => "image",
        }
    }

    /// The phase with this name.
    pub fn from_name(name: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Hears how a compilation goes on. Every method does nothing unless implemented.
///
/// Calls come one after another, but not always from the thread that started the compilation,
/// hence `Send`. They should be quick: the pipeline waits for them.
pub trait Observer: Send {
    /// `phase` begins. Phases do not overlap.
    fn phase_started(&mut self, phase: Phase) {
        let _ = phase;
    }

    /// `phase` has ended. Not called for a phase that fails.
    fn phase_ended(&mut self, phase: Phase) {
        let _ = phase;
    }

    /// Of the functions that the running phase works on, `done` out of `total` are finished.
    fn functions_done(&mut self, done: usize, total: usize) {
        let _ = (done, total);
    }

    /// The optimiser leaves this function alone, because of its size; the code is right but slow.
    fn function_not_optimized(&mut self, function: u32) {
        let _ = function;
    }

    /// The profile says nothing of this function, which has changed since, or is new.
    fn function_not_profiled(&mut self, function: u32) {
        let _ = function;
    }
}

/// The observer that does not listen.
impl Observer for () {}
