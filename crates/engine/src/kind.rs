//! Which engine runs kernels.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// An engine. All of them give the same states and count the same ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Kind {
    /// Machine code that counts its ticks. What it cannot decide goes to the tick-exact interpreter.
    #[default]
    Compiled,
    /// The tick-exact interpreter. What it does not take goes to the machine.
    TickExact,
    /// The machine itself, tick by tick.
    Reference,
}

/// A name that no engine has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown engine {name:?}: expected compiled, tick-exact or reference")]
pub struct KindError {
    /// What was given.
    pub name: String,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Compiled, Self::TickExact, Self::Reference];

    /// The environment variable that chooses one.
    pub const VARIABLE: &'static str = "SORU_ENGINE";

    /// The engine that the environment asks for, if it does.
    pub fn from_env() -> Result<Option<Self>, KindError> {
        match std::env::var_os(Self::VARIABLE) {
            None => Ok(None),
            Some(name) => name.to_string_lossy().parse().map(Some),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compiled => "compiled",
            Self::TickExact => "tick-exact",
            Self::Reference => "reference",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(name: &str) -> Result<Self, KindError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| KindError { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_refused() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for name in ["", "Compiled", "exact", "tick exact"] {
            let error = name.parse::<Kind>().unwrap_err();
            assert!(error.to_string().contains("expected compiled, tick-exact or reference"), "{error}");
        }
    }
}
