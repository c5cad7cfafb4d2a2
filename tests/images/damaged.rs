//! No damage to a real image makes the loader panic or read outside of it: it ends in an error, or in an
//! image that is harmless to read. (`cargo xtask ci` does the same under AddressSanitizer.)

use crate::support::exercise::exercise;
use crate::support::mutate::{change_at_random, change_bytes, change_fields, truncate};
use crate::{MACHINE, real_image};
use wasmc_abi::image::Table;
use wasmc_loader::{Verify, parse};

#[test]
fn the_image_is_sound_and_has_every_table() {
    let file = real_image();
    let image = parse(&file, &MACHINE, Verify::Full).unwrap_or_else(|error| panic!("{error}"));
    exercise(&image);
    let counts = [
        (Table::Types, image.types().len()),
        (Table::Imports, image.imports().len()),
        (Table::Exports, image.exports().len()),
        (Table::Functions, image.functions().len()),
        (Table::Escapes, image.escapes().len()),
        (Table::Tables, image.tables().len()),
        (Table::Memories, image.memories().len()),
        (Table::Globals, image.globals().len()),
        (Table::Elements, image.elements().len()),
        (Table::Data, image.data_segments().len()),
        (Table::MemoryRuns, image.memory_runs().len()),
        (Table::Fixups, image.fixups().len()),
        (Table::Unwind, image.unwind_rows().len()),
        (Table::SiteIndex, image.site_index().len()),
    ];
    for (table, count) in counts {
        assert_ne!(count, 0, "{} is empty, so its damage is not tried", table.name());
    }
    assert_eq!(image.module_name(), Some("real"));
}

#[test]
fn every_truncation_is_an_error() {
    let file = real_image();
    let tally = truncate(&file, &MACHINE);
    assert_eq!((tally.loaded, tally.refused), (0, 2 * file.len()));
}

#[test]
fn every_changed_byte_of_the_head_is_an_error_or_harmless() {
    let tally = change_bytes(&real_image(), &MACHINE, 1);
    assert!(tally.loaded > 1000 && tally.refused > 10_000, "{tally:?}");
}

#[test]
fn every_field_at_its_extremes_is_an_error_or_harmless() {
    let tally = change_fields(&real_image(), &MACHINE);
    assert!(tally.loaded > 100 && tally.refused > 1000, "{tally:?}");
}

#[test]
fn several_changed_bytes_are_an_error_or_harmless() {
    let file = real_image();
    for seed in 1..=2 {
        println!("seed {seed}");
        let tally = change_at_random(&file, &MACHINE, seed, 2000);
        assert!(tally.loaded > 10 && tally.refused > 10, "{tally:?}");
    }
}
