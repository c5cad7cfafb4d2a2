//! What is sound is loaded, completely and in order.

use crate::support::builder::{CODE, CODE_LEN, DATA, POINTERS, RUNS, Sample};
use crate::support::exercise::exercise;
use crate::support::memory::{Event, WatchedMemory};
use crate::support::{helpers, machine};
use std::rc::Rc;
use wasmc_abi::image::NONE;
use wasmc_abi::{Frame, ValType};
use wasmc_loader::{
    Access, LoadError, LoadedCode, Machine, MemoryStep, Segment, Verify, load, load_copied, load_in_place, parse,
};

fn load_sample(memory: WatchedMemory) -> Result<LoadedCode<WatchedMemory>, LoadError> {
    let file = Sample::new().build();
    let image = parse(&file, &machine(), Verify::Full).unwrap();
    // SAFETY: nothing is ever called.
    unsafe { load(&image, memory, &helpers()) }
}

#[test]
fn a_sound_image_is_loaded_for_64_and_32_bits() {
    for (sample, machine) in [(Sample::new(), machine()), (Sample::new_32(), Sample::MACHINE_32)] {
        let file = sample.build();
        exercise(&parse(&file, &machine, Verify::Full).unwrap());
        exercise(&parse(&file, &machine, Verify::Head).unwrap());
    }
}

#[test]
fn a_module_with_nothing_in_it_is_loaded() {
    exercise(&parse(&Sample::nothing().build(), &machine(), Verify::Full).unwrap());
}

#[test]
fn a_module_without_code_is_loaded() {
    let mut sample = Sample::nothing();
    (sample.header.code_offset, sample.header.code_len) = (0, 0);
    exercise(&parse(&sample.build(), &machine(), Verify::Full).unwrap());
}

#[test]
fn everything_that_was_written_is_read() {
    let sample = Sample::new();
    let file = sample.build();
    let image = parse(&file, &machine(), Verify::Full).unwrap();
    assert_eq!(image.types().iter().collect::<Vec<_>>(), sample.types);
    assert_eq!(image.imports().iter().collect::<Vec<_>>(), sample.imports);
    assert_eq!(image.exports().iter().collect::<Vec<_>>(), sample.exports);
    assert_eq!(image.functions().iter().collect::<Vec<_>>(), sample.functions);
    assert_eq!(image.globals().iter().collect::<Vec<_>>(), sample.globals);
    assert_eq!(image.fixups().iter().collect::<Vec<_>>(), sample.fixups);

    let ty = image.types().get(2).unwrap();
    assert_eq!(image.params(&ty).collect::<Vec<_>>(), [ValType::ExternRef]);
    assert_eq!(image.results(&ty).collect::<Vec<_>>(), [ValType::V128, ValType::FuncRef]);
    assert_eq!(image.module_name(), Some("sample"));
    assert_eq!(image.import_names(&image.imports().get(1).unwrap()), ("höst", "table"));
    assert_eq!(image.export_name(&image.exports().get(1).unwrap()), "run");
    assert_eq!(image.function_name(&image.functions().get(1).unwrap()), None);
    assert_eq!(image.function_name(&image.functions().get(2).unwrap()), Some(&*"f".repeat(600)));
    assert_eq!(image.data(&image.data_segments().get(1).unwrap()), &file[DATA as usize + 4..][..9]);
    assert_eq!(image.run(&image.memory_runs().get(0).unwrap()), &file[RUNS as usize..][..100]);
    assert_eq!(image.items(&image.elements().get(0).unwrap()).get(2).unwrap().item, NONE);
    assert_eq!(image.items(&image.elements().get(2).unwrap()).len(), 0);
}

