//! Proofs that are played in refutation games.

use crate::laws;
use arbitrary::{Arbitrary as _, Unstructured};
use soru_base::{BOOTSTRAP_ACCOUNTS, Binary, Level, LevelSpan, RollupAddress, StateHash, TickSpan};
use soru_protocol::inbox::{
    HistoryCell, InboxMessage, InboxProof, InboxSource, LevelInbox, NotKeptError, ProtocolMessages,
    ProvedMessage, SerializedMessage,
};
use soru_protocol::refutation::{
    Clock, DissectionRules, Game, GameState, Player, ProvedTick, RefutationProof, Stakers, Verdict, examine,
    prove,
};
use soru_pvm::replay::Setup;
use soru_pvm::reveal::{
    Metadata, PreimageHash, PreimageSource, RevealError, RevealSource as _, RollupReveals,
};
use soru_pvm::state::{InputPlace, Limits, Status};
use soru_pvm::{Machine, Version};
use std::sync::LazyLock;

const KERNELS: [(&[u8], u64); 2] = [
    (include_bytes!("../../../testdata/vectors/kernels/noop.wasm"), 170),
    (include_bytes!("../../../testdata/vectors/kernels/reveal.wasm"), 21_818),
];
/// Of one run one state in so many is proved, besides those that wait for something.
const STRIDE: u64 = 173;
const METADATA: Metadata = Metadata { address: RollupAddress([7; 20]), origination_level: Level::GENESIS };

/// The inboxes of a chain: level i has i mod 7 messages, each ninth has 40.
struct Chain(Vec<LevelInbox>);

static CHAIN: LazyLock<Chain> = LazyLock::new(|| {
    let none = ProtocolMessages::default();
    let mut all = vec![LevelInbox::genesis(Level::GENESIS, &none)];
    for level in 1..150u8 {
        let number = if level % 9 == 0 { 40 } else { level % 7 };
        let messages: Vec<_> = (0..number)
            .map(|i| InboxMessage::External(vec![level, i]).serialize().expect("two bytes"))
            .collect();
        let before = &all[all.len() - 1].inbox;
        all.push(LevelInbox::build(before, &none, &messages).expect("a level with room"));
    }
    Chain(all)
});

impl Chain {
    fn snapshot(&self, level: usize) -> &HistoryCell {
        &self.0[level].inbox.old_levels_messages
    }

    fn last(&self, level: Level) -> u64 {
        self.0[level.get() as usize].messages.len() as u64 - 1
    }

    fn next(&self, snapshot: usize, level: Level, counter: u64) -> Option<ProvedMessage> {
        let (level, counter) = match counter > self.last(level) {
            true => (level.next(), 0),
            false => (level, counter),
        };
        let found = self.0.get(level.get() as usize).filter(|_| level.get() as usize <= snapshot)?;
        Some(ProvedMessage { level, counter, message: found.messages[counter as usize].clone() })
    }
}

impl InboxSource for Chain {
    fn cell(&self, level: Level) -> Result<HistoryCell, NotKeptError> {
        Ok(self.0[level.get() as usize].inbox.old_levels_messages.clone())
    }

    fn messages(&self, level: Level) -> Result<Vec<SerializedMessage>, NotKeptError> {
        Ok(self.0[level.get() as usize].messages.clone())
    }
}

/// Proofs of an inbox: exact. Whatever was changed in one, and whatever place it is taken for: with the true length of
/// its level it tells the message that is there, or nothing.
pub fn inbox_proof(bytes: &[u8]) {
    let _ = laws::exact::<InboxProof>(bytes);
    let _ = changed_inbox_proof(&mut Unstructured::new(bytes));
}

fn changed_inbox_proof(source: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let mut place = || -> arbitrary::Result<_> {
        let snapshot = source.choose_index(CHAIN.0.len())?;
        let level = Level::new(source.int_in_range(0..=snapshot as u32)?).unwrap_or_default();
        Ok((snapshot, level, source.int_in_range(0..=CHAIN.last(level) + 1)?))
    };
    let (made, read) = (place()?, place()?);
    let (proof, told) =
        InboxProof::produce(&*CHAIN, CHAIN.snapshot(made.0), made.1, made.2).expect("a place");
    assert_eq!(told, CHAIN.next(made.0, made.1, made.2));
    let mut bytes = proof.to_bytes();
    change(source, &mut bytes)?;
    let (snapshot, level, counter) = if bool::arbitrary(source)? { made } else { read };
    let Some(proof) = laws::exact::<InboxProof>(&bytes) else { return Ok(()) };
    if let Ok(told) = proof.verify(CHAIN.snapshot(snapshot), level, counter)
        && proof.claimed_last() == Some(CHAIN.last(level))
    {
        assert_eq!(told, CHAIN.next(snapshot, level, counter), "a proof of what is not there");
    }
    Ok(())
}

