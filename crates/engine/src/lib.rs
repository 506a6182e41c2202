#![doc = include_str!("../README.md")]

mod cache;
mod compiler;
mod deadline;
mod decode;
pub mod embed;
mod engine;
mod execute;
mod host;
mod instrument;
mod lend;
mod link;
mod prepare;
mod returns;
mod strip;
mod survey;
mod validate;

pub use compiler::{Compiler, CompilerError};
pub use engine::{Engine, EngineError, Options, Status};
pub use prepare::{KernelError, Place, StageName, check};
pub use strip::{StripError, strip};
pub use survey::{CallStack, Finding, Rule, Survey, Verdict, survey};
