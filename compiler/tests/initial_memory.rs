//! Initial contents of memories: an image's runs and data records together give what the segments of
//! the module give, one after another.

use wasmc::link::LinkedCode;
use wasmc::parse::{ConstExpr, Data, Global, GlobalIndex, GlobalType, MemoryIndex, MemoryType, Module, SegmentMode};
use wasmc::{Options, compile, image};
use wasmc_abi::ValType;
use wasmc_abi::checksum::xxh32;
use wasmc_abi::image::SegmentMode as Stored;
use wasmc_abi::vmctx::PAGE_LEN;
use wasmc_loader::{Image, Machine, Verify};

/// Data segments: memory, address, bytes.
type Segment = (u32, u32, Vec<u8>);

fn options() -> Options {
    Options { threads: std::num::NonZeroUsize::MIN, ..Options::default() }
}

/// The image of a module with two memories of `pages` each, and these active segments.
fn build(pages: u64, segments: &[Segment]) -> Vec<u8> {
    build_module(pages, segments, true)
}

/// `names_data`: whether instructions may name segments.
fn build_module(pages: u64, segments: &[Segment], names_data: bool) -> Vec<u8> {
    let active = |(memory, address, bytes): &Segment| {
        data(SegmentMode::Active(MemoryIndex(*memory), ConstExpr::Bits(u128::from(*address))), bytes.clone().leak())
    };
    let data = segments.iter().map(active).collect();
    write(Module { memories: memories(pages), data, names_data, ..Module::default() })
}

fn write(module: Module<'_>) -> Vec<u8> {
    image::write(&module, &LinkedCode::default(), &options()).unwrap()
}

fn memories(pages: u64) -> Vec<MemoryType> {
    vec![MemoryType { min: pages, max: None, page_len: wasmc_abi::vmctx::PAGE_LEN, shared: false, wide: false }; 2]
}

fn data(mode: SegmentMode<MemoryIndex>, bytes: &[u8]) -> Data<'_> {
    Data { mode, bytes }
}

/// What the loader makes of an image that was built for a machine with every feature.
fn load(file: &[u8]) -> Image<'_> {
    let machine = Machine { page_len: 4096, cpu_features: u64::MAX, ..Machine::host() };
    wasmc_loader::parse(file, &machine, Verify::Full).unwrap_or_else(|e| panic!("{e}"))
}

