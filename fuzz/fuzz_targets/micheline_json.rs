//! Expressions as JSON.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| soru_fuzz::micheline_json(bytes));
