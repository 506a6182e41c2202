//! Proofs that are played in games.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| soru_fuzz::played_proof(bytes));
