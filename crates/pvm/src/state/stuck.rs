//! Why a machine is stuck. The texts are part of the state, hence of its hash.

use serde_json::{Value, json};
use soru_base::bin::{Binary, DecodeError, Reader, put_bytes};
use std::fmt;

/// A text of the machine, cut at 128 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct StuckText(Vec<u8>);

impl StuckText {
    /// Most bytes that are kept.
    pub const MAX_LEN: usize = 128;

    /// The first 128 bytes of a text.
    pub fn new(text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        Self(text[..text.len().min(Self::MAX_LEN)].to_vec())
    }
}

impl fmt::Display for StuckText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for StuckText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

impl Binary for StuckText {
    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // A state of somebody else may hold a longer one: it has to come out as it went in.
        const SANE: usize = 1 << 16;
        Ok(Self(r.bytes(SANE, "text of an error")?.to_vec()))
    }
}

/// An error of the interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterpreterError {
    /// Its name.
    pub raw: StuckText,
    /// What it says.
    pub explanation: Option<StuckText>,
}

impl Binary for InterpreterError {
    fn write(&self, out: &mut Vec<u8>) {
        self.raw.write(out);
        match &self.explanation {
            None => out.push(0),
            Some(text) => {
                out.push(1);
                text.write(out);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let raw = StuckText::read(r)?;
        let explanation = match r.u8("explanation")? {
            0 => None,
            1 => Some(StuckText::read(r)?),
            tag => return Err(r.invalid("explanation", format!("the tag {tag} (0 or 1 expected)"))),
        };
        Ok(Self { raw, explanation })
    }
}

/// Why there was no way back to an earlier kernel: what was wrong with the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FallbackCause {
    /// It could not be decoded.
    Decode(InterpreterError),
    /// An import could not be found.
    Link(StuckText),
    /// No instance could be made.
    Init(InterpreterError),
}

/// Why a machine is stuck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StuckError {
    /// The kernel could not be decoded. The next tick looks for an earlier kernel.
    Decode(InterpreterError),
    /// An import could not be found. The next tick looks for an earlier kernel.
    Link(StuckText),
    /// No instance could be made. The next tick looks for an earlier kernel.
    Init(InterpreterError),
    /// The run failed, other than by a trap.
    Eval(InterpreterError),
    /// Something came that does not fit what the machine is doing.
    InvalidState(StuckText),
    /// Anything else.
    Unknown(StuckText),
    /// The run took too many ticks.
    TooManyTicks,
    /// There were too many reboots. Later machines raise a flag instead.
    TooManyReboots,
    /// The kernel is bad and there is no earlier one.
    NoFallbackKernel(FallbackCause),
}

impl StuckError {
    /// Whether the next tick looks for an earlier kernel. All other stuck machines stay stuck and just take input.
    pub fn is_recoverable(&self) -> bool {
        matches!(self, Self::Decode(_) | Self::Link(_) | Self::Init(_))
    }

    /// What is wrong, without its kind: the words in which an engine says why it refuses a kernel or gets stuck.
    pub fn reason(&self) -> String {
        let of = |error: &InterpreterError| error.explanation.as_ref().unwrap_or(&error.raw).to_string();
        match self {
            Self::Decode(error) | Self::Init(error) | Self::Eval(error) => of(error),
            Self::NoFallbackKernel(FallbackCause::Decode(error) | FallbackCause::Init(error)) => of(error),
            Self::Link(text) | Self::InvalidState(text) | Self::Unknown(text) => text.to_string(),
            Self::NoFallbackKernel(FallbackCause::Link(text)) => text.to_string(),
            Self::TooManyTicks | Self::TooManyReboots => self.to_string(),
        }
    }

    pub(crate) fn invalid_state(text: &str) -> Self {
        Self::InvalidState(StuckText::new(text))
    }

    /// As in the vectors: `kind` and, where there are some, `cause`, `raw`, `explanation`.
    pub fn to_json(&self) -> Value {
        let interpreter = |kind: &str, e: &InterpreterError| {
            let mut value = json!({ "kind": kind, "raw": e.raw.to_string() });
            if let Some(text) = &e.explanation {
                value["explanation"] = text.to_string().into();
            }
            value
        };
        let text = |kind: &str, text: &StuckText| json!({ "kind": kind, "raw": text.to_string() });
        match self {
            Self::Decode(e) => interpreter("Decode_error", e),
            Self::Link(t) => text("Link_error", t),
            Self::Init(e) => interpreter("Init_error", e),
            Self::Eval(e) => interpreter("Eval_error", e),
            Self::InvalidState(t) => text("Invalid_state", t),
            Self::Unknown(t) => text("Unknown_error", t),
            Self::TooManyTicks => json!({ "kind": "Too_many_ticks" }),
            Self::TooManyReboots => json!({ "kind": "Too_many_reboots" }),
            Self::NoFallbackKernel(cause) => {
                let (name, mut value) = match cause {
                    FallbackCause::Decode(e) => ("Decode_cause", interpreter("No_fallback_kernel", e)),
                    FallbackCause::Link(t) => ("Link_cause", text("No_fallback_kernel", t)),
                    FallbackCause::Init(e) => ("Init_cause", interpreter("No_fallback_kernel", e)),
                };
                value["cause"] = name.into();
                value
            }
        }
    }
}

impl fmt::Display for StuckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_json();
        let part = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        f.write_str(&part("kind"))?;
        let text = value["explanation"].as_str().or(value["raw"].as_str());
        text.map_or(Ok(()), |text| write!(f, ": {text}"))
    }
}

impl Binary for StuckError {
    fn write(&self, out: &mut Vec<u8>) {
        fn tagged(out: &mut Vec<u8>, tag: u8, body: &impl Binary) {
            out.push(tag);
            body.write(out);
        }
        match self {
            Self::Decode(e) => tagged(out, 0, e),
            Self::Link(t) => tagged(out, 1, t),
            Self::Init(e) => tagged(out, 2, e),
            Self::Eval(e) => tagged(out, 3, e),
            Self::InvalidState(t) => tagged(out, 4, t),
            Self::Unknown(t) => tagged(out, 5, t),
            Self::TooManyTicks => out.push(6),
            Self::TooManyReboots => out.push(7),
            Self::NoFallbackKernel(cause) => {
                out.push(8);
                match cause {
                    FallbackCause::Decode(e) => tagged(out, 0, e),
                    FallbackCause::Link(t) => tagged(out, 1, t),
                    FallbackCause::Init(e) => tagged(out, 2, e),
                }
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("kind of error")? {
            0 => Self::Decode(InterpreterError::read(r)?),
            1 => Self::Link(StuckText::read(r)?),
            2 => Self::Init(InterpreterError::read(r)?),
            3 => Self::Eval(InterpreterError::read(r)?),
            4 => Self::InvalidState(StuckText::read(r)?),
            5 => Self::Unknown(StuckText::read(r)?),
            6 => Self::TooManyTicks,
            7 => Self::TooManyReboots,
            8 => Self::NoFallbackKernel(match r.u8("cause")? {
                0 => FallbackCause::Decode(InterpreterError::read(r)?),
                1 => FallbackCause::Link(StuckText::read(r)?),
                2 => FallbackCause::Init(InterpreterError::read(r)?),
                tag => return Err(r.invalid("cause", format!("the tag {tag} (0 to 2 expected)"))),
            }),
            tag => return Err(r.invalid("kind of error", format!("the tag {tag} (0 to 8 expected)"))),
        })
    }
}
