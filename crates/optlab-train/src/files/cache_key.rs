//! Keys of files that keep what was computed from other files.

use sha2::{Digest, Sha256};
use std::fs::Metadata;
use std::io;
use std::time::UNIX_EPOCH;

/// The SHA-256 of everything that a kept result depends on.
#[derive(Debug, Default)]
pub struct CacheKey(Sha256);

impl CacheKey {
    /// Adds some bytes. Their length before them tells where they end.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Adds the length and the time of modification of a file.
    ///
    /// # Errors
    /// A system that does not tell the time.
    pub fn add_state(&mut self, metadata: &Metadata) -> io::Result<()> {
        let since = match metadata.modified()?.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        self.add(&metadata.len().to_le_bytes());
        self.add(&since.to_le_bytes());
        Ok(())
    }

    /// Returns the key.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
