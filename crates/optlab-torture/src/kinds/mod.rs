//! The kinds of trouble.

pub mod calls;
pub mod crash;
pub mod damage;
pub mod disks;
pub mod experiment;
pub mod hostile;
pub mod image;
pub mod kill;
pub mod long;
pub mod power;
pub mod race;
pub mod signals;

use std::path::Path;

/// What one round of trouble showed: what is wrong, if anything.
pub type Shown = Result<(), String>;

/// A kind of trouble.
pub trait Kind {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// Makes trouble once in the empty folder `folder`; rounds with other numbers make other trouble.
    ///
    /// # Errors
    /// What was lost, wrong or out of reach.
    fn round(&mut self, number: u64, folder: &Path) -> Shown;

    /// Checks that this machine and this user can make this trouble.
    ///
    /// # Errors
    /// What is missing.
    fn is_possible(&self) -> Shown {
        Ok(())
    }

    /// Returns the number of rounds after which there is nothing new to try; `None` if there always is.
    fn rounds(&self) -> Option<u64> {
        None
    }
}
