//! Blake2b digests, of the lengths the network uses.

/// Digest of 32 bytes.
pub fn hash32(bytes: &[u8]) -> [u8; 32] {
    digest(&[bytes])
}

/// Digest of 32 bytes of the parts put one after another.
pub fn hash32_parts(parts: &[&[u8]]) -> [u8; 32] {
    digest(parts)
}

/// Digest of 20 bytes.
pub fn hash20(bytes: &[u8]) -> [u8; 20] {
    digest(&[bytes])
}

fn digest<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut state = blake2b_simd::Params::new().hash_length(N).to_state();
    for part in parts {
        state.update(part);
    }
    let mut out = [0; N];
    out.copy_from_slice(state.finalize().as_bytes());
    out
}
