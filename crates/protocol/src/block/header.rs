use super::{Timestamp, VALIDATION_PASSES};
use crate::inbox::level_field;
use serde_json::{Value, json};
use soru_base::bin::{put_bool, put_bytes, put_sized};
use soru_base::blake2b::hash32;
use soru_base::json::{array_field, field, hex_field, member, u64_field};
use soru_base::{
    Binary, BlockHash, BlockPayloadHash, ContextHash, DecodeError, IdFamily, Json, JsonError, Level,
    NonceHash, OperationListListHash, Reader, Signature,
};

/// Bytes of a fitness, at most.
pub const MAX_FITNESS: usize = 256;

/// A block header: what every protocol has, and what today's adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockHeader {
    /// What every protocol has.
    pub shell: ShellHeader,
    /// What today's protocol adds; nothing in the genesis block.
    pub protocol_data: Option<ProtocolData>,
}

/// The part of a header that every protocol has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellHeader {
    /// Height of the block.
    pub level: Level,
    /// How many protocols the chain has had.
    pub proto: u8,
    /// The block before.
    pub predecessor: BlockHash,
    /// When it was made.
    pub timestamp: Timestamp,
    /// Number of lists of operations.
    pub validation_pass: u8,
    /// Root of the operations.
    pub operations_hash: OperationListListHash,
    /// Tells which of two chains is better: the later one in the order of bytes.
    pub fitness: Vec<Vec<u8>>,
    /// Hash of the context after the block.
    pub context: ContextHash,
}

/// What today's protocol adds to a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolData {
    /// Hash of the operations the round agreed on.
    pub payload_hash: BlockPayloadHash,
    /// The round in which it was proposed first.
    pub payload_round: u32,
    /// Eight bytes against spam.
    pub proof_of_work_nonce: [u8; 8],
    /// Commitment to a random number, once in a while.
    pub seed_nonce_hash: Option<NonceHash>,
    /// The vote: 0 for on, 1 for off, 2 for pass.
    pub per_block_votes: u8,
    /// The baker's signature.
    pub signature: Signature,
}

impl ProtocolData {
    /// The vote that is no vote.
    pub const VOTE_PASS: u8 = 2;
}

/// The fitness of a block made in round 0 on a block of round 0.
pub fn fitness(level: Level) -> Vec<Vec<u8>> {
    let int32 = |n: i32| n.to_be_bytes().to_vec();
    vec![vec![2], int32(level.as_i32()), vec![], int32(-1), int32(0)]
}

impl BlockHeader {
    /// The hash that names the block.
    pub fn hash(&self) -> BlockHash {
        BlockHash(hash32(&self.to_bytes()))
    }

    /// The bytes that the baker signs, after the watermark 11 and the chain's id.
    pub fn forge(&self) -> Vec<u8> {
        let mut out = self.shell.to_bytes();
        if let Some(data) = &self.protocol_data {
            data.write_unsigned(&mut out);
        }
        out
    }

    /// The members of the RPC's header but `protocol`, `chain_id` and `hash`.
    pub fn raw_json(&self, family: IdFamily) -> Value {
        let mut object = self.shell.to_json(family);
        let Some(data) = &self.protocol_data else { return object };
        object["payload_hash"] = data.payload_hash.to_json(family);
        object["payload_round"] = data.payload_round.into();
        object["proof_of_work_nonce"] = hex::encode(data.proof_of_work_nonce).into();
        if let Some(hash) = &data.seed_nonce_hash {
            object["seed_nonce_hash"] = hash.to_json(family);
        }
        let vote = ["on", "off", "pass"].get(usize::from(data.per_block_votes & 3)).unwrap_or(&"pass");
        object["liquidity_baking_toggle_vote"] = (*vote).into();
        object["signature"] = data.signature.to_json(family);
        object
    }
}

impl ProtocolData {
    fn write_unsigned(&self, out: &mut Vec<u8>) {
        self.payload_hash.write(out);
        out.extend_from_slice(&self.payload_round.to_be_bytes());
        out.extend_from_slice(&self.proof_of_work_nonce);
        put_bool(out, self.seed_nonce_hash.is_some());
        if let Some(hash) = &self.seed_nonce_hash {
            hash.write(out);
        }
        out.push(self.per_block_votes);
    }
}

