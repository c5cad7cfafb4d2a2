//! A program of several threads, from C: `threads.c` beside this file.

use crate::Desk;
use crate::programs::clang;

/// The program as a module; `end` says how its threads end.
fn program(desk: &Desk, end: u32) -> String {
    let name = format!("threads{end}.wasm");
    let linker = "-Wl,--no-entry,--import-memory,--shared-memory,--max-memory=1048576";
    let flags = format!("--target=wasm32 -O2 -matomics -mbulk-memory -nostdlib {linker} -DEND={end}");
    clang(desk, "threads.c", &flags, &name);
    name
}

/// The commands that run it, as its own image is run and as a module is.
fn commands(desk: &Desk, module: &str) -> Vec<(&'static str, Vec<String>)> {
    let mut commands = vec![("wasmc", vec!["run".to_string(), module.to_string()])];
    for memory in ["guard", "checked"] {
        let image = format!("{module}.{memory}.aot");
        let made = desk.run("wasmc", ["compile", module, "--memory", memory, "-o", &image]);
        assert_eq!(made.status, Some(0), "{}", made.stderr);
        commands.push(("aot-run", vec![image]));
    }
    commands
}

#[test]
fn threads_hand_numbers_to_one_another_and_none_is_lost() {
    let desk = Desk::new("threads");
    let module = program(&desk, 0);
    for (tool, args) in commands(&desk, &module) {
        for _ in 0..5 {
            let outcome = desk.run(tool, &args);
            let found = (outcome.status, outcome.stdout.as_str());
            assert_eq!(found, (Some(0), "sum 200010000\ncount 20000\n"), "{tool} {args:?}: {}", outcome.stderr);
        }
    }
}

#[test]
fn a_thread_that_exits_ends_the_program_while_others_wait_and_sleep() {
    let desk = Desk::new("thread-exit");
    let module = program(&desk, 1);
    for (tool, args) in commands(&desk, &module) {
        let outcome = desk.run(tool, &args);
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(7), ""), "{tool} {args:?}: {}", outcome.stderr);
    }
}

#[test]
fn a_thread_that_traps_ends_the_program_while_others_wait_and_run() {
    let desk = Desk::new("thread-trap");
    let module = program(&desk, 2);
    for (tool, args) in commands(&desk, &module) {
        let outcome = desk.run(tool, &args);
        assert_eq!(outcome.status, Some(134), "{tool} {args:?}: {}", outcome.stderr);
        outcome.failed_with(&["unreachable", "worker", "wasi_thread_start"]);
    }
}
