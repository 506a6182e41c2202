#![doc = include_str!("../README.md")]

mod cache;
mod compiled;
mod compiler;
mod deadline;
mod debug;
mod decode;
pub mod embed;
mod engine;
mod execute;
mod flaws;
mod host;
mod instrument;
mod kind;
mod lend;
mod link;
mod meter;
mod prepare;
mod returns;
mod status;
mod strip;
mod survey;
mod validate;

pub use compiler::{Compiler, CompilerError};
pub use engine::{Engine, EngineError, Options};
pub use kind::{Kind, KindError};
pub use prepare::{KernelError, Place, StageName, check};
pub use status::{Decided, Fallbacks, Status};
pub use strip::{StripError, strip};
pub use survey::{CallStack, Finding, Rule, Survey, Verdict, survey};
