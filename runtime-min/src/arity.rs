//! The one list of arities: how many parameters or results what is written for tuples can have.

/// Calls `$row!` with the names of 0 to 16 type variables, and their count.
macro_rules! for_each_arity {
    ($row:ident) => {
        $row!(0);
        $row!(1 A1);
        $row!(2 A1 A2);
        $row!(3 A1 A2 A3);
        $row!(4 A1 A2 A3 A4);
        $row!(5 A1 A2 A3 A4 A5);
        $row!(6 A1 A2 A3 A4 A5 A6);
        $row!(7 A1 A2 A3 A4 A5 A6 A7);
        $row!(8 A1 A2 A3 A4 A5 A6 A7 A8);
        $row!(9 A1 A2 A3 A4 A5 A6 A7 A8 A9);
        $row!(10 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
        $row!(11 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
        $row!(12 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12);
        $row!(13 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13);
        $row!(14 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14);
        $row!(15 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15);
        $row!(16 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16);
    };
}
pub(crate) use for_each_arity;
