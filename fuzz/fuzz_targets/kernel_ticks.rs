//! Kernels, tick by tick.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| soru_fuzz::kernel_ticks(bytes));
