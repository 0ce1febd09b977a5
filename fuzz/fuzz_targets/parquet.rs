//! Fuzzes the reader `parquet`.

#![no_main]

#[path = "../readers.rs"]
#[allow(dead_code, reason = "each target calls one reader")]
mod readers;

// The `parquet` crate panics on some damaged files, and the reader turns that into an error. The fuzzer's own
// hook would end the process before; a panic that leaves the reader still counts.
libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| readers::parquet(bytes));
