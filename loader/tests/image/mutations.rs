//! No bytes make the loader panic, loop or read outside: damage ends in an error, or in an image that
//! is harmless to read.

use crate::support::builder::Sample;
use crate::support::machine;
use crate::support::mutate::{change_at_random, change_bytes, change_fields, truncate};
use wasmc_loader::Machine;

/// The samples; and the image that `WASMC_TEST_IMAGE` names, if it is set. Under a sanitizer, which
/// LLVM cannot be built with, that is how one that the compiler made comes here.
fn samples() -> Vec<(Vec<u8>, Machine)> {
    let mut samples = vec![(Sample::new().build(), machine()), (Sample::new_32().build(), Sample::MACHINE_32)];
    if let Some(path) = std::env::var_os("WASMC_TEST_IMAGE") {
        let image = std::fs::read(&path).expect("WASMC_TEST_IMAGE names a file");
        samples.push((image, Machine { cpu_features: u64::MAX, ..machine() }));
    }
    samples
}

#[test]
fn every_truncation_is_an_error() {
    for (file, machine) in samples() {
        assert_eq!(truncate(&file, &machine).loaded, 0);
    }
}

#[test]
fn every_changed_byte_is_an_error_or_harmless() {
    // The second has the same tables behind the headers of the other class: fewer of their bytes.
    for ((file, machine), stride) in samples().into_iter().zip([1, 7, 1]) {
        let tally = change_bytes(&file, &machine, stride);
        assert!(tally.loaded > 1000 / stride && tally.refused > 10_000 / stride, "{tally:?}");
    }
}

#[test]
fn every_field_at_its_extremes_is_an_error_or_harmless() {
    for (file, machine) in samples() {
        let tally = change_fields(&file, &machine);
        assert!(tally.loaded > 100 && tally.refused > 1000, "{tally:?}");
    }
}

#[test]
fn several_changed_bytes_are_an_error_or_harmless() {
    for (file, machine) in samples() {
        for seed in 1..=4 {
            println!("seed {seed}");
            let tally = change_at_random(&file, &machine, seed, 2000);
            assert!(tally.loaded > 10 && tally.refused > 10, "{tally:?}");
        }
    }
}

#[test]
fn a_changed_byte_behind_the_head_is_an_error() {
    let (file, machine) = (Sample::new().build(), machine());
    for at in (file.len() / 2..file.len()).chain([0x1F00, 0x2000]) {
        let mut file = file.clone();
        file[at] ^= 1;
        let error = wasmc_loader::parse(&file, &machine, wasmc_loader::Verify::Full).unwrap_err();
        assert!(matches!(error, wasmc_loader::LoadError::BodyChecksum { .. }), "{error:?}");
    }
}
