//! Blake2b digests, of the lengths the network uses.

use blake2b_simd::many::{HashManyJob, hash_many};

/// Digest of 32 bytes.
pub fn hash32(bytes: &[u8]) -> [u8; 32] {
    digest(&[bytes])
}

/// Digest of 32 bytes of the parts put one after another.
pub fn hash32_parts(parts: &[&[u8]]) -> [u8; 32] {
    digest(parts)
}

/// Digests of 32 bytes of each of the inputs, in their order: several at a time where the processor can.
pub fn hash32_many<'a>(inputs: impl IntoIterator<Item = &'a [u8]>) -> Vec<[u8; 32]> {
    let mut params = blake2b_simd::Params::new();
    params.hash_length(32);
    let mut jobs: Vec<_> = inputs.into_iter().map(|input| HashManyJob::new(&params, input)).collect();
    hash_many(&mut jobs);
    jobs.iter().map(|job| bytes_of(&job.to_hash())).collect()
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
    bytes_of(&state.finalize())
}

fn bytes_of<const N: usize>(hash: &blake2b_simd::Hash) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(hash.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_hashed_as_one_by_one() {
        let bytes: Vec<u8> = (0..1_000u32).map(|n| n as u8).collect();
        for count in [0, 1, 3, 4, 5, 70] {
            let inputs = (0..count).map(|n| &bytes[n..n * 13 % 700 + n]);
            assert_eq!(hash32_many(inputs.clone()), inputs.map(hash32).collect::<Vec<_>>(), "{count}");
        }
    }
}
