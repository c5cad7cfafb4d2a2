//! A table of the image, read in place.

use core::fmt;
use core::marker::PhantomData;
use wasmc_abi::image::Record;

/// Fixed-width records, read out of the image one at a time.
pub struct Records<'a, T> {
    bytes: &'a [u8],
    record: PhantomData<fn() -> T>,
}

impl<T> Clone for Records<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Records<'_, T> {}

impl<'a, T: Record> Records<'a, T> {
    /// The records whose stored forms lie in `bytes`; a rest that makes no record is left out.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Records { bytes, record: PhantomData }
    }

    /// How many there are.
    pub fn len(&self) -> u32 {
        self.bytes.len().checked_div(T::LEN).unwrap_or_default() as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record with this index.
    pub fn get(&self, index: u32) -> Option<T> {
        let start = (index as usize).checked_mul(T::LEN)?;
        T::read(self.bytes.get(start..)?)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + DoubleEndedIterator + use<'a, T>
    where
        T: Default,
    {
        let records = *self;
        // Each index has a record, so the fallback is never taken.
        (0..self.len()).map(move |index| records.get(index).unwrap_or_default())
    }

    /// `count` of them from `first` on; none if they are not all there.
    pub(crate) fn part(&self, first: u32, count: u32) -> Self {
        let bytes = (|| {
            let start = (first as usize).checked_mul(T::LEN)?;
            let len = (count as usize).checked_mul(T::LEN)?;
            self.bytes.get(start..start.checked_add(len)?)
        })();
        Records::new(bytes.unwrap_or_default())
    }

    /// The index of the first record for which `before` is false; those for which it is true come
    /// first (a binary search).
    pub fn partition_point(&self, before: impl Fn(&T) -> bool) -> u32 {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle) {
                Some(record) if before(&record) => low = middle.saturating_add(1),
                _ => high = middle,
            }
        }
        low
    }

    /// The last record for which `before` is true.
    pub(crate) fn last_before(&self, before: impl Fn(&T) -> bool) -> Option<T> {
        self.get(self.partition_point(before).checked_sub(1)?)
    }
}

impl<T: Record> fmt::Debug for Records<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.len(), T::NAME)
    }
}
