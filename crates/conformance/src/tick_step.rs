//! The tick step: the machine itself, tick by tick.

use crate::reason::Reason;
use crate::target::{Failure, Instance, Target, Value};
use soru_base::level::Level;
use soru_pvm::embed;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::state::{InputPlace, StateError, StuckError, TickState};
use soru_pvm::{Limits, Machine, Version};

/// Most ticks of one call.
const MAX_TICKS: u64 = 50_000_000;

/// The tick step.
#[derive(Debug)]
pub struct TickStep;

impl Target for TickStep {
    fn name(&self) -> &'static str {
        "tick step"
    }

    fn decode(&self, module: &[u8]) -> Result<(), String> {
        decode(module, u64::MAX).map_err(|error| error.to_string())?.unwrap_or(Ok(()))
    }

    fn validate(&self, _: &[u8]) -> Result<(), Failure> {
        Err(Failure::LeftOut(Reason::NotValidated))
    }

    fn instantiate(&self, module: &[u8]) -> Result<Box<dyn Instance + '_>, Failure> {
        match embed::Instance::new(module) {
            Ok(instance) => Ok(Box::new(Running(instance))),
            // A machine refuses a kernel that traps when its instance is made.
            Err(embed::EmbedError::Refused(words)) => Err(Failure::Trap(words)),
            Err(error) => Err(failure(error)),
        }
    }
}

/// Lets a machine read the bytes as its kernel. The inner result is the machine's words if it refuses them; none if it is
/// not through after so many ticks.
pub fn decode(kernel: &[u8], max_ticks: u64) -> Result<Option<Result<(), String>>, StateError> {
    let mut tree = initial_state(Version::V0)?;
    install_boot_sector(&mut tree, kernel, Limits::FIRST)?;
    let mut machine = Machine::from_tree(&tree)?;
    for (counter, message) in (0..).zip([&[0u8, 1][..], &[0, 2]]) {
        machine.set_input(InputPlace { level: Level::GENESIS, counter }, message)?;
    }
    let padding = Limits::FIRST.ticks_per_snapshot.0 - machine.current_tick.0;
    machine.step(padding, &mut ())?;
    for _ in 0..max_ticks {
        match &machine.tick_state {
            TickState::Snapshot | TickState::Decode(_) => machine.step(1, &mut ())?,
            TickState::Stuck(StuckError::Decode(error)) => {
                let words = error.explanation.as_ref().unwrap_or(&error.raw).to_string();
                return Ok(Some(Err(words)));
            }
            _ => return Ok(Some(Ok(()))),
        };
    }
    Ok(None)
}

struct Running(embed::Instance);

impl Instance for Running {
    fn invoke(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, Failure> {
        let args: Vec<_> = args.iter().map(inwards).collect::<Result<_, _>>()?;
        let results = self.0.invoke(export, &args, MAX_TICKS).map_err(failure)?;
        Ok(results.iter().map(outwards).collect())
    }

    fn global(&mut self, export: &str) -> Result<Value, Failure> {
        self.0.global(export).map(|value| outwards(&value)).map_err(failure)
    }

    fn ticks(&self) -> Option<u64> {
        Some(self.0.ticks())
    }
}

fn failure(error: embed::EmbedError) -> Failure {
    match error {
        embed::EmbedError::Refused(words) => Failure::Refused(words),
        embed::EmbedError::Trap(words) | embed::EmbedError::Stuck(words) => Failure::Trap(words),
        embed::EmbedError::TooManyTicks => Failure::Other(format!("more than {MAX_TICKS} ticks")),
    }
}

fn inwards(value: &Value) -> Result<embed::Value, Failure> {
    Ok(match value {
        Value::I32(value) => embed::Value::I32(*value),
        Value::I64(value) => embed::Value::I64(*value),
        Value::V128(bytes) => embed::Value::V128(*bytes),
        Value::FuncRef(false) => embed::Value::FuncRef(None),
        Value::FuncRef(true) => return Err(Failure::Other("a function from nowhere".into())),
        Value::ExternRef(number) => embed::Value::ExternRef(*number),
    })
}

fn outwards(value: &embed::Value) -> Value {
    match value {
        embed::Value::I32(value) => Value::I32(*value),
        embed::Value::I64(value) => Value::I64(*value),
        embed::Value::V128(bytes) => Value::V128(*bytes),
        embed::Value::FuncRef(function) => Value::FuncRef(function.is_some()),
        embed::Value::ExternRef(number) => Value::ExternRef(*number),
    }
}
