//! Recorded runs, moved to levels behind an origination: each tick's proof is made, examined and spoiled.

use super::*;
use crate::inbox::SerializedMessage;
use crate::inbox::{
    HistoryCell, Inbox, InboxSource, LevelInbox, NotKeptError, PayloadCell, ProtocolMessages,
};
use crate::refutation::{
    Clock, DissectionRules, GameState, InputProof, Player, ProveError, RevealProof, Stakers, prove,
};
use proptest::prelude::*;
use soru_base::{BOOTSTRAP_ACCOUNTS, Level, LevelSpan, RollupAddress, StateHash, Tick, TickSpan};
use soru_merkle::Tree;
use soru_pvm::replay::{End, Outside, ReplayLevel, RunFile, Tracer};
use soru_pvm::reveal::{PreimageHash, PreimageSource, RevealError, RollupReveals};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

const ORIGINATION: u32 = 5;

fn level(level: u32) -> Level {
    Level::new(level).unwrap()
}

fn metadata() -> Metadata {
    Metadata { address: RollupAddress([7; 20]), origination_level: level(ORIGINATION) }
}

#[derive(Clone)]
struct Pages(BTreeMap<Vec<u8>, Vec<u8>>);

impl PreimageSource for Pages {
    fn preimage(&mut self, hash: PreimageHash) -> Result<Vec<u8>, RevealError> {
        let request = [&[0][..], &hash.to_bytes()].concat();
        self.0.get(&request).cloned().ok_or_else(|| RevealError::new("no such page"))
    }
}

/// A run of the vectors whose first level is the one after the origination, and the inbox it is taken from.
struct World {
    run: RunFile,
    kernel: Vec<u8>,
    levels: Vec<ReplayLevel>,
    pages: Pages,
    cells: Vec<HistoryCell>,
    messages: Vec<Vec<SerializedMessage>>,
}

impl InboxSource for World {
    fn cell(&self, level: Level) -> Result<HistoryCell, NotKeptError> {
        Ok(self.cells[level.get() as usize].clone())
    }

    fn messages(&self, level: Level) -> Result<Vec<SerializedMessage>, NotKeptError> {
        Ok(self.messages[level.get() as usize].clone())
    }
}

impl World {
    fn of(name: &str) -> Self {
        let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
        let text = std::fs::read_to_string(vectors.join(format!("expected/{name}.jsonl"))).unwrap();
        let run = RunFile::parse(&text).unwrap();
        let kernel = std::fs::read(vectors.join(&run.kernel)).unwrap();
        let first = LevelInbox::genesis(Level::GENESIS, &ProtocolMessages::default());
        let (mut inbox, mut cells, mut messages) =
            (first.inbox.clone(), vec![first.inbox.old_levels_messages], vec![first.messages]);
        let mut levels = Vec::new();
        let quiet = vec![vec![0, 1], vec![0, 2]];
        let before = std::iter::repeat_n(&quiet, ORIGINATION as usize);
        let after = std::iter::repeat_n(&quiet, 3);
        for of_level in before.chain(run.levels.iter().map(|l| &l.messages)).chain(after) {
            let of_level: Vec<_> = of_level.iter().cloned().map(SerializedMessage).collect();
            inbox = archive(&inbox, &of_level);
            cells.push(inbox.old_levels_messages.clone());
            if inbox.level > level(ORIGINATION) {
                let taken = of_level.iter().map(|m| m.0.clone()).collect();
                levels.push(ReplayLevel { level: inbox.level, messages: taken });
            }
            messages.push(of_level);
        }
        levels.truncate(run.levels.len());
        let pages = Pages(run.reveals.0.clone());
        Self { run, kernel, levels, pages, cells, messages }
    }

