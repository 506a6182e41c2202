use super::dice::Dice;
use super::forgery;
use super::spec::{Failure, Lie, Spec};
use super::zoo::{Falsehood, Place};
use crate::{DisputeError, Landmark, Timeline};
use soru_base::{StateHash, Tick, TickSpan};
use soru_merkle::Tree;
use soru_pvm::state::StateError;

/// What an adversary says of the states of a period: the truth up to a tick, something else from there on.
pub(super) struct Claims<'a> {
    pub(super) truth: &'a mut Timeline,
    dice: Dice,
    lie: Told,
    end: Tick,
}

enum Told {
    Truth,
    /// Wrong from this tick on.
    From(Tick, Falsehood),
    /// At these ticks the machine fails.
    Failures(Vec<Tick>),
}

/// Most ticks that a commitment can claim.
const TICKS_MAX: u64 = i64::MAX as u64;

impl<'a> Claims<'a> {
    /// What the adversary commits to.
    pub(super) fn new(spec: &Spec, truth: &'a mut Timeline) -> Result<Self, DisputeError> {
        Self::at_an_occasion(spec, truth, &[])
    }

    /// What it says at another occasion, if it says something else each time.
    pub(super) fn at_an_occasion(
        spec: &Spec,
        truth: &'a mut Timeline,
        occasion: &[u8],
    ) -> Result<Self, DisputeError> {
        let last_level = truth.period().levels.last().map(|level| level.level);
        let level_bytes = last_level.map_or(0, |level| level.get()).to_be_bytes();
        let mut dice = Dice::of(&[spec.to_string().as_bytes(), &level_bytes, occasion]);
        let length = truth.length()?;
        let too_early = spec.from > last_level;
        let lie = match &spec.lie {
            _ if too_early || length == TickSpan(0) => Told::Truth,
            Lie::Of(kind) => {
                match first_wrong(kind.plan.place, kind.plan.falsehood, length, truth, &mut dice)? {
                    Some(first) => Told::From(first, kind.plan.falsehood),
                    None => Told::Truth,
                }
            }
            Lie::At(failures) => match ticks_of(failures, truth)? {
                ticks if ticks.is_empty() => Told::Truth,
                ticks => Told::Failures(ticks),
            },
        };
        let end = Tick::ZERO.plus(length);
        let end = match &lie {
            Told::From(first, Falsehood::Blocked) => Tick(first.0.saturating_sub(1)),
            Told::From(_, Falsehood::Longer(more)) => end.plus(TickSpan(*more)),
            Told::From(_, Falsehood::Late) => end.plus(TickSpan(1)),
            Told::Failures(ticks) => end.plus(TickSpan(ticks.len() as u64)),
            Told::Truth | Told::From(..) => end,
        };
        Ok(Self { truth, dice, lie, end: end.min(Tick(TICKS_MAX)) })
    }

    /// The tick of the first wrong state.
    pub(super) fn first_wrong(&self) -> Option<Tick> {
        match &self.lie {
            Told::Truth => None,
            Told::From(first, _) => Some(*first),
            Told::Failures(ticks) => ticks.first().copied(),
        }
    }

    /// Ticks that the period is said to take.
    pub(super) fn length(&self) -> TickSpan {
        self.end.since(Tick::ZERO)
    }

    /// The state at a tick, as it is told; nothing behind the end.
    pub(super) fn at(&mut self, tick: Tick) -> Result<Option<StateHash>, DisputeError> {
        if tick > self.end {
            return Ok(None);
        }
        match &self.lie {
            Told::Truth => self.truth.hash_at(tick),
            Told::From(first, _) if tick < *first => self.truth.hash_at(tick),
            Told::From(first, falsehood) => self.wrong_at(tick, *first, *falsehood).map(Some),
            Told::Failures(ticks) => match ticks.iter().filter(|failed| **failed <= tick).count() as u64 {
                0 => self.truth.hash_at(tick),
                failures => self.failed_at(tick, failures).map(Some),
            },
        }
    }

