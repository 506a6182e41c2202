//! What a kernel can ask for from outside: pages by their hash, and the metadata of its rollup.

pub mod pages;

use soru_base::bin::{Binary, DecodeError, Reader};
use soru_base::blake2b;
use soru_base::hash::RollupAddress;
use soru_base::level::Level;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Most bytes of a page.
pub const PAGE_MAX: usize = 4096;

/// A reveal is not answered now.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct RevealError {
    /// Why, for people.
    pub reason: String,
}

impl RevealError {
    /// An error that says this.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string() }
    }
}

/// Answers to reveals.
pub trait RevealSource: Send {
    /// The answer to a request, as the machine writes it: see [`RevealRequest::parse`].
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, RevealError>;
}

/// Knows nothing.
impl RevealSource for () {
    fn reveal(&mut self, _: &[u8]) -> Result<Vec<u8>, RevealError> {
        Err(RevealError::new("there is nobody to answer"))
    }
}

/// Hash of a page: written as the byte of its scheme, 00 for Blake2b, and 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PreimageHash(pub [u8; 32]);

impl PreimageHash {
    const BLAKE2B: u8 = 0;

    /// The hash of a page.
    pub fn of_page(page: &[u8]) -> Self {
        Self(blake2b::hash32(page))
    }
}

impl Binary for PreimageHash {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(Self::BLAKE2B);
        out.extend_from_slice(&self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("scheme of a preimage hash")? {
            Self::BLAKE2B => Ok(Self(r.array("preimage hash")?)),
            other => Err(r.invalid("scheme of a preimage hash", format!("{other} (0 expected)"))),
        }
    }
}

/// In hexadecimal with its scheme: the name of the page's file.
impl fmt::Display for PreimageHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.to_bytes()))
    }
}

impl fmt::Debug for PreimageHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PreimageHash {
    type Err = RevealError;

    fn from_str(text: &str) -> Result<Self, RevealError> {
        let bytes = hex::decode(text).map_err(RevealError::new)?;
        Self::from_bytes(&bytes).map_err(RevealError::new)
    }
}

/// A request for a reveal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevealRequest {
    /// The page of a hash.
    Preimage(PreimageHash),
    /// Address and level of origination of the rollup.
    Metadata,
    /// Anything else. The network answers with no bytes, as if the empty page had been asked for.
    Unknown,
}

impl RevealRequest {
    /// The request for the metadata, as the machine writes it.
    pub const METADATA: &'static [u8] = &[1];

    /// What the machine asks for: `01`, or `00` and a [`PreimageHash`].
    pub fn parse(request: &[u8]) -> Self {
        match request {
            Self::METADATA => Self::Metadata,
            [0, hash @ ..] => PreimageHash::from_bytes(hash).map_or(Self::Unknown, Self::Preimage),
            _ => Self::Unknown,
        }
    }

    pub(crate) fn raw_preimage(hash: &[u8]) -> Vec<u8> {
        [&[0], hash].concat()
    }
}

/// What a kernel can know about its rollup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Address of the rollup.
    pub address: RollupAddress,
    /// Level at which it was originated.
    pub origination_level: Level,
}

impl Binary for Metadata {
    fn write(&self, out: &mut Vec<u8>) {
        self.address.write(out);
        self.origination_level.write(out);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { address: RollupAddress::read(r)?, origination_level: Level::read(r)? })
    }
}

/// Pages by their hash.
pub trait PreimageSource: Send {
    /// The page of a hash. Whoever asks checks that it is the right one.
    fn preimage(&mut self, hash: PreimageHash) -> Result<Vec<u8>, RevealError>;
}

/// The reveals of a rollup: its metadata, and pages.
pub struct RollupReveals<'a> {
    /// The metadata.
    pub metadata: Metadata,
    /// The pages.
    pub preimages: &'a mut dyn PreimageSource,
}

impl RevealSource for RollupReveals<'_> {
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, RevealError> {
        match RevealRequest::parse(request) {
            RevealRequest::Metadata => Ok(self.metadata.to_bytes()),
            RevealRequest::Unknown => Ok(Vec::new()),
            RevealRequest::Preimage(hash) => self.page(hash),
        }
    }
}

impl RollupReveals<'_> {
    /// The page of a hash. It was checked to be the right one, and no longer than a page may be.
    pub fn page(&mut self, hash: PreimageHash) -> Result<Vec<u8>, RevealError> {
        if hash == PreimageHash::of_page(&[]) {
            return Ok(Vec::new());
        }
        let page = self.preimages.preimage(hash)?;
        let found = PreimageHash::of_page(&page);
        if found != hash {
            return Err(RevealError::new(format!("the page found for {hash} has the hash {found}")));
        }
        if page.len() > PAGE_MAX {
            return Err(RevealError::new(format!(
                "the page {hash} has {} bytes, the limit is {PAGE_MAX}",
                page.len()
            )));
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_page_has_the_hash_of_the_vectors() {
        let hash = "000e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
        assert_eq!(PreimageHash::of_page(&[]).to_string(), hash);
        assert_eq!(hash.parse(), Ok(PreimageHash::of_page(&[])));
        assert!("01".parse::<PreimageHash>().is_err());
    }

    #[test]
    fn requests() {
        let hash = PreimageHash([7; 32]);
        assert_eq!(RevealRequest::parse(&[1]), RevealRequest::Metadata);
        assert_eq!(
            RevealRequest::parse(&RevealRequest::raw_preimage(&hash.to_bytes())),
            RevealRequest::Preimage(hash)
        );
        for odd in [&[][..], &[0], &[1, 0], &[0, 0, 1], &[2], &[0; 35]] {
            assert_eq!(RevealRequest::parse(odd), RevealRequest::Unknown, "{odd:?}");
        }
    }

    struct Wrong;
    impl PreimageSource for Wrong {
        fn preimage(&mut self, _: PreimageHash) -> Result<Vec<u8>, RevealError> {
            Ok(b"something else".to_vec())
        }
    }

    #[test]
    fn a_wrong_page_is_refused_and_metadata_has_24_bytes() {
        let metadata =
            Metadata { address: RollupAddress([3; 20]), origination_level: Level::new(5).unwrap() };
        let mut reveals = RollupReveals { metadata, preimages: &mut Wrong };
        let bytes = reveals.reveal(RevealRequest::METADATA).unwrap();
        assert_eq!(bytes, [[3; 20].as_slice(), &[0, 0, 0, 5]].concat());
        assert_eq!(Metadata::from_bytes(&bytes).unwrap(), metadata);
        let request = RevealRequest::raw_preimage(&PreimageHash([7; 32]).to_bytes());
        assert!(reveals.reveal(&request).is_err());
        let empty = RevealRequest::raw_preimage(&PreimageHash::of_page(&[]).to_bytes());
        assert_eq!(reveals.reveal(&empty), Ok(vec![]));
    }
}
