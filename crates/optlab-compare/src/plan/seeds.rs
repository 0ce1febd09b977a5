//! The seeds that each arm runs with.

use crate::Error;
use optlab_core::range::check_seed;

/// The largest number of seeds of an arm; a larger number is taken for a typing error.
const MOST_SEEDS: u64 = 100_000;

/// The seeds of each arm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seeds {
    /// The seeds `0 … n−1`.
    Count(u64),
    /// These seeds.
    List(Vec<u64>),
}

impl Seeds {
    /// Returns the seeds.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for no seeds, more than 100,000, or a seed that
    /// TOML cannot hold.
    pub fn to_vec(&self) -> Result<Vec<u64>, Error> {
        let refuse = |given| {
            let allowed = "a count in [1, 100000] or a list of at least one seed";
            Err(Error::invalid("plan", "seeds", allowed, given))
        };
        match self {
            Seeds::Count(count) if !(1..=MOST_SEEDS).contains(count) => refuse(count.to_string()),
            Seeds::Count(count) => Ok((0..*count).collect()),
            Seeds::List(seeds) if seeds.is_empty() => refuse("[]".into()),
            Seeds::List(seeds) if seeds.len() as u64 > MOST_SEEDS => {
                let given = format!("a list of {}", seeds.len());
                Err(Error::invalid("plan", "seeds", "a list of at most 100000 seeds", given))
            }
            Seeds::List(seeds) => {
                seeds.iter().try_for_each(|&seed| check_seed("plan", "seeds", seed))?;
                Ok(seeds.clone())
            }
        }
    }
}
