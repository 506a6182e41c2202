//! A script as kernels, for what runs nothing else: one makes all calls of an instance that return, one more for each call that
//! traps makes those before it that may change the instance, and then that one. What they have to come to is known from the tick step.
//!
//! So the whole way of a kernel is gone, by the interpreter, by both compilers and by the tick step: they end alike, count the same
//! ticks, are in the same state. The interpreter's ticks of each call by itself are those of the tick step, too.

mod calls;
mod record;
mod traps;
mod wrap;

use crate::engines::Engines;
use crate::judge::{Seen, Tally, judge};
use crate::lockstep::{Compared, Inputs, Look, compare};
use crate::reason::Reason;
use crate::rewrite::changing_exports;
use crate::script::Script;
use crate::target::Failure;
use record::{Act, Life, Record, Recorder, Refused};
use soru_base::level::Level;
use soru_base::tick::TickSpan;
use soru_exact::{Prepared, TickExact};
use soru_pvm::level::RunEnd;
use soru_pvm::run::{Kernel, Stage};
use soru_pvm::{Limits, Version};
use std::collections::BTreeMap;
use traps::How;
use wrap::{Deed, Wrapping, is_at_hand, is_known};

/// Most ticks of a run that the tick step follows.
const TICKS: u64 = 60_000_000;
/// Most ticks of a run of a kernel that nothing is known of.
const ANYHOW_TICKS: TickSpan = TickSpan(100_000);

/// What has come of a script.
#[derive(Debug)]
pub struct Judged {
    /// By the tick step, on the modules as they are.
    pub tick_step: Tally,
    /// By the interpreter, as kernels.
    pub exact: Tally,
    /// How far the kernels were compared.
    pub sum: Sum,
}

/// How far kernels were compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sum {
    /// Kernels.
    pub kernels: usize,
    /// Those that return.
    pub finished: usize,
    /// Those that trap.
    pub trapped: usize,
    /// Those that leave the machine stuck for ever, or are refused.
    pub stuck: usize,
    /// Engines' numbers of ticks of a run that are those of the tick step.
    pub counted: usize,
    /// Runs, of one engine each, without such a number.
    pub uncounted: usize,
    /// Ticks inside of runs at which the interpreter's state was that of the tick step.
    pub looks: usize,
    /// Calls whose ticks, by the interpreter, are those of the tick step.
    pub calls: usize,
    /// Runs that an engine leaves to the machine: by its name, and why.
    pub left: BTreeMap<(String, String), usize>,
}

impl Sum {
    /// With another one.
    pub fn add(&mut self, other: &Self) {
        self.kernels += other.kernels;
        self.finished += other.finished;
        self.trapped += other.trapped;
        self.stuck += other.stuck;
        self.counted += other.counted;
        self.uncounted += other.uncounted;
        self.looks += other.looks;
        self.calls += other.calls;
        for (what, count) in &other.left {
            *self.left.entry(what.clone()).or_default() += count;
        }
    }
}

/// Runs a script on the tick step, and its kernels on all engines.
pub fn judge_kernels(script: &Script, engines: &Engines) -> Judged {
    let recorder = Recorder::default();
    let tick_step = judge(script, &recorder);
    let Record { lives, refused, invalid } = recorder.into_record();
    let mut bench = Bench { engines, seen: BTreeMap::new(), sum: Sum::default() };
    lives.iter().for_each(|life| bench.live(life));
    refused.iter().for_each(|refused| bench.refused(refused));
    invalid.iter().for_each(|(place, module)| bench.invalid(*place, module));
    let mut exact = Tally::default();
    for (place, (step, seen)) in script.steps.iter().zip(&tick_step.seen).enumerate() {
        let found = bench.seen.remove(&place).unwrap_or_else(|| Ok(seen.clone()));
        // What the tick step gave is what the kernel was made for.
        let is_wrong = *seen == Seen::Failed;
        exact.add(step.line, if is_wrong { Err("so it is on the tick step".to_owned()) } else { found });
    }
    Judged { tick_step, exact, sum: bench.sum }
}

/// How a kernel has to end.
enum Expected<'a> {
    Finished,
    /// With those words, or words that begin so.
    Failed(&'a str),
    /// As it likes.
    Anyhow,
}

/// What comes of the directives: what the interpreter gave, or why it failed.
struct Bench<'a> {
    engines: &'a Engines,
    seen: BTreeMap<usize, Result<Seen, String>>,
    sum: Sum,
}

