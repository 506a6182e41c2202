#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use thiserror::Error;

/// One command.
#[derive(Debug, Clone, Copy)]
pub struct Phrase<Id: 'static> {
    /// Literal words, and parameters as `<name>`. A last `<name...>` takes all words that are left.
    pub words: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Which options it takes, by their long names.
    pub options: &'static [&'static str],
    /// What it is.
    pub id: Id,
}

/// The parameters of a command that was recognised.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameters(BTreeMap<&'static str, Vec<String>>);

/// Why words are no command.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PhraseError {
    /// There are none.
    #[error("a command is missing; `--help` lists them all")]
    Empty,
    /// A word does not fit.
    #[error("unexpected `{found}` after `{context}`: expected {expected}{hint}")]
    Unexpected {
        /// Number of the word, from 0.
        at: usize,
        /// The word.
        found: String,
        /// The words before it.
        context: String,
        /// What would have fitted.
        expected: String,
        /// The word that may have been meant.
        hint: String,
    },
    /// More words are needed.
    #[error("`{context}` is not finished: expected {expected}")]
    Unfinished {
        /// The words.
        context: String,
        /// What would have come next.
        expected: String,
    },
    /// The command would ignore an option.
    #[error("`{command}` does not take --{option}; it takes {expected}")]
    Option {
        /// The command.
        command: &'static str,
        /// The option.
        option: String,
        /// The options that it takes.
        expected: String,
    },
}