#[test]
fn functions_are_found_by_index_and_by_position() {
    let file = Sample::new().build();
    let image = parse(&file, &machine(), Verify::Full).unwrap();
    assert_eq!([0, 1, 2, 3, 4, 5].map(|f| image.function_type(f)), [Some(1), Some(0), Some(1), Some(2), Some(2), None]);
    assert_eq!([0, 1, 2, 4, 5].map(|f| image.escape_index(f)), [None, Some(0), None, Some(1), None]);
    assert_eq!(
        [0x4F, 0x50, 0x5F, 0x60, 0xFFFF].map(|at| image.function_at(at)),
        [None, Some(0), Some(0), Some(1), Some(3)]
    );
    let frame = |cfa_offset| Some(Frame { cfa_offset, return_address: Some(8) });
    assert_eq!(image.frame_at(CODE - 1), None);
    assert_eq!(image.frame_at(CODE + 0x7F), frame(8));
    assert_eq!(image.frame_at(CODE + 0x80), frame(24));
    // Sites stand 5 bytes apart, in three groups.
    for i in 0..150 {
        for position in [CODE + 5 * i, CODE + 5 * i + 4] {
            let site = image.site_at(position).unwrap();
            assert_eq!((site.code_offset, site.wasm_offsets().len()), (CODE + 5 * i, 1 + i as usize % 5));
        }
    }
    assert_eq!(image.site_at(CODE - 1), None);
}

#[test]
fn segments_are_placed_then_filled_then_sealed() {
    let memory = WatchedMemory::new(0x10_0000);
    let events = Rc::clone(&memory.events);
    let code = load_sample(memory).unwrap();
    let segments = code.code().image().segments();
    assert_eq!(segments.map(|s| s.access), [Access::Read, Access::Execute, Access::Relocated]);
    let fixups = code.code().image().fixups();
    let mut expected = vec![Event::Reserve { len: POINTERS as usize + 0x100, align: 4096 }];
    expected.extend(segments.map(Event::Place));
    expected.extend(fixups.iter().map(|fixup| Event::Write { offset: fixup.slot, len: 8 }));
    expected.extend(segments.map(Event::Seal));
    assert_eq!(*events.borrow(), expected);
    drop(code);
    assert_eq!(events.borrow().last(), Some(&Event::Drop));
}

#[test]
fn pointers_get_image_addresses_and_helpers() {
    let code = load_sample(WatchedMemory::new(0x10_0000)).unwrap();
    let slot = |k: usize| {
        let at = POINTERS as usize + 8 * k;
        u64::from_le_bytes(code.memory().bytes[at..at + 8].try_into().unwrap()) as usize
    };
    let helpers = helpers();
    for (k, helper) in helpers.iter().enumerate() {
        assert_eq!(slot(k), *helper);
    }
    let base = 0x10_0000;
    let image = [base, base + CODE as usize + 0x101, base + POINTERS as usize + 8, base + POINTERS as usize + 0x100];
    assert_eq!([0, 1, 2, 3].map(|k| slot(helpers.len() + k)), image);
}

#[test]
fn nothing_but_the_writable_segment_is_changed() {
    let file = Sample::new().build();
    let code = load_sample(WatchedMemory::new(0x10_0000)).unwrap();
    for Segment { offset, len, access } in code.code().image().segments() {
        let range = offset as usize..(offset + len) as usize;
        assert_eq!(code.memory().bytes[range.clone()] == file[range], access != Access::Relocated);
    }
}

#[test]
fn every_failure_of_memory_is_reported_and_gives_it_back() {
    let fixups = Sample::new().fixups.len();
    for (event, expected) in [
        (0, MemoryStep::Reserve),
        (1, MemoryStep::Place),
        (3, MemoryStep::Place),
        (4, MemoryStep::Write),
        (3 + fixups, MemoryStep::Write),
        (4 + fixups, MemoryStep::Seal),
        (6 + fixups, MemoryStep::Seal),
    ] {
        let mut memory = WatchedMemory::new(0);
        memory.fail_at = Some(event);
        let events = Rc::clone(&memory.events);
        let error = load_sample(memory).err();
        assert_eq!(error, Some(LoadError::Memory { step: expected, code: 12 }));
        assert_eq!(events.borrow().last(), Some(&Event::Drop));
    }
}

