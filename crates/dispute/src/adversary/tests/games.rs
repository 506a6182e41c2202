use super::world::{PERIODS, Played, Staker, level, world};
use crate::adversary::claims::Claims;
use crate::adversary::dice::Dice;
use crate::adversary::found::Found;
use crate::adversary::{forgery, zoo};
use crate::{Adversary, Spec, Strategy, Timeline};
use soru_base::{Binary, StateHash, Tick};
use soru_merkle::Proof;
use soru_protocol::refutation::{GameError, GameResult, InputProof, LossReason, Refutation, Step};
use std::collections::BTreeSet;

/// Moves of the longest game: about 2^63 ticks, cut in half by the liar and into 31 at least by the honest player.
const MOVES_MAX: usize = 26;

fn spec(text: &str) -> Spec {
    text.parse().unwrap()
}

/// Plays a liar against an honest player, as the one who opens the game or the one who is challenged; tells how the
/// liar lost. Nothing if it does not lie in that period.
fn against_honest(
    spec: &Spec,
    period: usize,
    liar_opens: bool,
    truth: &mut Timeline,
) -> Option<(LossReason, Played)> {
    let mut honest = Staker::honest(usize::from(liar_opens), period);
    let mut liar = Staker::liar(usize::from(!liar_opens), period, spec, truth);
    if !liar.lies(period) {
        return None;
    }
    let (liar_key, told) = (liar.key, format!("{spec} in period {period}, the liar opens: {liar_opens}"));
    let stakers = if liar_opens { [&mut liar, &mut honest] } else { [&mut honest, &mut liar] };
    let played = world().play(period, truth, stakers);
    let GameResult::Loser { reason, loser } = played.result else { panic!("{told}: {played:?}") };
    assert_eq!(loser, liar_key, "{told}: {played:?}");
    assert!(played.moves <= MOVES_MAX, "{told}: {played:?}");
    Some((reason, played))
}

/// The games of one kind in every period, in both roles.
fn games_of(name: &str) -> Vec<(LossReason, Played)> {
    let mut games = Vec::new();
    for period in 0..PERIODS {
        let mut truth = world().timeline(period);
        for liar_opens in [false, true] {
            games.extend(against_honest(&spec(name), period, liar_opens, &mut truth));
        }
    }
    games
}

#[test]
fn everyone_in_the_zoo_loses() {
    for kind in zoo() {
        let games = games_of(kind.name);
        // The kernel is never refused: there is nothing to lie about.
        let expected = if kind.name == "stuck" { 0 } else { 2 * PERIODS };
        assert_eq!(games.len(), expected, "{}", kind.name);
        let may_be_refused =
            ["garbage", "multi-tick", "behind-end", "illegal", "double-move"].contains(&kind.name);
        let refused = games.iter().any(|(_, played)| !played.refused.is_empty());
        assert_eq!(refused, may_be_refused, "{}: {games:?}", kind.name);
    }
}

#[test]
fn proofs_that_prove_nothing_are_answered() {
    let names = ["wrong-inbox", "wrong-preimage", "wrong-tick", "forged-end", "bomb", "extremes"];
    for name in names {
        for (reason, played) in games_of(name) {
            let found = (reason, played.wrong_proofs.len(), played.refused);
            assert_eq!(found, (LossReason::ConflictResolved, 1, Vec::new()), "{name}");
        }
    }
}

#[test]
fn a_final_proof_is_wrong_where_it_should_be() {
    let mut truth = world().timeline(1);
    let mut proof_of = |name: &str| {
        let spec = spec(name);
        let played = against_honest(&spec, 1, true, &mut truth).unwrap().1;
        let mut claims = Claims::new(&spec, &mut Found::default(), &mut truth).unwrap();
        let first = claims.first_wrong().unwrap();
        let ends = [Tick(first.0 - 1), first].map(|tick| claims.at(tick).unwrap().unwrap());
        let proof = played.wrong_proofs.into_iter().next().unwrap();
        let step = Proof::from_bytes(&proof.pvm_step).unwrap();
        (ends, [step.before(), step.after()].map(StateHash::from), proof.input_proof)
    };
    for name in ["wrong-inbox", "wrong-preimage", "forged-end", "bomb"] {
        let (claimed, proved, _) = proof_of(name);
        assert_eq!(proved, claimed, "{name}");
    }
    let (claimed, proved, _) = proof_of("wrong-tick");
    assert_ne!(proved[0], claimed[0]);
    assert!(matches!(proof_of("wrong-inbox").2, Some(InputProof::InboxProof { .. })));
    let (.., preimage) = proof_of("wrong-preimage");
    assert!(matches!(preimage, Some(InputProof::RevealProof(_))), "{preimage:?}");
    assert!(proof_of("extremes").2.is_some());
    let (claimed, proved, _) = proof_of("final-hash");
    assert_eq!((proved[0], proved[1] == claimed[1]), (claimed[0], false));
}

