//! Short options whose meaning depends on their place: Octez's client has one set in front of the command, and one for each
//! command. They are written out before the command line is read.

use clap::Command;
use std::ffi::OsString;

/// Writes out such letters in `line`, whose arguments begin after `skip` words.
pub(crate) fn spell_out(line: &[OsString], skip: usize, command: &Command) -> Vec<OsString> {
    let mut spelt: Vec<OsString> = line.iter().take(skip).cloned().collect();
    let mut words: Vec<String> = Vec::new();
    let mut is_value = false;
    let mut only_words = false;
    for argument in line.iter().skip(skip) {
        let text = argument.to_str().unwrap_or_default();
        if only_words || is_value || !text.starts_with('-') || text.len() < 2 {
            if !is_value {
                words.push(text.to_owned());
            }
            is_value = false;
            spelt.push(argument.clone());
            continue;
        }
        only_words = text == "--";
        let argument = match spelling(text, &words) {
            Some(long) => OsString::from(long),
            None => argument.clone(),
        };
        is_value = wants_value(command, argument.to_str().unwrap_or_default());
        spelt.push(argument);
    }
    spelt
}

/// The long name of an option, with a value that stands at the letter.
fn spelling(text: &str, words: &[String]) -> Option<String> {
    let letter = text.strip_prefix('-')?.chars().next()?;
    let name = long_name(letter, words)?;
    let value = &text[2..];
    Some(if value.is_empty() { format!("--{name}") } else { format!("--{name}={value}") })
}

fn long_name(letter: char, words: &[String]) -> Option<&'static str> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(match (letter, words.as_slice()) {
        ('f', []) => "password-filename",
        ('f', _) => "force",
        ('s', []) => "sources",
        ('s', ["get", ..]) => "seconds",
        ('s', _) => "sig",
        ('S', []) => "tls",
        ('S', ["show", ..]) => "show-secret",
        ('S', _) => "storage-limit",
        ('b', ["sign" | "check", ..]) => "branch",
        ('q', ["check", ..]) => "quiet",
        ('n', ["bake", ..]) => "count",
        ('t', ["convert", ..]) => "type",
        _ => return None,
    })
}

fn wants_value(command: &Command, option: &str) -> bool {
    let name = option.split('=').next().unwrap_or(option);
    let found = command.get_arguments().find(|argument| {
        let long = argument.get_long_and_visible_aliases().unwrap_or_default();
        let hidden = argument.get_all_aliases().unwrap_or_default();
        let is_long =
            name.strip_prefix("--").is_some_and(|name| long.iter().chain(&hidden).any(|l| *l == name));
        is_long || argument.get_short().is_some_and(|letter| name == format!("-{letter}"))
    });
    found.is_some_and(|argument| argument.get_action().takes_values()) && !option.contains('=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    fn spelt(line: &str) -> String {
        let command = super::super::Options::augment_args(Command::new("octez-client"));
        let line: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let spelt = spell_out(&line, 1, &command);
        spelt.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_letter_means_one_thing_in_front_of_the_command_and_another_behind() {
        for (line, expected) in [
            ("c -f words list known addresses", "c --password-filename words list known addresses"),
            ("c -d x -f words gen keys a -f", "c -d x --password-filename words gen keys a --force"),
            ("c -E http://x -fwords man", "c -E http://x --password-filename=words man"),
            ("c gen keys a -s p256", "c gen keys a --sig p256"),
            ("c -w none get timestamp -s", "c -w none get timestamp --seconds"),
            ("c show address a -S", "c show address a --show-secret"),
            ("c transfer 1 from a to b -S 300 -G 20", "c transfer 1 from a to b --storage-limit 300 -G 20"),
            ("c sign message hi for a -b head", "c sign message hi for a --branch head"),
            ("c get balance for a -b head~2", "c get balance for a -b head~2"),
            ("c transfer 1 from a to b --arg -f -D", "c transfer 1 from a to b --arg -f -D"),
            ("c transfer 1 from a to b -- -f", "c transfer 1 from a to b -- -f"),
        ] {
            assert_eq!(spelt(line), expected, "{line}");
        }
    }
}
