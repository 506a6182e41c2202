//! What a line says.

use crate::profile::{self, ProfileOptions};
use crate::step::Step;
use crate::value::ValueKind;
use soru_base::{Level, Tick};
use soru_phrase::{Parameters, Phrase, PhraseError};
use soru_pvm::durable::Key;
use thiserror::Error;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Gives the next inbox to the machine.
    LoadInputs,
    /// Goes on.
    Step(Step),
    /// Goes to a tick, forwards or back.
    GoTo(Tick),
    /// Goes on and says where the ticks go.
    Profile(ProfileOptions),
    /// Answers a reveal of a page: with these bytes, or with the page from the folder.
    RevealPreimage(Option<Vec<u8>>),
    /// Answers a reveal of the metadata.
    RevealMetadata,
    /// What the machine is doing.
    ShowStatus,
    /// How many ticks the machine has made.
    ShowTick,
    /// How many ticks each run took.
    ShowRuns,
    /// The hash of its state.
    ShowHash,
    /// The messages that the kernel has not read.
    ShowInbox,
    /// The outbox of a level, or of the last one.
    ShowOutbox(Option<Level>),
    /// The value of a key.
    ShowKey(Key, ValueKind),
    /// The keys directly below another one.
    ShowKeys(Key),
    /// All keys with their values.
    ShowDurable,
    /// A part of the kernel's memory.
    ShowMemory {
        /// Where it begins.
        address: u64,
        /// How many bytes.
        length: u64,
        /// How to show them.
        kind: ValueKind,
    },
    /// What can be said, or what begins with these words.
    Help(Vec<String>),
    /// Ends the session.
    Stop,
}

