use super::world::{Dice, SNAPSHOT, chunk, rules, state};
use crate::refutation::{DissectionChunk, DissectionRules, GameError};
use soru_base::{Tick, TickSpan};
use std::convert::Infallible;

fn default(rules: &DissectionRules, start: DissectionChunk, stop: DissectionChunk) -> Vec<DissectionChunk> {
    let at = |tick: Tick| Ok::<_, Infallible>(Some(state(0, tick.0)));
    rules.default_dissection(start, stop, at).unwrap()
}

fn check_default(rules: &DissectionRules, start: u64, stop: u64) {
    let from = chunk(Some(state(0, start)), start);
    let refuted = chunk(Some(state(1, stop)), stop);
    let dissection = default(rules, from, chunk(Some(state(0, stop)), stop));
    let told = || format!("{start} to {stop}, snapshots of {}", rules.ticks_per_snapshot());
    assert_eq!(rules.check(&from, &refuted, &dissection), Ok(()), "{}", told());
}

#[test]
fn a_default_dissection_passes_the_check() {
    let mut dice = Dice(1);
    let mut checked = 0;
    for round in 0..1_200_000u64 {
        let snapshot = match round % 3 {
            0 => SNAPSHOT,
            1 => 1 + dice.below(200),
            _ => dice.length(40),
        };
        let rules = DissectionRules::new(4 + dice.below(60) as u8, TickSpan(snapshot)).unwrap();
        let start_run = dice.below(1 << 20);
        // Any section of at most a snapshot, or any that starts at one.
        let (start, ticks) = match round % 4 {
            0 => (dice.length(62), 2 + dice.below(snapshot.saturating_sub(1))),
            1 => (0, 2 + dice.length(62)),
            2 => (start_run * snapshot, (1 + dice.length(20)) * snapshot),
            _ => (start_run * snapshot, 2 + dice.below(snapshot.saturating_mul(70).min(1 << 60))),
        };
        if ticks <= snapshot || start.is_multiple_of(snapshot) {
            check_default(&rules, start, start + ticks);
            checked += 1;
        }
    }
    assert!(checked > 1_000_000, "{checked}");
}

#[test]
fn a_default_dissection_passes_the_check_at_every_small_length() {
    for snapshot in 1..40 {
        for sections in [4, 5, 31, 32, 255] {
            let rules = DissectionRules::new(sections, TickSpan(snapshot)).unwrap();
            (2..snapshot * 40).for_each(|ticks| check_default(&rules, 0, ticks));
        }
    }
    let rules = rules(SNAPSHOT);
    check_default(&rules, 0, u64::MAX);
    check_default(&rules, u64::MAX - 2, u64::MAX);
    check_default(&rules, 5, 5 + SNAPSHOT);
}

#[test]
fn the_ticks_are_those_of_a_node() {
    let rules = rules(1_000);
    let ticks = |stop| rules.default_ticks(Tick(0), Tick(stop)).iter().map(|t| t.0).collect::<Vec<_>>();
    assert_eq!(ticks(3), [0, 1, 2, 3]);
    assert_eq!(ticks(64), (0..=32).map(|i| 2 * i).collect::<Vec<_>>());
    assert_eq!(ticks(2_000), [0, 1_000, 2_000]);
    assert_eq!(ticks(1_001), [0, 1_000, 1_001]);
    assert_eq!(ticks(2_500), [0, 1_000, 2_000, 2_500]);
    // 60 whole runs in 32 sections: the short ones first.
    let runs = ticks(60_000);
    assert_eq!(runs[..6], [0, 1_000, 2_000, 3_000, 4_000, 6_000]);
    assert_eq!((runs.len(), runs[32]), (33, 60_000));
    // 60 and a part: 31 sections for the runs.
    let stuck = ticks(60_001);
    assert_eq!((stuck.len(), stuck[31], stuck[32]), (33, 60_000, 60_001));
    assert_eq!(ticks(1), [0, 1]);
    assert_eq!(ticks(0), [0]);
}

#[test]
fn rules_that_some_section_could_not_follow_do_not_exist() {
    assert_eq!(DissectionRules::new(3, TickSpan(1)), None);
    assert_eq!(DissectionRules::new(32, TickSpan(0)), None);
}

/// A section of 64 ticks, its refuted stop, and a good dissection.
fn good() -> (DissectionRules, DissectionChunk, DissectionChunk, Vec<DissectionChunk>) {
    let rules = rules(1_000);
    let start = chunk(Some(state(0, 10)), 10);
    let dissection = default(&rules, start, chunk(Some(state(0, 74)), 74));
    (rules, start, chunk(Some(state(1, 74)), 74), dissection)
}

