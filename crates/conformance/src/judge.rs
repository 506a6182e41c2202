//! A script on a target: what passes, what is left out, what fails.

use crate::reason::Reason;
use crate::rewrite::{Effects, Rewritten};
use crate::script::{Action, Command, Script};
use crate::target::{Failure, Instance, Target, Value};
use std::collections::BTreeMap;

/// What has come of a script, on one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Directives that passed.
    pub passed: usize,
    /// Directives that were left out, by reason.
    pub left_out: BTreeMap<Reason, usize>,
    /// Directives that failed: line and what was found.
    pub failed: Vec<(usize, String)>,
    /// What each directive gave, for comparing targets.
    pub seen: Vec<Seen>,
}

/// What a directive gave on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It passed, with these values or words.
    Passed(String),
    /// It was left out.
    LeftOut(Reason),
    /// It failed.
    Failed,
}

/// How a directive went: what it gave, if it passed.
enum Verdict {
    Passed(String),
    LeftOut(Reason),
    Failed(String),
}

impl From<Reason> for Verdict {
    fn from(reason: Reason) -> Self {
        Self::LeftOut(reason)
    }
}

/// Runs every directive of a script.
pub fn judge(script: &Script, target: &dyn Target) -> Tally {
    let mut stage = Stage { target, slots: Vec::new(), names: BTreeMap::new() };
    let mut tally = Tally::default();
    for (place, step) in script.steps.iter().enumerate() {
        target.begin(place);
        let verdict = match &step.action {
            Ok(action) => stage.act(action).unwrap_or_else(Verdict::from),
            Err(reason) => {
                if *reason == Reason::Import {
                    stage.import_left_out();
                }
                Verdict::LeftOut(*reason)
            }
        };
        tally.add(
            step.line,
            match verdict {
                Verdict::Passed(what) => Ok(Seen::Passed(what)),
                Verdict::LeftOut(reason) => Ok(Seen::LeftOut(reason)),
                Verdict::Failed(found) => Err(found),
            },
        );
    }
    tally
}

impl Tally {
    /// The directive that comes next, on that line: what it gave, or how it failed.
    pub(crate) fn add(&mut self, line: usize, seen: Result<Seen, String>) {
        let seen = seen.unwrap_or_else(|found| {
            self.failed.push((line, found));
            Seen::Failed
        });
        match &seen {
            Seen::Passed(_) => self.passed += 1,
            Seen::LeftOut(reason) => *self.left_out.entry(*reason).or_default() += 1,
            Seen::Failed => (),
        }
        self.seen.push(seen);
    }
}

/// The instances of a script.
struct Stage<'t> {
    target: &'t dyn Target,
    slots: Vec<Slot<'t>>,
    names: BTreeMap<String, usize>,
}

enum Slot<'t> {
    LeftOut(Reason),
    Ready(Ready<'t>),
}

struct Ready<'t> {
    instance: Box<dyn Instance + 't>,
    dropped: BTreeMap<String, Effects>,
    /// Something was left out that may have changed the instance.
    spoiled: Option<Reason>,
    /// Other modules can import from it.
    registered: bool,
}

impl<'t> Stage<'t> {
    /// A module was left out that may have changed those it imports from.
    fn import_left_out(&mut self) {
        for slot in &mut self.slots {
            if let Slot::Ready(ready) = slot
                && ready.registered
            {
                ready.spoiled = Some(Reason::Import);
            }
        }
    }