/// A line that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What is to be done.
    pub command: Command,
    /// Whether to say how long it took.
    pub timed: bool,
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandError {
    /// Its words are no command's.
    #[error("column {column}: {reason}")]
    Words {
        /// Where the first wrong word begins, in characters from 1.
        column: usize,
        /// What was expected, and what may have been meant.
        reason: String,
    },
    /// A word is not what it should be.
    #[error("column {column}: `{found}` is no {expected}")]
    Value {
        /// Where it begins, in characters from 1.
        column: usize,
        /// The word.
        found: String,
        /// What it should be.
        expected: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    Load,
    Step(Step),
    GoTo,
    Profile,
    Preimage,
    Metadata,
    Status,
    Tick,
    Runs,
    Hash,
    Inbox,
    Outbox,
    Key,
    Keys,
    Durable,
    Memory,
    Time,
    Help,
    Stop,
}

const fn phrase(words: &'static str, about: &'static str, id: Id) -> Phrase<Id> {
    Phrase { words, about, options: &[], id }
}

static TABLE: &[Phrase<Id>] = &[
    phrase("show status", "what the machine is doing", Id::Status),
    phrase(
        "load inputs",
        "give the next inbox to the machine, up to the beginning of the first run",
        Id::Load,
    ),
    phrase("step tick", "make one tick", Id::Step(Step::Tick(1))),
    phrase(
        "step tick <count>",
        "make so many ticks, fewer if an input or a reveal is needed",
        Id::Step(Step::Tick(0)),
    ),
    phrase(
        "step result",
        "go on until kernel_run has returned or trapped, its memory still there",
        Id::Step(Step::Result),
    ),
    phrase("step kernel_run", "go on to the end of this run and of its padding", Id::Step(Step::KernelRun)),
    phrase(
        "step inbox",
        "go on until the next inbox is needed; if it is needed already, load it first",
        Id::Step(Step::Inbox),
    ),
    phrase("goto tick <tick>", "go to that tick, back too; inboxes are loaded on the way", Id::GoTo),
    phrase(
        "profile",
        "go on as `step inbox` does and say where the ticks go, function by function",
        Id::Profile,
    ),
    phrase(
        "profile <option...>",
        "the same; `--no-reboot`: one run only; `to FOLDER`: flamegraphs and all numbers as files",
        Id::Profile,
    ),
    phrase("show tick", "how many ticks the machine has made", Id::Tick),
    phrase("show hash", "the hash of the machine's state", Id::Hash),
    phrase("show inbox", "the messages that the kernel has not read", Id::Inbox),
    phrase("show outbox", "the outbox of the last level", Id::Outbox),
    phrase("show outbox at level <level>", "the outbox of a level", Id::Outbox),
    phrase("show key <key>", "the value of a key of the durable storage, in hexadecimal", Id::Key),
    phrase(
        "show key <key> as <kind>",
        "the same as hex, string, u8, u16, u32, u64, u128, u256, i32 or i64",
        Id::Key,
    ),
    phrase("show keys", "the first steps of all keys", Id::Keys),
    phrase("show keys <path>", "the keys directly below a path", Id::Keys),
    phrase("show subkeys", "the same as `show keys`", Id::Keys),
    phrase("show subkeys <path>", "the same as `show keys <path>`", Id::Keys),
    phrase("ls", "the same as `show keys`", Id::Keys),
    phrase("ls <path>", "the same as `show keys <path>`", Id::Keys),
    phrase("show durable storage", "all keys of the durable storage with their values", Id::Durable),
    phrase(
        "show memory at <address> for <length> bytes",
        "a part of the kernel's memory in hexadecimal, while kernel_run is running or has just returned",
        Id::Memory,
    ),
    phrase("show memory at <address> for <length> bytes as <kind>", "the same as hex or string", Id::Memory),
    phrase("show memory at <address> as <kind>", "a number in the kernel's memory", Id::Memory),
    phrase("reveal preimage", "answer a reveal with the page from the folder of pages", Id::Preimage),
    phrase("reveal preimage of <hex>", "answer a reveal with these bytes", Id::Preimage),
    phrase("reveal preimage <hex>", "the same", Id::Preimage),
    phrase("show runs", "how many ticks each kernel_run took, without padding, and how it ended", Id::Runs),
    phrase("reveal metadata", "answer a reveal with the metadata of the rollup", Id::Metadata),
    phrase("time <command...>", "do a command and say how long it took", Id::Time),
    phrase("help", "this list", Id::Help),
    phrase("help <command...>", "the commands that begin with these words", Id::Help),
    phrase("stop", "end the session", Id::Stop),
];

/// The words of a line, each with its column.
struct Words<'a> {
    words: Vec<String>,
    columns: Vec<usize>,
    line: &'a str,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        let (mut words, mut columns) = (Vec::<String>::new(), Vec::new());
        let mut inside = false;
        for (column, c) in (1..).zip(line.chars()) {
            match (c.is_whitespace(), words.last_mut()) {
                (true, _) => inside = false,
                (false, Some(word)) if inside => word.push(c),
                (false, _) => {
                    words.push(c.to_string());
                    columns.push(column);
                    inside = true;
                }
            }
        }
        Self { words, columns, line }
    }

    /// Where the word number `at` begins, or would begin.
    fn column(&self, at: usize) -> usize {
        self.columns.get(at).copied().unwrap_or_else(|| self.line.trim_end().chars().count() + 2)
    }

    fn skip(&mut self, count: usize) {
        self.words.drain(..count);
        self.columns.drain(..count);
    }
}

/// Most characters of a line: a page in hexadecimal has 8,192.
const LINE_MAX: usize = 1 << 16;

/// Reads a line. Nothing is said by an empty one, or by one that begins with `#`.
pub fn parse(line: &str) -> Result<Option<Line>, CommandError> {
    if let Some((byte, _)) = line.char_indices().nth(LINE_MAX) {
        let reason = format!("the line has {} bytes more than {LINE_MAX} characters", line.len() - byte);
        return Err(CommandError::Words { column: LINE_MAX + 1, reason });
    }
    let mut words = Words::of(line);
    if words.words.first().is_none_or(|first| first.starts_with('#')) {
        return Ok(None);
    }
    let timed = words.words.len() > 1 && words.words[0] == "time";
    if timed {
        words.skip(1);
    }
    let command = command(&words)?;
    Ok(Some(Line { command, timed }))
}

