//! States that somebody has changed.
#![no_main]
libfuzzer_sys::fuzz_target!(init: soru_fuzz::prepare(), |bytes: &[u8]| soru_fuzz::hostile_state(bytes));
