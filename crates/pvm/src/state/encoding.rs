//! The tree of a state: `durable`, `pvm`, `wasm`, and the buffers under `value`, behind a `tag` at the root.

use super::{InputPlace, Limits, MAX_REBOOTS, Machine, StateError, StuckError, TickState};
use crate::buffers::{InputBuffer, OutputBuffer};
use crate::decode::Decoder;
use crate::durable::Durable;
use crate::eval::Evaluator;
use crate::init::Initialiser;
use crate::lazy::{read_leaf, require_leaf};
use crate::link::Linker;
use num_bigint::BigInt;
use soru_base::bin::{Binary, DecodeError, Reader, put_bytes, put_n64, put_z};
use soru_base::level::{Level, LevelSpan};
use soru_base::tick::{Tick, TickSpan};
use soru_merkle::Tree;

const DURABLE: [&str; 1] = ["durable"];
const BUFFERS_TAG: [&str; 1] = ["tag"];
const INPUT_BUFFER: [&str; 4] = ["value", "pvm", "buffers", "input"];
const OUTPUT_BUFFER: [&str; 4] = ["value", "pvm", "buffers", "output"];
const WASM: [&str; 1] = ["wasm"];
const LAST_INPUT: [&str; 2] = ["wasm", "input"];
const CURRENT_TICK: [&str; 2] = ["wasm", "current_tick"];
const REBOOT_COUNTER: [&str; 2] = ["wasm", "reboot_counter"];
const STATE_TAG: [&str; 2] = ["wasm", "tag"];
const STATE_VALUE: [&str; 2] = ["wasm", "value"];
const LAST_TOP_LEVEL_CALL: [&str; 2] = ["pvm", "last_top_level_call"];
const TICKS_PER_SNAPSHOT: [&str; 2] = ["pvm", "max_nb_ticks"];
const MAX_REBOOTS_PER_INPUT: [&str; 2] = ["pvm", "maximum_reboots_per_input"];
const OUTBOX_VALIDITY_PERIOD: [&str; 2] = ["pvm", "outbox_validity_period"];
const OUTBOX_MESSAGE_LIMIT: [&str; 2] = ["pvm", "outbox_message_limit"];

const TAG_MAX: usize = 64;
/// The counter is shown to the kernel as an int32.
const REBOOTS_MAX: u64 = i32::MAX as u64;

/// Whether the buffers were ever written.
pub(crate) fn has_buffers(tree: &Tree) -> Result<bool, StateError> {
    match read_leaf(tree, &BUFFERS_TAG, tag)?.as_deref() {
        Some("Some") => Ok(true),
        Some("None") | None => Ok(false),
        Some(other) => Err(StateError::malformed(&BUFFERS_TAG, format!("the tag {other:?}"))),
    }
}

/// The two buffers, if they were ever written.
pub(crate) fn buffers(tree: &Tree) -> Result<Option<(InputBuffer, OutputBuffer)>, StateError> {
    if !has_buffers(tree)? {
        return Ok(None);
    }
    let input = InputBuffer::decode_at(tree, &INPUT_BUFFER)?;
    Ok(Some((input, OutputBuffer::decode_at(tree, &OUTPUT_BUFFER)?)))
}

/// The durable storage alone.
pub(crate) fn durable(tree: &Tree) -> Result<Durable, StateError> {
    Ok(Durable::of_tree(tree.find_tree(&DURABLE)?.unwrap_or_default()))
}

/// Writes the durable storage alone.
pub(crate) fn set_durable(tree: &mut Tree, durable: &Durable) -> Result<(), StateError> {
    Ok(tree.insert_tree(&DURABLE, durable.tree().clone())?)
}

impl Machine {
    /// Reads a state. The state of a machine without a kernel is no state.
    pub fn from_tree(tree: &Tree) -> Result<Self, StateError> {
        let n = |path: &[&str]| read_leaf(tree, path, |r| r.n64("number"));
        let max_reboots = n(&MAX_REBOOTS_PER_INPUT)?.unwrap_or(MAX_REBOOTS);
        let validity_period = require_leaf(tree, &OUTBOX_VALIDITY_PERIOD, |r| r.i32("levels"))?;
        let message_limit = require_leaf(tree, &OUTBOX_MESSAGE_LIMIT, |r| r.z("limit"))?;
        let limits = Limits {
            ticks_per_snapshot: TickSpan(require_leaf(tree, &TICKS_PER_SNAPSHOT, |r| r.n64("ticks"))?),
            outbox_validity_period: u32::try_from(validity_period)
                .map(LevelSpan)
                .map_err(|_| StateError::malformed(&OUTBOX_VALIDITY_PERIOD, validity_period))?,
            outbox_message_limit: u64::try_from(&message_limit)
                .map_err(|_| StateError::malformed(&OUTBOX_MESSAGE_LIMIT, &message_limit))?,
        };
        let (input, output) = match buffers(tree)? {
            Some(buffers) => buffers,
            None => (
                InputBuffer::default(),
                OutputBuffer::new(limits.outbox_validity_period, limits.outbox_message_limit),
            ),
        };
        Ok(Self {
            last_input: read_leaf(tree, &LAST_INPUT, input_place)?,
            current_tick: Tick(n(&CURRENT_TICK)?.unwrap_or(0)),
            reboot_counter: small(
                &REBOOT_COUNTER,
                n(&REBOOT_COUNTER)?.unwrap_or(max_reboots.saturating_add(1)),
            )?,
            durable: durable(tree)?,
            input,
            output,
            tick_state: tick_state(tree)?,
            last_top_level_call: Tick(n(&LAST_TOP_LEVEL_CALL)?.unwrap_or(0)),
            max_reboots: small(&MAX_REBOOTS_PER_INPUT, max_reboots)?,
            limits,
        })
    }