impl Binary for BlockHeader {
    fn write(&self, out: &mut Vec<u8>) {
        self.shell.write(out);
        if let Some(data) = &self.protocol_data {
            data.write(out);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let shell = ShellHeader::read(r)?;
        let protocol_data = if r.is_empty() { None } else { Some(ProtocolData::read(r)?) };
        Ok(Self { shell, protocol_data })
    }
}

impl Binary for ShellHeader {
    fn write(&self, out: &mut Vec<u8>) {
        self.level.write(out);
        out.push(self.proto);
        self.predecessor.write(out);
        out.extend_from_slice(&self.timestamp.0.to_be_bytes());
        out.push(self.validation_pass);
        self.operations_hash.write(out);
        put_sized(out, |out| self.fitness.iter().for_each(|part| put_bytes(out, part)));
        self.context.write(out);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            level: Level::read(r)?,
            proto: r.u8("proto level")?,
            predecessor: BlockHash::read(r)?,
            timestamp: Timestamp(r.i64("timestamp")?),
            validation_pass: r.u8("validation passes")?,
            operations_hash: OperationListListHash::read(r)?,
            fitness: read_fitness(r)?,
            context: ContextHash::read(r)?,
        })
    }
}

fn read_fitness(r: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, DecodeError> {
    let place = r.clone();
    let mut sub = r.sub("fitness")?;
    if sub.remaining() > MAX_FITNESS {
        return Err(
            place.invalid("fitness", format!("{} bytes are more than {MAX_FITNESS}", sub.remaining()))
        );
    }
    let mut parts = Vec::new();
    while !sub.is_empty() {
        parts.push(sub.bytes(MAX_FITNESS, "part of a fitness")?.to_vec());
    }
    Ok(parts)
}

impl Binary for ProtocolData {
    fn write(&self, out: &mut Vec<u8>) {
        self.write_unsigned(out);
        self.signature.write(out);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            payload_hash: BlockPayloadHash::read(r)?,
            payload_round: r.u32("payload round")?,
            proof_of_work_nonce: r.array("proof-of-work nonce")?,
            seed_nonce_hash: if r.bool("seed nonce hash")? { Some(NonceHash::read(r)?) } else { None },
            per_block_votes: read_votes(r)?,
            signature: Signature::read(r)?,
        })
    }
}

fn read_votes(r: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let place = r.clone();
    match r.u8("per-block votes")? {
        votes @ 0..=ProtocolData::VOTE_PASS => Ok(votes),
        other => Err(place.invalid("per-block votes", format!("{other:#04x} is no vote (00, 01 or 02)"))),
    }
}

impl Json for ShellHeader {
    fn to_json(&self, family: IdFamily) -> Value {
        let fitness: Vec<_> = self.fitness.iter().map(hex::encode).collect();
        json!({
            "level": self.level.get(),
            "proto": self.proto,
            "predecessor": self.predecessor.to_json(family),
            "timestamp": self.timestamp.to_json(family),
            "validation_pass": self.validation_pass,
            "operations_hash": self.operations_hash.to_json(family),
            "fitness": fitness,
            "context": self.context.to_json(family),
        })
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let fitness = array_field(value, "fitness")?.iter().enumerate();
        let fitness = fitness.map(|(i, part)| {
            let bytes = part.as_str().and_then(|s| hex::decode(s).ok());
            bytes.ok_or_else(|| JsonError::new("bytes in hexadecimal", part).at(i).within("fitness"))
        });
        Ok(Self {
            level: level_field(value, "level")?,
            proto: byte(value, "proto", 0)?,
            predecessor: field(value, "predecessor", family)?,
            timestamp: field(value, "timestamp", family)?,
            validation_pass: byte(value, "validation_pass", VALIDATION_PASSES)?,
            operations_hash: field(value, "operations_hash", family)?,
            fitness: fitness.collect::<Result<_, _>>()?,
            context: field(value, "context", family)?,
        })
    }
}

fn byte(value: &Value, name: &str, default: u8) -> Result<u8, JsonError> {
    if member(value, name).is_null() {
        return Ok(default);
    }
    let n = u64_field(value, name)?;
    u8::try_from(n).map_err(|_| JsonError::new("a number below 256", member(value, name)).within(name))
}

/// The members of the RPC's header; `protocol`, `chain_id` and `hash` are not looked at.
impl Json for BlockHeader {
    fn to_json(&self, family: IdFamily) -> Value {
        self.raw_json(family)
    }

