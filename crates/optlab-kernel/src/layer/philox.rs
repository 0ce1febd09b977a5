//! Philox 4×32 with 10 rounds: random numbers as a pure function of a key and a counter.
//!
//! Salmon, Moraes, Dror & Shaw, *Parallel Random Numbers: As Easy as 1, 2, 3*, 2011,
//! <https://doi.org/10.1145/2063384.2063405>, section 3.3.

/// The number of counters that are processed in parallel: as many as the widest vectors hold.
pub(super) const LANES: usize = 16;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// The increment of the key in each round: the golden ratio and √3 − 1, as fractions of 2³².
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Returns the four words of each of 16 counters.
#[inline(always)]
pub(super) fn philox(mut counters: [[u32; LANES]; 4], mut key: [u32; 2]) -> [[u32; LANES]; 4] {
    for _ in 0..ROUNDS {
        let [a, b, c, d] = counters;
        for lane in 0..LANES {
            let first = u64::from(a[lane]) * u64::from(MULTIPLIERS[0]);
            let second = u64::from(c[lane]) * u64::from(MULTIPLIERS[1]);
            counters[0][lane] = (second >> 32) as u32 ^ b[lane] ^ key[0];
            counters[1][lane] = second as u32;
            counters[2][lane] = (first >> 32) as u32 ^ d[lane] ^ key[1];
            counters[3][lane] = first as u32;
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers are from the authors' Random123 (`kat_vectors`, `philox4x32 10`).
    #[test]
    fn the_words_match_the_known_answers_of_the_authors() {
        let answers = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in answers {
            let words = philox(counter.map(|word| [word; LANES]), key);
            assert_eq!(words, expected.map(|word: u32| [word; LANES]));
        }
    }
}
