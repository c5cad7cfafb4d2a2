//! The helpers that compiled code may call, by number. Code reaches helper `k` through slot `k` of
//! the image's helper table, which the loader fills, or through its vmctx where images have none. What else
//! LLVM's code generator calls by name are pure functions, linked into the image: there is no other
//! undefined symbol.
//!
//! All of them have the C calling convention of the target. A helper that can trap returns a
//! [`TrapCode`](crate::TrapCode) number, 0 for success, and the compiled caller raises it: the
//! runtime's own frames are never jumped over.

/// Calls `$row!` with every helper, in numerical order:
/// `number name (parameter: type, ...) -> result symbol`.
///
/// Helpers that make an object return its address, or a trap's number, which is below
/// [`ADDRESS_MIN`](crate::object::ADDRESS_MIN); conversions return 0 if there is no memory.
/// Types are `ptr`, `i32`, `i64`, `size` (an integer as wide as a pointer); `vmctx` is the calling
/// instance's block. The string is the symbol by which LLVM's code generator may refer to the routine, if it does.
#[macro_export]
macro_rules! for_each_builtin {
    ($row:ident) => {
        $row! {
            0  trap        (code: i32) -> never, "";
            1  memory_grow (vmctx: ptr, memory: i32, delta_pages: i64) -> i64, "";
            2  memory_init (vmctx: ptr, memory: i32, segment: i32, to: i64, from: i64, len: i64) -> i32, "";
            3  data_drop   (vmctx: ptr, segment: i32) -> void, "";
            4  table_grow  (vmctx: ptr, table: i32, delta: i64, value: i64) -> i64, "";
            5  table_fill  (vmctx: ptr, table: i32, to: i64, value: i64, count: i64) -> i32, "";
            6  table_copy  (vmctx: ptr, to_table: i32, from_table: i32, to: i64, from: i64, count: i64) -> i32, "";
            7  table_init  (vmctx: ptr, table: i32, segment: i32, to: i64, from: i64, count: i64) -> i32, "";
            8  elem_drop   (vmctx: ptr, segment: i32) -> void, "";
            9  memcpy      (to: ptr, from: ptr, len: size) -> ptr, "memcpy";
            10 memmove     (to: ptr, from: ptr, len: size) -> ptr, "memmove";
            11 memset      (to: ptr, byte: i32, len: size) -> ptr, "memset";
            12 memory_wait32 (address: ptr, expected: i32, timeout: i64) -> i32, "";
            13 memory_wait64 (address: ptr, expected: i64, timeout: i64) -> i32, "";
            14 memory_notify (address: ptr, count: i32) -> i32, "";
            15 exception   (vmctx: ptr, tag: i32) -> i64, "";
            16 object_new (vmctx: ptr, ty: ptr, count: i64) -> i64, "";
            17 array_new_data (vmctx: ptr, ty: ptr, segment: i32, from: i64, count: i64) -> i64, "";
            18 array_new_elem (vmctx: ptr, ty: ptr, segment: i32, from: i64, count: i64) -> i64, "";
            19 array_init_data (vmctx: ptr, array: i64, segment: i32, to: i64, from: i64, count: i64) -> i32, "";
            20 array_init_elem (vmctx: ptr, array: i64, segment: i32, to: i64, from: i64, count: i64) -> i32, "";
            21 any_from_extern (vmctx: ptr, reference: i64) -> i64, "";
            22 extern_from_any (vmctx: ptr, reference: i64) -> i64, "";
        }
    };
}

/// The type of a helper's parameter or result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltinType {
    /// No result.
    Void,
    /// The call does not come back.
    Never,
    /// An address of the running process.
    Ptr,
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// An unsigned integer as wide as a pointer.
    Size,
}

macro_rules! builtin_type {
    (void) => {
        BuiltinType::Void
    };
    (never) => {
        BuiltinType::Never
    };
    (ptr) => {
        BuiltinType::Ptr
    };
    (i32) => {
        BuiltinType::I32
    };
    (i64) => {
        BuiltinType::I64
    };
    (size) => {
        BuiltinType::Size
    };
}

macro_rules! define {
    ($($number:literal $name:ident ($($param:ident: $t:ident),*) -> $result:ident, $symbol:literal;)*) => {
        /// A helper, by its number.
        #[allow(non_camel_case_types, missing_docs, reason = "the rows of for_each_builtin! document them")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Builtin { $( $name = $number, )* }

        impl Builtin {
            /// Every helper, in numerical order.
            pub const ALL: &'static [Builtin] = &[ $( Builtin::$name, )* ];

            /// How many there are: the length of a runtime's helper table.
            pub const COUNT: usize = Self::ALL.len();

            /// The helper's name.
            pub fn name(self) -> &'static str {
                match self { $( Builtin::$name => stringify!($name), )* }
            }

            /// The symbol under which LLVM's code generator calls it; empty if it never does.
            pub fn symbol(self) -> &'static str {
                match self { $( Builtin::$name => $symbol, )* }
            }

            /// Parameter types.
            pub fn params(self) -> &'static [BuiltinType] {
                match self { $( Builtin::$name => &[ $( builtin_type!($t), )* ], )* }
            }

            /// Result type.
            pub fn result(self) -> BuiltinType {
                match self { $( Builtin::$name => builtin_type!($result), )* }
            }
        }
    };
}
for_each_builtin!(define);

#[cfg(test)]
mod tests {
    use super::Builtin;

    #[test]
    fn numbers_are_dense_so_that_they_index_the_helper_table() {
        for (index, builtin) in Builtin::ALL.iter().enumerate() {
            assert_eq!(*builtin as usize, index);
        }
    }
}
