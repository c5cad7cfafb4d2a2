//! Fixed-width little-endian records: the struct, its reader, its writer and its description come
//! from one declaration, so none of them can disagree with another.

/// One field of a record, for documentation and for tests that visit every byte of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field's name in the struct.
    pub name: &'static str,
    /// Distance from the start of the record, in bytes.
    pub offset: usize,
    /// Width in bytes.
    pub len: usize,
    /// The first line of its documentation.
    pub doc: &'static str,
}

impl Field {
    /// Place of the field with a name among the words of a record. Of a constant: there is such a field.
    pub const fn word(fields: &[Field], name: &str) -> usize {
        let mut i = 0;
        while !is_same(fields[i].name.as_bytes(), name.as_bytes()) {
            i += 1;
        }
        fields[i].offset / 4
    }
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// A value with a fixed-width little-endian form, a whole number of words long. `bytes` are exactly that long,
/// `words` are those of a whole record, of which the value starts at `at`: both are constants where they are used.
pub(crate) trait Scalar: Sized {
    const LEN: usize;
    fn from_words(words: &[u32], at: usize) -> Self;
    fn write(&self, bytes: &mut [u8]);
}

impl Scalar for u32 {
    const LEN: usize = 4;
    #[inline(always)]
    fn from_words(words: &[u32], at: usize) -> Self {
        words.get(at).copied().unwrap_or_default()
    }
    fn write(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_le_bytes());
    }
}

impl Scalar for u64 {
    const LEN: usize = 8;
    #[inline(always)]
    fn from_words(words: &[u32], at: usize) -> Self {
        u64::from(u32::from_words(words, at)) | u64::from(u32::from_words(words, at + 1)) << 32
    }
    fn write(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_le_bytes());
    }
}

impl<const N: usize> Scalar for [u8; N] {
    const LEN: usize = N;
    #[inline(always)]
    fn from_words(words: &[u32], at: usize) -> Self {
        let mut a = [0; N];
        for (to, word) in a.as_chunks_mut().0.iter_mut().zip(words.get(at..).unwrap_or_default()) {
            *to = word.to_le_bytes();
        }
        a
    }
    fn write(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(self);
    }
}

/// Reads the words that `bytes` start with; `None` if they are too few. One routine for all records on RISC-V without an
/// OS: where a word is not known to be aligned, reading it takes a dozen instructions, and records are read in many
/// places.
#[cfg_attr(target_pointer_width = "32", inline(never))]
#[cfg_attr(not(target_pointer_width = "32"), inline(always))]
pub fn read_words(bytes: &[u8], words: &mut [u32]) -> Option<()> {
    let bytes = bytes.get(..words.len() * 4)?;
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    Some(())
}

/// Declares records. Fields are laid out in order without padding; widths are those of the types.
macro_rules! records {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( #[doc = $doc:literal] pub $field:ident : $t:ty, )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
        #[repr(C)]
        pub struct $name { $( #[doc = $doc] pub $field: $t, )* }

        impl $name {
            /// Size of the stored form, in bytes.
            pub const LEN: usize = 0 $( + <$t as $crate::record::Scalar>::LEN )*;

            /// The fields in order, with offsets and widths.
            pub const FIELDS: &'static [$crate::Field] = &{
                let mut fields = [ $( $crate::Field {
                    name: stringify!($field),
                    offset: 0,
                    len: <$t as $crate::record::Scalar>::LEN,
                    doc: $doc,
                } ),* ];
                let (mut i, mut at) = (0, 0);
                while i < fields.len() {
                    fields[i].offset = at;
                    at += fields[i].len;
                    i += 1;
                }
                fields
            };

            /// Reads the stored form.
            pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
                <Self as $crate::image::Record>::read(bytes).unwrap_or_default()
            }

            /// Reads the stored form to where it stays; `None` if the bytes are too few.
            pub fn assign(&mut self, bytes: &[u8]) -> Option<()> {
                let mut words = [0; Self::LEN / 4];
                $crate::record::read_words(bytes, &mut words)?;
                let at = 0;
                $( self.$field = <$t as $crate::record::Scalar>::from_words(&words, at);
                   let at = at + <$t as $crate::record::Scalar>::LEN / 4; )*
                let _ = at;
                Some(())
            }

            /// Writes the stored form.
            pub fn to_bytes(&self) -> [u8; Self::LEN] {
                let mut out = [0; Self::LEN];
                let mut rest: &mut [u8] = &mut out;
                $( let (field, tail) = rest.split_at_mut(<$t as $crate::record::Scalar>::LEN);
                   $crate::record::Scalar::write(&self.$field, field);
                   rest = tail; )*
                let _ = rest;
                out
            }
        }

        impl $crate::image::Record for $name {
            const LEN: usize = Self::LEN;
            const NAME: &'static str = stringify!($name);
            const FIELDS: &'static [$crate::Field] = Self::FIELDS;
            fn read(bytes: &[u8]) -> Option<Self> {
                let mut record = Self::default();
                record.assign(bytes)?;
                Some(record)
            }
        }
    )*};
}
pub(crate) use records;
