//! Numbers as Octez's client writes and reads them.

use anyhow::{Context, Result};
use soru_base::Mutez;

/// Tez, as on the command line.
pub(super) fn tez(word: &str) -> Result<Mutez> {
    word.parse().with_context(|| format!("`{word}` is no amount of tez"))
}

/// Thousandths as a decimal number without trailing zeros.
pub(super) fn gas(milligas: u64) -> String {
    let (units, thousandths) = (milligas / 1000, milligas % 1000);
    if thousandths == 0 {
        return units.to_string();
    }
    format!("{units}.{thousandths:03}").trim_end_matches('0').to_owned()
}

/// Gas that is left, as the RPC tells it: thousandths, or a word.
pub(super) fn gas_left(value: &serde_json::Value) -> String {
    match value.as_str().map(|text| (text, text.parse().ok())) {
        Some((_, Some(milligas))) => format!("{} units remaining", gas(milligas)),
        Some((word, None)) => word.to_owned(),
        None => "unaccounted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gas_is_written_without_needless_zeros() {
        assert_eq!([gas(0), gas(1), gas(1_500), gas(12_000)], ["0", "0.001", "1.5", "12"]);
        assert_eq!(gas_left(&"1039998500".into()), "1039998.5 units remaining");
        assert_eq!(gas_left(&"unaccounted".into()), "unaccounted");
    }
}