fn command(words: &Words<'_>) -> Result<Command, CommandError> {
    let (phrase, parameters) = soru_phrase::parse(TABLE, &words.words).map_err(|error| {
        let at = match &error {
            PhraseError::Unexpected { at, .. } => *at,
            _ => words.words.len(),
        };
        CommandError::Words { column: words.column(at), reason: error.to_string() }
    })?;
    let given = Given { words, phrase: phrase.words, parameters: &parameters };
    Ok(match phrase.id {
        Id::Load => Command::LoadInputs,
        Id::Step(Step::Tick(0)) => {
            Command::Step(Step::Tick(given.number("count", "number of ticks", u64::MAX)?))
        }
        Id::Step(step) => Command::Step(step),
        Id::GoTo => Command::GoTo(Tick(given.number("tick", "tick", u64::MAX)?)),
        Id::Profile => Command::Profile(profile::options(parameters.rest("option")).map_err(|wrong| {
            let column = words.column(wrong.at + 1);
            CommandError::Words { column, reason: wrong.to_string() }
        })?),
        Id::Preimage => Command::RevealPreimage(given.bytes("hex")?),
        Id::Metadata => Command::RevealMetadata,
        Id::Status => Command::ShowStatus,
        Id::Tick => Command::ShowTick,
        Id::Runs => Command::ShowRuns,
        Id::Hash => Command::ShowHash,
        Id::Inbox => Command::ShowInbox,
        Id::Outbox => Command::ShowOutbox(given.level("level")?),
        Id::Key => Command::ShowKey(given.key("key")?, given.kind("kind")?.unwrap_or(ValueKind::Hex)),
        Id::Keys => Command::ShowKeys(given.key("path")?),
        Id::Durable => Command::ShowDurable,
        Id::Memory => given.memory()?,
        Id::Time => {
            let reason = "`time` takes another command than `time`".to_owned();
            return Err(CommandError::Words { column: words.column(0), reason });
        }
        Id::Help => Command::Help(parameters.rest("command").to_vec()),
        Id::Stop => Command::Stop,
    })
}

/// The parameters of a phrase that fits, with their places.
struct Given<'a> {
    words: &'a Words<'a>,
    phrase: &'static str,
    parameters: &'a Parameters,
}

