//! Where a liar cuts a section. The rules leave room: a fixed number of sections, none of them longer than a half.

use super::dice::Dice;
use soru_base::{Tick, TickSpan};
use soru_protocol::refutation::DissectionRules;

/// A section as the rules count it: in ticks, or in snapshots if it is longer than one.
struct Units {
    unit: u64,
    count: u64,
    sections: u64,
}

impl Units {
    fn of(rules: &DissectionRules, start: Tick, stop: Tick) -> Self {
        let (ticks, snapshot) = (stop.since(start).0, rules.ticks_per_snapshot().0);
        let unit = if ticks > snapshot { snapshot } else { 1 };
        let count = ticks / unit;
        Self { unit, count, sections: count.min(rules.sections().into()) }
    }
}

/// Cuts of a section that leave a section of about `size` ticks or snapshots around the tick `lie`, which is behind
/// `start`.
pub(super) fn around(rules: &DissectionRules, start: Tick, stop: Tick, lie: Tick, size: u64) -> Vec<Tick> {
    let Units { unit, count, sections } = Units::of(rules, start, stop);
    if count < 2 || !stop.since(start).0.is_multiple_of(unit) {
        return rules.default_ticks(start, stop);
    }
    let others = sections - 1;
    // Every other section has a unit at least.
    let size = size.min(count / 2).min(count - others).max(1);
    let place = lie.since(start).0.saturating_sub(1) / unit;
    let left = place.saturating_sub(size / 2).min(count - size);
    let right = count - size - left;
    let share = (u128::from(others) * u128::from(left) / u128::from((left + right).max(1))) as u64;
    let least = others.saturating_sub(right).max(left.min(1));
    let most = left.min(if right > 0 { others - 1 } else { others });
    let share = share.min(most).max(least);
    let at = |units: u64| start.plus(TickSpan(units.saturating_mul(unit)));
    let mut cuts = vec![start];
    cuts.extend(even(left, share).map(at));
    cuts.push(at(left + size));
    cuts.extend(even(right, others - share).map(|units| at(left + size + units)));
    cuts
}

/// The ends of so many parts of about the same size.
fn even(length: u64, parts: u64) -> impl Iterator<Item = u64> {
    (1..=parts).map(move |i| (u128::from(length) * u128::from(i) / u128::from(parts)) as u64)
}

/// Cuts anywhere near those of a node.
pub(super) fn random(rules: &DissectionRules, start: Tick, stop: Tick, dice: &mut Dice) -> Vec<Tick> {
    let Units { unit, .. } = Units::of(rules, start, stop);
    let mut cuts = rules.default_ticks(start, stop);
    for i in 1..cuts.len().saturating_sub(1) {
        let room = cuts[i + 1].since(cuts[i - 1]).0.saturating_sub(1) / unit;
        cuts[i] = cuts[i - 1].plus(TickSpan(unit * (1 + dice.below(room))));
    }
    cuts
}
