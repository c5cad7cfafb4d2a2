//! Names, features and CPUs of targets; the tables are compared with LLVM's own.

use super::rows::{TARGETS, TargetRow};
use super::{Os, Target, cpus};
use crate::Options;
use crate::machine::target_machine;
use inkwell::attributes::AttributeLoc;
use inkwell::context::Context;
use inkwell::passes::PassBuilderOptions;
use inkwell::values::{FunctionValue, InstructionOpcode};

fn target(name: &str) -> Target {
    Target::new(name, None, &[]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn targets_go_by_their_own_name_rusts_and_llvms() {
    for (name, row, features) in [
        ("x86_64-linux", "x86_64-linux", ""),
        ("x86_64-unknown-linux-gnu", "x86_64-linux", ""),
        ("x86_64-unknown-linux-musl", "x86_64-linux", ""),
        ("x86_64-pc-linux-gnu", "x86_64-linux", ""),
        ("aarch64-unknown-linux-gnu", "aarch64-linux", ""),
        ("aarch64-unknown-linux-musl", "aarch64-linux", ""),
        ("aarch64-linux-gnu", "aarch64-linux", ""),
        ("armv7-unknown-linux-gnueabihf", "armv7-linux", ""),
        ("armv7-unknown-linux-musleabihf", "armv7-linux", ""),
        ("arm-linux-gnueabihf", "armv7-linux", ""),
        ("thumbv7-unknown-linux-gnueabihf", "thumbv7-linux", ""),
        ("thumbv7neon-unknown-linux-gnueabihf", "thumbv7-linux", "d32 neon"),
        ("riscv64gc-unknown-linux-gnu", "riscv64-linux", ""),
        ("riscv64-unknown-linux-gnu", "riscv64-linux", ""),
        ("riscv64-linux-gnu", "riscv64-linux", ""),
        ("riscv64a23-unknown-linux-gnu", "riscv64-linux", "v zba zbb zbs zicond zfa zcb"),
        ("thumbv7em-none-eabi", "thumbv7em-none", ""),
        ("thumbv7em-none-eabihf", "thumbv7em-none-hf", ""),
        ("thumbv8m.main-none-eabi", "thumbv8m.main-none", ""),
        ("thumbv8m.main-none-eabihf", "thumbv8m.main-none-hf", ""),
        ("riscv32imac-unknown-none-elf", "riscv32imac-none", ""),
        ("riscv32imafc-unknown-none-elf", "riscv32imafc-none", ""),
    ] {
        let target = target(name);
        assert_eq!(target.row.name, row, "{name}");
        if !features.is_empty() {
            assert_eq!(target.row.feature_names(target.required).join(" "), features, "{name}");
        }
    }
    for row in TARGETS {
        assert_eq!(target(row.name).row.name, row.name);
        // One LLVM triple serves two sets of extensions of RISC-V.
        assert_eq!(target(row.triple).row.triple, row.triple);
    }
}

#[test]
fn names_of_other_machines_are_refused_with_what_there_is() {
    for (name, reason) in [
        ("mips-unknown-linux-gnu", "no target `mips-unknown-linux-gnu`"),
        ("armv7-unknown-linux-gnueabi", "ends in `eabihf`"),
        ("thumbv7em-none", "the targets are"),
        ("thumbv6m-none-eabi", "no target"),
        ("riscv32imc-unknown-none-elf", "which extensions"),
        ("riscv64imac-unknown-none-elf", "no target"),
        ("x86_64-unknown-linux-gnux32", "no target"),
        ("x86_64-apple-darwin", "no target"),
        ("aarch64_be-unknown-linux-gnu", "no target"),
        ("", "no target"),
    ] {
        match Target::new(name, None, &[]) {
            // A name of our own.
            Ok(target) => assert_eq!(target.row.name, name),
            Err(refused) => {
                let refused = refused.to_string();
                assert!(refused.contains(reason) && refused.contains("x86_64-linux, aarch64-linux"), "{refused}");
            }
        }
    }
}

#[test]
fn features_follow_the_cpu_and_the_changes() {
    let names = |name: &str, cpu: Option<&str>, changes: &str| {
        let target = Target::new(name, cpu, &[changes.into()]).unwrap();
        target.row.feature_names(target.required).join(" ")
    };
    assert_eq!(names("x86_64-linux", Some("x86-64"), ""), "");
    assert_eq!(names("x86_64-linux", Some("x86-64"), "+avx"), "sse3 ssse3 sse4.1 sse4.2 avx");
    // What is taken away takes what builds on it.
    assert_eq!(
        names("x86_64-linux", Some("x86-64-v4"), "-avx,-bmi"),
        "cx16 sahf popcnt sse3 ssse3 sse4.1 sse4.2 bmi2 lzcnt movbe"
    );
    assert_eq!(names("armv7-linux", None, "+neon"), "d32 neon");
    assert_eq!(names("armv7-linux", Some("cortex-a7"), "-neon"), "d32 vfp4 hwdiv-arm");
    assert_eq!(names("riscv64-linux", None, "v,+zba"), "v zba");
    assert_eq!(names("aarch64-linux", Some("neoverse-n1"), ""), "lse rdm dotprod");

    let v3 = Target::new("x86_64-linux", Some("x86-64-v3"), &["-fma,+avx512f".into()]).unwrap();
    assert!(v3.llvm_features.contains("+avx2") && v3.llvm_features.contains("-avx512bw"));
    let neon = target("thumbv7neon-unknown-linux-gnueabihf");
    assert!(neon.llvm_features.ends_with("+d32,+neon"), "{}", neon.llvm_features);
}

#[test]
fn unknown_cpus_and_features_are_refused_with_what_there_is() {
    let refused = |name: &str, cpu: Option<&str>, feature: &str| {
        Target::new(name, cpu, &[feature.into()]).expect_err("there is no such thing").to_string()
    };
    let cpu = refused("aarch64-linux", Some("cortex-a7"), "");
    assert!(cpu.contains("`cortex-a7`") && cpu.contains("cortex-a72") && cpu.contains("native"), "{cpu}");
    let feature = refused("armv7-linux", None, "+hwdiv");
    assert!(feature.contains("`hwdiv`") && feature.contains("hwdiv-arm"), "{feature}");
    assert!(refused("thumbv7em-none", None, "+neon").contains("none can be chosen"));
    for row in TARGETS.iter().filter(|row| row.os == Os::None || row.pointer_bits == 32) {
        let native = refused(row.name, Some("native"), "");
        assert!(native.contains(row.name) && native.contains(std::env::consts::ARCH), "{native}");
    }
}

#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn the_native_cpu_is_this_machines() {
    let native = Target::new("x86_64-linux", Some("native"), &[]).unwrap();
    let has = |name: &str| native.row.feature_names(native.required).contains(&name);
    assert_eq!(has("avx2"), is_x86_feature_detected!("avx2"));
    assert_eq!(has("sse4.2"), is_x86_feature_detected!("sse4.2"));
}

/// Whether LLVM takes a CPU with features to have all of another's: each query is a pair of strings for either. What
/// is asked is whether a function for the one may be inlined into a function for the other.
fn llvm_includes(row: &'static TargetRow, queries: &[[(&str, &str); 2]]) -> Vec<bool> {
    let machine = target_machine(&Options { target: target(row.name), ..Options::default() }).unwrap();
    let context = Context::create();
    let module = context.create_module("queries");
    module.set_triple(&machine.get_triple());
    module.set_data_layout(&machine.get_target_data().get_data_layout());
    let builder = context.create_builder();
    let ty = context.void_type().fn_type(&[], false);
    let function = |(cpu, features): (&str, &str), callee: Option<FunctionValue>| {
        let function = module.add_function("f", ty, None);
        for (key, value) in [("target-cpu", cpu), ("target-features", features)] {
            function.add_attribute(AttributeLoc::Function, context.create_string_attribute(key, value));
        }
        builder.position_at_end(context.append_basic_block(function, ""));
        callee.map(|callee| builder.build_call(callee, &[], "").unwrap());
        builder.build_return(None).unwrap();
        function
    };
    let callers: Vec<_> = queries.iter().map(|[has, asked]| function(*has, Some(function(*asked, None)))).collect();
    module.run_passes("cgscc(inline)", &machine, PassBuilderOptions::create()).unwrap();
    let is_call = |i: &inkwell::values::InstructionValue| i.get_opcode() == InstructionOpcode::Call;
    let calls = |f: &FunctionValue| f.get_first_basic_block().unwrap().get_instructions().any(|i| is_call(&i));
    callers.iter().map(|caller| !calls(caller)).collect()
}

/// Features whose presence makes no difference to inlining, so that LLVM does not say whether they are there.
const UNANSWERED: &[&str] = &["cx16", "sahf"];

fn answered(row: &TargetRow) -> impl Iterator<Item = &'static str> + Clone {
    row.features.iter().copied().filter(|feature| !UNANSWERED.contains(feature))
}

