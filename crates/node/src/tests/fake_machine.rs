use crate::kernel_runs::{Ending, KernelRun, KernelRuns};
use crate::layer1::Origin;
use crate::machine::{Evaluated, Machine, MachineError, Place, Trial};
use crate::status::Obstacle;
use bytes_of::number;
use soru_base::blake2b::hash32_parts;
use soru_base::{Level, StateHash, Tick, TickSpan};
use soru_merkle::Tree;
use soru_protocol::inbox::SerializedMessage;
use std::sync::atomic::{AtomicBool, Ordering};

/// Folds the messages of all levels into one hash; takes a tick for each. A message that begins with `out` goes to the
/// outbox.
#[derive(Default)]
pub(super) struct FakeMachine {
    /// Whether it loops for ever.
    pub(super) loops: AtomicBool,
}

mod bytes_of {
    pub(super) fn number(n: u64) -> Vec<u8> {
        n.to_be_bytes().to_vec()
    }
}

/// What one of its runs may take.
const BOUND: TickSpan = TickSpan(1_000);

fn ticks(state: &Tree) -> u64 {
    let bytes = state.find(&["ticks"]).unwrap().unwrap();
    u64::from_be_bytes(bytes.as_ref().try_into().unwrap())
}

fn evaluated(state: Tree, outbox_len: u32) -> Evaluated {
    Evaluated {
        hash: StateHash::from(state.hash().unwrap()),
        tick: Tick(ticks(&state)),
        status: "Waiting for input message".to_owned(),
        outbox_len,
        runs: KernelRuns { bound: BOUND, runs: Vec::new() },
        notes: Vec::new(),
        state,
    }
}

impl Machine for FakeMachine {
    fn genesis(&self, origin: &Origin) -> Result<Evaluated, MachineError> {
        let mut state = Tree::empty();
        state.insert(&["kernel"], origin.boot_sector.clone()).unwrap();
        state.insert(&["ticks"], number(0)).unwrap();
        state.insert(&["fold"], vec![0; 32]).unwrap();
        Ok(evaluated(state, 0))
    }

    fn evaluate(
        &self,
        mut state: Tree,
        place: Place,
        messages: &[SerializedMessage],
    ) -> Result<Evaluated, MachineError> {
        if self.loops.load(Ordering::SeqCst) {
            let reason = "it loops".to_owned();
            return Err(MachineError::Undecided { obstacle: Obstacle::Deadline, reason });
        }
        let mut fold = state.find(&["fold"]).unwrap().unwrap().to_vec();
        let mut outbox = 0;
        for message in messages {
            fold = hash32_parts(&[&fold, message.as_bytes()]).to_vec();
            if message.as_bytes().starts_with(b"\x01out") {
                let path = ["outbox".to_owned(), place.level.to_string(), outbox.to_string()];
                state.insert(&path, message.as_bytes()[1..].to_vec()).unwrap();
                outbox += 1;
            }
        }
        let total = ticks(&state) + messages.len() as u64;
        state.insert(&["ticks"], number(total)).unwrap();
        state.insert(&["fold"], fold.clone()).unwrap();
        state.insert(&["levels", &place.level.to_string()], fold).unwrap();
        let run = KernelRun { ticks: Some(TickSpan(messages.len() as u64)), ending: Ending::Finished };
        let mut after = evaluated(state, outbox);
        after.runs.runs.push(run);
        Ok(after)
    }

    fn simulate(
        &self,
        state: Tree,
        place: Place,
        messages: &[SerializedMessage],
        trial: Trial,
    ) -> Result<Evaluated, MachineError> {
        if let Some(path) = trial.log {
            std::fs::write(path, "simulated").unwrap();
        }
        self.evaluate(state, place, messages)
    }

    fn current_level(&self, state: &Tree) -> Result<Option<Level>, MachineError> {
        let levels = state.list(&["levels"], 0, usize::MAX).unwrap();
        let levels = levels.into_iter().filter_map(|(name, _)| String::from_utf8_lossy(&name).parse().ok());
        Ok(levels.max().and_then(Level::new))
    }

    fn outbox(&self, state: &Tree, level: Level) -> Result<Vec<(u32, Vec<u8>)>, MachineError> {
        let found = state.list(&["outbox", &level.to_string()], 0, usize::MAX).unwrap();
        let none: [&str; 0] = [];
        Ok((0..).zip(found.into_iter().map(|(_, t)| t.find(&none).unwrap().unwrap().to_vec())).collect())
    }

    fn output_proof(&self, state: &Tree, level: Level, index: u32) -> Result<Option<Vec<u8>>, MachineError> {
        let path = ["outbox".to_owned(), level.to_string(), index.to_string()];
        Ok(state.find(&path).unwrap().map(|bytes| bytes.to_vec()))
    }

    fn durable_value(&self, state: &Tree, key: &str) -> Result<Option<Vec<u8>>, MachineError> {
        let Some(key) = key.strip_prefix('/') else { return Err(MachineError::Key(key.to_owned())) };
        Ok(state.find(&[key]).unwrap().map(|bytes| bytes.to_vec()))
    }

    fn durable_length(&self, state: &Tree, key: &str) -> Result<Option<u64>, MachineError> {
        Ok(self.durable_value(state, key)?.map(|bytes| bytes.len() as u64))
    }

    fn durable_subkeys(&self, state: &Tree, _: &str) -> Result<Vec<String>, MachineError> {
        let none: [&str; 0] = [];
        let children = state.list(&none, 0, usize::MAX).unwrap();
        Ok(children.into_iter().map(|(name, _)| String::from_utf8_lossy(&name).into_owned()).collect())
    }
}