    /// A game about the levels up to `inbox_level`, against the whole inbox.
    fn game_until(&self, inbox_level: Level) -> Game {
        let stakers = Stakers::new(BOOTSTRAP_ACCOUNTS[0].pkh(), BOOTSTRAP_ACCOUNTS[1].pkh()).unwrap();
        let snapshot = self.cells.last().unwrap().clone();
        Game {
            stakers,
            turn: Player::Alice,
            start_level: snapshot.content.level.next(),
            inbox_snapshot: snapshot,
            inbox_level,
            state: GameState::Dissecting { dissection: vec![] },
            rules: DissectionRules::new(32, TickSpan(1_000)).unwrap(),
            clock: Clock::start(level(20), LevelSpan(100)),
        }
    }

    fn game(&self) -> Game {
        self.game_until(self.levels[self.levels.len() - 1].level)
    }

    fn prove(&self, state: &Tree, game: &Game) -> Result<RefutationProof, ProveError> {
        prove(state, game, metadata(), self, &mut self.pages.clone())
    }

    /// One in `of` of the states of the run where something begins or ends, and of others in between; each with the hash
    /// of the next one, `None` at the end.
    fn states(&self, of: usize) -> Vec<(Tree, Option<StateHash>)> {
        let mut pages = self.pages.clone();
        let mut reveals = RollupReveals { metadata: metadata(), preimages: &mut pages };
        let mut watched = |_: Tick| ();
        let outside = Outside { reveals: &mut reveals, debug: &mut (), watch: &mut watched };
        let mut tracer = Tracer::begin(self.run.setup(), &self.kernel, &self.levels, outside).unwrap();
        tracer.set_max_reboots();
        let (mut found, mut changes) = (Vec::new(), 0);
        loop {
            let tree = tracer.tree().unwrap().clone();
            let now = tracer.tick();
            if let Some(end) = tracer.go_towards(Tick(now.0 + 1)).unwrap() {
                assert_eq!(end, End::NoMessage);
                found.push((tree, None));
                return found;
            }
            changes += 1;
            if changes % of == 0 {
                found.push((tree, Some(tracer.tree().unwrap().hash().unwrap().into())));
            }
            tracer.go_to_change(Tick(now.0 + 1_500)).unwrap();
        }
    }
}

fn archive(inbox: &Inbox, messages: &[SerializedMessage]) -> Inbox {
    let cells =
        messages[1..].iter().fold(PayloadCell::start(&messages[0]), |cell, message| cell.push(message));
    inbox.archive(cells.hash()).unwrap()
}

fn hash(tree: &Tree) -> StateHash {
    tree.hash().unwrap().into()
}

#[test]
fn whatever_is_proved_of_recorded_runs_is_valid() {
    let mut proved = [0; 5];
    for (name, of) in [
        ("noop", 1),
        ("hello", 1),
        ("counter", 1),
        ("reveal", 1),
        ("trap_null", 1),
        ("upgrade", 2),
        ("traps", 7),
        ("reboot", 3),
        ("migration", 5),
        ("recursion", 5),
        ("odd_messages", 2),
        ("outbox_window", 3),
    ] {
        let world = World::of(name);
        let game = world.game();
        for (state, next) in world.states(of) {
            let proof = world.prove(&state, &game).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(RefutationProof::from_bytes(&proof.to_bytes()).as_ref(), Ok(&proof));
            let tick = ProvedTick { start: hash(&state), stop: next };
            assert_eq!(examine(&game, &proof, metadata()), Verdict::Valid(tick), "{name}");
            proved[match proof.input_proof {
                None => 0,
                Some(InputProof::FirstInput) => 1,
                Some(InputProof::InboxProof { .. }) => 2,
                Some(InputProof::RevealProof(RevealProof::RawDataProof(_))) => 3,
                Some(InputProof::RevealProof(_)) => 4,
            }] += 1;
        }
    }
    assert!(proved.iter().all(|n| *n > 0), "{proved:?}");
}

/// Three levels of a small kernel; proofs of all kinds of ticks but reveals.
static NOOP: LazyLock<World> = LazyLock::new(|| World::of("noop"));
static REVEAL: LazyLock<World> = LazyLock::new(|| World::of("reveal"));
type Proved = (Tree, Option<StateHash>, RefutationProof);

