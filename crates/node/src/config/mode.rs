//! What a node does, and what its keys are for.

use std::fmt;
use std::str::FromStr;

/// What the node does besides following the layer-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// All: batches messages, publishes, cements, refutes.
    Operator,
    /// Batches messages only, without a state of its own.
    Batcher,
    /// Injects nothing.
    Observer,
    /// As an operator, without batching.
    Maintenance,
    /// Computes commitments, publishes only against a conflicting one.
    Accuser,
    /// Publishes nothing more, defends what was published, takes the deposit back and ends.
    Bailout,
    /// Just these.
    Custom(Purposes),
}

/// A kind of layer-1 operation that a node may inject; also the key of the signer in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Publishing commitments.
    Publish,
    /// Adding external messages.
    AddMessages,
    /// Cementing commitments.
    Cement,
    /// Playing refutation games.
    Refute,
    /// Taking a deposit back.
    Recover,
    /// Executing outbox messages.
    ExecuteOutbox,
}

/// Some purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Purposes(u8);

impl Purposes {
    /// With one more.
    pub fn and(self, purpose: Purpose) -> Self {
        Self(self.0 | 1 << purpose as u8)
    }

    /// Whether it is among them.
    pub fn has(self, purpose: Purpose) -> bool {
        self.0 & (1 << purpose as u8) != 0
    }

    /// Those, in order.
    pub fn iter(self) -> impl Iterator<Item = Purpose> {
        Purpose::ALL.into_iter().filter(move |purpose| self.has(*purpose))
    }
}

impl FromIterator<Purpose> for Purposes {
    fn from_iter<I: IntoIterator<Item = Purpose>>(purposes: I) -> Self {
        purposes.into_iter().fold(Self::default(), Self::and)
    }
}

impl Mode {
    /// All modes with a name of their own, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Operator, Self::Batcher, Self::Observer, Self::Maintenance, Self::Accuser, Self::Bailout];

    /// Whether a node in this mode injects operations of that kind.
    pub fn injects(self, purpose: Purpose) -> bool {
        use Purpose::*;
        match self {
            Self::Operator => purpose != Recover,
            Self::Batcher => purpose == AddMessages,
            Self::Observer => false,
            Self::Maintenance => !matches!(purpose, AddMessages | Recover),
            Self::Accuser => matches!(purpose, Publish | Refute | Recover),
            Self::Bailout => matches!(purpose, Cement | Refute | Recover),
            Self::Custom(purposes) => purposes.has(purpose),
        }
    }

    /// Whether a key has to be named for that: the others have one to fall back on, or nothing to do.
    pub fn needs(self, purpose: Purpose) -> bool {
        self.injects(purpose) && !matches!(purpose, Purpose::Recover | Purpose::ExecuteOutbox)
    }

    /// The word in `config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Batcher => "batcher",
            Self::Observer => "observer",
            Self::Maintenance => "maintenance",
            Self::Accuser => "accuser",
            Self::Bailout => "bailout",
            Self::Custom(_) => "custom",
        }
    }

    /// The mode that does just what these words say, each the name of a kind of operation.
    pub fn custom<'a>(kinds: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let (mut purposes, mut timeout) = (Purposes::default(), false);
        for kind in kinds {
            match (kind, Purpose::of_operation(kind)) {
                ("timeout", _) => timeout = true,
                (_, Some(purpose)) => purposes = purposes.and(purpose),
                (_, None) => {
                    let known: Vec<&str> = Purpose::ALL.into_iter().map(Purpose::operation).collect();
                    return Err(format!(
                        "unknown kind of operation `{kind}`: expected one of {}",
                        known.join(", ")
                    ));
                }
            }
        }
        if timeout && !purposes.has(Purpose::Refute) {
            return Err(
                "mode custom: whoever times players out plays games: `refute` belongs to `timeout`".into()
            );
        }
        match purposes == Purposes::default() {
            true => {
                Err("mode custom: expected the kinds of operations, as custom:publish,refute,cement".into())
            }
            false => Ok(Self::Custom(purposes)),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let Self::Custom(purposes) = self else { return Ok(()) };
        let kinds: Vec<&str> = purposes.iter().map(Purpose::operation).collect();
        write!(f, ":{}", kinds.join(","))
    }
}

impl FromStr for Mode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(kinds) = text.strip_prefix("custom:") {
            return Self::custom(kinds.split(','));
        }
        if text == "custom" {
            return Self::custom([]);
        }
        Self::ALL.into_iter().find(|m| m.name() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("unknown mode `{text}`: expected one of {}, or custom:KINDS", known.join(", "))
        })
    }
}

impl Purpose {
    /// All kinds, in the order of `config.json`.
    pub const ALL: [Self; 6] =
        [Self::Publish, Self::AddMessages, Self::Cement, Self::Refute, Self::Recover, Self::ExecuteOutbox];

    /// The word in `smart-rollup-node-operator` of `config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::AddMessages => "add_messages",
            Self::Cement => "cement",
            Self::Refute => "refute",
            Self::Recover => "recovering",
            Self::ExecuteOutbox => "executing_outbox",
        }
    }

    /// The kind of its operations, as `fee-parameters` and mode `custom` name it.
    pub fn operation(self) -> &'static str {
        match self {
            Self::Recover => "recover",
            Self::ExecuteOutbox => "execute_outbox_message",
            other => other.name(),
        }
    }

    /// That of a kind of operations.
    pub fn of_operation(kind: &str) -> Option<Self> {
        match kind {
            "timeout" => Some(Self::Refute),
            kind => Self::ALL.into_iter().find(|purpose| purpose.operation() == kind),
        }
    }

    /// What a word stands for, of the document or of the network's node: `operating` is for two of the document's.
    pub fn of_word(word: &str) -> Option<Purposes> {
        let one = match word {
            "operating" => return Some([Self::Publish, Self::Refute].into_iter().collect()),
            "batching" => Self::AddMessages,
            "cementing" => Self::Cement,
            "timeout" => Self::Refute,
            word => Self::ALL.into_iter().find(|purpose| purpose.name() == word)?,
        };
        Some([one].into_iter().collect())
    }

    /// All words that name purposes.
    pub const WORDS: [&str; 10] = [
        "publish",
        "add_messages",
        "cement",
        "refute",
        "operating",
        "batching",
        "cementing",
        "timeout",
        "recovering",
        "executing_outbox",
    ];
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
