//! A macro for tensor ranks, which Burn needs at compile time.

/// Evaluates `$body` with the constant `$D` equal to `$rank`, at most 8.
#[doc(hidden)]
#[macro_export]
macro_rules! with_rank {
    ($rank:expr, $D:ident => $body:expr) => {{
        macro_rules! body {
            ($number:literal) => {{
                const $D: usize = $number;
                $body
            }};
        }
        match $rank {
            0 => body!(0),
            1 => body!(1),
            2 => body!(2),
            3 => body!(3),
            4 => body!(4),
            5 => body!(5),
            6 => body!(6),
            7 => body!(7),
            8 => body!(8),
            more => panic!("a tensor of rank {more}"),
        }
    }};
}
