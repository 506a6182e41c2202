use serde_json::Value;
use soru_base::{IdFamily, Json, JsonError};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Seconds since 1970, printed as `2026-11-22T09:30:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// Why a text is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no timestamp: expected one such as 2026-11-22T09:30:00Z, or a number of seconds")]
pub struct TimestampError(String);

const DAY: i64 = 86_400;
/// Seconds of the years 0000 to 9999, which have four digits.
const PRINTABLE: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !PRINTABLE.contains(&self.0) {
            return self.0.fmt(f);
        }
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        text.parse()
            .ok()
            .or_else(|| parse(text))
            .map(Self)
            .ok_or_else(|| TimestampError(text.chars().take(40).collect()))
    }
}

fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let shape = b"0000-00-00T00:00:00";
    let (stamp, zone) = bytes.split_at_checked(shape.len())?;
    let fits = |(b, s): (&u8, &u8)| if *s == b'0' { b.is_ascii_digit() } else { b == s };
    if !stamp.iter().zip(shape).all(fits) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (h, m, s) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || h > 23 || m > 59 || s > 60 {
        return None;
    }
    let days = days(year, month, day);
    if civil(days) != (year, month, day) {
        return None;
    }
    Some(days * DAY + h * 3_600 + m * 60 + s - offset(zone)?)
}

/// Seconds of a time zone, behind a fraction of a second that is cut off.
fn offset(zone: &[u8]) -> Option<i64> {
    let zone = match zone.strip_prefix(b".") {
        Some(rest) => &rest[rest.iter().take_while(|b| b.is_ascii_digit()).count()..],
        None => zone,
    };
    let number = |b: &[u8]| std::str::from_utf8(b).ok()?.parse::<i64>().ok().filter(|n| (0..60).contains(n));
    match zone {
        b"Z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let seconds = number(&[*h1, *h2])? * 3_600 + number(&[*m1, *m2])? * 60;
            Some(if *sign == b'+' { seconds } else { -seconds })
        }
        _ => None,
    }
}

/// Days since 1970 of a date: years are counted from March, so that the leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl Json for Timestamp {
    fn to_json(&self, _: IdFamily) -> Value {
        self.to_string().into()
    }
    fn from_json(value: &Value, _: IdFamily) -> Result<Self, JsonError> {
        match value.as_i64() {
            Some(seconds) => Ok(Self(seconds)),
            None => soru_base::json::parse_str(value, "a timestamp"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_and_reads_the_networks_form() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_530_293_520, "2018-06-29T17:32:00Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp(seconds).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp(seconds)));
        }
        assert_eq!("2018-06-29T19:32:00.123+02:00".parse(), Ok(Timestamp(1_530_293_520)));
        for text in [
            "",
            "2018-02-30T00:00:00Z",
            "2018-06-29T17:32:00",
            "2018-06-29 17:32:00Z",
            "é018-06-29T17:32:00Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_timestamp_reads_back(seconds: i64) {
            prop_assert_eq!(Timestamp(seconds).to_string().parse(), Ok(Timestamp(seconds)));
            let printable = seconds.rem_euclid(253_402_300_799);
            prop_assert_eq!(Timestamp(printable).to_string().parse(), Ok(Timestamp(printable)));
        }
    }
}