    fn slot(&mut self, name: Option<&String>) -> Option<&mut Slot<'t>> {
        match name {
            None => self.slots.last_mut(),
            Some(name) => self.names.get(name).and_then(|slot| self.slots.get_mut(*slot)),
        }
    }

    fn act(&mut self, action: &Action) -> Result<Verdict, Reason> {
        Ok(match action {
            Action::Module { name, module } => {
                if *module == Err(Reason::Import) {
                    self.import_left_out();
                }
                let (slot, verdict) = self.instantiate(module);
                self.slots.push(slot);
                if let Some(name) = name {
                    self.names.insert(name.clone(), self.slots.len() - 1);
                }
                verdict
            }
            Action::Return(command, expected) => match self.run(command)? {
                Ok(values) => {
                    let same = values.len() == expected.len();
                    if same && values.iter().zip(expected).all(|(value, expected)| expected.is(value)) {
                        Verdict::Passed(format!("{values:?}"))
                    } else {
                        Verdict::Failed(format!("{}: {values:?} for {expected:?}", command.export))
                    }
                }
                Err(failure) => Verdict::Failed(format!("{}: {failure}", command.export)),
            },
            Action::Run(command) => match self.run(command)? {
                Ok(values) => Verdict::Passed(format!("{values:?}")),
                Err(failure) => Verdict::Failed(format!("{}: {failure}", command.export)),
            },
            Action::Trap(command, words) => trapped(self.run(command)?, words),
            Action::Exhaustion(command) => trapped(self.run(command)?, "call stack exhausted"),
            Action::TrapOfModule(module, words) => match self.target.instantiate(&module.wasm) {
                Ok(_) => Verdict::Failed("an instance without a trap".into()),
                Err(Failure::LeftOut(reason)) => Verdict::LeftOut(reason),
                Err(failure) => trapped(Err(failure), words),
            },
            Action::Malformed(wasm) => match self.target.decode(wasm) {
                Err(words) => Verdict::Passed(words),
                Ok(()) => Verdict::LeftOut(Reason::Lenient),
            },
            Action::Register(name) => {
                if let Some(Slot::Ready(ready)) = self.slot(name.as_ref()) {
                    ready.registered = true;
                }
                Verdict::LeftOut(Reason::Import)
            }
            Action::Invalid(_, words) if words == "duplicate export name" => {
                Verdict::LeftOut(Reason::TwinExports)
            }
            Action::Invalid(_, words) if words == "multiple memories" => {
                Verdict::LeftOut(Reason::MultiMemory)
            }
            Action::Invalid(wasm, _) => match self.target.validate(wasm) {
                Err(Failure::Invalid(_)) => Verdict::Passed("invalid".into()),
                Err(Failure::LeftOut(reason)) => Verdict::LeftOut(reason),
                Err(Failure::Refused(words)) if words.contains("float") => Verdict::LeftOut(Reason::Float),
                Err(Failure::Refused(_)) => Verdict::Passed("refused".into()),
                Err(failure) => Verdict::Failed(failure.to_string()),
                Ok(()) => Verdict::Failed("it is valid".into()),
            },
        })
    }

    fn instantiate(&self, module: &Result<Rewritten, Reason>) -> (Slot<'t>, Verdict) {
        let module = match module {
            Ok(module) => module,
            Err(reason) => return (Slot::LeftOut(*reason), Verdict::LeftOut(*reason)),
        };
        match self.target.instantiate(&module.wasm) {
            Ok(instance) => {
                let ready =
                    Ready { instance, dropped: module.dropped.clone(), spoiled: None, registered: false };
                (Slot::Ready(ready), Verdict::Passed(String::new()))
            }
            Err(Failure::LeftOut(reason)) => (Slot::LeftOut(reason), Verdict::LeftOut(reason)),
            Err(failure) => (Slot::LeftOut(Reason::AfterFloat), Verdict::Failed(failure.to_string())),
        }
    }

    fn run(&mut self, command: &Command) -> Result<Result<Vec<Value>, Failure>, Reason> {
        let slot = self.slot(command.instance.as_ref());
        let ready = match slot {
            Some(Slot::Ready(ready)) => ready,
            Some(Slot::LeftOut(reason)) => return Err(*reason),
            None => return Err(Reason::Import),
        };
        if let Some(effects) = ready.dropped.get(&command.export) {
            if *effects == Effects::Some {
                ready.spoiled = ready.spoiled.or(Some(Reason::AfterFloat));
            }
            return Err(Reason::Float);
        }
        if let Some(reason) = ready.spoiled {
            return Err(reason);
        }
        let result = match &command.args {
            None => ready.instance.global(&command.export).map(|value| vec![value]),
            Some(args) => {
                let args = args.as_ref().map_err(|reason| *reason)?;
                ready.instance.invoke(&command.export, args)
            }
        };
        match result {
            Err(Failure::LeftOut(reason)) => Err(reason),
            result => Ok(result),
        }
    }
}

/// The machine's words begin with those of the suite.
fn trapped(result: Result<Vec<Value>, Failure>, words: &str) -> Verdict {
    match result {
        Err(Failure::Trap(found)) if found.starts_with(words) => Verdict::Passed(found),
        other => Verdict::Failed(format!("{other:?} for a trap {words:?}")),
    }
}