/// What LLVM says of features, all asked in the same way: base, `+has`, `+asked`.
fn llvm_has(row: &'static TargetRow, base: &str, questions: &[(&str, String, &str)]) -> Vec<bool> {
    let texts: Vec<_> = questions
        .iter()
        .map(|(cpu, has, asked)| (*cpu, format!("{base}{has}"), format!("{base}{has},+{asked}")))
        .collect();
    let queries: Vec<_> =
        texts.iter().map(|(cpu, has, asked)| [(*cpu, has.as_str()), (*cpu, asked.as_str())]).collect();
    llvm_includes(row, &queries)
}

#[test]
fn llvm_answers_for_all_other_features() {
    for row in TARGETS {
        let cpu = row.base_cpu.unwrap_or(row.cpus[0].llvm);
        let base = row.llvm_features(0);
        let questions: Vec<_> = row.features.iter().map(|asked| (cpu, format!(",-{asked}"), *asked)).collect();
        for (feature, llvm) in row.features.iter().zip(llvm_has(row, &base, &questions)) {
            assert_eq!(llvm, UNANSWERED.contains(feature), "{}: {feature}", row.name);
        }
    }
}

#[test]
fn every_cpu_has_the_features_that_llvm_gives_it() {
    for row in TARGETS {
        let thumb = if row.triple.starts_with("thumb") { "+thumb-mode" } else { "" };
        // What LLVM takes for the least CPU of an ARM triple has NEON; ours has not.
        let cpus = row.cpus.iter().filter(|cpu| row.base_cpu.is_some() || cpu.name != "generic");
        let pairs = cpus.flat_map(|cpu| answered(row).map(move |feature| (cpu, feature)));
        let questions: Vec<_> = pairs.clone().map(|(cpu, feature)| (cpu.name, String::new(), feature)).collect();
        for ((cpu, feature), llvm) in pairs.zip(llvm_has(row, thumb, &questions)) {
            let ours = row.feature_names(row.features_of(cpu)).contains(&feature);
            // An option of Cortex-A of Armv7. LLVM's tables have them without, clang and GCC with.
            let llvm = llvm || feature == "neon";
            assert_eq!(ours, llvm, "{}, CPU {}, feature {feature}: here and in LLVM", row.name, cpu.name);
        }
    }
}

