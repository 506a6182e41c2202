use super::zoo::{self, Kind};
use soru_base::Level;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// What an adversary is told to do: `NAME`, `NAME@LEVEL` or `at:LEVEL:MESSAGE:TICK[,LEVEL:MESSAGE:TICK…]`.
///
/// The names are those of [`zoo`](super::zoo()). It lies in every period in which there is something to lie about, from
/// the first period on that ends at or after the level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    pub(super) lie: Lie,
    /// From which level on.
    pub(super) from: Option<Level>,
}

/// What the lie is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lie {
    /// One of the zoo.
    Of(&'static Kind),
    /// Failures at these places, in order.
    At(Vec<Failure>),
}

/// Where the machine is said to have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Failure {
    /// Level of the message.
    pub(super) level: Level,
    /// Its counter.
    pub(super) message: u64,
    /// Ticks since it was read.
    pub(super) tick: u64,
}

/// A text that describes no adversary.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// A name that nobody has.
    #[error("there is no adversary `{name}`; there are {names}, and at:LEVEL:MESSAGE:TICK")]
    Unknown {
        /// The name, cut short.
        name: String,
        /// All names, the nearest first.
        names: String,
    },
    /// Something else than a level.
    #[error("`{0}` is not a level: a number from 0 to 2147483647")]
    Level(String),
    /// Something else than a place.
    #[error("`{0}` is not LEVEL:MESSAGE:TICK")]
    Place(String),
}

/// Most places of one adversary.
const PLACES_MAX: usize = 64;

impl Spec {
    /// The name of its kind; `at` for chosen places.
    pub fn name(&self) -> &'static str {
        match &self.lie {
            Lie::Of(kind) => kind.name,
            Lie::At(_) => "at",
        }
    }

    /// What it lies about, in a sentence.
    pub fn lies(&self) -> &'static str {
        match &self.lie {
            Lie::Of(kind) => kind.lies,
            Lie::At(_) => {
                "At chosen ticks the machine fails, as that of a network's node in loser mode does."
            }
        }
    }
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (lie, from) = match text.split_once('@') {
            Some((lie, from)) => (lie, Some(parse_level(from)?)),
            None => (text, None),
        };
        if let Some(places) = lie.strip_prefix("at:") {
            let mut failures = places.split(',').map(parse_place).collect::<Result<Vec<_>, _>>()?;
            if failures.len() > PLACES_MAX {
                return Err(SpecError::Place(short(places)));
            }
            failures.sort();
            return Ok(Self { lie: Lie::At(failures), from });
        }
        let kind = zoo::zoo().iter().find(|kind| kind.name == lie).ok_or_else(|| unknown(lie))?;
        Ok(Self { lie: Lie::Of(kind), from })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.lie {
            Lie::Of(kind) => f.write_str(kind.name)?,
            Lie::At(failures) => {
                for (i, Failure { level, message, tick }) in failures.iter().enumerate() {
                    let before = if i == 0 { "at:" } else { "," };
                    write!(f, "{before}{level}:{message}:{tick}")?;
                }
            }
        }
        self.from.map_or(Ok(()), |level| write!(f, "@{level}"))
    }
}

fn parse_place(text: &str) -> Result<Failure, SpecError> {
    let bad = || SpecError::Place(short(text));
    let mut parts = text.split(':');
    let (Some(level), Some(message), Some(tick), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad());
    };
    Ok(Failure {
        level: parse_level(level)?,
        message: message.parse().map_err(|_| bad())?,
        tick: tick.parse().map_err(|_| bad())?,
    })
}

fn parse_level(text: &str) -> Result<Level, SpecError> {
    let level = text.parse().ok().and_then(Level::new);
    level.ok_or_else(|| SpecError::Level(short(text)))
}

fn unknown(name: &str) -> SpecError {
    let name = short(name);
    let mut names: Vec<_> = zoo::zoo().iter().map(|kind| kind.name).collect();
    names.sort_by_key(|known| strsim::damerau_levenshtein(known, &name));
    SpecError::Unknown { name, names: names.join(", ") }
}

/// Enough of a stranger's text to recognise it.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
