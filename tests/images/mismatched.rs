//! What an image was built for and what a machine is: each difference is an error of its own, which names
//! both sides.

use crate::support::seal::patch_header;
use crate::{MACHINE, real_image, real_image_with};
use wasmc::{MemoryModel, Options, Target};
use wasmc_abi::target::{Arch, FloatAbi, IsaState, X86_64_FEATURES};
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

#[test]
fn a_missing_cpu_feature_is_named() {
    let target = Target::new("x86_64-linux", Some("x86-64-v3"), &[]).expect("the level exists");
    let file = real_image_with(Options { target, ..Options::default() });
    let v3 = X86_64_FEATURES.iter().filter(|feature| feature.level <= 3);
    let image = v3.fold(0, |bits, feature| bits | 1 << feature.bit);
    let all_of_it = Machine { cpu_features: image, ..MACHINE };
    assert!(parse(&file, &all_of_it, Verify::Full).is_ok());

    let avx2 = X86_64_FEATURES.iter().find(|feature| feature.name == "avx2").expect("it has a row");
    let machine = image & !(1 << avx2.bit);
    let wanted = LoadError::CpuFeatures { arch: Arch::X86_64, image, machine };
    assert_refused(&file, &Machine { cpu_features: machine, ..MACHINE }, wanted, &["popcnt", "lacks avx2.", "--cpu"]);
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
