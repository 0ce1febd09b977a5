//! Files that survive stops and power failures, that have one owner, and that are checked when they are read.

pub mod cache_key;
pub mod checksum;
pub mod disk;
pub mod json_file;
pub mod owner;
pub mod sealed_json;