impl Bench<'_> {
    /// An instance, with what was done with it.
    fn live(&mut self, life: &Life) {
        let wrapping = match Wrapping::of(&life.module) {
            Ok(wrapping) => wrapping,
            Err(error) => return self.put(life.place, Err(error.to_string())),
        };
        if let Err(failure) = &life.made {
            if let Failure::Trap(words) = failure {
                let run = self.run(&wrapping.kernel(&[]), &Expected::Failed(words));
                self.put(life.place, run.map(|()| Seen::Passed(words.clone())));
            }
            return;
        }
        let changing = changing_exports(&life.module);
        let (mut deeds, mut changes, mut returned, mut is_spoiled) =
            (Vec::new(), Vec::new(), Vec::new(), false);
        for act in &life.acts {
            is_spoiled |= !is_possible(act);
            if is_spoiled {
                self.put(act.place, Ok(Seen::LeftOut(Reason::HostReference)));
                continue;
            }
            let function = wrapping.function(&act.export);
            let deed = match (&act.args, &act.result) {
                (Some(args), Ok(results)) => function.map(|function| Deed::Call {
                    function,
                    args: args.clone(),
                    results: results.clone(),
                }),
                (Some(args), Err(_)) => function.map(|function| Deed::Last { function, args: args.clone() }),
                (None, Ok(values)) => {
                    let global = wrapping.global(&act.export);
                    global.zip(values.first()).map(|(global, value)| Deed::Global { global, value: *value })
                }
                (None, Err(_)) => None,
            };
            let Some(deed) = deed else {
                self.put(act.place, Err(format!("there is no {:?}", act.export)));
                continue;
            };
            if let Err(failure) = &act.result {
                if let Failure::Trap(words) = failure {
                    changes.push(deed);
                    let seen = self.trap(&wrapping.kernel(&changes), words);
                    self.put(act.place, seen);
                    changes.pop();
                }
                continue;
            }
            returned.push(act);
            if changing.contains(&act.export) {
                changes.push(deed.clone());
            }
            deeds.push(deed);
        }
        let run = self.run(&wrapping.kernel(&deeds), &Expected::Finished);
        let run = run.and_then(|()| self.time(&wrapping, deeds, &mut returned));
        self.put(life.place, run.clone().map(|_| Seen::Passed(String::new())));
        for place in run.iter().flatten() {
            self.put(*place, Ok(Seen::LeftOut(Reason::ByTick)));
        }
        for act in returned {
            let passed = |_| act.result.as_ref().map_or(Seen::Failed, |v| Seen::Passed(format!("{v:?}")));
            self.put(act.place, run.clone().map(passed));
        }
    }

    /// Something that is no module.
    fn refused(&mut self, refused: &Refused) {
        let run = self.run(&refused.module, &Expected::Failed(&refused.words));
        self.put(refused.place, run.map(|()| Seen::Passed(refused.words.clone())));
    }

    /// What no validator takes: the interpreter does not either, or not the function that is at fault, and leaves that to the
    /// machine.
    fn invalid(&mut self, place: usize, module: &[u8]) {
        let Ok(wrapping) = Wrapping::of(module) else { return };
        let call = wrapping.callable().next().map(|function| Deed::Last { function, args: Vec::new() });
        let kernel = wrapping.kernel(call.as_slice());
        let seen = match self.run(&kernel, &Expected::Anyhow) {
            // Of some the machine has no state that can be written.
            Err(error) if error.contains("floats") => Ok(Seen::LeftOut(Reason::Float)),
            run => run.and_then(|()| refusal(&kernel)),
        };
        self.put(place, seen);
    }

    /// A call that traps: all kernels on the interpreter and the tick step, a part of them on all engines, with their states.
    fn trap(&mut self, kernel: &[u8], words: &str) -> Result<Seen, String> {
        const PART: usize = 10;
        if self.sum.kernels.is_multiple_of(PART) {
            self.run(kernel, &Expected::Failed(words))?;
        } else {
            self.sum.kernels += 1;
            self.sum.counted += 1;
            let (how, found) = traps::trap(kernel)?;
            *match how {
                How::Trapped => &mut self.sum.trapped,
                How::Stuck => &mut self.sum.stuck,
            } += 1;
            if !found.starts_with(words) {
                return Err(format!("the kernel ends with {found:?} instead of {words:?}"));
            }
        }
        Ok(Seen::Passed(words.to_owned()))
    }

    /// A kernel, once, on all engines.
    fn run(&mut self, kernel: &[u8], expected: &Expected<'_>) -> Result<(), String> {
        let look = Look { budget: TICKS, places: 2, ends: 1, seed: kernel.len() as u64 };
        let mut inputs = inputs();
        if matches!(expected, Expected::Anyhow) {
            // Nobody knows whether it ends.
            inputs.limits.ticks_per_snapshot = ANYHOW_TICKS;
        }
        let compared = compare(kernel, &inputs, &self.engines.list(), Some(look));
        let Compared { ends, stuck, undecided, counted, uncounted, looks, unsupported, .. } =
            compared.map_err(|difference| difference.what)?;
        self.sum.kernels += 1;
        self.sum.counted += counted;
        self.sum.uncounted += uncounted;
        self.sum.looks += looks;
        for (engine, reason) in unsupported {
            let reason = reason.split(" (at offset").next().unwrap_or_default().to_owned();
            *self.sum.left.entry((engine, reason)).or_default() += 1;
        }
        let words = match (&*ends, stuck, undecided) {
            ([RunEnd::Finished], None, None) => {
                self.sum.finished += 1;
                None
            }
            ([RunEnd::Trapped { reason }], None, None) => {
                self.sum.trapped += 1;
                Some(reason.clone())
            }
            ([], Some(reason), None) => {
                self.sum.stuck += 1;
                Some(reason)
            }
            (ends, stuck, undecided) => return Err(format!("{ends:?}, {stuck:?}, {undecided:?}")),
        };
        match (expected, words) {
            (Expected::Finished, None) | (Expected::Anyhow, _) => Ok(()),
            (Expected::Failed(expected), Some(words)) if words.starts_with(expected) => Ok(()),
            (Expected::Finished, Some(words)) => Err(format!("the kernel ends with {words:?}")),
            (Expected::Failed(expected), words) => {
                Err(format!("the kernel ends with {words:?} instead of {expected:?}"))
            }
        }
    }

    /// The interpreter's ticks of each call are those of the tick step. Calls that the interpreter leaves to the machine are
    /// taken out, and their places told.
    fn time(
        &mut self,
        wrapping: &Wrapping<'_>,
        mut deeds: Vec<Deed>,
        acts: &mut Vec<&Act>,
    ) -> Result<Vec<usize>, String> {
        /// A call by nobody begins without an instruction, and comes to its end in other ticks.
        const BY_KERNEL: u64 = 6;
        const BY_NOBODY: u64 = 4;
        let mut by_tick = Vec::new();
        let calls = loop {
            let kernel = Kernel::of_bytes(&wrapping.kernel(&deeds)).map_err(|error| error.to_string())?;
            let calls = calls::calls(&kernel)?;
            let Some(last) = calls.by_tick else { break calls.done };
            let place = (0..acts.len()).filter(|place| acts[*place].args.is_some()).nth(last);
            let place = place.ok_or("the interpreter leaves to the machine what is no call")?;
            by_tick.push(acts.remove(place).place);
            deeds.remove(place);
        };
        let called: Vec<_> = acts.iter().filter(|act| act.args.is_some()).collect();
        if calls.len() != called.len() {
            return Err(format!("{} calls instead of {}", calls.len(), called.len()));
        }
        for (act, ticks) in called.iter().zip(calls) {
            if ticks + BY_NOBODY != act.ticks + BY_KERNEL {
                let Act { export, ticks: expected, .. } = act;
                return Err(format!("{export}: {ticks} ticks, by the tick step {expected}"));
            }
            self.sum.calls += 1;
        }
        Ok(by_tick)
    }

    fn put(&mut self, place: usize, seen: Result<Seen, String>) {
        self.seen.insert(place, seen);
    }
}