    fn wrong_at(&mut self, tick: Tick, first: Tick, falsehood: Falsehood) -> Result<StateHash, DisputeError> {
        let mut dice = self.dice.apart(tick.0);
        let told = match falsehood {
            Falsehood::Noise | Falsehood::Blocked | Falsehood::Longer(_) => None,
            Falsehood::OneBit => match self.truth.state_at(tick)? {
                Some(state) => Some(one_bit_changed(state, &mut self.dice.clone())?),
                None => None,
            },
            Falsehood::Late => self.truth.hash_at(before(tick, 1))?,
            Falsehood::OtherInput if tick == first => {
                forgery::other_input(self.truth, before(tick, 1), &self.dice)?.map(|forged| forged.stop)
            }
            Falsehood::OtherInput => None,
        };
        Ok(told.unwrap_or_else(|| dice.noise()))
    }

    /// A machine that fails does not step; the failure stays in its state.
    fn failed_at(&mut self, tick: Tick, failures: u64) -> Result<StateHash, DisputeError> {
        let Some(mut state) = self.truth.state_at(before(tick, failures))? else {
            return Ok(self.dice.apart(tick.0).noise());
        };
        for number in 0..failures {
            insert(&mut state, &["failures", &number.to_string()], Vec::new())?;
        }
        hash(&state)
    }

    /// Lots for what depends on nothing but the period.
    pub(super) fn dice(&self) -> &Dice {
        &self.dice
    }
}

fn before(tick: Tick, ticks: u64) -> Tick {
    Tick(tick.0.saturating_sub(ticks))
}

fn first_wrong(
    place: Place,
    falsehood: Falsehood,
    length: TickSpan,
    truth: &mut Timeline,
    dice: &mut Dice,
) -> Result<Option<Tick>, DisputeError> {
    let end = Tick::ZERO.plus(length);
    Ok(match place {
        Place::Last => Some(end),
        Place::BehindEnd => Some(end.plus(TickSpan(1))),
        Place::After(step) => {
            // Which one of the messages costs nothing to find; the others mean going through runs.
            let occurrence = if step == Landmark::Input { dice.below(6) } else { 0 };
            let found = truth.find(step, occurrence)?;
            found.map(|tick| tick.plus(TickSpan(1))).filter(|tick| *tick <= end)
        }
        Place::Any => {
            // A commitment to no ticks is refused.
            let least = if falsehood == Falsehood::Blocked { 2 } else { 1 };
            // Most ticks are padding: as many lies are near the beginning of a run.
            let run = if dice.below(2) == 0 { None } else { truth.find(Landmark::Snapshot, 0)? };
            let from = run.unwrap_or(Tick::ZERO).0.max(least).min(end.0);
            let tick = from + dice.magnitude_below(end.0 - from + 1);
            (tick >= least).then_some(Tick(tick))
        }
    })
}

/// The ticks at which the machine is said to fail, in order. Each failure takes a tick: the later ones come later.
fn ticks_of(failures: &[Failure], truth: &mut Timeline) -> Result<Vec<Tick>, DisputeError> {
    let mut ticks = Vec::new();
    for failure in failures {
        ticks.extend(truth.tick_of(failure.level, failure.message, failure.tick)?);
    }
    ticks.sort();
    ticks.dedup();
    // The state of the parent commitment is no claim.
    let later = |(i, tick): (u64, Tick)| Tick(tick.0.max(1)).plus(TickSpan(i));
    Ok((0..).zip(ticks).map(later).collect())
}

/// Small leaves that every state has after its first tick.
const LEAVES: [[&str; 2]; 4] = [
    ["wasm", "current_tick"],
    ["wasm", "reboot_counter"],
    ["pvm", "last_top_level_call"],
    ["pvm", "maximum_reboots_per_input"],
];

fn one_bit_changed(mut state: Tree, dice: &mut Dice) -> Result<StateHash, DisputeError> {
    let path = LEAVES[dice.below(LEAVES.len() as u64) as usize];
    let mut bytes = read(&state, &path)?;
    match bytes.first_mut() {
        // The top bit says whether the number goes on.
        Some(byte) => *byte ^= 1 << dice.below(7),
        None => bytes.push(1),
    }
    insert(&mut state, &path, bytes)?;
    hash(&state)
}

fn read(state: &Tree, path: &[&str]) -> Result<Vec<u8>, DisputeError> {
    Ok(state.find(path).map_err(StateError::from)?.map_or(Vec::new(), |bytes| bytes.to_vec()))
}

fn insert(state: &mut Tree, path: &[&str], bytes: Vec<u8>) -> Result<(), DisputeError> {
    Ok(state.insert(path, bytes).map_err(StateError::from)?)
}

fn hash(state: &Tree) -> Result<StateHash, DisputeError> {
    Ok(state.hash().map_err(StateError::from)?.into())
}
