//! Which compiler turns a kernel into machine code.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A compiler, under its name in the documentation of rollups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Compiler {
    /// The optimising compiler: slower to compile, faster to run.
    #[default]
    Cranelift,
    /// The baseline compiler: compiles in one pass.
    Singlepass,
}

/// A name that no compiler has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown compiler {name:?}: expected cranelift or singlepass")]
pub struct CompilerError {
    /// What was given.
    pub name: String,
}

impl Compiler {
    /// The environment variable that chooses one.
    pub const VARIABLE: &'static str = "OCTEZ_WASMER_COMPILER";

    /// The compiler that the environment asks for, if it does.
    pub fn from_env() -> Result<Option<Self>, CompilerError> {
        match std::env::var_os(Self::VARIABLE) {
            None => Ok(None),
            Some(name) => name.to_string_lossy().parse().map(Some),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cranelift => "cranelift",
            Self::Singlepass => "singlepass",
        }
    }

    pub(crate) fn strategy(self) -> wasmtime::Strategy {
        match self {
            Self::Cranelift => wasmtime::Strategy::Cranelift,
            Self::Singlepass => wasmtime::Strategy::Winch,
        }
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compiler {
    type Err = CompilerError;

    fn from_str(name: &str) -> Result<Self, CompilerError> {
        [Self::Cranelift, Self::Singlepass]
            .into_iter()
            .find(|compiler| compiler.name() == name)
            .ok_or_else(|| CompilerError { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for compiler in [Compiler::Cranelift, Compiler::Singlepass] {
            assert_eq!(compiler.to_string().parse(), Ok(compiler));
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        for name in ["", "Cranelift", "llvm", "winch"] {
            let error = name.parse::<Compiler>().unwrap_err();
            assert_eq!(error, CompilerError { name: name.into() });
            assert!(error.to_string().contains("expected cranelift or singlepass"), "{error}");
        }
    }
}
