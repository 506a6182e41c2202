use super::Timeline;
use crate::{DisputeError, PeriodLevel};
use soru_base::{Level, Tick, TickSpan};
use soru_pvm::Machine;
use soru_pvm::state::{Status, TickState};

/// What a machine is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Landmark {
    /// The first tick of the period.
    First,
    /// Its last tick.
    Last,
    /// To take a message.
    Input,
    /// To begin a run.
    Snapshot,
    /// To begin to read the kernel.
    Decode,
    /// To begin to look up imports.
    Link,
    /// To begin to make an instance.
    Init,
    /// To begin to call `kernel_run`.
    Eval,
    /// To make a host call.
    HostCall,
    /// To take the answer to a reveal.
    Reveal,
    /// To look for another kernel, or for ever nothing: it is stuck.
    Stuck,
    /// To begin to let ticks go by: after the messages of a level, or after a run.
    Padding,
    /// To leave the padding, for a run or for the next level.
    PaddingEnd,
}

/// Most places remembered. Whoever asks for one asks again at every move.
const FOUND_KEPT: usize = 256;

impl Timeline {
    /// The tick of a state in which the machine is about to do that, for the time number `occurrence` in the period, from
    /// 0. Nothing if it does not do it as often.
    pub fn find(&mut self, landmark: Landmark, occurrence: u64) -> Result<Option<Tick>, DisputeError> {
        match landmark {
            Landmark::First => Ok((occurrence == 0 && self.length()?.0 > 0).then_some(Tick::ZERO)),
            Landmark::Last => {
                let last = self.length()?.0.checked_sub(1).map(Tick);
                Ok(last.filter(|_| occurrence == 0))
            }
            Landmark::Input => self.find_input(occurrence),
            _ => {
                if let Some(found) = self.found.get(&(landmark, occurrence)) {
                    return Ok(*found);
                }
                let found = self.find_in_stretches(landmark, occurrence)?;
                if self.found.len() < FOUND_KEPT {
                    self.found.insert((landmark, occurrence), found);
                }
                Ok(found)
            }
        }
    }

    /// The tick `offset` ticks after the machine was about to take that message of that level, if that is before it is
    /// about to take the next one: the places at which a node of the network can be told to fail.
    pub fn tick_of(&mut self, level: Level, message: u64, offset: u64) -> Result<Option<Tick>, DisputeError> {
        self.check_period()?;
        let Some(index) = self.index_of(level) else { return Ok(None) };
        let messages = self.period.levels[index].messages.len() as u64;
        if message >= messages {
            return Ok(None);
        }
        let begin = self.level_begin(index)?;
        let end = if message + 1 == messages {
            self.level_begin(index + 1)?
        } else {
            begin.plus(TickSpan(message + 1))
        };
        let tick = begin.plus(TickSpan(message.saturating_add(offset)));
        Ok((tick < end).then(|| self.in_period(tick)))
    }

    fn find_input(&mut self, occurrence: u64) -> Result<Option<Tick>, DisputeError> {
        let mut before = 0;
        for PeriodLevel { level, messages, .. } in &self.period.levels {
            let within = occurrence - before;
            if within < messages.len() as u64 {
                return self.tick_of(*level, within, 0);
            }
            before += messages.len() as u64;
        }
        Ok(None)
    }

    /// Goes through the paddings after messages and the runs, until the thing has been seen often enough.
    fn find_in_stretches(
        &mut self,
        landmark: Landmark,
        occurrence: u64,
    ) -> Result<Option<Tick>, DisputeError> {
        let mut left = occurrence;
        let mut from = self.period.begin.tick;
        while let Some(begin) = self.next_stretch(from)? {
            if let Some(tick) = self.find_in_stretch(landmark, begin.clone(), &mut left)? {
                return Ok(Some(self.in_period(tick)));
            }
            from = begin.last_padding_tick()?.plus(TickSpan(1));
        }
        Ok(None)
    }

    /// The machine when it begins to let ticks go by after the messages of a level, or begins a run, at or after a tick
    /// between two such stretches.
    fn next_stretch(&mut self, mut from: Tick) -> Result<Option<Machine>, DisputeError> {
        while let Some(machine) = self.reach_machine(from)? {
            if machine.status() != Status::InputRequired {
                return Ok(Some(machine));
            }
            let Some((index, counter)) = self.next_message(&machine)? else { return Ok(None) };
            let messages = self.period.levels[index].messages.len();
            from = from.plus(TickSpan((messages - counter) as u64));
        }
        Ok(None)
    }

