//! Ranks, which Burn wants to know when the program is compiled.

/// `$body` with the constant `$D`, which is `$rank`; up to 8.
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
pub(crate) use with_rank;