impl Given<'_> {
    /// The word given for a parameter, if the phrase has it.
    fn word(&self, name: &str) -> Option<&str> {
        self.place(name).map(|_| self.parameters.get(name))
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.phrase
            .split(' ')
            .position(|w| w.strip_prefix('<').and_then(|w| w.strip_suffix('>')) == Some(name))
    }

    fn wrong(&self, name: &str, expected: impl Into<String>) -> CommandError {
        let column = self.words.column(self.place(name).unwrap_or_default());
        let found = self.parameters.get(name).chars().take(64).collect();
        CommandError::Value { column, found, expected: expected.into() }
    }

    fn number(&self, name: &str, what: &str, max: u64) -> Result<u64, CommandError> {
        let word = self.word(name).unwrap_or_default().replace(['_', ','], "");
        let number = match word.strip_prefix("0x") {
            Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
            None if !word.starts_with('+') => word.parse().ok(),
            _ => None,
        };
        number.filter(|n| *n <= max).ok_or_else(|| self.wrong(name, format!("{what}: expected 0 to {max}")))
    }

    fn level(&self, name: &str) -> Result<Option<Level>, CommandError> {
        if self.word(name).is_none() {
            return Ok(None);
        }
        let level = self.number(name, "level", u64::from(Level::MAX.get()))?;
        Ok(u32::try_from(level).ok().and_then(Level::new))
    }

    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, CommandError> {
        let Some(word) = self.word(name) else { return Ok(None) };
        hex::decode(word).map(Some).map_err(|e| self.wrong(name, format!("hexadecimal value: {e}")))
    }

    /// A key; a missing one, and `/`, is the root.
    fn key(&self, name: &str) -> Result<Key, CommandError> {
        let word = match self.word(name) {
            None | Some("/") => "",
            Some(word) => word.strip_suffix('/').filter(|w| !w.is_empty()).unwrap_or(word),
        };
        const EXPECTED: &str =
            "key: expected /step/step, the steps of letters, digits and .-_, at most 240 bytes in all";
        Key::parse(word.as_bytes()).map_err(|_| self.wrong(name, EXPECTED))
    }

    fn kind(&self, name: &str) -> Result<Option<ValueKind>, CommandError> {
        let Some(word) = self.word(name) else { return Ok(None) };
        let expected = || format!("kind of value: expected {}", ValueKind::NAMES.join(", "));
        ValueKind::parse(word).map(Some).ok_or_else(|| self.wrong(name, expected()))
    }

    fn memory(&self) -> Result<Command, CommandError> {
        let address = self.number("address", "address", u64::from(u32::MAX))?;
        let kind = self.kind("kind")?.unwrap_or(ValueKind::Hex);
        let length = match (self.word("length"), kind.width()) {
            (Some(_), _) => self.number("length", "number of bytes", MEMORY_MAX)?,
            (None, Some(length)) => length as u64,
            (None, None) => {
                return Err(self.wrong("kind", "kind of number: say how many bytes, `for <length> bytes`"));
            }
        };
        Ok(Command::ShowMemory { address, length, kind })
    }
}

/// Most bytes of memory that are shown at once.
const MEMORY_MAX: u64 = 1 << 20;

/// The commands that begin with these words, one line for each and one for what it does; all of them without words.
pub fn help(words: &[String]) -> Vec<String> {
    let begins = |phrase: &&Phrase<Id>| {
        let mut own = phrase.words.split(' ');
        words.iter().all(|word| own.next() == Some(word))
    };
    TABLE
        .iter()
        .filter(begins)
        .flat_map(|p| [format!("  {}", p.words), format!("      {}", p.about)])
        .collect()
}

/// The words that may stand next where `line` ends, and the byte at which what they replace begins. `keys` lists the
/// steps directly below a key, for where one is expected.
pub fn complete(line: &str, keys: impl Fn(&Key) -> Vec<String>) -> (usize, Vec<String>) {
    let start = line
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
    let begun = &line[start..];
    let mut words = Words::of(&line[..start]).words;
    if words.first().is_some_and(|w| w == "time" || w == "help") {
        words.remove(0);
    }
    let mut found: Vec<String> =
        soru_phrase::complete(TABLE, &words, begun).into_iter().map(str::to_owned).collect();
    let before: Vec<&str> = words.iter().map(String::as_str).collect();
    match before[..] {
        ["show", "key" | "keys" | "subkeys"] | ["ls"] => found.extend(complete_key(begun, keys)),
        ["profile", ..] => {
            found.extend(profile::WORDS.iter().filter(|w| w.starts_with(begun)).map(|&w| w.to_owned()));
        }
        [.., "as"] => {
            found.extend(ValueKind::NAMES.iter().filter(|n| n.starts_with(begun)).map(|&n| n.to_owned()));
        }
        _ => (),
    }
    (start, found)
}

fn complete_key(begun: &str, keys: impl Fn(&Key) -> Vec<String>) -> Vec<String> {
    let Some(slash) = begun.rfind('/') else {
        return if begun.is_empty() { vec!["/".to_owned()] } else { Vec::new() };
    };
    let (above, step) = (&begun[..slash], &begun[slash + 1..]);
    let Ok(key) = Key::parse(above.as_bytes()) else { return Vec::new() };
    keys(&key).into_iter().filter(|k| k.starts_with(step)).map(|k| format!("{above}/{k}")).collect()
}

#[cfg(test)]
mod tests;
