//! The pages of a memory that one store uses, accessible as far as the memory reaches and zero when it gets them.
//!
//! To map them and to give them back takes the system longer than all else that an instance needs. So some of what
//! memories leave is kept, for those of whatever store that come next. The pages of a short memory are kept as they
//! are and overwritten before the next one sees them; those of a longer one are replaced by new ones at once.

use std::fs::File;
use std::io;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use wasmc_abi::target::MemoryModel;

use crate::error::MemoryError;
use crate::memory::{GUARD_BEFORE, reserved_len};
use crate::sys::unix::{self, Mapping, Protection};

/// A memory is short if it takes less time to overwrite than to have pages mapped anew: bytes.
const SHORT_LEN: usize = 64 << 10;

/// Memories that had more bytes leave nothing.
const KEPT_LEN_MAX: usize = 64 << 20;

/// The most mappings that are kept for memories of a model.
const KEPT_MAX: usize = 16;

/// Pages that belong to one memory. Those of the guard model lie in a reservation, behind [`GUARD_BEFORE`] bytes, and
/// never move; of the checked model they are the mapping.
#[derive(Debug)]
pub(crate) struct Pages {
    content: Content,
    model: MemoryModel,
    /// Whether some are those of a file.
    from_file: bool,
}

/// A mapping and how many bytes of it, whole host pages, can be read and written.
#[derive(Debug)]
struct Content {
    mapping: Mapping,
    accessible: usize,
}

/// What memories of the guard model have left.
static RESERVATIONS: Mutex<Vec<Content>> = Mutex::new(Vec::new());

/// What memories of the checked model have left, each of `SHORT_LEN` bytes.
static SHORT: Mutex<Vec<Content>> = Mutex::new(Vec::new());

fn kept(model: MemoryModel) -> &'static Mutex<Vec<Content>> {
    match model {
        MemoryModel::Guard => &RESERVATIONS,
        MemoryModel::Checked => &SHORT,
    }
}

/// What is kept for memories of a model, if possible with so many accessible bytes.
fn take(model: MemoryModel, len: usize) -> Option<Content> {
    let mut kept = kept(model).lock().unwrap_or_else(PoisonError::into_inner);
    let fitting = kept.iter().rposition(|content| content.accessible == len);
    let index = fitting.or(kept.len().checked_sub(1))?;
    Some(kept.swap_remove(index))
}

