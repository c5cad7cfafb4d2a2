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

/// A value with a fixed-width little-endian form. `bytes` is exactly `LEN` long.
pub(crate) trait Scalar: Sized {
    const LEN: usize;
    fn read(bytes: &[u8]) -> Self;
    fn write(&self, bytes: &mut [u8]);
}

macro_rules! scalar {
    ($($t:ty)*) => {$(
        impl Scalar for $t {
            const LEN: usize = size_of::<$t>();
            fn read(bytes: &[u8]) -> Self {
                let mut a = [0; size_of::<$t>()];
                a.copy_from_slice(bytes);
                <$t>::from_le_bytes(a)
            }
            fn write(&self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
scalar!(u32 u64);

impl<const N: usize> Scalar for [u8; N] {
    const LEN: usize = N;
    fn read(bytes: &[u8]) -> Self {
        let mut a = [0; N];
        a.copy_from_slice(bytes);
        a
    }
    fn write(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(self);
    }
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
                let mut rest: &[u8] = bytes;
                $( let (field, tail) = rest.split_at(<$t as $crate::record::Scalar>::LEN);
                   let $field = <$t as $crate::record::Scalar>::read(field);
                   rest = tail; )*
                let _ = rest;
                Self { $($field),* }
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
                bytes.first_chunk().map(Self::from_bytes)
            }
        }
    )*};
}
pub(crate) use records;
