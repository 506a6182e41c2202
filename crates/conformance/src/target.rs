//! What can run a module as it is: the compiled engines, the tick step.

use crate::reason::Reason;
use thiserror::Error;

/// A value that goes in or comes out of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// 32 bits.
    I32(i32),
    /// 64 bits.
    I64(i64),
    /// A vector, its bytes in the order of the memory.
    V128([u8; 16]),
    /// A reference to a function: whether it is one, or null.
    FuncRef(bool),
    /// A reference to something of the host, under a number, or null.
    ExternRef(Option<i32>),
}

/// Why there is no instance or no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// The module cannot be read; the machine's words.
    #[error("refused: {0}")]
    Refused(String),
    /// A validator refuses the module.
    #[error("invalid: {0}")]
    Invalid(String),
    /// It trapped; the machine's words. A trap that leaves a machine stuck for ever is one, too.
    #[error("trap: {0}")]
    Trap(String),
    /// This target cannot say.
    #[error("left out: {0}")]
    LeftOut(Reason),
    /// Something else is wrong.
    #[error("failure: {0}")]
    Other(String),
}

/// An instance of a module.
pub trait Instance {
    /// Calls an exported function.
    fn invoke(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, Failure>;
    /// The value of an exported global.
    fn global(&mut self, export: &str) -> Result<Value, Failure>;
    /// Ticks of the last call, if this target counts them.
    fn ticks(&self) -> Option<u64> {
        None
    }
}

/// Something that runs modules without imports.
pub trait Target {
    /// Its name in tables.
    fn name(&self) -> &'static str;
    /// What is asked for next is for the directive at that place of a script.
    fn begin(&self, _place: usize) {}
    /// Reads a module. `Ok` if it is well-formed to the machine, the machine's words if not.
    fn decode(&self, module: &[u8]) -> Result<(), String>;
    /// Validates a well-formed module, if this target does.
    fn validate(&self, module: &[u8]) -> Result<(), Failure>;
    /// Makes an instance and runs its start function.
    fn instantiate(&self, module: &[u8]) -> Result<Box<dyn Instance + '_>, Failure>;
}