#[test]
fn a_feature_builds_on_what_llvm_says() {
    for row in TARGETS {
        let base = row.llvm_features(0);
        let cpu = row.base_cpu.unwrap_or(row.cpus[0].llvm);
        let pairs = answered(row).flat_map(|has| answered(row).map(move |asked| (has, asked)));
        let questions: Vec<_> = pairs.clone().map(|(has, asked)| (cpu, format!(",+{has}"), asked)).collect();
        for ((has, asked), llvm) in pairs.zip(llvm_has(row, &base, &questions)) {
            let ours = row.feature_names(row.closure(has)).contains(&asked);
            assert_eq!(ours, llvm, "{}: whether {has} includes {asked}, here and in LLVM", row.name);
        }
    }
}

/// The image says what code needs: LLVM is given nothing that the image would not name.
#[test]
fn code_is_given_no_feature_that_the_image_does_not_require() {
    // Those of newer architectures, which come with a CPU's name where scheduling does.
    let unlisted = ["v8", "v8.1m.main", "lob", "mve", "mve.fp"];
    for row in TARGETS {
        for cpu in row.cpus {
            let target = Target::new(row.name, Some(cpu.name), &[]).unwrap();
            let unlisted = if row.base_cpu.is_none() { unlisted.as_slice() } else { &[] };
            let asked: Vec<_> = answered(row).chain(unlisted.iter().copied()).collect();
            let questions: Vec<_> = asked.iter().map(|asked| (target.llvm_cpu, String::new(), *asked)).collect();
            let named = row.feature_names(target.required);
            for (feature, llvm) in asked.iter().zip(llvm_has(row, &target.llvm_features, &questions)) {
                assert_eq!(llvm, named.contains(feature), "{}, CPU {}: {feature}", row.name, cpu.name);
            }
        }
    }
}

#[test]
fn rows_are_consistent() {
    for row in TARGETS {
        assert!(row.cpus.iter().any(|cpu| cpu.name == row.default_cpu), "{}", row.name);
        assert!(row.features.iter().all(|feature| row.bit(feature).is_some()), "{}", row.name);
        for cpu in row.cpus {
            assert!(cpu.features.split_whitespace().all(|f| row.features.contains(&f)), "{} {}", row.name, cpu.name);
        }
        let below = row.features.iter().flat_map(|feature| cpus::implied(row.arch, feature));
        let table = wasmc_abi::target::cpu_feature_table(row.arch);
        below.for_each(|name| assert!(table.iter().any(|feature| feature.name == *name), "{name}"));
    }
}
