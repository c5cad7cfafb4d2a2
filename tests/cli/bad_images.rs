//! Images that this machine, or this version, or nobody can run.

use crate::Desk;
use std::path::Path;
use wasmc_abi::checksum::xxh32_without;
use wasmc_abi::image::{CHECKSUM_FIELDS, Header, MAGIC};

const MODULE: &str = "(module (memory 1) (data (i32.const 0) \"contents\") (func (export \"_start\")))";

fn metadata_offset(image: &[u8]) -> usize {
    image.windows(MAGIC.len()).position(|bytes| bytes == MAGIC).expect("an image has metadata")
}

/// Changes the header, and the checksum with it: another builder's image, not a damaged one.
fn with_header(image: &[u8], change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut image = image.to_vec();
    let at = metadata_offset(&image);
    let mut header = Header::from_bytes(image[at..][..Header::LEN].try_into().expect("the length is the header's"));
    change(&mut header);
    header.head_checksum = 0;
    image[at..][..Header::LEN].copy_from_slice(&header.to_bytes());
    let fields = at + CHECKSUM_FIELDS.start;
    let sum = xxh32_without(&image[..header.head_len as usize], fields);
    image[fields..][..4].copy_from_slice(&sum.to_le_bytes());
    image
}

fn refused(desk: &Desk, path: &Path, words: &[&str]) {
    for (tool, verb) in [("aot-run", None), ("wasmc", Some("run"))] {
        let args = verb.map(AsRef::as_ref).into_iter().chain([path.as_os_str()]);
        desk.run(tool, args).failed_with(words);
    }
}

#[test]
fn images_for_another_machine_or_version_are_refused_with_both_values() {
    let desk = Desk::new("other-machine");
    let image = std::fs::read(desk.image("good", MODULE, &[])).expect("it was written");
    let same = desk.file("same.aot", with_header(&image, |_| {}));
    assert_eq!(desk.run("aot-run", [same]).status, Some(0), "the header can be rewritten");
    /// File name, what is changed, what the message names.
    type Change<'a> = (&'a str, fn(&mut Header), &'a [&'a str]);
    let changes: [Change<'_>; 6] = [
        ("format.aot", |h| h.format_version = 77, &["format", "77", "1"]),
        ("abi.aot", |h| h.abi_version = 88, &["ABI", "88", "1"]),
        ("arch.aot", |h| h.arch = 183, &["aarch64", "x86_64"]),
        ("cpu.aot", |h| h.cpu_features |= 1 << 63, &["CPU", "63"]),
        ("float.aot", |h| h.float_abi = 1, &["float", "soft", "hard"]),
        ("page.aot", |h| h.page_len = 64, &["page", "64", "4096"]),
    ];
    for (name, change, words) in changes {
        refused(&desk, &desk.file(name, with_header(&image, change)), words);
    }
}

#[test]
fn a_flipped_byte_anywhere_is_noticed() {
    let desk = Desk::new("flipped");
    let image = std::fs::read(desk.image("good", MODULE, &[])).expect("it was written");
    // A start (ELF header), the metadata, the code, the end, and a few between.
    let places = (0..24).map(|n| n * (image.len() - 1) / 23).chain([metadata_offset(&image) + 20]);
    for place in places {
        let mut bytes = image.clone();
        bytes[place] ^= 0x40;
        let path = desk.file("flipped.aot", bytes);
        let outcome = desk.run("aot-run", [path.as_os_str()]);
        assert!(outcome.status.is_some_and(|status| status != 0), "byte {place} of {}", image.len());
        assert!(!outcome.stderr.contains("panicked") && outcome.stderr.contains("flipped.aot"), "{}", outcome.stderr);
    }
}

#[test]
fn cut_off_and_foreign_files_are_refused() {
    let desk = Desk::new("foreign");
    let image = std::fs::read(desk.image("good", MODULE, &[])).expect("it was written");
    for len in [0, 3, 40, 200, image.len() / 2, image.len() - 1] {
        let path = desk.file("cut.aot", &image[..len]);
        desk.run("aot-run", [path.as_os_str()]).failed_with(&["cut.aot"]);
    }
    let program = std::env::current_exe().expect("this program has a path");
    desk.run("aot-run", [program.as_os_str()]).failed_with(&["not an .aot file"]);
    desk.run("aot-run", [desk.file("text.aot", "text")]).failed_with(&["text.aot"]);
    desk.run("aot-run", ["absent.aot"]).failed_with(&["absent.aot", "No such file"]);
}
