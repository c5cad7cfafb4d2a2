//! Visits everything that an image offers: whoever got past the checks must be harmless.

use super::memory::WatchedMemory;
use std::hint::black_box;
use wasmc_abi::Builtin;
use wasmc_abi::fixup::FixupTarget;
use wasmc_abi::image::Record;
use wasmc_loader::{Image, Records, load};

/// Positions at which tables are asked, at most.
const POSITIONS: u32 = 12;

/// Recognisable addresses of helpers.
pub fn helpers() -> [usize; Builtin::COUNT] {
    core::array::from_fn(|k| 0x1000_0000 + 0x100 * k)
}

/// Reads all there is to read, loads the image, and reads it again from where it was loaded.
pub fn exercise(image: &Image<'_>) {
    visit(image);
    // SAFETY: nothing is ever called.
    let loaded = unsafe { load(image, WatchedMemory::new(0x7000_0000), &helpers()) }.expect("what was checked, loads");
    let code = loaded.code();
    assert_eq!(code.base(), 0x7000_0000);
    check_pointers(image, &loaded.memory().bytes);
    visit(code.image());
    for ty in 0..image.types().len() {
        black_box((code.entry_address(ty), code.thunk_address(ty)));
    }
    for function in 0..image.functions().len() {
        if let Some(address) = code.function_address(function) {
            assert!(code.code_range().contains(&(address & !1)));
            assert!(code.code_offset(address).is_some());
        }
    }
    black_box(code.code_offset(0));
}

/// Every slot holds what its fixup says.
fn check_pointers(image: &Image<'_>, bytes: &[u8]) {
    let len = image.header().pointer_bits as usize / 8;
    for fixup in image.fixups().iter() {
        let expected = match fixup.decode() {
            FixupTarget::Image(offset) => 0x7000_0000 + offset as usize,
            FixupTarget::Helper(number) => helpers()[number as usize],
        };
        assert_eq!(bytes[fixup.slot as usize..][..len], (expected as u64).to_le_bytes()[..len]);
    }
}

fn visit(image: &Image<'_>) {
    black_box((image.header(), image.module_name(), image.segments(), format!("{image:?}").len()));
    visit_types(image);
    visit_names(image);
    visit_contents(image);
    visit_positions(image);
    records(image.tables());
    records(image.memories());
    records(image.globals());
    records(image.escapes());
    records(image.fixups());
    records(image.unwind_rows());
    records(image.site_index());
}

/// A table read by index and in a row is the same.
fn records<T: Record + Default + PartialEq + std::fmt::Debug>(records: Records<'_, T>) {
    for (index, record) in (0..).zip(records.iter()) {
        assert_eq!(records.get(index), Some(record));
    }
    assert_eq!(records.iter().len() as u32, records.len());
    assert_eq!(records.get(records.len()), None);
    assert_eq!(records.get(u32::MAX), None);
}

fn visit_types(image: &Image<'_>) {
    records(image.types());
    for ty in image.types().iter() {
        assert_eq!(image.params(&ty).len(), ty.params as usize);
        assert_eq!(image.results(&ty).len(), ty.results as usize);
        black_box(image.params(&ty).chain(image.results(&ty)).map(|ty| ty.number() as usize).sum::<usize>());
    }
    for function in 0..image.function_count() {
        let ty = image.function_type(function).expect("every function has a type");
        assert!(ty < image.types().len());
        black_box(image.escape_index(function));
    }
    assert_eq!(image.function_type(image.function_count()), None);
    assert_eq!(image.escape_index(u32::MAX), None);
}

fn visit_names(image: &Image<'_>) {
    records(image.imports());
    records(image.exports());
    records(image.functions());
    for import in image.imports().iter() {
        let (module, name) = image.import_names(&import);
        assert_eq!((module.len(), name.len()), (import.module_len as usize, import.name_len as usize));
    }
    for export in image.exports().iter() {
        assert_eq!(image.export_name(&export).len(), export.name_len as usize);
    }
    for function in image.functions().iter() {
        black_box(image.function_name(&function).map(str::len));
    }
}

fn visit_contents(image: &Image<'_>) {
    records(image.elements());
    records(image.data_segments());
    records(image.memory_runs());
    for element in image.elements().iter() {
        assert_eq!(image.items(&element).len(), element.count);
        black_box(image.items(&element).iter().map(|item| u64::from(item.item)).sum::<u64>());
    }
    for data in image.data_segments().iter() {
        assert_eq!(image.data(&data).len(), data.data_len as usize);
        black_box(sum(image.data(&data)));
    }
    for run in image.memory_runs().iter() {
        assert_eq!(image.run(&run).len(), run.len as usize);
        black_box(sum(image.run(&run)));
    }
}

/// Touches every byte.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

fn visit_positions(image: &Image<'_>) {
    let header = image.header();
    let step = (header.code_len / POSITIONS).max(1) as usize;
    let inside = (header.code_offset..header.code_offset + header.code_len).step_by(step);
    for position in inside.chain([0, 1, header.image_len, u32::MAX]) {
        black_box(image.frame_at(position));
        let Some(site) = image.site_at(position) else { continue };
        assert!(site.code_offset <= position);
        for offset in site.wasm_offsets() {
            let function = image.function_at(*offset).and_then(|index| image.functions().get(index));
            black_box(function.and_then(|function| image.function_name(&function)));
        }
    }
}
