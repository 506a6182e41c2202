use super::dice::Dice;
use super::forgery;
use super::found::Found;
use super::spec::{Failure, Lie, Spec};
use super::zoo::{Falsehood, Place, Plan};
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
    /// The machine fails at these ticks, in order.
    Failures(Vec<(Tick, Failing)>),
}

/// How a node of the network fails that was made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Failing {
    /// It reads another message than the one that is there.
    Message,
    /// It writes into the state that it has failed, and goes on.
    Mark,
}

/// Most ticks that a commitment can claim.
const TICKS_MAX: u64 = i64::MAX as u64;

impl<'a> Claims<'a> {
    /// What the adversary commits to.
    pub(super) fn new(spec: &Spec, found: &mut Found, truth: &'a mut Timeline) -> Result<Self, DisputeError> {
        Self::at_an_occasion(spec, found, truth, &[])
    }

    /// What it says at another occasion, if it says something else each time.
    pub(super) fn at_an_occasion(
        spec: &Spec,
        found: &mut Found,
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
            Lie::Of(kind) => match first_wrong(&kind.plan, length, found, truth, &mut dice)? {
                Some(first) => Told::From(first, kind.plan.falsehood),
                None => Told::Truth,
            },
            Lie::At(places) => match failures(places, truth)? {
                failures if failures.is_empty() => Told::Truth,
                failures => Told::Failures(failures),
            },
        };
        let end = Tick::ZERO.plus(length);
        let end = match &lie {
            Told::From(first, Falsehood::Blocked) => Tick(first.0.saturating_sub(1)),
            Told::From(_, Falsehood::Longer(more)) => end.plus(TickSpan(*more)),
            Told::From(_, Falsehood::Late) => end.plus(TickSpan(1)),
            Told::Truth | Told::From(..) | Told::Failures(_) => end,
        };
        Ok(Self { truth, dice, lie, end: end.min(Tick(TICKS_MAX)) })
    }

    /// The tick of the first wrong state.
    pub(super) fn first_wrong(&self) -> Option<Tick> {
        match &self.lie {
            Told::Truth => None,
            Told::From(first, _) => Some(*first),
            Told::Failures(failures) => failures.first().map(|(tick, _)| *tick),
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
            Told::Failures(failures) => {
                let before: Vec<_> =
                    failures.iter().copied().take_while(|(failed, _)| *failed <= tick).collect();
                match before.iter().find(|(_, how)| *how == Failing::Message) {
                    Some((first, _)) => {
                        let (first, falsehood) = (*first, Falsehood::OtherInput);
                        self.wrong_at(tick, first, falsehood).map(Some)
                    }
                    None if before.is_empty() => self.truth.hash_at(tick),
                    None => self.marked_at(tick, before.len()).map(Some),
                }
            }
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
            Falsehood::Late => self.truth.hash_at(one_before(tick))?,
            Falsehood::OtherInput if tick == first => {
                forgery::other_input(self.truth, one_before(tick), &self.dice)?.map(|forged| forged.stop)
            }
            Falsehood::OtherInput => None,
        };
        Ok(told.unwrap_or_else(|| dice.noise()))
    }

    /// The true state with the marks of so many failures.
    fn marked_at(&mut self, tick: Tick, failures: usize) -> Result<StateHash, DisputeError> {
        let Some(mut state) = self.truth.state_at(tick)? else {
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

fn one_before(tick: Tick) -> Tick {
    Tick(tick.0.saturating_sub(1))
}

fn first_wrong(
    plan: &Plan,
    length: TickSpan,
    found: &mut Found,
    truth: &mut Timeline,
    dice: &mut Dice,
) -> Result<Option<Tick>, DisputeError> {
    let end = Tick::ZERO.plus(length);
    Ok(match plan.place {
        Place::Last => Some(end),
        Place::BehindEnd => Some(end.plus(TickSpan(1))),
        Place::After(step) => {
            // Which one of the messages costs nothing to find; the others mean going through runs.
            let occurrence = if step == Landmark::Input { dice.below(6) } else { 0 };
            let tick = found.find(truth, step, occurrence)?;
            tick.map(|tick| tick.plus(TickSpan(1))).filter(|tick| *tick <= end)
        }
        Place::Any => {
            // A commitment to no ticks is refused.
            let least = if plan.falsehood == Falsehood::Blocked { 2 } else { 1 };
            // Most ticks are padding: as many lies are near the beginning of a run.
            let run = if dice.below(2) == 0 { None } else { truth.find(Landmark::Snapshot, 0)? };
            let from = run.unwrap_or(Tick::ZERO).0.max(least).min(end.0);
            let tick = from + dice.magnitude_below(end.0 - from + 1);
            (tick >= least).then_some(Tick(tick))
        }
    })
}

/// Where and how the machine is said to fail. A failure at tick 0 of a message is about the message itself; the others
/// are counted from where it was read, and there is none behind a message that the machine does nothing with.
fn failures(places: &[Failure], truth: &mut Timeline) -> Result<Vec<(Tick, Failing)>, DisputeError> {
    let mut failures = Vec::new();
    for place in places {
        let tick = truth.tick_of(place.level, place.message, place.tick)?;
        failures.extend(tick.map(|tick| match place.tick {
            0 => (tick.plus(TickSpan(1)), Failing::Message),
            _ => (tick, Failing::Mark),
        }));
    }
    failures.sort();
    Ok(failures)
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
