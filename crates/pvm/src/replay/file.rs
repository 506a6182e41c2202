//! Reading the file of a run.

use super::setup::Setup;
use crate::reveal::{RevealError, RevealSource};
use crate::state::{Limits, MAX_REBOOTS};
use crate::version::Version;
use serde_json::{Map, Value};
use soru_base::level::{Level, LevelSpan};
use soru_base::tick::TickSpan;
use std::collections::BTreeMap;
use thiserror::Error;

/// The file of a run is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} of the run: {reason}")]
pub struct ReplayError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What was expected and found.
    pub reason: String,
}

/// The messages of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayLevel {
    /// The level.
    pub level: Level,
    /// Its messages, as the machine takes them.
    pub messages: Vec<Vec<u8>>,
}

/// A run, read from its file.
#[derive(Debug, Clone)]
pub struct RunFile {
    /// Where the kernel was, relative to the folder of the vectors. Empty if every line has its own.
    pub kernel: String,
    /// Version of the machine.
    pub version: Version,
    /// Constants of the protocol.
    pub limits: Limits,
    /// Reboots allowed between two inputs.
    pub max_reboots: u32,
    /// The levels.
    pub levels: Vec<ReplayLevel>,
    /// Answers to reveals.
    pub reveals: FixedReveals,
    /// All lines as they are, the first one included.
    pub lines: Vec<Value>,
    pub(super) header: Map<String, Value>,
}

/// What the lines of a run are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    /// One line a level.
    Levels,
    /// One line for each observed state.
    Ticks,
    /// One line for each kernel.
    Kernels,
}

/// Answers known beforehand, by request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FixedReveals(pub BTreeMap<Vec<u8>, Vec<u8>>);

impl RevealSource for FixedReveals {
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, RevealError> {
        let answer = self.0.get(request).cloned();
        answer.ok_or_else(|| RevealError { reason: "the run has no answer to it".to_owned() })
    }
}

impl RunFile {
    /// What its lines are about.
    pub fn kind(&self) -> RunKind {
        let by_level = |line: &Value| {
            line.get("level").is_some() && line.get("tick").is_none() && line.get("at").is_none()
        };
        if self.header.contains_key("boot_sector_hash") || self.lines.get(1).is_some_and(by_level) {
            RunKind::Levels
        } else if !self.header.contains_key("kernel") {
            RunKind::Kernels
        } else {
            RunKind::Ticks
        }
    }

    /// What its machine is made with.
    pub fn setup(&self) -> Setup {
        let reboots = Some(self.max_reboots).filter(|reboots| u64::from(*reboots) != MAX_REBOOTS);
        Setup { version: self.version, limits: self.limits, max_reboots: reboots, values: Vec::new() }
    }

    /// Reads a file: one JSON object a line, the first one the run.
    pub fn parse(text: &str) -> Result<Self, ReplayError> {
        let mut lines = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let value = serde_json::from_str(line)
                .map_err(|e| ReplayError { line: at + 1, reason: e.to_string() })?;
            lines.push(value);
        }
        let Some(Value::Object(header)) = lines.first().cloned() else {
            return Err(ReplayError {
                line: 1,
                reason: "expected an object that describes the run".to_owned(),
            });
        };
        read(header, lines).map_err(|reason| ReplayError { line: 1, reason })
    }
}

fn read(header: Map<String, Value>, lines: Vec<Value>) -> Result<RunFile, String> {
    let format = text(&header, "format")?;
    if format != "wasm-pvm-vectors 1" {
        return Err(format!("format {format:?}: expected \"wasm-pvm-vectors 1\""));
    }
    let mut levels = Vec::new();
    for entry in array(&header, "levels")? {
        let entry = entry.as_object().ok_or_else(|| expected("levels", "objects", entry))?;
        let messages = array(entry, "messages")?.iter().map(|message| unhex("messages", message));
        let level = u32::try_from(number(entry, "level")?).ok().and_then(Level::new);
        levels.push(ReplayLevel {
            level: level.ok_or("level: expected a number below 2^31")?,
            messages: messages.collect::<Result<_, _>>()?,
        });
    }
    let mut reveals = BTreeMap::new();
    if let Some(Value::Object(answers)) = header.get("reveals") {
        for (request, answer) in answers {
            reveals.insert(unhex("reveals", &Value::String(request.clone()))?, unhex("reveals", answer)?);
        }
    }
    let period = number(&header, "outbox_validity_period")?;
    Ok(RunFile {
        kernel: match lines.get(1) {
            Some(line) if line.get("kernel").is_some() && !header.contains_key("kernel") => String::new(),
            _ => text(&header, "kernel")?.to_owned(),
        },
        version: text(&header, "pvm_version")?.parse().map_err(|e| format!("pvm_version: {e}"))?,
        limits: Limits {
            ticks_per_snapshot: TickSpan(number(&header, "ticks_per_snapshot")?),
            outbox_validity_period: LevelSpan(
                u32::try_from(period).map_err(|_| "outbox_validity_period: expected a number below 2^32")?,
            ),
            outbox_message_limit: number(&header, "outbox_message_limit")?,
        },
        max_reboots: u32::try_from(number(&header, "max_reboots")?)
            .map_err(|_| "max_reboots: expected a number below 2^32")?,
        levels,
        reveals: FixedReveals(reveals),
        lines,
        header,
    })
}

