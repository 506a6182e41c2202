//! Whether what a command printed is what the page shows.
//!
//! A line of nothing but `…` stands for any lines, none included; `…` in a line for any text. Where a value changes from run to run the kind
//! alone is compared: hashes, addresses and signatures by their prefix, hexadecimal from 32 digits on, timestamps, and numbers. A value that `…`
//! cuts off has no kind: what is before it has to be printed so. With `exact` nothing but `…` gives way. Runs of blanks and of dots count as one; empty lines do not count, and neither do those that tell how fast ticks go by.

/// Compares line by line; the answer is the first line of the page that cannot be found where it should be.
pub(super) fn compare(shown: &str, printed: &str, exact: bool) -> Result<(), String> {
    let printed: Vec<Line> = lines(printed).map(|line| Line::of(line, exact)).collect();
    let shown: Vec<&str> = lines(shown).collect();
    let patterns: Vec<Line> = shown.iter().map(|line| Line::of(line, exact)).collect();
    let star = |line: &Line| line.literal[..] == ['…'];
    let text = |pattern: &[char], line: &[char]| glob(pattern, line, |c| *c == '…', |a, b| a == b);
    let same = |pattern: &Line, line: &Line| {
        text(&pattern.kinds, &line.kinds) || text(&pattern.literal, &line.literal)
    };
    if glob(&patterns, &printed, star, same) {
        return Ok(());
    }
    // The longest beginning of the page that some beginning of the output is.
    let fits =
        |count: usize| (0..=printed.len()).any(|end| glob(&patterns[..count], &printed[..end], star, same));
    let first = (1..=patterns.len()).find(|count| !fits(*count));
    Err(first.map_or("more is printed than the page shows".to_owned(), |count| {
        format!("not printed: {}", shown[count - 1])
    }))
}

/// Whether the output begins with what the page shows: what goes on running prints more.
pub(super) fn begins(shown: &str, printed: &str) -> bool {
    compare(&format!("{shown}\n…"), printed, false).is_ok()
}

/// A line as it is, and with the kinds of its values in their place.
struct Line {
    literal: Vec<char>,
    kinds: Vec<char>,
}

