use crate::{DisputeError, Landmark, Period, Timeline};
use soru_base::Tick;
use soru_base::blake2b::hash32_parts;
use soru_pvm::state::StateError;
use std::collections::BTreeMap;

/// Where the step that an adversary lies about was found: to look for one means going through runs tick by tick. Nothing
/// is lost with it but time.
#[derive(Debug, Clone, Default)]
pub(super) struct Found(BTreeMap<[u8; 32], Option<Tick>>);

/// Most periods that are remembered: those of all games at once.
const PERIODS_MAX: usize = 64;

impl Found {
    /// The tick of a state in which the machine is about to make that step.
    pub(super) fn find(
        &mut self,
        truth: &mut Timeline,
        step: Landmark,
        occurrence: u64,
    ) -> Result<Option<Tick>, DisputeError> {
        let period = identity(truth.period())?;
        if let Some(tick) = self.0.get(&period) {
            return Ok(*tick);
        }
        let tick = truth.find(step, occurrence)?;
        if self.0.len() >= PERIODS_MAX {
            self.0.clear();
        }
        self.0.insert(period, tick);
        Ok(tick)
    }
}

/// Periods of two branches can end at one level.
fn identity(period: &Period) -> Result<[u8; 32], DisputeError> {
    let begin = period.begin.state.hash().map_err(StateError::from)?;
    let mut hash = hash32_parts(&[begin.as_bytes(), &period.begin.tick.0.to_be_bytes()]);
    for level in &period.levels {
        hash = hash32_parts(&[&hash, &level.level.get().to_be_bytes()]);
        for message in &level.messages {
            hash = hash32_parts(&[&hash, message.as_bytes()]);
        }
    }
    Ok(hash)
}
