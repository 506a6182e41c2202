//! What can go wrong between a program and a layer-1.

use serde_json::Value;
use soru_base::JsonError;
use soru_protocol::receipt::ErrorReport;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Where a question was put: every error says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The layer-1, such as `http://127.0.0.1:8732`.
    pub endpoint: Arc<str>,
    /// The path and query, such as `/chains/main/chain_id`.
    pub path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.endpoint, self.path)
    }
}

/// Why there is no answer to a question.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum L1Error {
    /// No connection, or it broke.
    #[error("layer-1 unreachable at {place}: {reason}")]
    Unreachable {
        /// The question.
        place: Place,
        /// What the network says.
        reason: String,
    },
    /// Connected, but no answer in time.
    #[error("no answer from {place} within {after:?}")]
    Timeout {
        /// The question.
        place: Place,
        /// How long was waited.
        after: Duration,
    },
    /// What was asked for does not exist there.
    #[error("nothing at {place}")]
    NotFound {
        /// The question.
        place: Place,
    },
    /// It was there, and the layer-1 has thrown it away.
    #[error("{place} is no longer kept there")]
    Gone {
        /// The question.
        place: Place,
    },
    /// The protocol or the node refuses, with the network's errors.
    #[error("{place} refuses: {}", ids(errors))]
    Rejected {
        /// The question.
        place: Place,
        /// The errors, the outermost first.
        errors: Vec<ErrorReport>,
    },
    /// An answer that says that something went wrong, without the network's errors.
    #[error("{place} answered with status {code}: {body}")]
    HttpStatus {
        /// The question.
        place: Place,
        /// The HTTP status.
        code: u16,
        /// The answer, cut short.
        body: String,
    },
    /// An answer that is not what it should be.
    #[error("{place} answered something unexpected: {error}")]
    BadJson {
        /// The question.
        place: Place,
        /// What is wrong with it.
        error: JsonError,
    },
}

impl L1Error {
    /// Where the question was put.
    pub fn place(&self) -> &Place {
        match self {
            Self::Unreachable { place, .. }
            | Self::Timeout { place, .. }
            | Self::NotFound { place }
            | Self::Gone { place }
            | Self::Rejected { place, .. }
            | Self::HttpStatus { place, .. }
            | Self::BadJson { place, .. } => place,
        }
    }

    /// Whether the same question may be answered later: the layer-1 is away, overloaded or starting.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::HttpStatus { code, .. } => matches!(code, 408 | 429 | 502 | 503 | 504),
            Self::NotFound { .. } | Self::Gone { .. } | Self::Rejected { .. } | Self::BadJson { .. } => false,
        }
    }

    /// The network's errors, if it sent some.
    pub fn reports(&self) -> &[ErrorReport] {
        match self {
            Self::Rejected { errors, .. } => errors,
            _ => &[],
        }
    }

    /// Whether one of the network's errors has this id, with the protocol's name (`proto.alpha.`) or without.
    pub fn has_id(&self, id: &str) -> bool {
        self.reports().iter().any(|e| short_id(e.id()) == short_id(id))
    }
}

/// An error's id without the name of the protocol: `contract.balance_too_low`.
pub fn short_id(id: &str) -> &str {
    let unprefixed = id.strip_prefix("proto.").and_then(|rest| rest.split_once('.')).map(|(_, id)| id);
    unprefixed.unwrap_or(id)
}

/// The ids of errors, for a message.
pub(crate) fn ids(errors: &[ErrorReport]) -> String {
    match errors {
        [] => "no reason is given".to_owned(),
        _ => errors.iter().map(|e| described(&e.0, e.id())).collect::<Vec<_>>().join(", "),
    }
}

/// An id, with the text that some errors carry, or else with what they say besides.
fn described(error: &Value, id: &str) -> String {
    let text = ["msg", "error", "message"].iter().find_map(|name| error.get(name)?.as_str());
    match text.map(str::to_owned).or_else(|| members(error)) {
        Some(text) => format!("{id} ({})", cut(&text)),
        None => id.to_owned(),
    }
}

/// The members of an error that are short to tell, such as what was expected and what was found.
fn members(error: &Value) -> Option<String> {
    let told = error.as_object()?.iter().filter(|(name, _)| !matches!(name.as_str(), "kind" | "id"));
    let told = told.filter_map(|(name, value)| match value {
        Value::String(text) => Some(format!("{name}: {text}")),
        Value::Number(number) => Some(format!("{name}: {number}")),
        _ => None,
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// A text of bounded length for an error message.
pub(crate) fn cut(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
