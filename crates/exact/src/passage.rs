//! A way through a run: what was reached before is where the next look begins.

mod by_ticks;
mod legs;
mod moments;
mod room;
mod states;

use crate::clock::Clock;
use crate::code::Code;
use crate::run::{Pause, Run};
use by_ticks::Machines;
use moments::{Moment, Moments, Reach};
use room::{Room, Taken};
use soru_base::hash::StateHash;
use soru_base::tick::{Tick, TickSpan};
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::handover::Ready;
use soru_pvm::host::{DebugSink, HostTrap};
use soru_pvm::level::RunEnd;
use soru_pvm::reveal::RevealSource;
use soru_pvm::run::{Passage, RunnerError};
use states::{States, engine};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;
pub(crate) use {by_ticks::ByTicks, legs::Legs};

/// Most machines that are kept of where the interpreter does not go: before the call, and behind where it has stopped.
const MACHINES_KEPT: usize = 6;
/// Threads that hash states while the run goes on.
const HASHERS_MAX: usize = 2;
/// The run waits while more bytes of memory than these are to be hashed: of a kernel that writes gigabytes there is one moment
/// at a time beside the run.
const TO_HASH_MAX: usize = 1 << 30;
/// Stack of such a thread.
const STACK_BYTES: usize = 16 << 20;

/// A way through a run of the interpreter.
pub(crate) struct Way {
    states: States,
    /// The tick at which the kernel is called; nothing if the machine gets stuck before.
    call: Option<Tick>,
    /// The last tick of the padding.
    last: Tick,
    moments: Moments,
    /// Before the call, and behind where the interpreter has left the run to the machine.
    machines: Machines,
    /// Where the run is over, the padding begins or the machine is stuck, and how it has ended.
    end: Option<(Machine, RunEnd)>,
    /// The time from one tick that was asked for to the next.
    deadline: Option<Duration>,
}

/// A place on the way.
enum Stop<'a> {
    /// A few ticks after a moment.
    Moment(Arc<Moment>),
    /// There, or where the run is over.
    Machine(&'a mut Machine),
}

/// What is on its way.
enum Going {
    Run(Box<Run>, Reach),
    Machine(Box<Machine>),
}

/// Whom the run asks and tells.
struct Around<'a> {
    reveals: &'a mut dyn RevealSource,
    debug: &'a mut dyn DebugSink,
}

impl Way {
    /// A way through the run that a machine begins, through the call of a function: see [`Code::ready`]. It gives up after that
    /// time on the way from one tick to the next.
    pub(crate) fn new(
        start: &Machine,
        code: Arc<Code>,
        settled: Ready,
        deadline: Option<Duration>,
    ) -> Result<Self, RunnerError> {
        let last = start.last_padding_tick()?;
        let call = start.current_tick.plus(code.ready().ticks());
        let first = Arc::new(Moment::first(start, code)?);
        let states = States::new(start.clone(), settled, &first)?;
        Ok(Self {
            states,
            call: (call <= last).then_some(call),
            last,
            moments: Moments::new(first),
            machines: Machines::default(),
            end: None,
            deadline,
        })
    }

