//! What a liar proves: proofs that are wrong, each in its way.
