//! Sessions.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| soru_fuzz::repl_session(bytes));
