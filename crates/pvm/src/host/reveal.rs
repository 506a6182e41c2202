//! Reveals: the machine stops, somebody brings the answer, the machine goes on.

use super::io::{MESSAGE_MAX, Span, load, store};
use super::{ErrorCode, Failure, HostFunction, HostState, HostTrap, HostValue, Memory};
use crate::reveal::RevealRequest;
use crate::run::RunnerError;

/// A call of a host function that asks for something from outside.
pub(crate) struct RevealCall {
    /// What is asked for.
    pub(crate) request: Vec<u8>,
    /// Where the answer goes.
    pub(crate) destination: i32,
    /// Most bytes of it.
    pub(crate) max: i32,
}

impl RevealCall {
    /// Of the metadata.
    pub(crate) fn metadata(args: &[HostValue]) -> Option<Self> {
        let &[HostValue::I32(destination), HostValue::I32(max)] = args else { return None };
        Some(Self { request: RevealRequest::METADATA.to_vec(), destination, max })
    }

    /// If the function is such a one: what it asks for, or the error code that it gives at once.
    pub(crate) fn of(
        function: HostFunction,
        args: &[HostValue],
        memory: &dyn Memory,
    ) -> Option<Result<Self, ErrorCode>> {
        let &[HostValue::I32(src), HostValue::I32(len), HostValue::I32(destination), HostValue::I32(max)] =
            args
        else {
            return None;
        };
        let request: fn(&[u8]) -> Vec<u8> = match function {
            HostFunction::RevealPreimage => RevealRequest::raw_preimage,
            HostFunction::Reveal => |request| request.to_vec(),
            _ => return None,
        };
        Some(match load_request(memory, (src, len)) {
            Ok(loaded) => Ok(Self { request: request(&loaded), destination, max }),
            Err(Failure::Code(code)) => Err(code),
            // Loading gives codes only.
            Err(Failure::Trap(_)) => Err(ErrorCode::GenericInvalidAccess),
        })
    }
}

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
