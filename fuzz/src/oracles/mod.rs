//! The oracles.

mod identifiers;
#[cfg(feature = "engine")]
mod kernels;
mod ledger;
mod machine;
mod michelson;
mod proofs;
mod protocol;

pub use identifiers::{durable_key, identifiers};
#[cfg(feature = "engine")]
pub use kernels::{engines_agree, kernel_check};
pub use ledger::ledger;
pub use machine::{host_calls, host_calls_state, replay};
pub use michelson::{micheline_binary, micheline_json, micheline_text, script, value};
pub use proofs::{merkle_proof, output_proof};
pub use protocol::{block_header, commitment, inbox_message, json, operation, outbox_message};
