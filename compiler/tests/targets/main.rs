//! Every target of the table compiles every operator, at levels that generate code differently, and what
//! the code calls beside its own functions is what the image can give it.

mod operators;

use object::{Object, ObjectSymbol};
use std::collections::BTreeSet;
use wasmc::target::{Os, TARGETS, TargetRow};
use wasmc::{Emit, MemoryModel, OptLevel, Options, Target, compile_observed};

const LEVELS: [OptLevel; 4] = [OptLevel::O0, OptLevel::O2, OptLevel::Os, OptLevel::Oz];

fn compile(text: &str, target: Target, level: OptLevel, emit: Emit) -> Vec<u8> {
    let name = target.row.name;
    let options = Options { target, memory: MemoryModel::Checked, level, ..Options::default() };
    compile_observed(text.as_bytes(), &options, emit, &mut ())
        .unwrap_or_else(|error| panic!("{name} {level:?}: {error}"))
}

fn target(row: &TargetRow) -> Target {
    Target::new(row.name, None, &[]).expect("it stands in the table")
}

/// The symbols that the object of a module leaves undefined.
fn undefined(text: &str, row: &TargetRow, level: OptLevel) -> BTreeSet<String> {
    let object = compile(text, target(row), level, Emit::Object);
    let object = object::File::parse(&*object).expect("it is an object");
    object.symbols().filter(|s| s.is_undefined()).map(|s| s.name().expect("it is text").to_string()).collect()
}

/// The link step refuses what is neither a helper nor a routine.
#[test]
fn every_operator_finds_what_it_calls() {
    let text = operators::module();
    for row in TARGETS {
        LEVELS.iter().for_each(|level| drop(compile(&text, target(row), *level, Emit::Aot)));
    }
    // Without SSE4.1, rounding is a routine.
    let oldest = Target::new("x86_64-linux", Some("x86-64"), &[]).expect("it stands in the table");
    LEVELS.iter().for_each(|level| drop(compile(&text, oldest.clone(), *level, Emit::Aot)));
}

#[test]
fn code_reaches_helpers_through_a_table_or_through_its_vmctx() {
    let text = operators::module();
    for row in TARGETS {
        for level in LEVELS {
            let undefined = undefined(&text, row, level);
            let has_table = undefined.contains("wasmc_helpers");
            assert_eq!(has_table, row.os == Os::Linux, "{} {level:?}: {undefined:?}", row.name);
        }
    }
}
