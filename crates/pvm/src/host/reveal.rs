//! Reveals: the machine stops, somebody brings the answer, the machine goes on.

use super::io::{MESSAGE_MAX, Span, load, store};
use super::{ErrorCode, Failure, HostState, HostTrap, Memory};
use crate::reveal::RevealRequest;
use crate::run::RunnerError;

impl HostState<'_> {
    pub(super) fn reveal_preimage(
        &mut self,
        memory: &mut dyn Memory,
        hash: Span,
        dst: Span,
    ) -> Result<i32, Failure> {
        let hash = load_request(memory, hash)?;
        self.answer(memory, &RevealRequest::raw_preimage(&hash), dst)
    }

    pub(super) fn reveal_metadata(&mut self, memory: &mut dyn Memory, dst: Span) -> Result<i32, Failure> {
        self.answer(memory, RevealRequest::METADATA, dst)
    }

    pub(super) fn reveal_raw(
        &mut self,
        memory: &mut dyn Memory,
        request: Span,
        dst: Span,
    ) -> Result<i32, Failure> {
        let request = load_request(memory, request)?;
        self.answer(memory, &request, dst)
    }

    // The request is good: the machine now waits, and a bad destination shows only when the answer comes.
    fn answer(&mut self, memory: &mut dyn Memory, request: &[u8], (dst, max): Span) -> Result<i32, Failure> {
        let data = self.reveals.reveal(request).map_err(|error| {
            HostTrap::Undecided(RunnerError::RevealUnavailable {
                request: hex::encode(request),
                reason: error.reason,
            })
        })?;
        let no_next_state = |reason: String| HostTrap::Undecided(RunnerError::NoNextState { reason });
        let max =
            usize::try_from(max).map_err(|_| no_next_state(format!("a reveal with room for {max} bytes")))?;
        let data = &data[..data.len().min(max)];
        match store(memory, dst, data) {
            Ok(()) => Ok(data.len() as i32),
            Err(Failure::Code(_)) => {
                let end = u64::from(dst as u32) + data.len() as u64;
                Err(no_next_state(format!("a reveal up to byte {end} of {} bytes of memory", memory.size()))
                    .into())
            }
            Err(trap) => Err(trap),
        }
    }
}

fn load_request(memory: &dyn Memory, span: Span) -> Result<Vec<u8>, Failure> {
    if span.1 > MESSAGE_MAX as i32 {
        return Err(ErrorCode::InputOutputTooLarge.into());
    }
    load(memory, span)
}
