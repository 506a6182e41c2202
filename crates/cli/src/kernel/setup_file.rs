//! Setup files: what is in the durable storage before a kernel runs for the first time, in the form of the network's installer.

use crate::pvm::kernel::read_file;
use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use soru_base::Binary;
use soru_pvm::durable::Key;
use soru_pvm::reveal::PreimageHash;
use std::path::Path;

/// One instruction of a setup file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Writes bytes to a key.
    Set { value: Vec<u8>, to: String },
    /// Writes what a tree of pages holds to a key.
    Reveal { root: PreimageHash, to: String },
    /// Moves a key and all below to another.
    Move { from: String, to: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    instructions: Vec<Instruction>,
}

/// `set: {value, to}`, `move: {from, to}`, or `reveal` and `to` side by side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Instruction {
    set: Option<Set>,
    r#move: Option<Move>,
    reveal: Option<String>,
    to: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    value: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    from: String,
    to: String,
}

/// The instructions of a file, YAML or JSON.
pub(crate) fn read(path: &Path) -> Result<Vec<Step>> {
    let text = String::from_utf8(read_file(path, "the setup file")?)
        .with_context(|| format!("the setup file {}", path.display()))?;
    parse(&text).with_context(|| format!("the setup file {}", path.display()))
}

/// The values of files whose instructions all are `set`.
pub(crate) fn values(path: &Path) -> Result<Vec<(Key, Vec<u8>)>> {
    let steps = read(path)?;
    let values = steps.into_iter().map(|step| match step {
        Step::Set { value, to } => Ok((key(&to)?, value)),
        Step::Reveal { to, .. } | Step::Move { to, .. } => {
            bail!(
                "only a kernel carries out `reveal` and `move` (to `{to}`): `soru kernel installer` makes one"
            )
        }
    });
    values.collect::<Result<_>>().with_context(|| format!("the setup file {}", path.display()))
}

fn parse(text: &str) -> Result<Vec<Step>> {
    // Its errors say the place, and show it.
    let file: File = serde_saphyr::from_str(text).map_err(|error| anyhow!("{error}"))?;
    let steps = file.instructions.into_iter().enumerate();
    steps.map(|(n, instruction)| step(instruction).with_context(|| format!("instruction {n}"))).collect()
}

fn step(instruction: Instruction) -> Result<Step> {
    let step = match instruction {
        Instruction { set: Some(Set { value, to }), r#move: None, reveal: None, to: None } => {
            let value =
                hex::decode(&value).map_err(|e| anyhow!("`{}` is not hexadecimal: {e}", short(&value)))?;
            Step::Set { value, to }
        }
        Instruction { set: None, r#move: Some(Move { from, to }), reveal: None, to: None } => {
            key(&from)?;
            Step::Move { from, to }
        }
        Instruction { set: None, r#move: None, reveal: Some(hash), to: Some(to) } => {
            Step::Reveal { root: root(&hash)?, to }
        }
        _ => bail!(
            "expected exactly one of `set: {{value, to}}`, `move: {{from, to}}`, and `reveal` with `to` beside it"
        ),
    };
    let (Step::Set { to, .. } | Step::Reveal { to, .. } | Step::Move { to, .. }) = &step;
    if key(to)?.is_readonly() {
        bail!("a kernel cannot write to `{to}`");
    }
    Ok(step)
}

/// The hash of a root, in hexadecimal.
pub(crate) fn root(text: &str) -> Result<PreimageHash> {
    let bytes = hex::decode(text).map_err(|e| anyhow!("`{}` is not hexadecimal: {e}", short(text)))?;
    PreimageHash::from_bytes(&bytes)
        .map_err(|e| anyhow!("`{}` is no hash of a page, 33 bytes that begin with 00: {e}", short(text)))
}

fn key(text: &str) -> Result<Key> {
    Key::parse(text.as_bytes()).map_err(|e| anyhow!("`{}` is no key: {e}", short(text)))
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_the_network_is_read() {
        let hash = PreimageHash::of_page(b"page");
        let text = format!(
            "instructions:\n- move:\n    from: /hello/path\n    to: /to/path\n- reveal: {hash}\n  to: /path\n\
             - set:\n    value: 556e2066\n    to: /path/machin\n- set: {{ value: 10, to: /ten }}\n- set: {{ value: '', to: /empty }}\n"
        );
        let set = |value: &[u8], to: &str| Step::Set { value: value.to_vec(), to: to.to_owned() };
        let expected = vec![
            Step::Move { from: "/hello/path".to_owned(), to: "/to/path".to_owned() },
            Step::Reveal { root: hash, to: "/path".to_owned() },
            set(b"Un f", "/path/machin"),
            // What looks like a number is none.
            set(&[0x10], "/ten"),
            set(b"", "/empty"),
        ];
        assert_eq!(parse(&text).unwrap(), expected);
        let json = r#"{ "instructions": [ { "set": { "value": "10", "to": "/ten" } } ] }"#;
        assert_eq!(parse(json).unwrap(), [set(&[0x10], "/ten")]);
        assert_eq!(parse("instructions: []").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let page = PreimageHash::of_page(b"page").to_string();
        for (text, why) in [
            (String::new(), "unexpected end of input"),
            ("instructions".to_owned(), "line 1 column 1"),
            ("instruction: []".to_owned(), "unknown field `instruction`"),
            ("instructions: [".to_owned(), "line 1 column"),
            ("instructions:\n- set:\n    valu: 00\n    to: /a".to_owned(), "line 3 column 5: unknown field `valu`"),
            ("instructions:\n- set: {value: 00, value: 01, to: /a}".to_owned(), "duplicate mapping key"),
            ("instructions:\n- set: {value: 0, to: /a}".to_owned(), "instruction 0: `0` is not hexadecimal"),
            ("instructions:\n- set: {value: 00, to: a}".to_owned(), "`a` is no key"),
            ("instructions:\n- set: {value: 00, to: /readonly/a}".to_owned(), "cannot write to `/readonly/a`"),
            ("instructions:\n- set: {value: 00}".to_owned(), "missing field `to`"),
            (format!("instructions:\n- reveal: {page}"), "expected exactly one of"),
            (format!("instructions:\n- reveal: {page}\n  set: {{value: 00, to: /a}}\n  to: /a"), "expected exactly one of"),
            (format!("instructions:\n- reveal: 01{}\n  to: /a", &page[2..]), "is no hash of a page"),
            (format!("instructions:\n- reveal: {}\n  to: /a", &page[2..]), "is no hash of a page"),
            ("instructions:\n- move: {from: a, to: /a}".to_owned(), "`a` is no key"),
            ("instructions:\n- {}".to_owned(), "expected exactly one of"),
            // Some gigabytes, written out.
            (
                format!("a: &a [x,x,x,x,x,x,x,x]\n{}", (1..12).fold(String::new(), |text, n| {
                    let (this, last) = (char::from(b'a' + n), char::from(b'a' + n - 1));
                    text + &format!("{this}: &{this} [*{last},*{last},*{last},*{last},*{last},*{last},*{last},*{last}]\n")
                })),
                "unknown field `a`",
            ),
            ("[".repeat(100_000), "line 1 column"),
        ] {
            let error = format!("{:#}", parse(&text).unwrap_err());
            assert!(error.contains(why), "{}: {error}", short(&text));
        }
    }
}
