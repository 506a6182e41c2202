//! Which commitments to publish and to cement: a pure decision from what the layer-1 says.
//!
//! Nothing here is remembered between two decisions but the operations that are on their way, and that memory may
//! be lost: the layer-1 knows on which commitment the operator stakes and which one is cemented last, and refuses
//! what was done before.

mod plan;
mod publisher;
mod warning;

pub use plan::{Contradiction, Duties, Limits, Own, Plan, Pointed, Publishing, Step, View, plan};
pub use publisher::{FINALITY, Outlook, PublishError, Publisher};
pub use warning::Warning;

#[cfg(test)]
mod dispute_tests;
#[cfg(test)]
mod plan_tests;