    fn find_in_stretch(
        &mut self,
        landmark: Landmark,
        begin: Machine,
        left: &mut u64,
    ) -> Result<Option<Tick>, DisputeError> {
        let is_run = matches!(begin.tick_state, TickState::Snapshot);
        let mut seen = |tick: Tick| match left.checked_sub(1) {
            None => Some(tick),
            Some(less) => {
                *left = less;
                None
            }
        };
        let phase = match landmark {
            Landmark::Padding if !is_run => return Ok(seen(begin.current_tick)),
            Landmark::PaddingEnd => {
                let last = begin.last_padding_tick()?;
                let padded = self.reach_machine(last)?;
                let padded = padded.filter(|machine| matches!(machine.tick_state, TickState::Padding));
                return Ok(padded.and_then(|_| seen(last)));
            }
            _ if !is_run => return Ok(None),
            Landmark::HostCall => return self.scan_host_calls(begin, seen),
            Landmark::Reveal => return self.scan_reveals(begin, seen),
            Landmark::Snapshot => Phase::Snapshot,
            Landmark::Decode => Phase::Decode,
            Landmark::Link => Phase::Link,
            Landmark::Init => Phase::Init,
            Landmark::Eval => Phase::Eval,
            Landmark::Stuck => Phase::Stuck,
            Landmark::Padding => Phase::Padding,
            Landmark::First | Landmark::Last | Landmark::Input => return Ok(None),
        };
        let machine = self.go_to_phase(begin, phase)?;
        Ok((Phase::of(&machine) == phase).then_some(machine.current_tick).and_then(seen))
    }

    /// The first state of a run in that phase, or in a later one.
    fn go_to_phase(&mut self, mut machine: Machine, phase: Phase) -> Result<Machine, DisputeError> {
        let begin = machine.current_tick;
        let is_whole = matches!(machine.tick_state, TickState::Snapshot) && phase >= Phase::Stuck;
        if is_whole
            && let Some(state) = self.reach(begin)?
            && self.open(&machine, &state)?
        {
            return Ok(self.end_of_run(begin)?.0);
        }
        const STRIDES: [u64; 4] = [1 << 20, 1 << 14, 1 << 7, 1];
        for stride in STRIDES {
            while Phase::of(&machine) < phase {
                let mut next = machine.clone();
                self.go_inside(&mut next, stride)?;
                if Phase::of(&next) >= phase && stride > 1 {
                    break;
                }
                machine = next;
            }
        }
        Ok(machine)
    }

    fn scan_host_calls(
        &mut self,
        begin: Machine,
        mut seen: impl FnMut(Tick) -> Option<Tick>,
    ) -> Result<Option<Tick>, DisputeError> {
        let mut machine = self.go_to_phase(begin, Phase::Eval)?;
        while Phase::of(&machine) == Phase::Eval {
            let before = machine.current_tick;
            let was_called = machine.state_name().ends_with("Inv_start");
            let most = machine.paying().max(1);
            self.go_inside(&mut machine, most)?;
            // A function of the kernel would prepare its locals next. This one has done its work.
            let name = machine.state_name();
            let is_done = name.ends_with("Inv_stop") || name.ends_with("Inv_reveal_tick");
            if was_called
                && is_done
                && let Some(found) = seen(before)
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn scan_reveals(
        &mut self,
        mut machine: Machine,
        mut seen: impl FnMut(Tick) -> Option<Tick>,
    ) -> Result<Option<Tick>, DisputeError> {
        while Phase::of(&machine) < Phase::Stuck {
            if matches!(machine.status(), Status::RevealRequired(_))
                && let Some(found) = seen(machine.current_tick)
            {
                return Ok(Some(found));
            }
            self.go_inside(&mut machine, u64::MAX)?;
        }
        Ok(None)
    }

    fn reach_machine(&mut self, tick: Tick) -> Result<Option<Machine>, DisputeError> {
        Ok(self.reach(tick)?.map(|state| Machine::from_tree(&state)).transpose()?)
    }

    fn in_period(&self, tick: Tick) -> Tick {
        Tick::ZERO.plus(tick.since(self.period.begin.tick))
    }
}

/// The parts of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Snapshot,
    Decode,
    Link,
    Init,
    Eval,
    Stuck,
    Padding,
}

impl Phase {
    fn of(machine: &Machine) -> Self {
        match &machine.tick_state {
            TickState::Snapshot => Self::Snapshot,
            TickState::Decode(_) => Self::Decode,
            TickState::Link(_) => Self::Link,
            TickState::Init(_) => Self::Init,
            TickState::Eval(_) => Self::Eval,
            TickState::Stuck(_) => Self::Stuck,
            TickState::Padding | TickState::Collect => Self::Padding,
        }
    }
}
