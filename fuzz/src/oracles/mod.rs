//! The oracles.

mod engines;
mod games;
mod identifiers;
#[cfg(feature = "engine")]
mod kernels;
mod ledger;
mod machine;
mod michelson;
mod proofs;
mod protocol;
mod texts;
mod ticks;

pub use engines::engines_agree;
pub use games::{inbox_proof, played_proof};
pub use identifiers::{durable_key, identifiers};
#[cfg(feature = "engine")]
pub use kernels::kernel_check;
pub use ledger::ledger;
pub use machine::{host_calls, host_calls_state, replay};
pub use michelson::{micheline_binary, micheline_json, micheline_text, script, value};
pub use proofs::{forged_proof, merkle_proof, output_proof, step_proof};
pub use protocol::{block_header, commitment, inbox_message, json, operation, outbox_message};
pub use texts::{inputs, repl_command, repl_session};
pub use ticks::{hostile_state, kernel_ticks, smith_ticks};