    /// Goes through ticks in rising order.
    fn go(
        &mut self,
        ticks: &[Tick],
        around: &mut Around<'_>,
        mut stopped: impl FnMut(usize, Stop<'_>) -> Result<(), RunnerError>,
    ) -> Result<(), RunnerError> {
        self.moments.begin_look();
        let mut going: Option<Going> = None;
        for (number, tick) in ticks.iter().enumerate() {
            if let Some((end, _)) = self.end.as_ref().filter(|(end, _)| end.current_tick <= *tick) {
                stopped(number, Stop::Machine(&mut end.clone()))?;
                continue;
            }
            let mut here = match going.take().filter(|going| !self.is_at_call(going, *tick)) {
                Some(going) => going,
                None => self.nearest(*tick),
            };
            if let Some(moment) = self.go_by_run(&mut here, *tick, around)? {
                stopped(number, Stop::Moment(moment))?;
            } else if let Going::Machine(machine) = &mut here {
                let clock = Clock::new(self.deadline);
                let end = clock.go_through(machine, *tick, around.reveals, around.debug);
                if let Err(RunnerError::Deadline { .. }) = end {
                    self.machines.keep((**machine).clone());
                }
                let end = end?;
                let is_over = end.is_some();
                self.end = end.map(|end| ((**machine).clone(), end));
                stopped(number, Stop::Machine(machine))?;
                if !is_over {
                    self.machines.keep((**machine).clone());
                }
            }
            going = Some(here);
        }
        Ok(())
    }

    /// Whether the interpreter takes over from the machine on the way to a tick.
    fn is_at_call(&self, going: &Going, tick: Tick) -> bool {
        let Going::Machine(machine) = going else { return false };
        self.call.is_some_and(|call| machine.current_tick < call && call <= tick)
    }

    /// Where to begin on the way to a tick.
    fn nearest(&mut self, tick: Tick) -> Going {
        let call = self.call.filter(|call| *call <= tick);
        let from = call.unwrap_or(Tick::ZERO);
        if let Some(machine) = self.machines.nearest(from, tick) {
            return Going::Machine(Box::new(machine.clone()));
        }
        match call {
            None => Going::Machine(Box::new(self.states.start().clone())),
            Some(call) => {
                let moment = self.moments.nearest(tick.since(call).0);
                Going::Run(Box::new(moment.run()), moment.reach().clone())
            }
        }
    }

    /// Goes by the interpreter, if it is on its way. Gives the moment before the tick; nothing if from here on the machine is.
    fn go_by_run(
        &mut self,
        going: &mut Going,
        tick: Tick,
        around: &mut Around<'_>,
    ) -> Result<Option<Arc<Moment>>, RunnerError> {
        let (Going::Run(run, reach), Some(call)) = (&mut *going, self.call) else { return Ok(None) };
        let until = tick.min(self.last).since(call).0;
        if let Some(moment) = self.moments.at(until) {
            return Ok(Some(moment));
        }
        let mut host = reach.lend(around.reveals, around.debug);
        let pause = match Clock::new(self.deadline).go(run, until, &mut host) {
            Err(late) => {
                let (reach, used) = (Reach::of(host)?, run.used());
                self.moments.insert(Arc::new(Moment::of(run, reach, used)));
                return Err(late);
            }
            Ok(pause) => pause,
        };
        let machine = match pause {
            Pause::Host(HostTrap::Undecided(error)) => return Err(error),
            Pause::Finished => {
                let mut machine = self.states.start().clone();
                let ticks = TickSpan(call.since(machine.current_tick).0 + run.used());
                machine.finish_run(&host, ticks)?;
                machine
            }
            Pause::Limit | Pause::Machine | Pause::Host(_) => {
                *reach = Reach::of(host)?;
                let moment = Arc::new(Moment::of(run, reach.clone(), until));
                if matches!(pause, Pause::Limit) {
                    self.moments.insert(moment.clone());
                    return Ok(Some(moment));
                }
                self.states.machine(&moment)?
            }
        };
        *going = Going::Machine(Box::new(machine));
        Ok(None)
    }
}

impl Passage for Way {
    fn reach(
        &mut self,
        tick: Tick,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Machine, RunnerError> {
        let (mut found, mut near) = (None, None);
        self.go(&[tick], &mut Around { reveals, debug }, |_, stop| {
            match stop {
                Stop::Machine(machine) => found = Some(machine.clone()),
                Stop::Moment(moment) => near = Some(moment),
            }
            Ok(())
        })?;
        if let Some(moment) = near {
            let mut machine = self.states.machine(&moment)?;
            machine.go_through(tick, reveals, debug)?;
            found = Some(machine);
        }
        found.ok_or_else(|| engine(&"the way through a run leads nowhere"))
    }

    fn end(
        &mut self,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<(Machine, RunEnd), RunnerError> {
        if self.end.is_none() {
            // What takes too many ticks gets stuck one tick behind its padding.
            let mut machine = self.reach(self.last.plus(TickSpan(1)), reveals, debug)?;
            if self.end.is_none() {
                let end = machine.go_through(Tick(u64::MAX), reveals, debug)?;
                self.end = end.map(|end| (machine, end));
            }
        }
        self.end.clone().ok_or_else(|| engine(&"a run without an end"))
    }

    fn hashes(
        &mut self,
        state: &Tree,
        ticks: &[Tick],
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Vec<Option<StateHash>>, RunnerError> {
        let found = Mutex::new(vec![Ok(None); ticks.len()]);
        let hashers = thread::available_parallelism().map_or(1, |cores| cores.get().min(HASHERS_MAX));
        let mut all: Vec<States> = (0..hashers.min(ticks.len())).map(|_| self.states.clone()).collect();
        let room = &Room::new(TO_HASH_MAX);
        thread::scope(|scope| {
            // The run waits when so many moments are not hashed.
            let (send, receive) = mpsc::sync_channel::<(usize, Arc<Moment>, Taken<'_>)>(1);
            // It is gone when all who receive are.
            let receive = Arc::new(Mutex::new(receive));
            for states in &mut all {
                let (receive, found) = (receive.clone(), &found);
                let hash = move || {
                    while let Ok((number, moment, taken)) = next(&receive) {
                        let hash = states.hash(&moment, ticks[number], state);
                        lock(found)[number] = hash;
                        drop(moment);
                        drop(taken);
                    }
                };
                let thread = thread::Builder::new().name("hash states".to_owned()).stack_size(STACK_BYTES);
                thread.spawn_scoped(scope, hash).map_err(|error| engine(&error))?;
            }
            drop(receive);
            let mut around = Around { reveals, debug };
            self.go(ticks, &mut around, |number, stop| {
                match stop {
                    Stop::Moment(moment) => {
                        let taken = room.take(moment.fresh());
                        send.send((number, moment, taken)).map_err(|error| engine(&error))?;
                        room.wait();
                    }
                    Stop::Machine(machine) => {
                        let hash = machine.hash_at(ticks[number], state)?;
                        lock(&found)[number] = Ok(hash);
                    }
                }
                Ok(())
            })
        })?;
        // The others' memories are let go: what they share stays.
        if let Some(states) = all.pop() {
            self.states = states;
        }
        found.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect()
    }
}

fn next<T>(receive: &Mutex<mpsc::Receiver<T>>) -> Result<T, mpsc::RecvError> {
    lock(receive).recv()
}

/// What is inside is never left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
