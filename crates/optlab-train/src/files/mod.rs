//! Files that are written completely or not at all, and checksums of their bytes.

pub mod atomic_file;
pub mod cache_key;
pub mod checksum;
pub mod json_file;
