//! What an image was built for and what a machine is: each difference is an error of its own, which names
//! both sides.

use crate::support::seal::patch_header;
use crate::{MACHINE, real_image, real_image_with};
use wasmc::{MemoryModel, Options, Target};
use wasmc_abi::target::{Arch, FloatAbi, IsaState, cpu_feature_table};
use wasmc_abi::{ABI_VERSION, FORMAT_VERSION};
use wasmc_loader::{LoadError, Machine, Verify, parse};

/// Loading fails with this error, whose message has all of `parts`.
#[track_caller]
fn assert_refused(file: &[u8], machine: &Machine, wanted: LoadError, parts: &[&str]) {
    let error = parse(file, machine, Verify::Full).expect_err("it was accepted");
    assert_eq!(error, wanted);
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
}

/// The image with another value in a field of its header, checksums right.
fn with_header(field: &str, value: u32) -> Vec<u8> {
    let mut file = real_image();
    patch_header(&mut file, field, &value.to_le_bytes());
    file
}

#[test]
fn another_architecture_names_both() {
    let machine = Machine { arch: Arch::Aarch64, ..MACHINE };
    let wanted = LoadError::Arch { image: Arch::X86_64 as u32, machine: Arch::Aarch64 };
    assert_refused(&real_image(), &machine, wanted, &["x86_64", "aarch64", "--target"]);
    let wanted = LoadError::Arch { image: Arch::Riscv as u32, machine: Arch::X86_64 };
    assert_refused(&with_header("arch", Arch::Riscv as u32), &MACHINE, wanted, &["riscv", "x86_64"]);
}

#[test]
fn another_pointer_width_names_both() {
    let machine = Machine { pointer_bits: 32, arch: Arch::Arm, ..MACHINE };
    let wanted = LoadError::PointerBits { image: 64, machine: 32 };
    assert_refused(&real_image(), &machine, wanted, &["64-bit", "32-bit", "--target"]);
}

#[test]
fn another_abi_or_format_version_names_both() {
    let (image, newest) = (ABI_VERSION + 1, ABI_VERSION);
    let wanted = LoadError::AbiVersion { image, oldest: 1, newest };
    let parts = [format!("version {image}"), format!("to {newest}")];
    assert_refused(&with_header("abi_version", image), &MACHINE, wanted, &[&parts[0], &parts[1], "Update"]);

    let (image, loader) = (FORMAT_VERSION + 1, FORMAT_VERSION);
    let wanted = LoadError::FormatVersion { image, loader };
    let parts = [format!("version {image}"), format!("version {loader}")];
    assert_refused(&with_header("format_version", image), &MACHINE, wanted, &[&parts[0], &parts[1], "Update"]);
}

#[test]
fn another_calling_convention_names_both() {
    let machine = Machine { float_abi: FloatAbi::Soft, ..MACHINE };
    let wanted = LoadError::FloatAbi { image: FloatAbi::Hard as u32, machine: FloatAbi::Soft };
    assert_refused(&real_image(), &machine, wanted, &["hard", "soft"]);

    let machine = Machine { isa_states: &[IsaState::Thumb], ..MACHINE };
    let wanted = LoadError::IsaState { image: IsaState::Default as u32, machine: machine.isa_states };
    assert_refused(&real_image(), &machine, wanted, &["default", "thumb"]);
}

#[test]
fn larger_pages_name_both() {
    let machine = Machine { page_len: 1 << 16, ..MACHINE };
    let wanted = LoadError::PageLen { image: 4096, machine: 1 << 16 };
    assert_refused(&real_image(), &machine, wanted, &["4096", "65536"]);
}

/// On every architecture: an image for a better CPU loads where all that it requires is, and where one feature is
/// missing the message names it, what there is to do, and nothing else as missing.
#[test]
fn a_missing_cpu_feature_is_named() {
    assert_eq!(Target::default().required, MACHINE.cpu_features);
    for (name, cpu, features, missing) in [
        ("x86_64-linux", Some("x86-64-v3"), "", "avx2"),
        ("x86_64-linux", Some("znver4"), "", "avx512vl"),
        ("aarch64-linux", Some("neoverse-n1"), "", "lse"),
        ("aarch64-linux", None, "+dotprod", "dotprod"),
        ("armv7-linux", None, "+neon", "neon"),
        ("armv7-linux", Some("cortex-a7"), "", "hwdiv-arm"),
        ("thumbv7-linux", Some("cortex-a53"), "", "fp-armv8"),
        ("riscv64-linux", None, "+v", "v"),
        ("riscv64-linux", Some("spacemit-x60"), "", "zba"),
        ("thumbv7em-none-hf", Some("cortex-m7"), "", "fp64"),
        ("thumbv8m.main-none", Some("cortex-m33"), "", "dsp"),
        ("riscv32imac-none", Some("rp2350-hazard3"), "", "zbb"),
    ] {
        let target = Target::new(name, cpu, &[features.into()]).expect("these exist");
        let (row, image) = (target.row, target.required);
        let memory = row.memory_models[0];
        let file = real_image_with(Options { target, memory, ..Options::default() });
        let machine = Machine {
            arch: row.arch,
            isa_states: &[IsaState::Default, IsaState::Thumb],
            float_abi: row.float_abi,
            pointer_bits: row.pointer_bits,
            cpu_features: image,
            page_len: row.page_len,
            memory_models: row.memory_models,
        };
        assert!(parse(&file, &machine, Verify::Full).is_ok(), "{name}");
        let bit = cpu_feature_table(row.arch).iter().find(|feature| feature.name == missing).expect("it has a row").bit;
        let less = image & !(1 << bit);
        let wanted = LoadError::CpuFeatures { arch: row.arch, image, machine: less };
        let lacks = format!("this CPU lacks {missing}.");
        let parts = [&lacks, "--cpu", "--features"];
        assert_refused(&file, &Machine { cpu_features: less, ..machine }, wanted, &parts);
    }
}

#[test]
fn another_memory_model_names_both() {
    let checked_only = Machine { memory_models: &[MemoryModel::Checked], ..MACHINE };
    let wanted = LoadError::MemoryModel { image: MemoryModel::Guard as u32, machine: checked_only.memory_models };
    assert_refused(&real_image(), &checked_only, wanted, &["guard", "checked", "--memory=checked"]);
    let checked = real_image_with(Options { memory: MemoryModel::Checked, ..Options::default() });
    assert!(parse(&checked, &checked_only, Verify::Full).is_ok());
}

#[test]
fn a_changed_byte_anywhere_is_an_error() {
    let file = real_image();
    for at in (0..file.len()).step_by(7) {
        let mut file = file.clone();
        file[at] ^= 0x10;
        parse(&file, &MACHINE, Verify::Full).expect_err("the checksums cover every byte");
    }
}