/// Gives everything that is kept back to the system.
fn release() {
    for model in [MemoryModel::Guard, MemoryModel::Checked] {
        kept(model).lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Pages {
    /// Address space for a memory of the guard model, none of it accessible. If there is none, what is kept is given
    /// up for it.
    fn reserve() -> Result<Content, MemoryError> {
        let len_bytes = reserved_len(MemoryModel::Guard, 0);
        let reserve = || usize::try_from(len_bytes).ok().and_then(|len| Mapping::reserve(len).ok());
        let mapping = reserve().or_else(|| {
            release();
            reserve()
        });
        let mapping = mapping.ok_or(MemoryError::Reserve { len_bytes })?;
        Ok(Content { mapping, accessible: 0 })
    }

    /// Zeroed pages for `len_bytes` bytes.
    pub(crate) fn new(model: MemoryModel, len_bytes: u64) -> Result<Pages, MemoryError> {
        let error = MemoryError::Commit { len_bytes };
        let whole = usize::try_from(len_bytes).ok().and_then(unix::round_to_pages).ok_or(error)?;
        let kept = if model == MemoryModel::Guard || whole == SHORT_LEN { take(model, whole) } else { None };
        let used = kept.is_some();
        let content = match (kept, model) {
            (Some(content), _) => content,
            (None, MemoryModel::Guard) => Pages::reserve()?,
            (None, MemoryModel::Checked) => {
                let mapping = Mapping::zeroed(whole).map_err(|_| error)?;
                Content { accessible: mapping.len(), mapping }
            }
        };
        let mut pages = Pages { content, model, from_file: false };
        pages.overwrite(used);
        if model == MemoryModel::Guard {
            pages.limit(whole).map_err(|_| error)?;
        }
        Ok(pages)
    }

    /// Where they are, with what is reserved around them.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.content.mapping
    }

    /// Bytes of the mapping before the memory's first.
    pub(crate) fn before(&self) -> usize {
        match self.model {
            MemoryModel::Guard => GUARD_BEFORE,
            MemoryModel::Checked => 0,
        }
    }

    /// Replaces `len` bytes from the memory's byte `at` on, whole host pages, by a file's, copy-on-write. Not in the
    /// checked model: a memory that moves has to be one mapping, Linux moves no more at once.
    pub(crate) fn map_file(&mut self, at: usize, len: usize, file: &File, file_offset: u64) -> io::Result<()> {
        if self.model == MemoryModel::Checked {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.from_file = true;
        self.mapping().map_file(GUARD_BEFORE + at, len, file, file_offset, Protection::ReadWrite)
    }

    /// Makes room for `len` bytes, at least as many as there were. New ones are zero.
    pub(crate) fn grow(&mut self, len: usize) -> io::Result<()> {
        let whole = unix::round_to_pages(len).ok_or(io::ErrorKind::OutOfMemory)?;
        match self.model {
            // Of the last host page, what is behind the memory's end has never been written to.
            MemoryModel::Guard => self.limit(whole),
            MemoryModel::Checked => {
                self.content.mapping.resize(whole)?;
                self.content.accessible = whole;
                Ok(())
            }
        }
    }

    /// Of a reservation, makes exactly the first `len` bytes of the memory accessible, whole host pages.
    fn limit(&mut self, len: usize) -> io::Result<()> {
        let Content { mapping, accessible } = &mut self.content;
        let (from, to) = (GUARD_BEFORE + (*accessible).min(len), GUARD_BEFORE + (*accessible).max(len));
        let protection = if len < *accessible { Protection::None } else { Protection::ReadWrite };
        mapping.protect(from, to - from, protection)?;
        *accessible = len;
        Ok(())
    }

    /// Makes the pages of a short memory zero, if another had them before.
    fn overwrite(&mut self, used: bool) {
        let Content { mapping, accessible } = &self.content;
        if used && *accessible <= SHORT_LEN {
            // SAFETY: so many bytes can be written to, and nobody else has their address.
            unsafe { ptr::write_bytes(mapping.start().add(self.before()), 0, *accessible) };
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let Content { mapping, accessible } = &self.content;
        let (before, accessible) = (self.before(), *accessible);
        let fits = match self.model {
            MemoryModel::Guard => accessible <= KEPT_LEN_MAX,
            MemoryModel::Checked => accessible == SHORT_LEN,
        };
        let as_they_are = accessible <= SHORT_LEN && !self.from_file;
        if !fits || !as_they_are && mapping.renew(before, accessible).is_err() {
            return;
        }
        let mut kept = kept(self.model).lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_MAX {
            kept.push(Content { mapping: self.content.mapping.take(), accessible });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmc_loader::Machine;

    fn bytes(pages: &mut Pages) -> &mut [u8] {
        let (before, accessible) = (pages.before(), pages.content.accessible);
        // SAFETY: so many bytes are mapped, and lent to us.
        unsafe { std::slice::from_raw_parts_mut(pages.mapping().start().add(before), accessible) }
    }

    /// Whether the system can read the byte at an address for us.
    fn is_readable(address: *const u8) -> bool {
        let mut ends = [0; 2];
        // SAFETY: the kernel checks the address; the descriptors are ours.
        unsafe {
            assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
            let written = libc::write(ends[1], address.cast(), 1);
            for end in ends {
                libc::close(end);
            }
            written == 1
        }
    }

    /// Makes pages for `len` bytes that hold what they should, and leaves them full of something else.
    fn live(model: MemoryModel, len: usize, grown: usize, file: Option<&File>) -> usize {
        let mut pages = Pages::new(model, len as u64).unwrap();
        assert!(bytes(&mut pages)[..len].iter().all(|byte| *byte == 0), "{model} {len}");
        bytes(&mut pages)[..len].fill(0xAA);
        if let Some(file) = file {
            pages.map_file(0, len, file, 0).unwrap();
            assert!(bytes(&mut pages).iter().all(|byte| *byte == 0xEE));
        }
        if grown > len {
            pages.grow(grown).unwrap();
            assert!(bytes(&mut pages)[len..].iter().all(|byte| *byte == 0), "{model} {len} {grown}");
            bytes(&mut pages).fill(0xBB);
        }
        if model == MemoryModel::Guard {
            let end = bytes(&mut pages).as_ptr_range().end;
            assert!(!is_readable(end) && is_readable(end.wrapping_sub(1)) || len == 0, "{len} {grown}");
        }
        pages.mapping().start().addr()
    }

    #[test]
    fn every_memory_starts_as_zeros_and_ends_where_it_should_whatever_others_have_left() {
        let mut random = 1u32;
        let mut next = |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        let (mut places, lives) = (std::collections::BTreeSet::new(), 400);
        for _ in 0..lives {
            for &model in Machine::host().memory_models {
                let len = [0, 1, 1, 2, 5, 17][next(6)] * SHORT_LEN;
                let grown = len + [0, 0, 1, 3][next(4)] * SHORT_LEN;
                places.insert(live(model, len, grown, None));
            }
        }
        assert!(places.len() < lives, "mappings are used again");
    }

    #[test]
    fn threads_do_not_share_what_is_kept() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for &model in Machine::host().memory_models.iter().cycle().take(100) {
                        live(model, SHORT_LEN, SHORT_LEN, None);
                    }
                });
            }
        });
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn nothing_of_a_file_is_left() {
        let path = std::env::temp_dir().join(format!("wasmc-pages-{}", std::process::id()));
        std::fs::write(&path, vec![0xEE; 4 * SHORT_LEN]).unwrap();
        let file = File::open(&path).unwrap();
        for count in [1, 4, 1, 4] {
            live(MemoryModel::Guard, count * SHORT_LEN, 0, Some(&file));
            live(MemoryModel::Guard, count * SHORT_LEN, 0, None);
        }
        std::fs::remove_file(&path).unwrap();
    }
}
