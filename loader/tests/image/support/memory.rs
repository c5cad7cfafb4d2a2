//! A [`CodeMemory`] that nothing can run from, and that watches the loader: everything in order,
//! nothing outside, nothing writable and executable at once, code never written after it was placed.

use std::cell::RefCell;
use std::rc::Rc;
use wasmc_loader::{Access, CodeMemory, MemoryFailure, Placement, Segment};

/// What the loader asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Reserve { len: usize, align: usize },
    Place(Segment),
    Write { offset: u32, len: usize },
    Seal(Segment),
    Drop,
}

/// Access that a segment's pages have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    Read,
    ReadWrite,
    ReadExecute,
}

pub struct WatchedMemory {
    pub base: usize,
    pub bytes: Vec<u8>,
    pub events: Rc<RefCell<Vec<Event>>>,
    placed: Vec<(Segment, Protection)>,
    /// Fails at the event with this number.
    pub fail_at: Option<usize>,
}

impl WatchedMemory {
    pub fn new(base: usize) -> WatchedMemory {
        WatchedMemory { base, bytes: vec![], events: Rc::default(), placed: vec![], fail_at: None }
    }

    fn enter(&self, event: Event) -> Result<(), MemoryFailure> {
        let mut events = self.events.borrow_mut();
        if self.fail_at == Some(events.len()) {
            return Err(MemoryFailure(12));
        }
        events.push(event);
        Ok(())
    }
}

impl CodeMemory for WatchedMemory {
    fn reserve(&mut self, len: usize, align: usize) -> Result<usize, MemoryFailure> {
        self.enter(Event::Reserve { len, align })?;
        assert!(self.bytes.is_empty(), "reserved twice");
        assert!(align.is_power_of_two());
        self.bytes = vec![0xAA; len];
        Ok(self.base)
    }

    fn place(&mut self, segment: &Segment, contents: &[u8]) -> Result<Placement, MemoryFailure> {
        self.enter(Event::Place(*segment))?;
        assert_eq!(contents.len(), segment.len as usize);
        assert_ne!(contents.len(), 0);
        assert!(self.placed.iter().all(|(before, _)| before.end() <= segment.offset), "ascending, disjoint");
        self.bytes[segment.offset as usize..segment.end() as usize].copy_from_slice(contents);
        // What is copied is written, and not executable before the seal.
        self.placed.push((*segment, Protection::ReadWrite));
        Ok(Placement::Copied)
    }

    fn write(&mut self, offset: u32, pointer: &[u8]) -> Result<(), MemoryFailure> {
        self.enter(Event::Write { offset, len: pointer.len() })?;
        assert!(matches!(pointer.len(), 4 | 8));
        assert_eq!(offset as usize % pointer.len(), 0);
        let home = self.placed.iter().find(|(segment, _)| segment.contains(offset, pointer.len() as u32));
        let (segment, protection) = home.expect("inside a segment");
        assert_eq!((segment.access, *protection), (Access::Relocated, Protection::ReadWrite));
        self.bytes[offset as usize..][..pointer.len()].copy_from_slice(pointer);
        Ok(())
    }

    fn seal(&mut self, segment: &Segment) -> Result<(), MemoryFailure> {
        self.enter(Event::Seal(*segment))?;
        let (_, protection) = self.placed.iter_mut().find(|(placed, _)| placed == segment).expect("placed");
        assert_eq!(*protection, Protection::ReadWrite, "sealed once");
        *protection = match segment.access {
            Access::Execute => Protection::ReadExecute,
            Access::Read | Access::Relocated => Protection::Read,
        };
        Ok(())
    }

    fn contents(&self, segment: &Segment) -> &[u8] {
        assert_eq!(segment.access, Access::Read);
        assert_eq!(self.placed.first(), Some(&(*segment, Protection::Read)), "after the seal");
        &self.bytes[segment.offset as usize..segment.end() as usize]
    }
}

impl Drop for WatchedMemory {
    fn drop(&mut self) {
        self.events.borrow_mut().push(Event::Drop);
    }
}