fn proofs(world: &World) -> Vec<Proved> {
    let game = world.game();
    let states = world.states(1).into_iter();
    states
        .map(|(state, next)| {
            let proof = world.prove(&state, &game).unwrap();
            (state, next, proof)
        })
        .collect()
}

static PROOFS: LazyLock<Vec<(&World, Proved)>> = LazyLock::new(|| {
    let noop = proofs(&NOOP).into_iter().map(|p| (&*NOOP, p));
    noop.chain(proofs(&REVEAL).into_iter().map(|p| (&*REVEAL, p))).collect()
});

#[test]
fn a_message_above_the_commitment_is_none() {
    let world = &*NOOP;
    for (state, next) in world.states(1) {
        for covered in [ORIGINATION, ORIGINATION + 1] {
            let game = world.game_until(level(covered));
            let proof = world.prove(&state, &game).unwrap();
            let taken = match &proof.input_proof {
                Some(InputProof::FirstInput) => Some(ORIGINATION + 1),
                Some(InputProof::InboxProof { level, message_counter, .. }) => {
                    let more = world.messages[level.get() as usize].len() as u64 > message_counter + 1;
                    Some(level.get() + u32::from(!more))
                }
                _ => None,
            };
            let stop = if taken > Some(covered) { None } else { next };
            let tick = ProvedTick { start: hash(&state), stop };
            assert_eq!(examine(&game, &proof, metadata()), Verdict::Valid(tick));
        }
    }
}

#[test]
fn the_inbox_may_end_where_the_commitment_does() {
    let world = &*NOOP;
    let (state, _) = world.states(1).pop().unwrap();
    let last = world.levels[world.levels.len() - 1].level;
    let game = Game { inbox_snapshot: world.cells[last.get() as usize].clone(), ..world.game() };
    let proof = world.prove(&state, &game).unwrap();
    let tick = ProvedTick { start: hash(&state), stop: None };
    assert_eq!(examine(&game, &proof, metadata()), Verdict::Valid(tick));
    // Proofs are of one snapshot.
    assert_eq!(examine(&world.game(), &proof, metadata()), Verdict::Invalid);
}