fn expected(name: &str, what: &str, found: &Value) -> String {
    let mut found = found.to_string();
    if let Some((cut, _)) = found.char_indices().nth(60) {
        found.truncate(cut);
        found.push('…');
    }
    format!("{name}: expected {what}, found {found}")
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    let value = member(object, name);
    value.as_str().ok_or_else(|| expected(name, "a text", value))
}

fn number(object: &Map<String, Value>, name: &str) -> Result<u64, String> {
    let value = member(object, name);
    value.as_u64().ok_or_else(|| expected(name, "a natural number", value))
}

fn array<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a Vec<Value>, String> {
    let value = member(object, name);
    value.as_array().ok_or_else(|| expected(name, "an array", value))
}

fn unhex(name: &str, value: &Value) -> Result<Vec<u8>, String> {
    let bytes = value.as_str().and_then(|text| hex::decode(text).ok());
    bytes.ok_or_else(|| expected(name, "bytes in hexadecimal", value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"format":"wasm-pvm-vectors 1","kernel":"k.wasm","pvm_version":"2.0.0",
        "ticks_per_snapshot":11,"outbox_validity_period":3,"outbox_message_limit":4,"max_reboots":5,
        "levels":[{"level":7,"messages":["0001","0002"]}],"reveals":{"01":"0a"}}"#;

    #[test]
    fn a_run_is_read() {
        let mut run = RunFile::parse(&HEADER.replace('\n', "")).unwrap();
        assert_eq!(
            run.levels,
            [ReplayLevel { level: Level::new(7).unwrap(), messages: vec![vec![0, 1], vec![0, 2]] }]
        );
        assert_eq!((run.version, run.max_reboots, run.limits.outbox_message_limit), (Version::V0, 5, 4));
        assert_eq!(run.reveals.reveal(&[1]), Ok(vec![10]));
        assert!(run.reveals.reveal(&[2]).is_err());
    }

    #[test]
    fn kinds_are_told_apart() {
        let kind = |header: &str, line: &str| {
            let text = format!("{}\n{line}", header.replace('\n', ""));
            RunFile::parse(&text).unwrap().kind()
        };
        assert_eq!(kind(HEADER, r#"{"at":"initial_state"}"#), RunKind::Ticks);
        assert_eq!(kind(HEADER, r#"{"at":"input","level":5,"tick":1}"#), RunKind::Ticks);
        assert_eq!(kind(HEADER, r#"{"tick":1}"#), RunKind::Ticks);
        assert_eq!(kind(HEADER, r#"{"level":5}"#), RunKind::Levels);
        let header = HEADER.replace(r#""kernel":"k.wasm","#, "");
        assert_eq!(kind(&header, r#"{"kernel":"00","tick":5}"#), RunKind::Kernels);
        assert_eq!(
            RunFile::parse(&header.replace('\n', "")).unwrap_err().to_string(),
            "line 1 of the run: kernel: expected a text, found null"
        );
    }

    #[test]
    fn errors_say_what_and_where() {
        let error = |from: &str, to: &str| {
            RunFile::parse(&HEADER.replace('\n', "").replace(from, to)).unwrap_err().to_string()
        };
        assert_eq!(
            error("wasm-pvm-vectors 1", "x"),
            r#"line 1 of the run: format "x": expected "wasm-pvm-vectors 1""#
        );
        assert_eq!(
            error("\"0001\"", "1"),
            "line 1 of the run: messages: expected bytes in hexadecimal, found 1"
        );
        assert_eq!(
            error(":11", ":-1"),
            "line 1 of the run: ticks_per_snapshot: expected a natural number, found -1"
        );
        assert!(error("2.0.0", "3").starts_with("line 1 of the run: pvm_version: \"3\" is no version"));
        assert!(error("\"level\":7", "\"level\":4000000000").contains("below 2^31"));
        assert!(RunFile::parse("").unwrap_err().to_string().contains("an object that describes the run"));
        assert_eq!(RunFile::parse("{}\n{").unwrap_err().line, 2);
    }
}
