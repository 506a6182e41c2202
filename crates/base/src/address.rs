//! Addresses: of accounts, of contracts, of smart rollups, and of an entrypoint of one of these.

use crate::b58::B58Error;
use crate::bin::{Binary, DecodeError, Reader};
use crate::blake2b;
use crate::hash::{ContractHash, OperationHash, RollupAddress};
use crate::json::{Json, JsonError, parse_str};
use crate::keys::PublicKeyHash;
use crate::profile::IdFamily;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// An account: of a key, or of a script. Binary form: 22 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contract {
    /// `tz1…` to `tz4…`
    Implicit(PublicKeyHash),
    /// `KT1…`
    Originated(ContractHash),
}

/// Whatever can receive tokens or a call. Binary form: 22 bytes. Ordered as Michelson orders addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An account.
    Contract(Contract),
    /// A smart rollup.
    SmartRollup(RollupAddress),
}

impl Contract {
    /// The implicit account's key hash, if it is one.
    pub fn implicit(&self) -> Option<&PublicKeyHash> {
        match self {
            Self::Implicit(pkh) => Some(pkh),
            Self::Originated(_) => None,
        }
    }

    /// The originated contract's hash, if it is one.
    pub fn originated(&self) -> Option<&ContractHash> {
        match self {
            Self::Implicit(_) => None,
            Self::Originated(hash) => Some(hash),
        }
    }
}

impl Address {
    /// The text on a network of that family.
    pub fn in_family(&self, family: IdFamily) -> String {
        match self {
            Self::Contract(contract) => contract.to_string(),
            Self::SmartRollup(rollup) => rollup.in_family(family),
        }
    }

    /// The account, if it is one.
    pub fn contract(&self) -> Option<&Contract> {
        match self {
            Self::Contract(contract) => Some(contract),
            Self::SmartRollup(_) => None,
        }
    }
}

impl From<PublicKeyHash> for Contract {
    fn from(pkh: PublicKeyHash) -> Self {
        Self::Implicit(pkh)
    }
}

impl From<ContractHash> for Contract {
    fn from(hash: ContractHash) -> Self {
        Self::Originated(hash)
    }
}

impl From<Contract> for Address {
    fn from(contract: Contract) -> Self {
        Self::Contract(contract)
    }
}

impl From<PublicKeyHash> for Address {
    fn from(pkh: PublicKeyHash) -> Self {
        Self::Contract(pkh.into())
    }
}

impl From<ContractHash> for Address {
    fn from(hash: ContractHash) -> Self {
        Self::Contract(hash.into())
    }
}

impl From<RollupAddress> for Address {
    fn from(rollup: RollupAddress) -> Self {
        Self::SmartRollup(rollup)
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Implicit(pkh) => pkh.fmt(f),
            Self::Originated(hash) => hash.fmt(f),
        }
    }
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_family(IdFamily::Alpha))
    }
}

impl FromStr for Contract {
    type Err = B58Error;
    fn from_str(text: &str) -> Result<Self, B58Error> {
        match text.starts_with("KT1") {
            true => text.parse().map(Self::Originated),
            false => text.parse().map(Self::Implicit).map_err(|e| renamed(e, "account (tz1… to tz4…, KT1…)")),
        }
    }
}

impl FromStr for Address {
    type Err = B58Error;
    fn from_str(text: &str) -> Result<Self, B58Error> {
        let expected = "address (tz1… to tz4…, KT1…, scr1… or sr1…)";
        match text.starts_with("scr1") || text.starts_with("sr1") {
            true => text.parse().map(Self::SmartRollup),
            false => text.parse().map(Self::Contract).map_err(|e| renamed(e, expected)),
        }
    }
}

fn renamed(error: B58Error, expected: &str) -> B58Error {
    let expected = expected.to_owned();
    match error {
        B58Error::Malformed { text, reason, .. } => B58Error::Malformed { text, expected, reason },
        B58Error::OtherKind { text, .. } => B58Error::OtherKind { text, expected },
    }
}

impl Binary for Contract {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Implicit(pkh) => {
                out.push(0);
                pkh.write(out);
            }
            Self::Originated(hash) => {
                out.push(1);
                hash.write(out);
                out.push(0);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let place = r.clone();
        match Address::read(r)? {
            Address::Contract(contract) => Ok(contract),
            Address::SmartRollup(_) => Err(place.invalid("account", "the address of a smart rollup")),
        }
    }
}