    /// Writes the state into the tree it came from, or into another one. Costs what has changed since it was read or
    /// written last.
    pub fn apply(&mut self, tree: &mut Tree) -> Result<(), StateError> {
        let n = |value: u64| {
            let mut bytes = Vec::new();
            put_n64(&mut bytes, value);
            bytes
        };
        tree.remove(&WASM)?;
        if let Some(place) = self.last_input {
            let mut bytes = place.level.to_bytes();
            put_n64(&mut bytes, place.counter);
            tree.insert(&LAST_INPUT, bytes)?;
        }
        tree.insert(&CURRENT_TICK, n(self.current_tick.0))?;
        tree.insert(&REBOOT_COUNTER, n(self.reboot_counter))?;
        set_durable(tree, &self.durable)?;
        keep(tree, &BUFFERS_TAG, text("Some"))?;
        self.input.encode_at(tree, &INPUT_BUFFER)?;
        self.output.encode_at(tree, &OUTPUT_BUFFER)?;
        set_tick_state(tree, &mut self.tick_state)?;
        keep(tree, &LAST_TOP_LEVEL_CALL, n(self.last_top_level_call.0))?;
        keep(tree, &TICKS_PER_SNAPSHOT, n(self.limits.ticks_per_snapshot.0))?;
        keep(tree, &MAX_REBOOTS_PER_INPUT, n(self.max_reboots))?;
        let validity_period = i32::try_from(self.limits.outbox_validity_period.0).unwrap_or(i32::MAX);
        keep(tree, &OUTBOX_VALIDITY_PERIOD, validity_period.to_be_bytes().to_vec())?;
        let mut limit = Vec::new();
        put_z(&mut limit, &BigInt::from(self.limits.outbox_message_limit));
        keep(tree, &OUTBOX_MESSAGE_LIMIT, limit)
    }

    /// The state as a tree of its own.
    pub fn to_tree(&self) -> Result<Tree, StateError> {
        let mut tree = Tree::empty();
        self.clone().apply(&mut tree)?;
        Ok(tree)
    }
}

/// Writes a leaf that is mostly there already: it was read when the state was.
fn keep(tree: &mut Tree, path: &[&str], bytes: Vec<u8>) -> Result<(), StateError> {
    if tree.find(path)?.is_none_or(|kept| *kept != *bytes) {
        tree.insert(path, bytes)?;
    }
    Ok(())
}

fn small(path: &[&str], n: u64) -> Result<u64, StateError> {
    if n <= REBOOTS_MAX { Ok(n) } else { Err(StateError::malformed(path, format!("{n} reboots"))) }
}

fn input_place(r: &mut Reader<'_>) -> Result<InputPlace, DecodeError> {
    Ok(InputPlace { level: Level::read(r)?, counter: r.n64("counter")? })
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, text.as_bytes());
    bytes
}

fn tag(r: &mut Reader<'_>) -> Result<String, DecodeError> {
    let bytes = r.bytes(TAG_MAX, "tag")?.to_vec();
    String::from_utf8(bytes).map_err(|_| r.invalid("tag", "no text"))
}

fn tick_state(tree: &Tree) -> Result<TickState, StateError> {
    let Some(tag) = read_leaf(tree, &STATE_TAG, tag)? else { return Ok(TickState::Collect) };
    Ok(match tag.as_str() {
        "snapshot" => TickState::Snapshot,
        "collect" => TickState::Collect,
        "padding" => TickState::Padding,
        "decode" => TickState::Decode(Box::new(Decoder::read(&state_value(tree)?)?)),
        "link" => TickState::Link(Box::new(Linker::read(&state_value(tree)?)?)),
        "init" => TickState::Init(Box::new(Initialiser::read(&state_value(tree)?)?)),
        "eval" => TickState::Eval(Box::new(Evaluator::read(&state_value(tree)?)?)),
        "stuck" => TickState::Stuck(require_leaf(tree, &STATE_VALUE, StuckError::read)?),
        other => return Err(StateError::malformed(&STATE_TAG, format!("the tag {other:?}"))),
    })
}

fn state_value(tree: &Tree) -> Result<Tree, StateError> {
    Ok(tree.find_tree(&STATE_VALUE)?.unwrap_or_default())
}

fn set_tick_state(tree: &mut Tree, state: &mut TickState) -> Result<(), StateError> {
    let tag = match state {
        TickState::Collect => "collect",
        TickState::Padding => "padding",
        TickState::Snapshot => "snapshot",
        TickState::Decode(decoder) => {
            tree.insert_tree(&STATE_VALUE, decoder.write()?)?;
            "decode"
        }
        TickState::Link(linker) => {
            tree.insert_tree(&STATE_VALUE, linker.write()?)?;
            "link"
        }
        TickState::Init(initialiser) => {
            tree.insert_tree(&STATE_VALUE, initialiser.write()?)?;
            "init"
        }
        TickState::Eval(evaluator) => {
            tree.insert_tree(&STATE_VALUE, evaluator.write()?)?;
            "eval"
        }
        TickState::Stuck(error) => {
            tree.insert(&STATE_VALUE, error.to_bytes())?;
            "stuck"
        }
    };
    Ok(tree.insert(&STATE_TAG, text(tag))?)
}
