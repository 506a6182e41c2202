//! What the tick step makes of a script, written down.

use crate::target::{Failure, Instance, Target, Value};
use crate::tick_step::TickStep;
use std::cell::{Cell, RefCell};

/// What was done with modules. Places are those of directives in the script.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Instances, and what was done with them.
    pub(super) lives: Vec<Life>,
    /// What was refused when it was read.
    pub(super) refused: Vec<Refused>,
    /// What no validator takes.
    pub(super) invalid: Vec<(usize, Vec<u8>)>,
}

/// A module that the machine refuses when it reads it.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) place: usize,
    pub(super) module: Vec<u8>,
    /// The machine's.
    pub(super) words: String,
}

/// An instance, or the attempt to make one.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) place: usize,
    pub(super) module: Vec<u8>,
    pub(super) made: Result<(), Failure>,
    pub(super) acts: Vec<Act>,
}

/// A call, or the reading of a global, which has no arguments.
#[derive(Debug)]
pub(super) struct Act {
    pub(super) place: usize,
    pub(super) export: String,
    pub(super) args: Option<Vec<Value>>,
    pub(super) result: Result<Vec<Value>, Failure>,
    pub(super) ticks: u64,
}

/// The tick step, with somebody who writes down what it does.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    place: Cell<usize>,
    record: RefCell<Record>,
}

impl Recorder {
    pub(super) fn into_record(self) -> Record {
        self.record.into_inner()
    }
}

impl Target for Recorder {
    fn name(&self) -> &'static str {
        TickStep.name()
    }

    fn begin(&self, place: usize) {
        self.place.set(place);
    }

    fn decode(&self, module: &[u8]) -> Result<(), String> {
        let decoded = TickStep.decode(module);
        if let Err(words) = &decoded {
            let (place, words) = (self.place.get(), words.clone());
            self.record.borrow_mut().refused.push(Refused { place, module: module.to_vec(), words });
        }
        decoded
    }

    fn validate(&self, module: &[u8]) -> Result<(), Failure> {
        self.record.borrow_mut().invalid.push((self.place.get(), module.to_vec()));
        TickStep.validate(module)
    }

    fn instantiate(&self, module: &[u8]) -> Result<Box<dyn Instance + '_>, Failure> {
        let made = TickStep.instantiate(module);
        let mut record = self.record.borrow_mut();
        let life = record.lives.len();
        record.lives.push(Life {
            place: self.place.get(),
            module: module.to_vec(),
            made: made.as_ref().map(|_| ()).map_err(Clone::clone),
            acts: Vec::new(),
        });
        Ok(Box::new(Watched { recorder: self, life, instance: made? }))
    }
}

struct Watched<'a> {
    recorder: &'a Recorder,
    life: usize,
    instance: Box<dyn Instance + 'a>,
}

impl Watched<'_> {
    fn note(&self, export: &str, args: Option<&[Value]>, result: Result<Vec<Value>, Failure>) {
        let act = Act {
            place: self.recorder.place.get(),
            export: export.to_owned(),
            args: args.map(<[_]>::to_vec),
            result,
            ticks: self.instance.ticks().unwrap_or_default(),
        };
        self.recorder.record.borrow_mut().lives[self.life].acts.push(act);
    }
}

impl Instance for Watched<'_> {
    fn invoke(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let result = self.instance.invoke(export, args);
        self.note(export, Some(args), result.clone());
        result
    }

    fn global(&mut self, export: &str) -> Result<Value, Failure> {
        let value = self.instance.global(export);
        self.note(export, None, value.clone().map(|value| vec![value]));
        value
    }
}
