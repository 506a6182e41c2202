//! Messages of the outbox.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| soru_fuzz::outbox_message(bytes));
