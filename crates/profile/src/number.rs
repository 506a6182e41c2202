//! Numbers for people.

/// With a comma every three digits.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How much of `all` that is, with one digit behind the point; rounded down, so that 100.0 % is all of it and 0.0 % is nothing.
pub(crate) fn percent(part: u64, all: u64) -> String {
    let thousandths = (u128::from(part) * 1000).checked_div(u128::from(all)).unwrap_or_default();
    if thousandths == 0 && part > 0 {
        return "< 0.1 %".to_owned();
    }
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// A number with its noun: one of them, or several.
pub(crate) fn several(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        let all = [0, 999, 1000, 123_456, 11_000_000_000, u64::MAX].map(number);
        assert_eq!(
            all,
            ["0", "999", "1,000", "123,456", "11,000,000,000", "18,446,744,073,709,551,615"]
                .map(str::to_owned)
        );
        assert_eq!(
            [(1, 3), (999, 1000), (5, 5), (0, 0), (1, 5000)].map(|(a, b)| percent(a, b)),
            ["33.3 %", "99.9 %", "100.0 %", "0.0 %", "< 0.1 %"]
        );
        assert_eq!(
            (several(1, "key", "keys"), several(2000, "key", "keys")),
            ("1 key".into(), "2,000 keys".into())
        );
    }
}
