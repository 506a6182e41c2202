//! What the tests read of a page: its fenced blocks with their info strings, its links, the anchors of its headings.

use std::collections::BTreeMap;

/// A fenced block. Blocks inside of HTML comments count as well: readers do not see them, tests run them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The line of the opening fence, from 1.
    pub(super) line: usize,
    /// The first word of the info string.
    pub(super) language: String,
    /// The words behind it, separated by commas; `key=value` or `key` with an empty value.
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) text: String,
    /// Whether nothing but blank lines stands between the block before and this one.
    pub(super) follows: bool,
}

impl Block {
    pub(super) fn has(&self, attribute: &str) -> bool {
        self.attributes.contains_key(attribute)
    }

    pub(super) fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(String::as_str)
    }
}

/// The fenced blocks of a page, in order. Panics if the last one is not closed.
pub(super) fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut follows = false;
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(info) = line.trim_start().strip_prefix("```") else {
            follows &= line.trim().is_empty();
            continue;
        };
        let (language, attributes) = read_info(info);
        let mut text = String::new();
        loop {
            let (_, inner) = lines.next().unwrap_or_else(|| panic!("line {}: no closing fence", number + 1));
            if inner.trim() == "```" {
                break;
            }
            text += inner
                .get(indent..)
                .filter(|_| inner[..indent].trim().is_empty())
                .unwrap_or(inner.trim_start());
            text.push('\n');
        }
        found.push(Block { line: number + 1, language, attributes, text, follows });
        follows = true;
    }
    found
}

fn read_info(info: &str) -> (String, BTreeMap<String, String>) {
    let mut words = info.trim().split(',').map(str::trim);
    let language = words.next().unwrap_or_default().to_owned();
    let attributes = words.map(|word| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        (key.to_owned(), value.to_owned())
    });
    (language, attributes.collect())
}

/// The page without its fenced blocks and spans of code, which hold no links.
fn prose(page: &str) -> String {
    let mut inside = false;
    let mut prose = String::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            for (number, part) in line.split('`').enumerate() {
                prose.push_str(if number % 2 == 0 { part } else { "`" });
            }
        }
        prose.push('\n');
    }
    prose
}

/// Where the links and pictures of a page lead: `(line, target)`.
pub(super) fn links(page: &str) -> Vec<(usize, String)> {
    let prose = prose(page);
    let mut found = Vec::new();
    for (at, _) in prose.match_indices("](") {
        let target = prose[at + 2..].split(')').next().unwrap_or_default();
        found.push((prose[..at].matches('\n').count() + 1, target.trim().to_owned()));
    }
    found
}

/// The cells of a line of a table.
pub(super) fn table_cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let inner = inner.replace("\\|", "\u{1}");
    Some(inner.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect())
}

/// The anchors of the headings, as mdBook makes them.
pub(super) fn anchors(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        }
        let Some(title) = line.strip_prefix('#').filter(|_| !inside) else { continue };
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let id: String = title
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let times = seen.entry(id.clone()).or_default();
        found.push(if *times == 0 { id } else { format!("{id}-{times}") });
        *times += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# One `two`: three\n\ntext [a](b.md#c) `[no](link)`\n\n```sh,background,ignore=no-such-thing\nfirst\n```\n\n\
                        ```text\n[no](link)\n```\n\n<!--\n```sh\nhidden\n```\n-->\n* item\n  ```json\n  {}\n  ```\n## One two three\n";

    #[test]
    fn blocks_are_found_with_their_attributes() {
        let blocks = blocks(PAGE);
        let told: Vec<_> =
            blocks.iter().map(|b| (b.line, b.language.as_str(), b.text.as_str(), b.follows)).collect();
        assert_eq!(
            told,
            [
                (5, "sh", "first\n", false),
                (9, "text", "[no](link)\n", true),
                (14, "sh", "hidden\n", false),
                (19, "json", "{}\n", false)
            ]
        );
        assert!(blocks[0].has("background"));
        assert_eq!(blocks[0].get("ignore"), Some("no-such-thing"));
    }

    #[test]
    fn links_are_those_of_the_prose() {
        assert_eq!(links(PAGE), [(3, "b.md#c".to_owned())]);
        assert_eq!(anchors(PAGE), ["one-two-three", "one-two-three-1"]);
    }
}
