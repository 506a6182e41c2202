//! What is stored of a block, in a binary form of the node's own.

use crate::kernel_runs::KernelRuns;
use crate::layer1::Publication;
use soru_base::bin::{put_bool, put_bytes};
use soru_base::{
    Binary, BlockHash, CommitmentHash, DecodeError, InboxHash, Level, MerkelizedPayloadHash, PublicKeyHash,
    Reader, StateHash, Tick, TickSpan,
};
use soru_protocol::Commitment;
use soru_protocol::inbox::{Inbox, SerializedMessage};

/// Longest status kept, in bytes.
const MAX_STATUS: usize = 1_024;

/// A block of the layer-1 with what the rollup made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRecord {
    /// Hash of the layer-1's block.
    pub hash: BlockHash,
    /// Its level.
    pub level: Level,
    /// Hash of the block before.
    pub predecessor: BlockHash,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// The inbox after the block.
    pub inbox: Inbox,
    /// Messages in the inbox of this level, the protocol's included.
    pub num_messages: u32,
    /// Hash of the state after the block.
    pub state_hash: StateHash,
    /// Ticks of the machine before the block.
    pub initial_tick: Tick,
    /// Ticks the block took.
    pub num_ticks: TickSpan,
    /// The calls of `kernel_run`; nothing in records of older versions.
    pub runs: Option<KernelRuns>,
    /// What the machine says it is doing after the block.
    pub status: String,
    /// Messages that the block put into the outbox of its level.
    pub outbox_len: u32,
    /// The commitment, if a period ends here.
    pub commitment: Option<CommitmentHash>,
    /// The commitment of the period before.
    pub previous_commitment: CommitmentHash,
    /// Level of that commitment.
    pub previous_commitment_level: Level,
    /// Commitments of the rollup that were published in the block.
    pub published: Vec<Publication>,
    /// Commitments of the rollup that were cemented in the block.
    pub cemented: Vec<CommitmentHash>,
    /// Outbox messages that were executed in the block: level and index.
    pub executed: Vec<(Level, u32)>,
    /// Stakers whose deposits were taken in the block.
    pub losers: Vec<PublicKeyHash>,
}

impl BlockRecord {
    /// Whether the machine is stuck for ever in this state.
    pub fn is_stuck(&self) -> bool {
        self.status.starts_with("Stuck")
    }

    /// Whether the block has nothing to do with commitments and games, and executed no outbox message.
    pub(super) fn is_plain(&self) -> bool {
        self.commitment.is_none()
            && self.published.is_empty()
            && self.cemented.is_empty()
            && self.executed.is_empty()
            && self.losers.is_empty()
    }

    /// Hash of the inbox after the block.
    pub fn inbox_hash(&self) -> InboxHash {
        self.inbox.hash()
    }

    /// Hash of the last cell of the messages of the level.
    pub fn inbox_witness(&self) -> MerkelizedPayloadHash {
        self.inbox.current_payloads()
    }

    /// The newest commitment up to the block.
    pub fn most_recent_commitment(&self) -> (CommitmentHash, Level) {
        match self.commitment {
            Some(hash) => (hash, self.level),
            None => (self.previous_commitment, self.previous_commitment_level),
        }
    }

    /// Ticks of the machine after the block.
    pub fn final_tick(&self) -> Tick {
        self.initial_tick.plus(self.num_ticks)
    }
}

impl Binary for BlockRecord {
    fn write(&self, out: &mut Vec<u8>) {
        self.hash.write(out);
        self.level.write(out);
        self.predecessor.write(out);
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        self.inbox.write(out);
        out.extend_from_slice(&self.num_messages.to_be_bytes());
        self.state_hash.write(out);
        out.extend_from_slice(&self.initial_tick.0.to_be_bytes());
        out.extend_from_slice(&self.num_ticks.0.to_be_bytes());
        put_bytes(out, cut(&self.status).as_bytes());
        out.extend_from_slice(&self.outbox_len.to_be_bytes());
        put_bool(out, self.commitment.is_some());
        if let Some(hash) = &self.commitment {
            hash.write(out);
        }
        self.previous_commitment.write(out);
        self.previous_commitment_level.write(out);
        put_list(out, &self.published, |publication, out| {
            publication.commitment.write(out);
            publication.publisher.write(out);
        });
        put_list(out, &self.cemented, |hash, out| hash.write(out));
        put_list(out, &self.executed, |(level, index), out| {
            level.write(out);
            out.extend_from_slice(&index.to_be_bytes());
        });
        put_list(out, &self.losers, |staker, out| staker.write(out));
        // Last, because older versions have nothing there.
        if let Some(runs) = &self.runs {
            runs.write(out);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            hash: BlockHash::read(r)?,
            level: Level::read(r)?,
            predecessor: BlockHash::read(r)?,
            timestamp: r.i64("timestamp")?,
            inbox: Inbox::read(r)?,
            num_messages: r.u32("number of messages")?,
            state_hash: StateHash::read(r)?,
            initial_tick: Tick(r.u64("initial tick")?),
            num_ticks: TickSpan(r.u64("number of ticks")?),
            status: String::from_utf8_lossy(r.bytes(MAX_STATUS, "status")?).into_owned(),
            outbox_len: r.u32("length of the outbox")?,
            commitment: r.bool("has a commitment")?.then(|| CommitmentHash::read(r)).transpose()?,
            previous_commitment: CommitmentHash::read(r)?,
            previous_commitment_level: Level::read(r)?,
            published: list(r, "publications", |r| {
                Ok(Publication { commitment: Commitment::read(r)?, publisher: PublicKeyHash::read(r)? })
            })?,
            cemented: list(r, "cementations", CommitmentHash::read)?,
            executed: list(r, "executions", |r| Ok((Level::read(r)?, r.u32("index")?)))?,
            losers: list(r, "losers", PublicKeyHash::read)?,
            runs: if r.is_empty() { None } else { Some(KernelRuns::read(r)?) },
        })
    }
}

/// Messages one after another.
pub(super) fn messages_to_bytes(messages: &[SerializedMessage]) -> Vec<u8> {
    let mut out = Vec::with_capacity(messages.iter().map(|m| m.as_bytes().len() + 4).sum());
    messages.iter().for_each(|m| put_bytes(&mut out, m.as_bytes()));
    out
}

/// Reads what [`messages_to_bytes`] wrote.
pub(super) fn messages_from_bytes(bytes: &[u8]) -> Result<Vec<SerializedMessage>, DecodeError> {
    let mut r = Reader::new(bytes);
    let mut out = Vec::new();
    while !r.is_empty() {
        out.push(SerializedMessage(r.bytes(u16::MAX as usize, "message")?.to_vec()));
    }
    Ok(out)
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_STATUS);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], put: impl Fn(&T, &mut Vec<u8>)) {
    soru_base::bin::put_sized(out, |out| items.iter().for_each(|item| put(item, out)));
}

fn list<T>(
    r: &mut Reader<'_>,
    what: &'static str,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut sub = r.sub(what)?;
    let mut out = Vec::new();
    while !sub.is_empty() {
        out.push(read(&mut sub)?);
    }
    Ok(out)
}
