//! Trap codes: number, name and the specification's message. A number is never reused.

macro_rules! traps {
    ($($(#[$doc:meta])* $number:literal $name:ident $message:literal)*) => {
        /// Why compiled code stopped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum TrapCode { $( $(#[$doc])* $name = $number, )* }

        impl TrapCode {
            /// Every trap code, in numerical order.
            pub const ALL: &'static [TrapCode] = &[ $( TrapCode::$name, )* ];

            /// The code with this number.
            pub fn from_number(number: u32) -> Option<TrapCode> {
                match number { $( $number => Some(TrapCode::$name), )* _ => None }
            }

            /// The message; for traps of the specification, the one its test suite expects.
            pub fn message(self) -> &'static str {
                match self { $( TrapCode::$name => $message, )* }
            }
        }
    };
}

traps! {
    /// The `unreachable` instruction.
    1  Unreachable            "unreachable"
    /// An access outside linear memory.
    2  MemoryOutOfBounds      "out of bounds memory access"
    /// A table instruction outside its table.
    3  TableOutOfBounds       "out of bounds table access"
    /// An indirect call with an index outside its table.
    4  UndefinedElement       "undefined element"
    /// An indirect call of a null reference.
    5  UninitializedElement   "uninitialized element"
    /// An indirect call of a function with another type.
    6  IndirectCallMismatch   "indirect call type mismatch"
    /// Integer division or remainder by zero.
    7  DivideByZero           "integer divide by zero"
    /// A quotient or a truncated float that does not fit.
    8  IntegerOverflow        "integer overflow"
    /// Truncation of a NaN.
    9  InvalidConversion      "invalid conversion to integer"
    /// The guest stack is used up.
    10 StackOverflow          "call stack exhausted"
    /// A host function returned an error; the runtime holds it.
    11 HostError              "host function failed"
    /// The host has stopped the guest.
    12 Interrupted            "interrupted"
    /// An exception came to a function of an image that was compiled without a use of exceptions.
    13 UncaughtException      "uncaught exception"
    /// An atomic access at an address that is not a multiple of its width.
    14 UnalignedAtomic        "unaligned atomic"
    /// Null where something is needed.
    15 NullReference          "null reference"
    /// A cast of a reference to a type that it is not of.
    16 CastFailure            "cast failure"
    /// An array instruction outside its array.
    17 ArrayOutOfBounds       "out of bounds array access"
    /// A wait in a memory that is not shared.
    18 ExpectedSharedMemory   "expected shared memory"
    /// There was no memory for an object.
    19 AllocationFailed       "allocation failed"
    /// The guest has executed as many instructions as it may.
    20 OutOfFuel              "all fuel consumed"
}

impl core::fmt::Display for TrapCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.message())
    }
}
