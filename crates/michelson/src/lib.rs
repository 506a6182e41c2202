#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod annots;
mod error;
mod gas;
pub mod interpret;
mod macros;
pub mod micheline;
mod script;
pub mod text;
pub mod typecheck;
pub mod types;
pub mod tzt;
pub mod values;

pub use error::{Reason, TypeError};
pub use gas::{Gas, GasExhaustedError};
pub use interpret::{Chain, Context, Origin, Outcome, RunError};
pub use micheline::{MAX_DEPTH, Micheline, Prim};
pub use script::{Script, View};
pub use text::{ParseError, Position, Source};
pub use types::{Parameter, Type};
pub use values::{Form, HeldTickets, Reading, TicketFlow, Value};

/// Runs a step of a recursion whose depth is limited but larger than what fits a stack: the stack grows on the heap.
fn deep<T>(step: impl FnOnce() -> T) -> T {
    const LEFT: usize = 512 * 1024;
    const MORE: usize = 4 * 1024 * 1024;
    stacker::maybe_grow(LEFT, MORE, step)
}
