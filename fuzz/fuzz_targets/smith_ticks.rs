//! Valid kernels, tick by tick.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| soru_fuzz::smith_ticks(bytes));