#[test]
fn bad_dissections_are_refused_for_what_is_wrong() {
    let (rules, start, stop, dissection) = good();
    let bad = |change: &dyn Fn(&mut Vec<DissectionChunk>)| {
        let mut dissection = dissection.clone();
        change(&mut dissection);
        rules.check(&start, &stop, &dissection).unwrap_err()
    };
    let mismatch = |given| GameError::DissectionNumberOfSectionsMismatch { expected: 32, given };
    assert_eq!(
        bad(&|d| {
            d.remove(3);
        }),
        mismatch(31)
    );
    assert_eq!(bad(&|d| d.push(chunk(None, 80))), mismatch(33));
    assert_eq!(bad(&|d| d.clear()), mismatch(0));
    for given in [None, Some(state(1, 10))] {
        let expected = start.state_hash;
        assert_eq!(
            bad(&|d| d[0].state_hash = given),
            GameError::DissectionStartHashMismatch { expected, given }
        );
    }
    assert_eq!(
        bad(&|d| d[32].state_hash = stop.state_hash),
        GameError::DissectionStopHashMismatch { hash: stop.state_hash }
    );
    let edges = |given_start, given_stop| GameError::DissectionEdgeTicksMismatch {
        given_start: Tick(given_start),
        given_stop: Tick(given_stop),
        start: Tick(10),
        stop: Tick(74),
    };
    assert_eq!(bad(&|d| d[0].tick = Tick(9)), edges(9, 74));
    assert_eq!(bad(&|d| d[32].tick = Tick(75)), edges(10, 75));
    assert_eq!(bad(&|d| d[5].tick = d[4].tick), GameError::DissectionTicksNotIncreasing);
    assert_eq!(bad(&|d| d.swap(5, 6)), GameError::DissectionTicksNotIncreasing);
    assert_eq!(bad(&|d| d[5].state_hash = None), GameError::DissectionInvalidSuccessiveStatesShape);
    let lopsided = |d: &mut Vec<DissectionChunk>| {
        for (i, chunk) in d[1..32].iter_mut().enumerate() {
            chunk.tick = Tick(43 + i as u64);
        }
    };
    assert_eq!(bad(&lopsided), GameError::DissectionInvalidDistribution { max: TickSpan(32) });
    let mut half = dissection.clone();
    half[1..32].iter_mut().enumerate().for_each(|(i, chunk)| chunk.tick = Tick(42 + i as u64));
    assert_eq!(rules.check(&start, &stop, &half), Ok(()));
}

#[test]
fn one_tick_or_none_cannot_be_dissected() {
    let rules = rules(1_000);
    for stop in [10, 11] {
        let ends = [chunk(Some(state(0, 10)), 10), chunk(Some(state(0, stop)), stop)];
        let refuted = chunk(None, stop);
        let error = rules.check(&ends[0], &refuted, &ends).unwrap_err();
        assert_eq!(error, GameError::DissectionInvalidNumberOfSections { given: 1 });
    }
}

#[test]
fn a_section_from_a_blocked_state_cannot_be_dissected() {
    let rules = rules(1_000);
    let start = chunk(None, 0);
    let dissection = default(&rules, start, chunk(Some(state(0, 64)), 64));
    let error = rules.check(&start, &chunk(Some(state(1, 64)), 64), &dissection).unwrap_err();
    assert_eq!(error, GameError::DissectionStartHashMismatch { expected: None, given: None });
}

#[test]
fn whole_runs_are_cut_at_snapshots_only() {
    let rules = rules(1_000);
    let start = chunk(Some(state(0, 0)), 0);
    for (stop, last) in [(60_000, 32), (60_400, 31)] {
        let refuted = chunk(Some(state(1, stop)), stop);
        let good = default(&rules, start, chunk(Some(state(0, stop)), stop));
        assert_eq!(rules.check(&start, &refuted, &good), Ok(()));
        for i in 1..=last.min(31) {
            let mut bad = good.clone();
            bad[i].tick = Tick(bad[i].tick.0 + 1);
            let error = rules.check(&start, &refuted, &bad).unwrap_err();
            assert_eq!(error, GameError::WasmInvalidDissectionDistribution, "chunk {i} to {stop}");
        }
    }
    // One run and a part of the next: two sections, cut at the snapshot.
    let refuted = chunk(Some(state(1, 1_500)), 1_500);
    let cut = |at| [start, chunk(Some(state(0, at)), at), chunk(Some(state(0, 1_500)), 1_500)];
    assert_eq!(rules.check(&start, &refuted, &cut(1_000)), Ok(()));
    assert_eq!(rules.check(&start, &refuted, &cut(750)), Err(GameError::WasmInvalidDissectionDistribution));
}

#[test]
fn a_machine_that_blocks_stays_blocked() {
    let (rules, start, stop, mut dissection) = good();
    dissection[20..].iter_mut().for_each(|chunk| chunk.state_hash = None);
    assert_eq!(rules.check(&start, &stop, &dissection), Ok(()));
    assert_eq!(
        rules.check(&start, &chunk(None, 74), &dissection),
        Err(GameError::DissectionStopHashMismatch { hash: None })
    );
}