impl Parameters {
    /// The word given for the parameter `name`.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).and_then(|words| words.first()).map_or("", String::as_str)
    }

    /// The words given for the last parameter `name...`.
    pub fn rest(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

enum Token {
    Word(&'static str),
    Parameter(&'static str),
    Rest(&'static str),
}

fn tokens(words: &'static str) -> impl Iterator<Item = Token> {
    words.split(' ').map(|token| match token.strip_prefix('<').and_then(|t| t.strip_suffix('>')) {
        Some(name) => match name.strip_suffix("...") {
            Some(name) => Token::Rest(name),
            None => Token::Parameter(name),
        },
        None => Token::Word(token),
    })
}

/// How far a phrase agrees with the words given.
enum Fit {
    Whole(Parameters, usize),
    /// Number of words that agree, and what the phrase wants next.
    Until(usize, String),
}

fn fit(phrase: &'static str, given: &[String]) -> Fit {
    let mut parameters = BTreeMap::new();
    let mut literals = 0;
    let mut at = 0;
    for token in tokens(phrase) {
        match (token, given.get(at)) {
            (Token::Word(word), Some(g)) if g == word => literals += 1,
            (Token::Word(word), _) => return Fit::Until(at, format!("`{word}`")),
            (Token::Parameter(name), Some(g)) => {
                parameters.insert(name, vec![g.clone()]);
            }
            (Token::Rest(name), Some(_)) => {
                parameters.insert(name, given[at..].to_vec());
                at = given.len();
                continue;
            }
            (Token::Parameter(name) | Token::Rest(name), None) => return Fit::Until(at, format!("<{name}>")),
        }
        at += 1;
    }
    if at < given.len() {
        Fit::Until(at, "the end".to_owned())
    } else {
        Fit::Whole(Parameters(parameters), literals)
    }
}

/// Finds the phrase that the words are; among several, the one with most literal words.
pub fn parse<Id>(
    table: &'static [Phrase<Id>],
    given: &[String],
) -> Result<(&'static Phrase<Id>, Parameters), PhraseError> {
    if given.is_empty() {
        return Err(PhraseError::Empty);
    }
    let mut best: Option<(&Phrase<Id>, Parameters, usize)> = None;
    let mut furthest = 0;
    let mut expected: Vec<String> = Vec::new();
    for phrase in table {
        match fit(phrase.words, given) {
            Fit::Whole(parameters, literals) if best.as_ref().is_none_or(|(_, _, n)| literals > *n) => {
                best = Some((phrase, parameters, literals));
            }
            Fit::Whole(..) => {}
            Fit::Until(at, wanted) => {
                if at > furthest {
                    furthest = at;
                    expected.clear();
                }
                if at == furthest && !expected.contains(&wanted) {
                    expected.push(wanted);
                }
            }
        }
    }
    if let Some((phrase, parameters, _)) = best {
        return Ok((phrase, parameters));
    }
    let context = if furthest == 0 { "the start".to_owned() } else { given[..furthest].join(" ") };
    match given.get(furthest) {
        None => Err(PhraseError::Unfinished { context, expected: one_of(&expected) }),
        Some(found) => {
            let meant = nearest(found, expected.iter().map(|e| e.trim_matches('`')))
                // Words behind a whole command are too many, not others.
                .or_else(|| if expected == ["the end"] { None } else { nearest_command(table, given) });
            let hint = meant.map(|words| format!("; did you mean `{words}`?")).unwrap_or_default();
            let expected = one_of(&expected);
            Err(PhraseError::Unexpected { at: furthest, found: found.clone(), context, expected, hint })
        }
    }
}

fn one_of(expected: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = if expected.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", expected.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "))
}

impl<Id> Phrase<Id> {
    /// Refuses an option that was given and that the command would ignore. `always` are those that every command takes.
    pub fn check_options(&self, given: &[String], always: &[&str]) -> Result<(), PhraseError> {
        let taken = || self.options.iter().chain(always);
        match given.iter().find(|option| !taken().any(|o| o == option)) {
            None => Ok(()),
            Some(option) => Err(PhraseError::Option {
                command: self.words,
                option: option.clone(),
                expected: taken().map(|o| format!("--{o}")).collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

/// The candidate that is at most two typing errors away.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes as much time and memory as the product of both lengths.
    const LONGEST: usize = 64;
    candidates
        .filter(|_| word.len() <= LONGEST)
        .map(|c| (strsim::damerau_levenshtein(word, c), c))
        .filter(|(d, c)| *d <= 2 && *d < c.len())
        .min()
        .map(|(_, c)| c)
}

/// The command that has most of the words given, in their order; typing errors are forgiven.
pub fn nearest_command<Id>(table: &'static [Phrase<Id>], given: &[String]) -> Option<&'static str> {
    // The work grows with the number of words.
    const LOOKED_AT: usize = 32;
    let given = &given[..given.len().min(LOOKED_AT)];
    // Among equals the first.
    let phrases = table.iter().rev();
    phrases
        .filter_map(|phrase| {
            let literals: Vec<&str> = tokens(phrase.words)
                .filter_map(|token| match token {
                    Token::Word(word) => Some(word),
                    Token::Parameter(_) | Token::Rest(_) => None,
                })
                .collect();
            let common = in_common(&literals, given);
            let alike = common * 2 >= given.len() || common * 2 >= literals.len();
            (common > 0 && alike).then_some((common, Reverse(literals.len()), phrase.words))
        })
        .max_by_key(|(common, literals, _)| (*common, *literals))
        .map(|(_, _, words)| words)
}

/// How many of the literal words are among those given, in the same order.
fn in_common(literals: &[&str], given: &[String]) -> usize {
    let mut counts = vec![0; given.len() + 1];
    for literal in literals {
        let mut above_left = 0;
        for (at, word) in given.iter().enumerate() {
            let above = counts[at + 1];
            let same = nearest(word, std::iter::once(*literal)).is_some();
            counts[at + 1] = if same { above_left + 1 } else { above.max(counts[at]) };
            above_left = above;
        }
    }
    counts[given.len()]
}

/// The literal words that may follow the words given and begin with `begun`, each once.
pub fn complete<Id>(table: &'static [Phrase<Id>], given: &[String], begun: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for phrase in table {
        let mut given = given.iter();
        for token in tokens(phrase.words) {
            match (token, given.next()) {
                (Token::Word(word), None) => {
                    if word.starts_with(begun) && !found.contains(&word) {
                        found.push(word);
                    }
                    break;
                }
                (Token::Word(word), Some(g)) if g == word => (),
                (Token::Parameter(_), Some(_)) => (),
                _ => break,
            }
        }
    }
    found
}

/// The table as help text.
pub fn help<Id>(table: &[Phrase<Id>]) -> String {
    let mut out = String::from("Commands:\n");
    for phrase in table {
        let _ = write!(out, "  {}\n      {}\n", phrase.words, phrase.about);
        if !phrase.options.is_empty() {
            let options: Vec<String> = phrase.options.iter().map(|o| format!("--{o}")).collect();
            let _ = writeln!(out, "      [{}]", options.join(", "));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: &[Phrase<u8>] = &[
        Phrase { words: "transfer <amount> from <source> to <target>", about: "", options: &[], id: 0 },
        Phrase {
            words: "send smart rollup message <messages> from <source>",
            about: "",
            options: &[],
            id: 1,
        },
        Phrase { words: "get balance for <account>", about: "", options: &[], id: 2 },
        Phrase { words: "get <what> for <account>", about: "", options: &[], id: 3 },
        Phrase { words: "sum <numbers...>", about: "", options: &[], id: 4 },
    ];

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn parameters_are_taken_by_name() {
        let (phrase, parameters) = parse(TABLE, &words("transfer 3 from alice to bob")).unwrap();
        assert_eq!(phrase.id, 0);
        assert_eq!((parameters.get("amount"), parameters.get("target")), ("3", "bob"));
    }

    #[test]
    fn literal_words_win_over_parameters() {
        assert_eq!(parse(TABLE, &words("get balance for alice")).unwrap().0.id, 2);
        assert_eq!(parse(TABLE, &words("get counter for alice")).unwrap().0.id, 3);
    }

    #[test]
    fn the_last_parameter_may_take_many_words() {
        let (_, parameters) = parse(TABLE, &words("sum 1 2 3")).unwrap();
        assert_eq!(parameters.rest("numbers"), ["1", "2", "3"]);
    }

    #[test]
    fn the_next_word_is_completed() {
        assert_eq!(complete(TABLE, &[], "s"), ["send", "sum"]);
        assert_eq!(complete(TABLE, &words("get"), ""), ["balance"]);
        assert_eq!(complete(TABLE, &words("transfer 3"), "f"), ["from"]);
        assert!(complete(TABLE, &words("transfer"), "").is_empty());
        assert!(complete(TABLE, &words("sum 1"), "").is_empty());
        assert!(complete(TABLE, &words("gte"), "b").is_empty());
    }

    #[test]
    fn an_option_that_would_be_ignored_is_refused() {
        let phrase = Phrase { words: "get <what>", about: "", options: &["block"], id: 0 };
        let check = |given: &str| phrase.check_options(&[given.to_owned()], &["endpoint"]);
        assert_eq!((check("block"), check("endpoint")), (Ok(()), Ok(())));
        let error = check("fee").unwrap_err().to_string();
        assert_eq!(error, "`get <what>` does not take --fee; it takes --block, --endpoint");
    }

    #[test]
    fn a_command_that_was_half_remembered_is_named() {
        let near = |given: &str| nearest_command(TABLE, &words(given));
        assert_eq!(near("send message hello from alice"), Some(TABLE[1].words));
        assert_eq!(near("balance of alice"), Some(TABLE[2].words));
        assert_eq!(near("show blance"), Some(TABLE[2].words));
        assert_eq!(near("xyzzy"), None);
        let error = parse(TABLE, &words("send message hello from alice")).unwrap_err().to_string();
        assert_eq!(
            error,
            "unexpected `message` after `send`: expected `smart`; did you mean `send smart rollup message <messages> from \
             <source>`?"
        );
    }

    #[test]
    fn errors_name_the_word_and_what_was_expected() {
        let error = parse(TABLE, &words("transfer 3 form alice to bob")).unwrap_err().to_string();
        assert_eq!(error, "unexpected `form` after `transfer 3`: expected `from`; did you mean `from`?");
        let error = parse(TABLE, &words("send smart rollup")).unwrap_err().to_string();
        assert_eq!(error, "`send smart rollup` is not finished: expected `message`");
        let error = parse(TABLE, &words("get balance for alice now")).unwrap_err().to_string();
        assert_eq!(error, "unexpected `now` after `get balance for alice`: expected the end");
        assert_eq!(parse(TABLE, &[]).unwrap_err(), PhraseError::Empty);
    }
}
