//! Proofs of outputs.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| soru_fuzz::output_proof(bytes));