#[test]
fn moves_that_are_refused_are_refused_for_what_is_wrong() {
    let ids = |games: &[(LossReason, Played)]| -> BTreeSet<&'static str> {
        games.iter().flat_map(|(_, played)| played.refused.iter().map(GameError::id)).collect()
    };
    let refusals = |name: &str| {
        let games = games_of(name);
        assert!(games.iter().all(|(reason, _)| *reason == LossReason::Timeout), "{name}: {games:?}");
        ids(&games)
    };
    let only = |id| BTreeSet::from([id]);
    assert_eq!(refusals("garbage"), only("smart_rollup_proof_check"));
    assert_eq!(refusals("multi-tick"), only("Dissection_unexpected_section_size"));
    assert_eq!(refusals("double-move"), only("smart_rollup_wrong_turn"));
    assert_eq!(refusals("lazy"), BTreeSet::new());
    let behind_end = games_of("behind-end");
    assert_eq!(ids(&behind_end), only("smart_rollup_dissection_start_hash_mismatch"));
    assert!(behind_end.iter().any(|(reason, _)| *reason == LossReason::Timeout), "{behind_end:?}");
    let expected = [
        "Dissection_choice_not_found",
        "smart_rollup_dissection_edge_ticks_mismatch",
        "smart_rollup_dissection_invalid_distribution",
        "smart_rollup_dissection_invalid_number_of_sections",
        "smart_rollup_dissection_invalid_successive_states_shape",
        "smart_rollup_dissection_number_of_sections_mismatch",
        "smart_rollup_dissection_start_hash_mismatch",
        "smart_rollup_dissection_stop_hash_mismatch",
        "smart_rollup_dissection_ticks_not_increasing",
        "smart_rollup_wasm_invalid_dissection_distribution",
    ];
    // The level changes what is drawn.
    let found = (0..5).flat_map(|from| ids(&games_of(&format!("illegal@{from}")))).collect::<BTreeSet<_>>();
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn a_forged_input_is_sound_but_for_its_place() {
    for (name, period) in [("wrong-inbox", 0), ("wrong-inbox", 1), ("wrong-preimage", 0)] {
        let mut truth = world().timeline(period);
        let spec = spec(&format!("{name}@3"));
        let mut claims = Claims::new(&spec, &mut Found::default(), &mut truth).unwrap();
        let first = claims.first_wrong().unwrap();
        let before = Tick(first.0 - 1);
        let lots = claims.dice().clone();
        let forged = forgery::other_input(claims.truth, before, &lots).unwrap().unwrap();
        let step = Proof::from_bytes(&forged.pvm_step).unwrap();
        assert_eq!(claims.at(before).unwrap(), Some(step.before().into()));
        assert_eq!(claims.at(first).unwrap(), Some(step.after().into()));
        assert_ne!(truth.hash_at(first).unwrap(), Some(forged.stop));
    }
}

#[test]
fn a_bomb_fits_an_operation() {
    let step = Step::Proof(forgery::bomb(StateHash::ZERO, StateHash::ZERO));
    let size = Refutation::Move { choice: Tick(u64::MAX), step }.to_bytes().len();
    // Branch, signature, and what is told of the operation beside the move.
    assert!((32_000..32_768 - 300).contains(&size), "{size}");
}

#[test]
fn who_moves_last_moves_in_time() {
    let games = games_of("last-block");
    assert!(games.iter().all(|(reason, _)| *reason == LossReason::ConflictResolved), "{games:?}");
}

#[test]
fn long_games_are_longer() {
    let moves = |name: &str| games_of(name).iter().map(|(_, played)| played.moves).max();
    assert!(moves("long-game") > moves("forged-end"));
    assert!(moves("endless") > Some(16));
}

