//! What a kernel can ask for from outside: pages by their hash, and the metadata of its rollup.

use soru_base::hash::RollupAddress;
use soru_base::level::Level;
use thiserror::Error;

/// A reveal is not answered now.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct RevealError {
    /// Why, for people.
    pub reason: String,
}

/// Answers to reveals.
pub trait RevealSource {
    /// The answer to a request, as the machine writes it: see [`RevealRequest::parse`].
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, RevealError>;
}

/// A request for a reveal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevealRequest {
    /// The page of a hash: the scheme byte 00 and 32 bytes.
    Preimage(PreimageHash),
    /// Address and level of origination of the rollup.
    Metadata,
}

/// Hash of a page, with the byte of its scheme in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PreimageHash(pub [u8; 32]);

impl RevealRequest {
    /// The request for the metadata, as the machine writes it.
    pub const METADATA: &'static [u8] = &[1];

    pub(crate) fn raw_preimage(hash: &[u8]) -> Vec<u8> {
        [&[0], hash].concat()
    }
}
