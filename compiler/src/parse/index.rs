//! One type per index space, so that they cannot be mixed up.

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// As an index into a slice.
            pub fn get(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

indices! {
    /// A function, imports included.
    FuncIndex
    /// A function with a body in this module.
    DefinedFuncIndex
    /// A distinct function type of the module: structurally equal types share one.
    TypeId
    /// A table, imports included.
    TableIndex
    /// A memory, imports included.
    MemoryIndex
    /// A global, imports included.
    GlobalIndex
    /// An exception tag, imports included.
    TagIndex
}