/// Whether a kernel can do the same, and tell what comes of it.
fn is_possible(act: &Act) -> bool {
    act.args.iter().flatten().all(is_at_hand) && act.result.iter().flatten().all(is_known)
}

/// How the interpreter refuses a module that is not valid.
fn refusal(kernel: &[u8]) -> Result<Seen, String> {
    let kernel = Kernel::of_bytes(kernel).map_err(|error| error.to_string())?;
    let prepared = TickExact::new().prepared(&kernel, Version::V0).map_err(|error| error.to_string())?;
    Ok(match &*prepared {
        Prepared::Refused { stage: Stage::Decode, reason, .. } if reason.contains("float") => {
            Seen::LeftOut(Reason::Float)
        }
        Prepared::Refused { stage: Stage::Decode, .. } => Seen::Passed("refused".to_owned()),
        Prepared::Ready(code) if code.left_out().is_empty() => Seen::LeftOut(Reason::ValidAsKernel),
        _ => Seen::Passed("invalid".to_owned()),
    })
}

fn inputs() -> Inputs {
    let messages = vec![vec![0, 1], vec![0, 2]];
    Inputs {
        version: Version::V0,
        limits: Limits::FIRST,
        max_reboots: 1,
        levels: vec![(Level::GENESIS, messages)],
        reveals: BTreeMap::new(),
    }
}
