//! Proofs of steps.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| soru_fuzz::step_proof(bytes));
