//! When there is nothing to play honestly, the honest player says so.

use crate::world::game::{HONEST, LIAR};
use crate::world::liar::Lie;
use crate::world::{Pages, World, kernels, side};
use soru_base::{Profile, StateHash, Tick, TickSpan};
use soru_dispute::{DisputeError, Honest, Strategy, Timeline, Turn};
use soru_protocol::operation::Action;
use soru_protocol::refutation::{DissectionChunk, Game, GameState, Refutation, Step};

/// A game that the honest player has opened, about a lie in the second period.
fn opened() -> (World, Timeline, Lie, Game) {
    let pages = Pages::of(&[kernels::PAGE]);
    let mut world =
        World::new(Profile::alpha(), &kernels::ordinary(kernels::PAGE), pages, |_| vec![b"hello".to_vec()]);
    world.agree(1, &[HONEST, LIAR]);
    world.bake_period(2);
    let mut truth = world.timeline(2, true);
    let lie = Lie::at(Tick(50_000_000_000), &mut truth);
    let (ours, theirs) = (world.commitment(2), lie.commitment(&world.commitment(2), &mut truth));
    let rollup = world.rollup();
    let publish = |commitment| Action::SmartRollupPublish { rollup, commitment };
    world.bake(&[(HONEST, publish(ours)), (LIAR, publish(theirs))]);
    let start =
        Refutation::Start { player_commitment_hash: ours.hash(), opponent_commitment_hash: theirs.hash() };
    world.done(HONEST, world.refute(LIAR, start));
    let game = world.game(HONEST, LIAR).unwrap();
    (world, truth, lie, game)
}

/// What a player who knows the truth does on the side of an account.
fn moves(
    world: &World,
    truth: &mut Timeline,
    game: &Game,
    account: usize,
) -> Result<Vec<Refutation>, DisputeError> {
    let level = world.level().next();
    Honest.moves(Turn { game, me: side(game, account), level, truth, inbox: &world.inboxes })
}

#[test]
fn it_waits_for_its_turn_only() {
    let (world, mut truth, _, game) = opened();
    assert_eq!(moves(&world, &mut truth, &game, LIAR).unwrap(), []);
    assert_eq!(moves(&world, &mut truth, &game, HONEST).unwrap().len(), 1);
}

#[test]
fn who_has_claimed_something_wrong_is_told_that_nothing_wins() {
    let (mut world, mut truth, lie, game) = opened();
    let [first] = &moves(&world, &mut truth, &game, HONEST).unwrap()[..] else { panic!() };
    world.done(HONEST, world.refute(LIAR, first.clone()));
    // Somebody who knows the truth now sits on the side of the liar.
    let game = world.game(HONEST, LIAR).unwrap();
    let error = moves(&world, &mut truth, &game, LIAR).unwrap_err();
    let GameState::Dissecting { dissection } = &game.state else { panic!() };
    let tick = dissection.last().unwrap().tick;
    assert!(matches!(error, DisputeError::NothingWrong { tick: found } if found == tick), "{error}");
    assert!(lie.play(&game, &mut truth, &world.inboxes).is_some());
}

#[test]
fn a_proof_that_would_not_win_is_not_played() {
    let (world, mut truth, _, game) = opened();
    let chunk = |tick, state_hash| DissectionChunk { state_hash, tick: Tick(tick) };
    let at = |tick, truth: &mut Timeline| truth.hash_at(Tick(tick)).unwrap();
    let final_move = |stop: Option<StateHash>, truth: &mut Timeline| {
        let state = GameState::FinalMove {
            agreed_start_chunk: chunk(7, at(7, truth)),
            refuted_stop_chunk: chunk(8, stop),
        };
        Game { state, ..game.clone() }
    };
    let right = final_move(at(8, &mut truth), &mut truth);
    let played = moves(&world, &mut truth, &right, HONEST).unwrap();
    assert!(matches!(&played[..], [Refutation::Move { choice: Tick(7), step: Step::Proof(_) }]));
    for stop in [None, Some(StateHash([1; 32]))] {
        let wrong = final_move(stop, &mut truth);
        let error = moves(&world, &mut truth, &wrong, HONEST).unwrap_err();
        assert!(matches!(error, DisputeError::NothingWrong { tick: Tick(8) }), "{error}");
    }
}

#[test]
fn the_truth_about_another_period_is_none() {
    let (world, _, _, game) = opened();
    let error = moves(&world, &mut world.timeline(1, true), &game, HONEST).unwrap_err();
    assert!(matches!(error, DisputeError::OtherPeriod { tick: Tick::ZERO, .. }), "{error}");
}

#[test]
fn what_the_rules_refuse_is_not_played() {
    let (world, mut truth, _, mut game) = opened();
    // A section longer than a run that begins in the middle of one: no move leads there.
    let end = Tick(30_000_000_000);
    let start = DissectionChunk { state_hash: truth.hash_at(Tick(17)).unwrap(), tick: Tick(17) };
    let stop = DissectionChunk { state_hash: Some(StateHash([1; 32])), tick: end };
    game.state = GameState::Dissecting { dissection: vec![start, stop] };
    let error = moves(&world, &mut truth, &game, HONEST).unwrap_err();
    assert!(matches!(error, DisputeError::Refused(_)), "{error}");
    assert_eq!(stop.tick.since(start.tick), TickSpan(29_999_999_983));
}

#[test]
fn games_share_what_is_known_and_need_none_of_it() {
    let (world, mut truth, _, _) = opened();
    // The same timeline for three games, whose moves alternate: as with one player each.
    let lies = [1_000, 30_000_000_123, 44_000_000_777].map(|tick| Lie::at(Tick(tick), &mut truth));
    let mut dissections: Vec<Vec<DissectionChunk>> = Vec::new();
    for lie in lies {
        let end = Tick::ZERO.plus(lie.length);
        let chunk = |tick, truth: &mut Timeline| DissectionChunk { state_hash: lie.claim(tick, truth), tick };
        dissections.push(vec![chunk(Tick::ZERO, &mut truth), chunk(end, &mut truth)]);
    }
    let (_, _, _, game) = opened();
    let mut proofs = 0;
    for _ in 0..12 {
        for (lie, claims) in lies.iter().zip(&mut dissections) {
            let game = Game { state: GameState::Dissecting { dissection: claims.clone() }, ..game.clone() };
            let played = moves(&world, &mut truth, &game, HONEST).unwrap();
            // A player that has just been started knows less and plays the same.
            assert_eq!(moves(&world, &mut world.timeline(2, false), &game, HONEST).unwrap(), played);
            let [Refutation::Move { choice, step }] = &played[..] else { panic!() };
            match step {
                Step::Proof(_) => {
                    proofs += 1;
                    assert_eq!(*choice, lie.tick);
                }
                // The liar's claims about the same ticks.
                Step::Dissection(dissection) => {
                    *claims = dissection
                        .iter()
                        .map(|chunk| DissectionChunk {
                            state_hash: lie.claim(chunk.tick, &mut truth),
                            tick: chunk.tick,
                        })
                        .collect();
                }
            }
        }
    } // Eight dissections or nine, then the proof again and again.
    assert!(proofs >= 9, "{proofs}");
}