impl Binary for Address {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Contract(contract) => contract.write(out),
            Self::SmartRollup(rollup) => {
                out.push(3);
                rollup.write(out);
                out.push(0);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let place = r.clone();
        let address = match r.u8("address")? {
            0 => return Ok(PublicKeyHash::read(r)?.into()),
            1 => ContractHash::read(r)?.into(),
            3 => RollupAddress::read(r)?.into(),
            tag => return Err(place.invalid("address", format!("{tag} is no tag of an address (0, 1 or 3)"))),
        };
        // The network does not look at the padding.
        r.u8("padding of an address")?;
        Ok(address)
    }
}

impl Json for Contract {
    fn to_json(&self, _: IdFamily) -> Value {
        Value::String(self.to_string())
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        parse_str(value, "an account (tz1… to tz4…, KT1…)")
    }
}

impl Json for Address {
    fn to_json(&self, family: IdFamily) -> Value {
        Value::String(self.in_family(family))
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        parse_str(value, "an address (tz1… to tz4…, KT1…, scr1… or sr1…)")
    }
}

/// A named way into a contract: 1 to 31 bytes. The binary form is the one operations use: a tag for well-known names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entrypoint(Vec<u8>);

/// Why a text is no name of an entrypoint, or of an address with one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EntrypointError {
    /// Longer than 31 bytes.
    #[error("an entrypoint of {0} bytes: at most 31 are allowed")]
    TooLong(usize),
    /// `default` may not be written behind an address: it is left out.
    #[error("the entrypoint `default` must not be written")]
    Default,
    /// The part before `%` is no address.
    #[error(transparent)]
    Address(#[from] B58Error),
}

/// Names with a tag of their own in operations; the tag is the index.
const TAGGED: [&str; 10] = [
    "default",
    "root",
    "do",
    "set_delegate",
    "remove_delegate",
    "deposit",
    "stake",
    "unstake",
    "finalize_unstake",
    "set_delegate_parameters",
];

impl Entrypoint {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = 31;

    /// The entrypoint of that name; the empty name is `default`.
    pub fn new(name: &str) -> Result<Self, EntrypointError> {
        Self::of_bytes(name.as_bytes())
    }

    /// The same for a name that need not be a text: the network takes any bytes behind an address.
    pub fn of_bytes(name: &[u8]) -> Result<Self, EntrypointError> {
        match name.len() {
            0 => Ok(Self::default()),
            1..=Self::MAX_LEN => Ok(Self(name.to_owned())),
            n => Err(EntrypointError::TooLong(n)),
        }
    }

    /// As [`Entrypoint::new`], but refuses the name `default`, as Michelson does in addresses and annotations.
    pub fn new_strict(name: &str) -> Result<Self, EntrypointError> {
        match name {
            "default" => Err(EntrypointError::Default),
            _ => Self::new(name),
        }
    }

    /// The name, to be read by people if it is no text.
    pub fn as_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The name in bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the name is a text.
    pub fn is_text(&self) -> bool {
        std::str::from_utf8(&self.0).is_ok()
    }

    /// Whether it is `default`.
    pub fn is_default(&self) -> bool {
        self.0 == b"default"
    }
}

impl Default for Entrypoint {
    fn default() -> Self {
        Self(b"default".to_vec())
    }
}

impl fmt::Display for Entrypoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str())
    }
}

impl fmt::Debug for Entrypoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.as_str())
    }
}

impl FromStr for Entrypoint {
    type Err = EntrypointError;
    fn from_str(text: &str) -> Result<Self, EntrypointError> {
        Self::new(text)
    }
}

