use super::*;
use soru_base::{OperationHash, RollupAddress, StateHash};
use soru_l1::rollup::RollupEvents;
use soru_protocol::refutation::{DissectionChunk, LossReason, RefutationProof};

const ROLLUP: RollupAddress = RollupAddress([1; 20]);
const OPERATION: OperationHash = OperationHash([2; 32]);

fn account(alias: &str) -> PublicKeyHash {
    soru_base::bootstrap::BootstrapAccount::named(alias).unwrap().pkh()
}

fn honest() -> PublicKeyHash {
    account("bootstrap2")
}

fn liar() -> PublicKeyHash {
    account("bootstrap3")
}

fn level(number: u32) -> Level {
    Level::new(number).unwrap()
}

fn commitment(state: u8, ticks: u64) -> Commitment {
    Commitment {
        compressed_state: StateHash([state; 32]),
        inbox_level: level(9),
        predecessor: CommitmentHash([0; 32]),
        number_of_ticks: TickSpan(ticks),
    }
}

fn published(staker: PublicKeyHash, commitment: Commitment) -> Published {
    let hash = commitment.hash();
    Published { operation: OPERATION, rollup: ROLLUP, staker, hash, commitment, first_published: level(11) }
}

fn refuted(source: PublicKeyHash, refutation: Option<Refutation>, result: Option<GameResult>) -> Refuted {
    let stakers = Stakers::new(honest(), liar()).unwrap();
    Refuted { operation: OPERATION, rollup: ROLLUP, stakers, source, refutation, result }
}

fn opening() -> Refuted {
    let start = Refutation::Start {
        player_commitment_hash: commitment(1, 100).hash(),
        opponent_commitment_hash: commitment(2, 200).hash(),
    };
    refuted(honest(), Some(start), None)
}

fn dissection(source: PublicKeyHash, choice: u64, ticks: &[u64]) -> Refuted {
    let chunk = |tick: &u64| DissectionChunk { state_hash: None, tick: Tick(*tick) };
    let step = Step::Dissection(ticks.iter().map(chunk).collect());
    refuted(source, Some(Refutation::Move { choice: Tick(choice), step }), None)
}

fn proof(source: PublicKeyHash, choice: u64, result: Option<GameResult>) -> Refuted {
    let proof = RefutationProof { pvm_step: vec![0; 300], input_proof: None };
    refuted(source, Some(Refutation::Move { choice: Tick(choice), step: Step::Proof(proof) }), result)
}

fn lost(loser: PublicKeyHash, reason: LossReason) -> Option<GameResult> {
    Some(GameResult::Loser { reason, loser })
}

/// A block a second, from level 11 on: two commitments for one level, then a move each.
fn blocks(moves: Vec<Refuted>) -> Vec<Seen> {
    let claims = vec![published(liar(), commitment(2, 200)), published(honest(), commitment(1, 100))];
    let first = RollupEvents { published: claims, ..RollupEvents::default() };
    let moves = moves.into_iter().map(|one| RollupEvents { refuted: vec![one], ..RollupEvents::default() });
    let events = std::iter::once(first).chain(moves).enumerate();
    events.map(|(i, events)| Seen::at(level(11 + i as u32), i as u64, events)).collect()
}

#[test]
fn a_game_narrows_to_a_tick_and_is_won() {
    let moves = vec![
        opening(),
        dissection(liar(), 0, &[0, 100, 150, 200]),
        dissection(honest(), 100, &[100, 130, 131, 150]),
        proof(liar(), 130, None),
        proof(honest(), 0, lost(liar(), LossReason::ConflictResolved)),
    ];
    let mut blocks = blocks(moves);
    blocks.last_mut().unwrap().slashed.push((liar(), Mutez(10)));
    let record = Record::of(&blocks);

    let [game] = &record.games[..] else { panic!("{:?}", record.games) };
    // What the liar has committed to is in dispute: 200 ticks.
    assert_eq!(game.ticks_disputed(), TickSpan(200));
    let spans: Vec<u64> = game.moves.iter().map(|one| one.interval.span().0).collect();
    assert_eq!(spans, [200, 200, 50, 1, 1]);
    assert_eq!(game.interval(), Interval { start: Tick(130), stop: Tick(131) });
    assert_eq!(game.moves[1].kind, MoveKind::Dissection(3));
    // 300 bytes with their length, and that there is no proof of an input.
    assert_eq!(game.proof_size(), Some(305));
    assert_eq!(game.duration(), Some(Duration::from_secs(4)));
    assert_eq!((game.outcome_for(honest()), game.outcome_for(liar())), (Outcome::Won, Outcome::Lost));
    assert_eq!((record.lost(honest()), record.lost(liar())), (Mutez::ZERO, Mutez(10)));
    let lies: Vec<_> = record.lies(liar(), honest()).map(|claim| claim.hash).collect();
    assert_eq!(lies, [commitment(2, 200).hash()]);
    assert_eq!(record.games_of(account("bootstrap1")).count(), 0);
}

#[test]
fn the_section_behind_the_end_can_be_chosen() {
    let record = Record::of(&blocks(vec![opening(), proof(liar(), 200, None)]));
    assert_eq!(record.games[0].interval(), Interval { start: Tick(200), stop: Tick(201) });
    assert_eq!(record.games[0].outcome_for(honest()), Outcome::Unfinished);
}

#[test]
fn a_clock_that_is_called_is_no_move_and_ends_the_game_for_good() {
    let by_time = refuted(account("bootstrap1"), None, lost(liar(), LossReason::Timeout));
    let mut record = Record::default();
    let all = blocks(vec![opening(), by_time, opening()]);
    let noted: Vec<_> = all.iter().map(|block| record.add(block)).collect();
    assert_eq!(noted[1..], [[Noted::Move(0)], [Noted::TimedOut(0)], [Noted::Move(1)]]);
    assert_eq!(record.games[0].moves.len(), 1);
    assert_eq!(record.games[0].proof_size(), None);
    assert_eq!(record.games[0].outcome_for(honest()), Outcome::Won);
    assert_eq!(record.games[1].outcome_for(honest()), Outcome::Unfinished);
}

#[test]
fn a_draw_is_nobodys_win() {
    let moves = vec![opening(), proof(liar(), 0, Some(GameResult::Draw))];
    let record = Record::of(&blocks(moves));
    assert_eq!(record.games[0].outcome_for(honest()), Outcome::Draw);
    assert_eq!(record.games[0].outcome_for(liar()), Outcome::Draw);
}

#[test]
fn a_game_that_is_gone_with_a_stake_is_over() {
    let mut blocks = blocks(vec![opening(), dissection(honest(), 0, &[0, 100, 200])]);
    assert_eq!(Record::of(&blocks).doubtful(), [0; 0]);
    blocks.last_mut().unwrap().slashed.push((liar(), Mutez(10)));
    let mut record = Record::of(&blocks);
    assert_eq!(record.doubtful(), [0]);
    assert_eq!(record.dropped(0, Duration::from_secs(5)), Some(Noted::Dropped(0)));
    assert_eq!(record.doubtful(), [0; 0]);
    assert_eq!(record.games[0].outcome_for(honest()), Outcome::Won);
    assert_eq!(record.games[0].duration(), Some(Duration::from_secs(4)));
}