fn change(source: &mut Unstructured<'_>, bytes: &mut [u8]) -> arbitrary::Result<()> {
    for _ in 0..source.int_in_range(0..=4)? {
        let at = source.choose_index(bytes.len())?;
        bytes[at] = source.arbitrary()?;
    }
    Ok(())
}

struct NoPages;

impl PreimageSource for NoPages {
    fn preimage(&mut self, _: PreimageHash) -> Result<Vec<u8>, RevealError> {
        Err(RevealError::new("no pages"))
    }
}

fn game() -> Game {
    let last = CHAIN.0.len() - 1;
    let [one, other] = [0, 1].map(|i: usize| BOOTSTRAP_ACCOUNTS[i].pkh());
    Game {
        stakers: Stakers::new(one, other).expect("two"),
        turn: Player::Alice,
        inbox_snapshot: CHAIN.snapshot(last).clone(),
        start_level: Level::MAX,
        inbox_level: Level::new(3).unwrap_or_default(),
        state: GameState::Dissecting { dissection: Vec::new() },
        rules: DissectionRules::new(32, TickSpan(1_000)).expect("enough sections"),
        clock: Clock::start(Level::GENESIS, LevelSpan(1)),
    }
}

/// A tick, and the proof of it.
struct Played {
    tick: ProvedTick,
    proof: RefutationProof,
}

static PLAYED: LazyLock<Vec<Played>> =
    LazyLock::new(|| KERNELS.iter().flat_map(|(kernel, ticks)| run(kernel, TickSpan(*ticks))).collect());

fn run(kernel: &[u8], ticks_per_snapshot: TickSpan) -> Vec<Played> {
    let limits = Limits { ticks_per_snapshot, ..Limits::FIRST };
    let mut tree = Setup { version: Version::V0, limits, max_reboots: None, values: Vec::new() }.boot(kernel).expect("a kernel");
    let mut machine = Machine::from_tree(&tree).expect("what was just written");
    let mut played = Vec::new();
    loop {
        let status = machine.status();
        let proof =
            (status != Status::Computing || machine.current_tick.0.is_multiple_of(STRIDE)).then(|| {
                machine.apply(&mut tree).expect("a state");
                prove(&tree, &game(), METADATA, &*CHAIN, &mut NoPages)
            });
        let start: StateHash = tree.hash().expect("a whole tree").into();
        let mut ended = false;
        match status {
            Status::Computing => drop(machine.step(1, &mut ()).expect("a tick")),
            Status::RevealRequired(request) => {
                let known = RollupReveals { metadata: METADATA, preimages: &mut NoPages }.reveal(&request);
                machine.set_reveal(&known.unwrap_or_else(|_| vec![7; 20])).expect("an answer");
            }
            Status::InputRequired => {
                let (level, counter) = match machine.last_input {
                    None => (Level::GENESIS.next(), 0),
                    Some(place) => (place.level, place.counter + 1),
                };
                let next = CHAIN.next(usize::MAX, level, counter).expect("levels enough");
                ended = next.level > game().inbox_level;
                if !ended {
                    let place = InputPlace { level: next.level, counter: next.counter };
                    machine.set_input(place, next.message.as_bytes()).expect("a message");
                }
            }
        }
        if let Some(Ok(proof)) = proof {
            machine.apply(&mut tree).expect("a state");
            let next = tree.hash().expect("a whole tree").into();
            played.push(Played { tick: ProvedTick { start, stop: (!ended).then_some(next) }, proof });
        }
        if ended {
            return played;
        }
    }
}

/// Proofs of ticks as they are played: exact, whatever they are. A real one that somebody has changed says of its state
/// what is true, or nothing, where the length of the level that it reads is known.
pub fn played_proof(bytes: &[u8]) {
    if let Some(proof) = laws::exact::<RefutationProof>(bytes) {
        let _ = examine(&game(), &proof, METADATA);
    }
    let _ = changed_played_proof(&mut Unstructured::new(bytes));
}

fn changed_played_proof(source: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let chosen = source.choose(&PLAYED)?;
    let mut proof = chosen.proof.clone();
    if bool::arbitrary(source)? {
        proof.input_proof = source.choose(&PLAYED)?.proof.input_proof.clone();
    }
    let mut bytes = proof.to_bytes();
    change(source, &mut bytes)?;
    let Ok(proof) = RefutationProof::from_bytes(&bytes) else { return Ok(()) };
    let length_is_right = proof
        .claimed_last()
        .is_none_or(|(level, last)| (level.get() as usize) < CHAIN.0.len() && CHAIN.last(level) == last);
    if let Verdict::Valid(tick) = examine(&game(), &proof, METADATA)
        && tick.start == chosen.tick.start
        && length_is_right
    {
        assert_eq!(tick, chosen.tick, "a proof of what does not happen");
    }
    Ok(())
}