    fn from_json(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let shell = ShellHeader::from_json(value, family)?;
        // Headers of other protocols lack some member: they are read without.
        let ours = ["payload_hash", "payload_round", "proof_of_work_nonce", "signature"];
        if ours.iter().any(|name| member(value, name).is_null()) {
            return Ok(Self { shell, protocol_data: None });
        }
        let nonce = hex_field(value, "proof_of_work_nonce")?;
        let votes = match member(value, "liquidity_baking_toggle_vote").as_str() {
            Some("on") => 0,
            Some("off") => 1,
            _ => ProtocolData::VOTE_PASS,
        };
        let data = ProtocolData {
            payload_hash: field(value, "payload_hash", family)?,
            payload_round: u32::try_from(u64_field(value, "payload_round")?).map_err(|_| {
                JsonError::new("a round", member(value, "payload_round")).within("payload_round")
            })?,
            proof_of_work_nonce: nonce.try_into().map_err(|_| {
                JsonError::new("8 bytes in hexadecimal", member(value, "proof_of_work_nonce"))
                    .within("proof_of_work_nonce")
            })?,
            seed_nonce_hash: match member(value, "seed_nonce_hash") {
                Value::Null => None,
                _ => Some(field(value, "seed_nonce_hash", family)?),
            },
            per_block_votes: votes,
            signature: field(value, "signature", family)?,
        };
        Ok(Self { shell, protocol_data: Some(data) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The network's own sample of a header, but for its fitness.
    fn sample() -> Value {
        json!({
            "level": 1331,
            "proto": 1,
            "predecessor": "BKpbfCvh777DQHnXjU2sqHvVUNZ7dBAdqEfKkdw8EGSkD9LSYXb",
            "timestamp": "2020-04-20T16:20:00Z",
            "validation_pass": 4,
            "operations_hash": "LLoZqBDX1E2ADRXbmwYo8VtMNeHG6Ygzmm4Zqv97i91UPBQHy9Vq3",
            "fitness": ["02", "00000533", "", "ffffffff", "00000000"],
            "context": "CoVDyf9y9gHfAkPWofBJffo4X4bWjmehH2LeVonDcCKKzyQYwqdk",
            "payload_hash": "vh1g87ZG6scSYxKhspAUzprQVuLAyoa5qMBKcUfjgnQGnFb3dJcG",
            "payload_round": 0,
            "proof_of_work_nonce": "101895ca00000000",
            "seed_nonce_hash": "nceUFoeQDgkJCmzdMWh19ZjBYqQD3N9fe6bXQ1ZsUKKvMn7iun5Z3",
            "liquidity_baking_toggle_vote": "off",
            "signature": "sigbQ5ZNvkjvGssJgoAnUAfY4Wvvg3QZqawBYB1j1VDBNTMBAALnCzRHWzer34bnfmzgHg3EvwdzQKdxgSghB897cono6gbQ",
        })
    }

    #[test]
    fn every_form_reads_back() {
        let header = BlockHeader::from_json(&sample(), IdFamily::Alpha).unwrap();
        assert_eq!(header.to_json(IdFamily::Alpha), sample());
        assert_eq!(header.shell.fitness, fitness(Level::new(1331).unwrap()));
        let bytes = header.to_bytes();
        // The shell with 37 bytes of fitness, what today's protocol adds, a signature.
        assert_eq!(bytes.len(), (78 + 37 + 32) + (32 + 4 + 8 + 33 + 1) + 64);
        assert_eq!(BlockHeader::from_bytes(&bytes).as_ref(), Ok(&header));
        assert!(bytes.starts_with(&header.forge()));

        let genesis = BlockHeader { protocol_data: None, ..header };
        assert_eq!(BlockHeader::from_bytes(&genesis.to_bytes()).as_ref(), Ok(&genesis));
        assert_eq!(BlockHeader::from_json(&genesis.to_json(IdFamily::Alpha), IdFamily::Alpha), Ok(genesis));
    }

    #[test]
    fn a_vote_that_json_cannot_say_is_refused() {
        let header = BlockHeader::from_json(&sample(), IdFamily::Alpha).unwrap();
        let mut bytes = header.to_bytes();
        let votes = bytes.len() - 65;
        assert_eq!(bytes[votes], 1);
        bytes[votes] = 3;
        assert!(BlockHeader::from_bytes(&bytes).unwrap_err().to_string().contains("0x03 is no vote"));
    }

    #[test]
    fn another_byte_is_another_block() {
        let header = BlockHeader::from_json(&sample(), IdFamily::Alpha).unwrap();
        let mut other = header.clone();
        other.shell.timestamp.0 += 1;
        assert_ne!(header.hash(), other.hash());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
            let mut bytes = BlockHeader::from_json(&sample(), IdFamily::Alpha).unwrap().to_bytes();
            let (at, cut) = (at.index(bytes.len()), cut.index(bytes.len()));
            bytes[at] = byte;
            if let Ok(header) = BlockHeader::from_bytes(&bytes) {
                prop_assert_eq!(header.to_bytes(), bytes.clone());
            }
            let _ = BlockHeader::from_bytes(&bytes[..cut]);
        }
    }
}
