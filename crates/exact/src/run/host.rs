//! Calls of host functions.

use crate::code::Shared;
use crate::memory::Bytes;
use crate::price;
use crate::watch::{HostCall, Watch};
use soru_pvm::handover::Cell;
use soru_pvm::host::{HostState, HostTrap, HostValue, ValueType};

/// What has come of a call.
pub(super) enum Called {
    /// There are not enough ticks for it to be done.
    TooFew,
    Failed(HostTrap),
    /// With the ticks that are to be paid now, and those it took until then.
    Done {
        result: Option<Cell>,
        price: u64,
        worked: u64,
    },
}

/// When the call is made: the run goes until so many ticks are used, and so many of them are left. What is paid before the
/// call begins is `enter`.
pub(super) struct When {
    pub(super) until: u64,
    pub(super) left: u64,
    pub(super) enter: u32,
}

/// Calls a host function, whose arguments are the first cells.
#[inline(never)]
pub(super) fn call_host<W: Watch>(
    code: &Shared,
    index: u32,
    cells: &[u64],
    memory: &mut Bytes,
    host: &mut HostState<'_>,
    when: &When,
    watch: &mut W,
) -> Called {
    let Some(function) = code.module.functions[index as usize].host else { return Called::TooFew };
    let worked = u64::from(when.enter) + price::HOST_WORK;
    if when.left < worked + if price::is_reveal(function) { price::REVEAL } else { 0 } {
        return Called::TooFew;
    }
    let mut args = [HostValue::I32(0); 8];
    let params = function.params();
    for ((arg, cell), ty) in args.iter_mut().zip(cells).zip(params) {
        *arg = match ty {
            ValueType::I32 => HostValue::I32(*cell as i32),
            ValueType::I64 => HostValue::I64(*cell as i64),
        };
    }
    let args = &args[..params.len()];
    let result = match host.call(function, args, memory) {
        Ok(result) => result,
        Err(trap) => return Called::Failed(trap),
    };
    let answer = if price::is_answered(function, result) { price::REVEAL } else { 0 };
    let cell = result.map(|value| match value {
        HostValue::I32(n) => Cell::I32(n),
        HostValue::I64(n) => Cell::I64(n),
    });
    let (worked, price) = (worked + answer, function.tick_cost(args, result));
    // What comes before it may be paid with it.
    let before = u64::from(when.enter - price::INSTRUCTION);
    let (used, ticks) = (when.until - when.left + before, worked + price + price::HOST_END - before);
    watch.host_call(&HostCall { index, function, used, ticks, args, result, memory });
    Called::Done { result: cell, price, worked }
}