impl Line {
    fn of(line: &str, exact: bool) -> Self {
        let literal = normal(line, true);
        let kinds = if exact { literal.clone() } else { normal(line, false) };
        Self { literal, kinds }
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    let progress = |line: &str| {
        line.ends_with(" ticks a second")
            || line.starts_with("tick ") && line.contains(" after ") && line.ends_with(" s")
    };
    text.lines().filter(move |line| !line.trim().is_empty() && !progress(line))
}

/// Whether a pattern, some items of which stand for any sequence, is the whole of a sequence.
fn glob<P, T>(pattern: &[P], text: &[T], star: impl Fn(&P) -> bool, same: impl Fn(&P, &T) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && star(&pattern[p]) {
            retry = Some((p, t));
            p += 1;
        } else if p < pattern.len() && t < text.len() && same(&pattern[p], &text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if p == pattern.len() && t == text.len() {
            return true;
        } else if let Some((at, from)) = retry.filter(|(_, from)| *from < text.len()) {
            retry = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
}

/// The line without what does not count, and with the kinds of its values in their place unless it is `exact`.
fn normal(line: &str, exact: bool) -> Vec<char> {
    let mut normal = String::new();
    for word in line.split_whitespace() {
        if !normal.is_empty() {
            normal.push(' ');
        }
        if exact {
            normal.push_str(word);
        } else {
            normal_word(word, &mut normal);
        }
    }
    while normal.contains("...") {
        normal = normal.replace("...", "..");
    }
    normal.chars().collect()
}

fn normal_word(word: &str, normal: &mut String) {
    let mut rest = word;
    while let Some(c) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if let Some(length) = timestamp(rest) {
            normal.push_str("<time>");
            rest = &rest[length..];
        } else if let Some(kind) = identifier(&rest[..end]) {
            normal.push_str(kind);
            rest = &rest[end..];
        } else if c.is_ascii_digit() && rest[..end].bytes().all(|b| b.is_ascii_digit()) {
            let length = number(rest);
            normal.push_str("<number>");
            rest = &rest[length..];
        } else {
            let length = if end == 0 { c.len_utf8() } else { end };
            normal.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
}

/// The kind of a long identifier.
fn identifier(word: &str) -> Option<&'static str> {
    const PREFIXES: &[&str] = &[
        "tz1", "tz2", "tz3", "tz4", "KT1", "scr1", "sr1", "scc1", "src1", "scs1", "srs1", "scib1", "srib1",
        "scmsg", "edpk", "edsk", "edesk", "spsk", "spesk", "p2sk", "p2esk", "BLsk", "BLesk", "BLsig", "sppk",
        "p2pk", "BLpk", "edsig", "spsig1", "p2sig", "sig", "expr", "Net", "Co", "B", "o",
    ];
    let digits = word.strip_prefix("0x").unwrap_or(word);
    if digits.len() >= 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some("<hexadecimal>");
    }
    // Without 0, O, I and l, and with digits: a word of a language is neither.
    let base58 = word.bytes().all(|b| !matches!(b, b'0' | b'O' | b'I' | b'l'))
        && word.bytes().any(|b| b.is_ascii_digit());
    PREFIXES.iter().copied().find(|prefix| base58 && word.len() >= 30 && word.starts_with(prefix))
}

/// The length of `2026-11-22T10:58:28.058728Z` at the beginning.
fn timestamp(text: &str) -> Option<usize> {
    let shape = |(b, at): (u8, usize)| match at {
        4 | 7 => b == b'-',
        10 => b == b'T',
        13 | 16 => b == b':',
        _ => b.is_ascii_digit(),
    };
    let head = text.as_bytes().get(..19)?;
    if !head.iter().copied().zip(0..).all(shape) {
        return None;
    }
    let end = text.find('Z').filter(|end| text[19..*end].bytes().all(|b| b == b'.' || b.is_ascii_digit()))?;
    Some(end + 1)
}

/// The length of a number with its separators, as `11,000,000` or `0.029011`, at the beginning.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while end < bytes.len() {
        let separator =
            matches!(bytes[end], b'.' | b',' | b'_') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !bytes[end].is_ascii_digit() && !separator {
            break;
        }
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(shown: &str, printed: &str) {
        assert_eq!(compare(shown, printed, false), Ok(()));
    }

    #[test]
    fn values_are_compared_by_their_kind() {
        same("Fee to the baker: ꜩ0.029011", "Fee to the baker: ꜩ1");
        same(
            "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx ... -ꜩ8.77375",
            "  tz1gjaF81ZRRvdzjobyfVNsAeSC6PScjfQwN ...... -ꜩ1",
        );
        same("2026-11-22T10:58:28.058728Z INFO level=3", "2027-01-01T00:00:00Z  INFO level=1003");
        assert!(
            compare("tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx", "KT1Gmz6SKXSyWtDm8YvJmUubcCQdMhK3h5vL", false)
                .is_err()
        );
        assert!(compare("level 3", "levels 3", false).is_err());
        assert!(compare("a 3", "a 4", true).is_err());
    }

    #[test]
    fn values_that_are_cut_off_are_compared_as_they_are() {
        let bytes = "0x050a000000160000dac9f52543da1aed0bc1d6b46bf7c10db7014cd6";
        same("Parameter: 0x050a0000001600…", &format!("Parameter: {bytes}"));
        same("{\"proof\": \"03000213…\"}", &format!("{{\"proof\": \"03000213{}\"}}", &bytes[2..]));
        same("Network: scr1KS6…", "Network: scr1KS6mbqFfQQUXgYMUFpT1GUynjfPA3RoGm");
        assert!(compare("Parameter: 0x050b…", &format!("Parameter: {bytes}"), false).is_err());
    }

    #[test]
    fn dots_stand_for_anything() {
        same("a\n…\nd", "a\nb\nc\nd\n");
        same("a\n…\nd", "a\nd\n");
        same("…\n{\"a\":…}", "x\n\n{\"a\": 1, \"b\"}");
        assert_eq!(compare("a\n…\nb\nc", "a\nb\nb\n", false), Err("not printed: c".to_owned()));
        assert_eq!(compare("a", "a\nb", false), Err("more is printed than the page shows".to_owned()));
        assert!(begins("a\n…\nc", "a\nb\nc\nd") && !begins("a\nc", "a\nb"));
    }
}
