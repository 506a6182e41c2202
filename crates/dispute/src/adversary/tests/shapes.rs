use crate::adversary::dice::Dice;
use crate::adversary::shapes::{around, random};
use proptest::prelude::*;
use soru_base::{StateHash, Tick, TickSpan};
use soru_protocol::refutation::{DissectionChunk, DissectionRules, GameError};

const SNAPSHOT: u64 = 11_000_000_000;

fn check(rules: &DissectionRules, cuts: &[Tick]) -> Result<(), GameError> {
    let chunk = |hash, tick: &Tick| DissectionChunk { state_hash: Some(StateHash([hash; 32])), tick: *tick };
    let (start, stop) = (cuts.first().unwrap(), cuts.last().unwrap());
    let chunks: Vec<_> = cuts.iter().map(|tick| chunk(1, tick)).collect();
    rules.check(&chunk(1, start), &chunk(2, stop), &chunks)
}

/// A section of so many ticks or snapshots.
fn section(snapshots: bool, units: u64, start: u64) -> (Tick, Tick) {
    let unit = if snapshots { SNAPSHOT } else { 1 };
    let start = Tick(if snapshots { start * SNAPSHOT } else { start });
    (start, start.plus(TickSpan(units * unit)))
}

proptest! {
    #[test]
    fn a_liar_gets_the_section_it_wants(
        snapshots: bool, units in 2u64..5_000, start in 0u64..1_000_000, lie: prop::sample::Index, size in 1u64..200,
    ) {
        let rules = DissectionRules::new(32, TickSpan(SNAPSHOT)).unwrap();
        let (start, stop) = section(snapshots, units, start);
        let lie = Tick(start.0 + 1 + lie.index((stop.0 - start.0) as usize) as u64);
        let cuts = around(&rules, start, stop, lie, size);
        prop_assert_eq!(check(&rules, &cuts), Ok(()), "{:?}", cuts);
        let around_it = cuts.windows(2).find(|pair| pair[0] < lie && lie <= pair[1]).unwrap();
        let unit = if snapshots { SNAPSHOT } else { 1 };
        let others = units.min(32) - 1;
        let expected = size.min(units / 2).min(units - others);
        prop_assert_eq!(around_it[1].since(around_it[0]), TickSpan(expected * unit));
    }

    #[test]
    fn drawn_cuts_are_in_order(units in 2u64..5_000, tail in 0u64..3, seed: u64) {
        let rules = DissectionRules::new(32, TickSpan(1_000)).unwrap();
        let stop = Tick(units * 1_000 + tail);
        for (start, stop) in [(Tick(0), stop), (Tick(5), Tick(5 + units.min(1_000)))] {
            let cuts = random(&rules, start, stop, &mut Dice::of(&[&seed.to_be_bytes()]));
            prop_assert!(cuts.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", cuts);
            prop_assert_eq!((cuts[0], cuts[cuts.len() - 1]), (start, stop));
            prop_assert_eq!(cuts.len(), rules.default_ticks(start, stop).len());
        }
    }
}