#[test]
fn addresses_are_those_of_the_placed_image() {
    let loaded = load_sample(WatchedMemory::new(0x10_0000)).unwrap();
    let code = loaded.code();
    let start = 0x10_0000 + CODE as usize;
    assert_eq!(code.base(), 0x10_0000);
    assert_eq!(code.code_range(), start..start + CODE_LEN as usize);
    assert_eq!(code.function_address(0), Some(start + 0x100));
    assert_eq!(code.function_address(2), None);
    assert_eq!(code.entry_address(1), Some(start + 0x20));
    assert_eq!(code.thunk_address(1), Some(start + 0x40));
    assert_eq!(code.entry_address(2), None);
    assert_eq!(code.entry_address(3), None);
    assert_eq!(code.code_offset(start - 1), None);
    assert_eq!(code.code_offset(start + 5), Some(CODE + 5));
    assert_eq!(code.code_offset(start + CODE_LEN as usize), None);
}

/// A buffer whose first byte has the alignment of the sample's pages.
fn aligned(bytes: &mut [u8], len: usize) -> &mut [u8] {
    let start = bytes.as_ptr().align_offset(4096);
    &mut bytes[start..start + len]
}

/// An image without pointers to fill.
fn firmware_image() -> Vec<u8> {
    let mut sample = Sample::new();
    sample.fixups.clear();
    sample.build()
}

#[test]
fn an_image_without_pointers_runs_where_it_lies() {
    let file = firmware_image();
    let mut flash = vec![0; file.len() + 4096];
    let flash = aligned(&mut flash, file.len());
    flash.copy_from_slice(&file);
    let base = flash.as_ptr() as usize;
    let image = parse(flash, &machine(), Verify::Full).unwrap();
    // SAFETY: nothing is ever called.
    let code = unsafe { load_in_place(image) }.unwrap();
    assert_eq!(code.base(), base);
    assert_eq!(code.function_address(0), Some(base + CODE as usize + 0x100));
    assert_eq!(code.image().module_name(), Some("sample"));
}

#[test]
fn an_image_without_pointers_is_copied_to_a_buffer() {
    let file = firmware_image();
    let image = parse(&file, &machine(), Verify::Full).unwrap();
    let needed = image.header().image_len;
    let mut buffer = vec![0; needed as usize + 4096];
    let buffer = aligned(&mut buffer, needed as usize);
    let base = buffer.as_ptr() as usize;
    // SAFETY: nothing is ever called.
    let code = unsafe { load_copied(&image, buffer) }.unwrap();
    drop(file);
    assert_eq!(code.base(), base);
    assert_eq!(code.image().module_name(), Some("sample"));
}

#[test]
fn what_firmware_cannot_take_names_what_it_needs() {
    let file = Sample::new().build();
    let image = parse(&file, &machine(), Verify::Full).unwrap();
    // SAFETY: nothing is ever called.
    assert_eq!(unsafe { load_in_place(image) }.err(), Some(LoadError::Relocated));

    let file = firmware_image();
    let image = parse(&file, &machine(), Verify::Full).unwrap();
    let needed = image.header().image_len;
    let mut buffer = vec![0; needed as usize + 2 * 4096];
    // SAFETY: as above.
    let error = unsafe { load_copied(&image, &mut buffer[..needed as usize - 100]) }.err().unwrap();
    assert_eq!(error, LoadError::CodeBuffer { needed, len: u64::from(needed) - 100 });
    assert!(error.to_string().contains("100 more"), "{error}");
    let odd = &mut aligned(&mut buffer, needed as usize + 16)[16..];
    // SAFETY: as above.
    let error = unsafe { load_copied(&image, odd) }.err().unwrap();
    assert_eq!(error, LoadError::Alignment { needed: 4096 });
    assert!(error.to_string().contains("4096"), "{error}");
}

#[test]
fn t32_code_is_called_with_bit_0_set() {
    let file = Sample::new_32().build();
    let image = parse(&file, &Sample::MACHINE_32, Verify::Full).unwrap();
    // SAFETY: nothing is ever called.
    let loaded = unsafe { load(&image, WatchedMemory::new(0x10_0000), &helpers()) }.unwrap();
    let code = loaded.code();
    assert_eq!(code.function_address(0), Some(0x10_0000 + CODE as usize + 0x101));
    assert_eq!(code.code_range().start, 0x10_0000 + CODE as usize);
}

#[test]
fn the_host_is_described() {
    let host = Machine::host();
    assert_eq!(host.pointer_bits, usize::BITS);
    assert!(host.page_len.is_power_of_two());
    assert!(!host.isa_states.is_empty() && !host.memory_models.is_empty());
}