#[test]
fn failures_at_chosen_places_lose() {
    const FAR: u64 = 1 << 40;
    let mut lies = 0;
    for period in 0..PERIODS {
        let mut truth = world().timeline(period);
        let levels: Vec<_> =
            truth.period().levels.iter().map(|l| (l.level, l.messages.len() as u64)).collect();
        for (level, messages) in levels {
            for message in 0..=messages {
                for tick in [0, 1, 2, 10_999_999_990, 11_000_000_500, 22_000_000_000, FAR] {
                    let spec = spec(&format!("at:{level}:{message}:{tick}"));
                    let lie = Adversary::new(spec.clone()).lie_in(&mut truth).unwrap();
                    let played = against_honest(&spec, period, tick % 2 == 0, &mut truth);
                    assert_eq!(lie.is_some(), played.is_some(), "{spec}");
                    // The machine goes on behind the last message of a level only.
                    let last = message + 1 == messages && tick < FAR;
                    assert_eq!(lie.is_some(), last || (message < messages && tick == 0), "{spec}");
                    lies += usize::from(lie.is_some());
                }
            }
        }
        // The earlier one counts, whatever the order.
        let first = truth.period().levels[0].level;
        let two = spec(&format!("at:{}:0:0,{first}:1:0", first.next()));
        let one = spec(&format!("at:{first}:1:0"));
        let mut lie_in = |spec: &Spec| Adversary::new(spec.clone()).lie_in(&mut truth).unwrap();
        assert_eq!(lie_in(&two), lie_in(&one));
        assert!(against_honest(&two, period, true, &mut truth).is_some());
    }
    assert!(lies > 50, "{lies}");
}

#[test]
fn a_liar_waits_for_its_level() {
    for (period, first, last) in [(0, 5, 7), (1, 8, 10)] {
        let mut truth = world().timeline(period);
        let mut lies = |from: u32| {
            let mut adversary = Adversary::new(spec(&format!("padding@{from}")));
            adversary.lie_in(&mut truth).unwrap().is_some()
        };
        assert!([0, 1, first, last].into_iter().all(&mut lies));
        assert!(![last + 1, 1_000].into_iter().any(lies));
        assert_eq!(truth.period().levels.last().unwrap().level, level(last));
    }
}

/// A kind or a place, drawn.
fn drawn(dice: &mut Dice) -> Spec {
    let kinds = zoo().len() as u64;
    match dice.below(kinds + 8) {
        kind if kind < kinds => {
            let name = zoo()[kind as usize].name;
            // The level changes what else is drawn.
            spec(&format!("{name}@{}", dice.below(8)))
        }
        _ => {
            let place = |dice: &mut Dice| {
                format!("{}:{}:{}", 5 + dice.below(6), dice.below(6), dice.magnitude_below(60_000_000_000))
            };
            spec(&format!("at:{},{},{}", place(dice), place(dice), place(dice)))
        }
    }
}

#[test]
fn drawn_liars_lose_against_honest_players_and_end_their_games_with_each_other() {
    let mut truths: Vec<_> = (0..PERIODS).map(|period| world().timeline(period)).collect();
    let (mut against, mut among) = (0, 0);
    for round in 0..300u64 {
        let mut dice = Dice::of(&[b"liars", &round.to_be_bytes()]);
        let period = dice.below(PERIODS as u64) as usize;
        let truth = &mut truths[period];
        let (one, other) = (drawn(&mut dice), drawn(&mut dice));
        for spec in [&one, &other] {
            let game = against_honest(spec, period, dice.below(2) == 0, truth);
            against += usize::from(game.is_some());
        }
        let mut one = Staker::liar(0, period, &one, truth);
        let mut other = Staker::liar(1, period, &other, truth);
        if one.commitment != other.commitment {
            let played = world().play(period, truth, [&mut one, &mut other]);
            assert!(played.moves <= 2 * MOVES_MAX, "{played:?}");
            among += 1;
        }
    }
    assert!(against > 400 && among > 200, "{against} {among}");
}

#[test]
fn a_liar_is_the_same_after_a_restart() {
    let mut truths: Vec<_> = (0..PERIODS).map(|period| world().timeline(period)).collect();
    for kind in zoo() {
        let spec = spec(kind.name);
        let mut claims = |adversary: &mut Adversary, period: usize| {
            adversary.commitment(&mut truths[period], &world().honest(period)).unwrap()
        };
        let mut old = Adversary::new(spec.clone());
        let first = claims(&mut old, 0);
        assert_eq!(claims(&mut old, 1), claims(&mut Adversary::new(spec.clone()), 1), "{spec}");
        assert_eq!(claims(&mut old, 0), first, "{spec}");
        let play = || {
            let mut truth = world().timeline(1);
            against_honest(&spec, 1, true, &mut truth).map(|(_, played)| format!("{played:?}"))
        };
        assert_eq!(play(), play(), "{spec}");
    }
}