/// The memories after the segments were applied in order up to the first that does not fit, and
/// whether there is one.
fn expected(pages: u64, segments: &[Segment]) -> ([Vec<u8>; 2], bool) {
    let mut memories = [0, 1].map(|_| vec![0; (pages * PAGE_LEN) as usize]);
    for (memory, address, bytes) in segments {
        let place =
            memories[*memory as usize].get_mut(*address as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
        let Some(place) = place else { return (memories, true) };
        place.copy_from_slice(bytes);
    }
    (memories, false)
}

/// The same from an image: runs, page by page as they are mapped, then records.
fn instantiated(file: &[u8]) -> ([Vec<u8>; 2], bool) {
    let image = load(file);
    let mut memories = [0, 1].map(|i| vec![0; (image.memories().get(i).unwrap().min * PAGE_LEN) as usize]);
    for run in image.memory_runs().iter() {
        let mapped_len = run.len.next_multiple_of(image.header().page_len) as usize;
        let pages = &file[run.data_offset as usize..][..mapped_len];
        memories[run.memory as usize][run.address as usize..][..mapped_len].copy_from_slice(pages);
    }
    for data in image.data_segments().iter().filter(|d| d.mode == Stored::Active as u32) {
        let bytes = image.data(&data);
        let memory = &mut memories[data.memory as usize];
        let place = memory.get_mut(data.offset as u32 as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
        let Some(place) = place else { return (memories, true) };
        place.copy_from_slice(bytes);
    }
    (memories, false)
}

fn check(pages: u64, segments: &[Segment]) -> Vec<u8> {
    let file = build(pages, segments);
    assert!(instantiated(&file) == expected(pages, segments), "an image's memories differ");
    file
}

/// (address, length) of the runs.
fn runs(file: &[u8]) -> Vec<(u64, u32)> {
    load(file).memory_runs().iter().map(|run| (run.address, run.len)).collect()
}

#[test]
fn leading_segments_become_pages() {
    let file = check(3, &[(0, 4000, vec![1; 200]), (0, 5000, vec![2; 8]), (0, 4190, vec![3; 20])]);
    assert_eq!(runs(&file), [(0, 5008)]);
    let image = load(&file);
    assert!(image.data_segments().iter().all(|d| (d.mode, d.data_len) == (Stored::Declared as u32, 0)));
    assert_eq!(image.data_segments().len(), 3, "the index space stays as it is");
}

#[test]
fn segments_in_pages_leave_no_record_where_no_instruction_can_name_them() {
    let file = build_module(1, &[(0, 16, vec![1; 8]), (0, 32, vec![2; 8])], false);
    assert_eq!((runs(&file), load(&file).data_segments().len()), (vec![(0, 40)], 0));
}

#[test]
fn runs_are_split_at_long_gaps_and_end_before_zeros() {
    let gap = 64 * 1024;
    let near = check(4, &[(0, 0, vec![1; 4096]), (0, 4096 + gap - 4096, vec![1])]);
    assert_eq!(runs(&near), [(0, gap + 1)]);
    let far = check(4, &[(0, 0, vec![1; 4096]), (0, 4096 + gap, vec![1])]);
    assert_eq!(runs(&far), [(0, 4096), (4096 + u64::from(gap), 1)]);
    let mut zeros = vec![0; 3 << 16];
    (zeros[0], zeros[2 << 16]) = (1, 1);
    assert_eq!(runs(&check(4, &[(0, 8192, zeros)])), [(8192, 1), (8192 + (2 << 16), 1)]);
    assert_eq!(runs(&check(4, &[(0, 8192, vec![0; 9000]), (1, 0, vec![])])), []);
}

#[test]
fn each_memory_has_its_runs() {
    let file = check(1, &[(1, 8192, vec![1]), (0, 4096, vec![2]), (1, 8190, vec![3; 2])]);
    let found: Vec<_> = load(&file).memory_runs().iter().map(|r| (r.memory, r.address, r.len)).collect();
    assert_eq!(found, [(0, 4096, 1), (1, 4096, 4097)]);
}

#[test]
fn a_segment_outside_traps_after_those_before_it() {
    for segments in [
        vec![(0, 0, vec![1]), (0, 65535, vec![2; 2]), (0, 1, vec![3])],
        vec![(0, 65536, vec![1])],
        vec![(0, 65537, vec![])],
        vec![(0, u32::MAX, vec![1]), (0, 0, vec![1])],
    ] {
        assert!(instantiated(&check(1, &segments)).1, "{segments:?}");
    }
    assert!(!instantiated(&check(1, &[(0, 65536, vec![])])).1, "an empty segment may stand at the end");
    assert!(instantiated(&check(0, &[(0, 0, vec![]), (0, 0, vec![1])])).1);
}

#[test]
fn segments_that_depend_on_something_stay_records_with_all_behind_them() {
    let active = |expr| SegmentMode::Active(MemoryIndex(0), expr);
    let segments = [
        data(SegmentMode::Passive, b"passive"),
        data(active(ConstExpr::Bits(0)), b"first"),
        data(active(ConstExpr::Global(GlobalIndex(0))), b"relative"),
        data(active(ConstExpr::Bits(9)), b"later"),
    ];
    let ty = GlobalType { value: ValType::I32, mutable: false };
    let globals = vec![Global { ty, init: Some(ConstExpr::Bits(5)) }];
    let data = segments.to_vec();
    let file = write(Module { memories: memories(1), globals, data, names_data: true, ..Module::default() });
    let image = load(&file);
    let modes: Vec<_> = image.data_segments().iter().map(|d| d.mode).collect();
    assert_eq!(modes, [Stored::Passive, Stored::Declared, Stored::Active, Stored::Active].map(|m| m as u32));
    let contents: Vec<_> = image.data_segments().iter().map(|d| image.data(&d)).collect();
    assert_eq!(contents, [&b"passive"[..], b"", b"relative", b"later"]);
    assert_eq!(runs(&file), [(0, 5)]);
}

#[test]
fn imported_memories_have_no_runs() {
    let file = compile(b"(module (import \"e\" \"m\" (memory 1)) (data (i32.const 0) \"x\"))", &options()).unwrap();
    assert_eq!(runs(&file), []);
    assert_eq!(load(&file).data_segments().get(0).unwrap().mode, Stored::Active as u32);
}

#[test]
fn crumbs_in_many_pages_stay_records() {
    let crumbs: Vec<_> = (0..600).map(|i| (0, i * 32768, vec![1])).collect();
    let file = check(600, &crumbs);
    assert_eq!(runs(&file), []);
    assert!(file.len() < 100_000, "{} bytes", file.len());
}

#[test]
fn random_segments_end_as_if_applied_in_order() {
    for seed in 0..60u32 {
        let mut state = seed;
        let mut random = |below: u32| {
            state = xxh32(&state.to_le_bytes(), 1);
            state % below
        };
        let pages = u64::from(random(3));
        let segments: Vec<Segment> = (0..random(12))
            .map(|_| {
                let len = [0, 1, 5, 300, 5000, 70000][random(6) as usize];
                let byte = random(3) as u8;
                let limit = (pages * PAGE_LEN) as u32 + u32::from(random(8) == 0);
                (random(2), random(limit.saturating_sub(len) + 1), vec![byte; len as usize])
            })
            .collect();
        assert!(instantiated(&build(pages, &segments)) == expected(pages, &segments), "seed {seed}");
    }
}
