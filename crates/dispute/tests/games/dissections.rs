//! A million dissections of an honest player, against any claims about any machine, are moves that the rules take.

use soru_base::{BOOTSTRAP_ACCOUNTS, Level, LevelSpan, MerkelizedPayloadHash, StateHash, Tick, TickSpan};
use soru_protocol::inbox::{HistoryCell, LevelProof, skip_list::Cell};
use soru_protocol::refutation::{
    Answer, Clock, DissectionChunk, DissectionRules, Game, GameState, Player, Progress, Stakers, Step,
    Verdict,
};

/// A machine and a claim about it.
#[derive(Debug, Clone, Copy)]
struct Case {
    snapshot: u64,
    start: u64,
    stop: u64,
    /// The last tick about which the claim is true.
    tick: u64,
    /// The last tick before the machine is blocked, and the one that the claim has for it.
    ends: [u64; 2],
}

impl Case {
    fn any(next: &mut impl FnMut() -> u64) -> Self {
        const SNAPSHOTS: [u64; 6] = [1, 2, 7, 1_000, 11_000_000_000, 50_000_000_000_000];
        let snapshot = SNAPSHOTS[(next() % 6) as usize];
        // Sections of a game begin at a snapshot, or are no longer than one.
        let runs = next() % 10_000;
        let (start, ticks) = match next() % 3 {
            0 => (runs * snapshot, 2 + next() % (snapshot * 3_000)),
            1 => (runs * snapshot, snapshot * (1 + next() % 3_000)),
            _ => (runs * snapshot + next() % snapshot, 2 + next() % snapshot),
        };
        let start = if ticks > snapshot { start / snapshot * snapshot } else { start };
        let ticks = ticks.max(2);
        let stop = start + ticks;
        let tick = start + next() % ticks;
        // Sometimes one of the two is blocked inside of the section.
        let ends = match next() % 4 {
            0 => [start + next() % ticks, stop],
            1 => [stop, start + next() % ticks],
            _ => [stop, stop],
        };
        // No claim may follow a blocked one, so it goes wrong before the truth ends.
        Self { snapshot, start, stop, tick: tick.min(ends[0]), ends }
    }

    fn truth(&self, tick: u64) -> Option<StateHash> {
        (tick <= self.ends[0]).then(|| hash(tick, 0))
    }

    fn claim(&self, tick: u64) -> Option<StateHash> {
        match tick <= self.tick {
            true => self.truth(tick),
            false => (tick <= self.ends[1]).then(|| hash(tick, 1)),
        }
    }
}

fn hash(tick: u64, tag: u8) -> StateHash {
    let mut bytes = [tag; 32];
    bytes[..8].copy_from_slice(&tick.to_be_bytes());
    StateHash(bytes)
}

fn game(rules: DissectionRules, dissection: Vec<DissectionChunk>) -> Game {
    let stakers = Stakers::new(BOOTSTRAP_ACCOUNTS[0].pkh(), BOOTSTRAP_ACCOUNTS[1].pkh()).unwrap();
    let inbox_snapshot: HistoryCell =
        Cell::genesis(LevelProof { hash: MerkelizedPayloadHash::ZERO, level: Level::GENESIS });
    Game {
        stakers,
        turn: Player::Alice,
        inbox_snapshot,
        start_level: Level::GENESIS,
        inbox_level: Level::GENESIS,
        state: GameState::Dissecting { dissection },
        rules,
        clock: Clock::start(Level::GENESIS, LevelSpan(100)),
    }
}

#[test]
fn a_million_dissections_are_taken() {
    let mut seed = 4u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 20
    };
    let (mut dissections, mut proofs, mut cases) = (0, 0, 0);
    while dissections < 1_000_000 {
        let case = Case::any(&mut next);
        cases += 1;
        let rules = DissectionRules::new(32, TickSpan(case.snapshot)).unwrap();
        let claimed = |tick: Tick| DissectionChunk { state_hash: case.claim(tick.0), tick };
        // What the opponent has dissected, or the two ends as at the beginning of a game.
        let ticks = match next() % 2 {
            0 => vec![Tick(case.start), Tick(case.stop)],
            _ => rules.default_ticks(Tick(case.start), Tick(case.stop)),
        };
        let claims: Vec<_> = ticks.into_iter().map(claimed).collect();
        let wrong = claims.iter().position(|chunk| chunk.state_hash != case.truth(chunk.tick.0));
        let game = game(rules, claims.clone());
        let answer = game.answer(|tick| Ok::<_, ()>(case.truth(tick.0))).unwrap();
        match (wrong, answer) {
            (Some(wrong), Answer::Dissect { choice, dissection }) => {
                dissections += 1;
                assert_eq!(choice, claims[wrong - 1].tick);
                assert!(dissection.iter().all(|chunk| chunk.state_hash == case.truth(chunk.tick.0)));
                let player = game.stakers.staker(Player::Alice);
                let step = Step::Dissection(dissection);
                let taken = game.play(&player, Level::GENESIS, choice, &step, |_, _| Verdict::Invalid);
                assert!(matches!(taken, Ok(Progress::Ongoing(_))), "{case:?}: {taken:?}");
            }
            (Some(wrong), Answer::Prove { choice }) => {
                proofs += 1;
                assert_eq!((choice, choice.0 + 1), (claims[wrong - 1].tick, claims[wrong].tick.0));
            }
            // Where the claim is wrong, nobody has claimed anything.
            (None, Answer::Concede) => (),
            (wrong, answer) => panic!("{case:?}: {wrong:?} {answer:?}"),
        }
    }
    println!("{cases} cases, {dissections} dissections, {proofs} proofs");
    assert!(proofs > 1_000 && cases < 3_000_000, "{proofs} proofs of {cases} cases");
}
