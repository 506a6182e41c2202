//! Why a directive of the test suite is left out.

use std::fmt;

/// A reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Floats, which the machine refuses.
    Float,
    /// Comes after a call on floats that was left out and that may have changed the instance.
    AfterFloat,
    /// Imports from another module of the script, or something that a kernel could not import.
    Import,
    /// About the text format, which the machine does not read.
    Text,
    /// Invalid, but not malformed: the machine does not validate.
    NotValidated,
    /// Malformed, and yet taken by the machine's decoder.
    Lenient,
    /// Deeper than the 300 calls that the machine allows.
    CallDepth,
    /// Function types that differ by `funcref` and `externref` alone: the engine takes no such kernel.
    ReferenceTypes,
    /// Two exports of one name: no validator takes them, the machine does.
    TwinExports,
    /// Several memories: no validator of WebAssembly 2.0 takes them, the machine does; its instructions know the first.
    MultiMemory,
    /// Larger than the engine's bounds on tables and memories.
    TooLarge,
    /// Gives a reference to something of the host, which a kernel cannot have, or comes after that.
    HostReference,
    /// The interpreter leaves it to the tick step.
    ByTick,
    /// Invalid for want of something that the kernel made of it has.
    ValidAsKernel,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::Float,
        Self::AfterFloat,
        Self::Import,
        Self::Text,
        Self::NotValidated,
        Self::Lenient,
        Self::CallDepth,
        Self::ReferenceTypes,
        Self::TwinExports,
        Self::MultiMemory,
        Self::TooLarge,
        Self::HostReference,
        Self::ByTick,
        Self::ValidAsKernel,
    ];

    /// A word for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::AfterFloat => "after-float",
            Self::Import => "import",
            Self::Text => "text",
            Self::NotValidated => "not-validated",
            Self::Lenient => "lenient",
            Self::CallDepth => "call-depth",
            Self::ReferenceTypes => "reference-types",
            Self::TwinExports => "twin-exports",
            Self::MultiMemory => "multi-memory",
            Self::TooLarge => "too-large",
            Self::HostReference => "host-reference",
            Self::ByTick => "by-tick",
            Self::ValidAsKernel => "valid-as-kernel",
        }
    }

    /// What it means, for readers.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Float => {
                "Floats: the machine refuses a module with a single float in it. Functions on floats are cut out of a \
                 module when nothing else needs them, so that the rest of it is tested"
            }
            Self::AfterFloat => {
                "Comes after a call on floats that was left out and may have changed memory, globals or tables"
            }
            Self::Import => {
                "A module that imports from another one, and what comes after it and is shared with it: a kernel imports host \
                 functions only. Imports from the suite's own `spectest` module, and of functions that depend on nothing, become \
                 definitions"
            }
            Self::Text => "About the text format: kernels are binary",
            Self::NotValidated => {
                "Well-formed, but invalid: the machine does not validate. The compiled engines do, and are tested"
            }
            Self::Lenient => "Malformed, but the machine's decoder takes it, and so does the engines' own",
            Self::CallDepth => "Needs more calls inside of each other than the machine allows (300)",
            Self::ReferenceTypes => {
                "The module has two function types that differ by `funcref` and `externref` alone: the engines do not \
                 take such a kernel"
            }
            Self::TwinExports => {
                "Two exports of one name, which no validator takes: the machine does, the last one counts, and the engines \
                 follow it"
            }
            Self::MultiMemory => {
                "Several memories, which no validator of WebAssembly 2.0 takes: the machine does, its instructions know \
                 the first one only, and the engines follow it"
            }
            Self::TooLarge => "Beyond the engines' bounds on the size of tables and memories",
            Self::HostReference => {
                "Gives a function a reference to something of the host, which no kernel has, or comes after that on the same \
                 instance"
            }
            Self::ByTick => {
                "The interpreter leaves the call to the tick step: a `return` with values below its results in a function that is \
                 called by another one. It passes, but not on the interpreter"
            }
            Self::ValidAsKernel => {
                "Invalid because there is no memory, no such function or no such type: the kernel made of it has them"
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
