//! Proofs of real steps that somebody has changed.
#![no_main]
libfuzzer_sys::fuzz_target!(init: soru_fuzz::prepare(), |bytes: &[u8]| soru_fuzz::forged_proof(bytes));
