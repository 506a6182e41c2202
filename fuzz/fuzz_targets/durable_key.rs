//! Keys of the durable storage.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| soru_fuzz::durable_key(bytes));