impl Binary for Entrypoint {
    fn write(&self, out: &mut Vec<u8>) {
        match TAGGED.iter().position(|name| name.as_bytes() == self.0) {
            Some(tag) => out.push(tag as u8),
            None => {
                out.push(0xff);
                out.push(self.0.len() as u8);
                out.extend_from_slice(&self.0);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let place = r.clone();
        let tag = r.u8("entrypoint")?;
        if let Some(name) = TAGGED.get(usize::from(tag)) {
            return Ok(Self(name.as_bytes().to_vec()));
        }
        if tag != 0xff {
            return Err(
                place.invalid("entrypoint", format!("{tag} is no tag of an entrypoint (0 to 9 or 255)"))
            );
        }
        let len = usize::from(r.u8("entrypoint")?);
        let bytes = r.take(len, "entrypoint")?;
        entrypoint_name(bytes, &place)
            .and_then(|name| Self::new(name).map_err(|e| place.invalid("entrypoint", e.to_string())))
    }
}

fn entrypoint_name<'a>(bytes: &'a [u8], place: &Reader<'_>) -> Result<&'a str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| place.invalid("entrypoint", "a name that is not UTF-8"))
}

impl Json for Entrypoint {
    fn to_json(&self, _: IdFamily) -> Value {
        Value::String(self.as_str().into_owned())
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        parse_str(value, "an entrypoint of at most 31 bytes")
    }
}

/// A Michelson `address`: an address and an entrypoint of it, written `KT1…%name`.
///
/// The binary form is the 22 bytes of the address and the name, which is left out for `default`; it takes all bytes
/// that are left.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MichelsonAddress {
    /// The contract or rollup.
    pub address: Address,
    /// The way in.
    pub entrypoint: Entrypoint,
}

impl MichelsonAddress {
    /// The text on a network of that family.
    pub fn in_family(&self, family: IdFamily) -> String {
        let mut text = self.address.in_family(family);
        if !self.entrypoint.is_default() {
            text.push('%');
            text.push_str(&self.entrypoint.as_str());
        }
        text
    }
}

impl<A: Into<Address>> From<A> for MichelsonAddress {
    fn from(address: A) -> Self {
        Self { address: address.into(), entrypoint: Entrypoint::default() }
    }
}

impl fmt::Debug for MichelsonAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_family(IdFamily::Alpha))
    }
}

impl FromStr for MichelsonAddress {
    type Err = EntrypointError;
    fn from_str(text: &str) -> Result<Self, EntrypointError> {
        let (address, name) = text.split_once('%').unwrap_or((text, ""));
        Ok(Self { entrypoint: Entrypoint::new_strict(name)?, address: address.parse()? })
    }
}

impl Binary for MichelsonAddress {
    fn write(&self, out: &mut Vec<u8>) {
        self.address.write(out);
        if !self.entrypoint.is_default() {
            out.extend_from_slice(self.entrypoint.as_bytes());
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let address = Address::read(r)?;
        let place = r.clone();
        let entrypoint = match r.rest() {
            b"default" => Err(EntrypointError::Default),
            name => Entrypoint::of_bytes(name),
        };
        let entrypoint = entrypoint.map_err(|e| place.invalid("entrypoint", e.to_string()))?;
        Ok(Self { address, entrypoint })
    }
}

impl Json for MichelsonAddress {
    fn to_json(&self, family: IdFamily) -> Value {
        Value::String(self.in_family(family))
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        parse_str(value, "an address, with %entrypoint or without")
    }
}

/// Where new addresses come from: the operation that originates, and how many it has originated before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginationNonce {
    /// Hash of the signed operation.
    pub operation: OperationHash,
    /// 0 for the first address the operation makes; contracts and rollups count together.
    pub index: u32,
}

impl OriginationNonce {
    /// The nonce of the first address that operation makes.
    pub fn new(operation: OperationHash) -> Self {
        Self { operation, index: 0 }
    }

    /// The address a contract gets.
    pub fn contract(&self) -> ContractHash {
        ContractHash(blake2b::hash20(&self.to_bytes()))
    }

    /// The address a smart rollup gets.
    pub fn rollup(&self) -> RollupAddress {
        RollupAddress(blake2b::hash20(&self.to_bytes()))
    }

    /// The nonce of the next address.
    pub fn next(self) -> Self {
        Self { index: self.index.saturating_add(1), ..self }
    }
}

impl Binary for OriginationNonce {
    fn write(&self, out: &mut Vec<u8>) {
        self.operation.write(out);
        out.extend_from_slice(&self.index.to_be_bytes());
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { operation: OperationHash::read(r)?, index: r.u32("origination index")? })
    }
}

#[cfg(test)]
mod tests;