#[test]
fn a_proof_needs_the_input_that_the_machine_asks_for() {
    let inputs: Vec<Option<InputProof>> =
        PROOFS.iter().map(|(_, (_, _, proof))| proof.input_proof.clone()).collect();
    let mut refused = 0;
    for (world, (_, _, proof)) in PROOFS.iter() {
        for other in inputs.iter().filter(|other| **other != proof.input_proof) {
            let wrong = RefutationProof { input_proof: other.clone(), ..proof.clone() };
            assert_eq!(examine(&world.game(), &wrong, metadata()), Verdict::Invalid);
            refused += 1;
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn inputs_out_of_bounds_are_refused() {
    let (world, (_, _, proof)) = PROOFS
        .iter()
        .find(|(_, (_, _, p))| matches!(p.input_proof, Some(InputProof::InboxProof { .. })))
        .unwrap();
    let Some(InputProof::InboxProof { level: at, message_counter, serialized_proof }) = &proof.input_proof
    else {
        unreachable!()
    };
    let with = |level: Level, message_counter: u64, serialized_proof: &[u8]| {
        let serialized_proof = serialized_proof.to_vec();
        let input_proof = Some(InputProof::InboxProof { level, message_counter, serialized_proof });
        examine(&world.game(), &RefutationProof { input_proof, ..proof.clone() }, metadata())
    };
    assert!(matches!(with(*at, *message_counter, serialized_proof), Verdict::Valid(_)));
    for counter in [0, 1, 2, 3, 1 << 31, 1 << 62, u64::MAX - 1, u64::MAX] {
        for level in [Level::GENESIS, level(ORIGINATION), *at, at.next(), Level::MAX] {
            if (level, counter) != (*at, *message_counter) {
                assert_eq!(with(level, counter, serialized_proof), Verdict::Invalid);
            }
        }
    }
    // Bytes that are no inbox proof make a wrong proof of the tick, not a malformed one.
    for garbage in [&[][..], &[0xff; 64], &serialized_proof[1..], &[serialized_proof, &[0][..]].concat()] {
        assert_eq!(with(*at, *message_counter, garbage), Verdict::Invalid);
    }
    let dal = [
        RevealProof::DalParametersProof,
        RevealProof::DalPageProof {
            published_level: Level::MAX,
            slot_index: 255,
            page_index: i16::MIN,
            proof: vec![],
        },
        RevealProof::RawDataProof(vec![0; RevealProof::RAW_DATA_MAX + 1]),
    ];
    for (world, (_, _, proof)) in PROOFS.iter() {
        for reveal in &dal {
            let input_proof = Some(InputProof::RevealProof(reveal.clone()));
            let wrong = RefutationProof { input_proof, ..proof.clone() };
            assert_eq!(examine(&world.game(), &wrong, metadata()), Verdict::Invalid);
        }
    }
    // The rollup of the metadata counts, and its level of origination.
    let later = Metadata { origination_level: Level::MAX, ..metadata() };
    let other = Metadata { address: RollupAddress([8; 20]), ..metadata() };
    let mut told = [0usize; 2];
    for (world, (state, _, proof)) in PROOFS.iter() {
        match &proof.input_proof {
            Some(InputProof::RevealProof(RevealProof::MetadataProof)) => {
                // Some requests have room for a part of the answer only.
                told[0] += usize::from(examine(&world.game(), proof, other) == Verdict::Invalid);
            }
            Some(InputProof::FirstInput) => {
                // At its level there is no input: not what this proof says, but provable.
                assert_eq!(examine(&world.game(), proof, later), Verdict::Invalid);
                let blocked = prove(state, &world.game(), later, *world, &mut world.pages.clone()).unwrap();
                let tick = ProvedTick { start: hash(state), stop: None };
                assert_eq!(examine(&world.game(), &blocked, later), Verdict::Valid(tick));
                told[1] += 1;
            }
            _ => (),
        }
    }
    assert!(told.iter().all(|n| *n > 0));
}

#[test]
fn a_level_that_ends_early_is_seen_by_who_knows_its_length() {
    let world = &*NOOP;
    let (game, read) = (world.game(), level(ORIGINATION + 1));
    let waits_for_the_end = |proof: &RefutationProof| matches!(proof.input_proof, Some(InputProof::InboxProof { level, message_counter: 1, .. }) if level == read);
    let (_, (state, next, honest)) =
        PROOFS.iter().find(|(_, (_, _, proof))| waits_for_the_end(proof)).unwrap();
    assert_eq!(honest.claimed_last(), Some((read, 2)));
    // The proof that nothing follows the last message, said of the one before.
    let (end, _) = InboxProof::produce(world, &game.inbox_snapshot, read, 3).unwrap();
    let mut serialized_proof = end.to_bytes();
    let path = u32::from_be_bytes(serialized_proof[..4].try_into().unwrap()) as usize;
    assert_eq!(std::mem::replace(&mut serialized_proof[4 + path + 4], 1), 2);
    let place = soru_pvm::state::InputPlace { level: read.next(), counter: 0 };
    let step = StepProof::produce(state, StepInput::Message { place, message: vec![0, 1] }).unwrap();
    let input_proof = Some(InputProof::InboxProof { level: read, message_counter: 1, serialized_proof });
    let forged = RefutationProof { pvm_step: step.proof.to_bytes(), input_proof };
    let Verdict::Valid(tick) = examine(&game, &forged, metadata()) else { panic!("the hashes are right") };
    assert!(tick.start == hash(state) && tick.stop != *next);
    assert_eq!(forged.claimed_last(), Some((read, 1)));
}

#[test]
fn only_bytes_that_are_no_step_are_malformed() {
    let (world, (_, _, proof)) = &PROOFS[0];
    let bytes = &proof.pvm_step;
    for step in [&[][..], &[9; 100], &bytes[..bytes.len() - 1], &[bytes, &[0][..]].concat()] {
        let wrong = RefutationProof { pvm_step: step.to_vec(), ..proof.clone() };
        let verdict = examine(&world.game(), &wrong, metadata());
        assert!(matches!(verdict, Verdict::Malformed(_)), "{verdict:?}");
    }
    // The step of another tick, with this one's input.
    let (_, (_, _, other)) = &PROOFS[1];
    let wrong = RefutationProof { pvm_step: other.pvm_step.clone(), ..proof.clone() };
    assert_eq!(examine(&world.game(), &wrong, metadata()), Verdict::Invalid);
}

#[test]
fn what_is_missing_cannot_be_proved() {
    let world = &*REVEAL;
    let game = world.game();
    let mut missing = 0;
    for (_, (state, _, proof)) in PROOFS.iter() {
        if let Some(InputProof::RevealProof(RevealProof::RawDataProof(page))) = &proof.input_proof {
            let refused = prove(state, &game, metadata(), world, &mut Pages(BTreeMap::new()));
            // The empty page is known to everybody.
            assert_eq!(matches!(refused, Err(ProveError::Page(_))), !page.is_empty());
            let mut wrong = world.pages.clone();
            wrong.0.values_mut().for_each(|page| page.push(1));
            let refused = prove(state, &game, metadata(), world, &mut wrong);
            assert_eq!(matches!(refused, Err(ProveError::Page(_))), !page.is_empty());
            missing += 1;
        }
    }
    assert!(missing > 0);
    let elsewhere = Game { inbox_snapshot: world.cells[2].clone(), ..game };
    let (state, _) = world.states(1).pop().unwrap();
    assert!(matches!(world.prove(&state, &elsewhere), Err(ProveError::Inbox(_))));
    assert!(matches!(world.prove(&Tree::empty(), &elsewhere), Err(ProveError::State(_))));
}

/// The proof may say the same in other bytes; it must not say anything else.
fn assert_harmless(world: &World, bytes: &[u8], (state, next, _): &Proved) {
    let Ok(changed) = RefutationProof::from_bytes(bytes) else { return };
    match examine(&world.game(), &changed, metadata()) {
        Verdict::Valid(tick) => assert_eq!(tick, ProvedTick { start: hash(state), stop: *next }),
        Verdict::Invalid | Verdict::Malformed(_) => (),
    }
}

#[test]
fn every_byte_of_small_proofs_flipped() {
    let mut proofs: Vec<_> = PROOFS.iter().collect();
    proofs.sort_by_key(|(_, (_, _, proof))| proof.to_bytes().len());
    let kinds: [fn(&Option<InputProof>) -> bool; 4] = [
        |input| input.is_none(),
        |input| matches!(input, Some(InputProof::FirstInput)),
        |input| matches!(input, Some(InputProof::InboxProof { .. })),
        |input| matches!(input, Some(InputProof::RevealProof(_))),
    ];
    for kind in kinds {
        let (world, proved) = proofs.iter().find(|(_, (_, _, proof))| kind(&proof.input_proof)).unwrap();
        let bytes = proved.2.to_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0xff;
            assert_harmless(world, &changed, proved);
            assert_harmless(world, &bytes[..at], proved);
        }
    }
}

proptest! {
    #[test]
    fn changed_proofs_say_nothing_else(
        proof: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 1..5),
    ) {
        let (world, proved) = proof.get(&PROOFS);
        let mut bytes = proved.2.to_bytes();
        for (at, change) in changes {
            let at = at.index(bytes.len());
            bytes[at] ^= change;
        }
        assert_harmless(world, &bytes, proved);
    }
}
