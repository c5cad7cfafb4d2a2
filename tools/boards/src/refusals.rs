//! Images and buffers that do not fit: each has its own message, on a board too.

use crate::say;
use wasmc_abi::checksum::xxh32_without;
use wasmc_abi::image::{CHECKSUM_FIELDS, Header, MAGIC};
use wasmc_runtime::bare::{Board, HostFunc, Instance, Module, Stack};

/// Shows what is said of copies of `image` that are wrong in one way each, and of buffers that are too small.
pub fn show(image: &[u8], ram: &mut [u8], code: &mut [u8], stack: Stack) {
    let mut refused = |what: &str, change: &dyn Fn(&mut Header, &mut [u8])| {
        let copy = &mut code[..image.len()];
        copy.copy_from_slice(image);
        damage(copy, change);
        // SAFETY: nothing of it is called.
        match unsafe { Module::in_place(copy, &Board::default().machine()) } {
            Ok(_) => say!("{what}: not noticed"),
            Err(error) => say!("{what}: {error}"),
        }
    };
    // The two architectures of boards are ELF's 40 and 243.
    refused("architecture", &|_, elf| elf[18] ^= 40 ^ 243);
    refused("state", &|header, _| header.isa_state ^= 1);
    refused("float ABI", &|header, _| header.float_abi ^= 1);
    refused("CPU features", &|header, _| header.cpu_features |= 1 << 60);
    refused("ABI number", &|header, _| header.abi_version += 7);
    refused("page size", &|header, _| header.page_len = 3);
    refused("memory model", &|header, _| header.memory_model = 0);

    let machine = Board::default().machine();
    let larger = wasmc_runtime::bare::Machine { page_len: 4096, ..machine };
    // SAFETY: nothing of it is called.
    match unsafe { Module::in_place(image, &larger) } {
        Ok(_) => say!("large pages: not noticed"),
        Err(error) => say!("large pages: {error}"),
    }
    // SAFETY: nothing of it is called.
    match unsafe { Module::copied(image, &machine, &mut code[..256]) } {
        Ok(_) => say!("code buffer: not noticed"),
        Err(error) => say!("code buffer: {error}"),
    }
    // SAFETY: it is sound, and nothing of it is called.
    let module = unsafe { Module::in_place(image, &machine) }.unwrap_or_else(|error| panic!("{error}"));
    let none: &[HostFunc<()>] = &[];
    let len = ram.len();
    for (what, len) in [("RAM", 1000), ("import", len)] {
        match Instance::new(&module, &mut ram[..len], none, &mut (), stack) {
            Ok(_) => say!("{what}: not noticed"),
            Err(error) => say!("{what}: {error}"),
        }
    }
}

/// Changes the header, or the bytes of the file in front of it, and has the checksum fit again.
fn damage(image: &mut [u8], change: &dyn Fn(&mut Header, &mut [u8])) {
    let at = image.windows(MAGIC.len()).position(|bytes| bytes == MAGIC).expect("an image has a header");
    let (elf, metadata) = image.split_at_mut(at);
    let place: &mut [u8; Header::LEN] = metadata.first_chunk_mut().expect("it is whole");
    let mut header = Header::from_bytes(place);
    change(&mut header, elf);
    *place = header.to_bytes();
    let head = &image[..header.head_len as usize];
    header.head_checksum = xxh32_without(head, at + CHECKSUM_FIELDS.start);
    image[at..at + Header::LEN].copy_from_slice(&header.to_bytes());
}
