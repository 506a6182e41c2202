//! Host calls of kernels.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| soru_fuzz::host_calls(bytes));
