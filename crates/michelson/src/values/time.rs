//! Timestamps as texts: RFC 3339, years 0 to 9999.

use num_bigint::BigInt;
use num_traits::ToPrimitive;

const DAY: i64 = 86_400;

/// Days from 1970-01-01 to the first day of a year's month, in the Gregorian calendar.
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that a leap day is the last day of one.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The text of seconds since 1970, as `2024-02-29T12:30:00Z`; `None` outside of the years 0 to 9999.
pub fn format_timestamp(seconds: &BigInt) -> Option<String> {
    let seconds = seconds.to_i64()?;
    let (year, month, day) = date_of(seconds.div_euclid(DAY));
    let time = seconds.rem_euclid(DAY);
    (0..=9999).contains(&year).then(|| {
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
    })
}

/// Reads seconds since 1970 or an RFC 3339 text (a fraction of a second is dropped).
pub fn parse_timestamp(text: &str) -> Option<BigInt> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.len() <= 40 && digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let number = |range: std::ops::Range<usize>, max: i64| -> Option<i64> {
        let digits = text.get(range).filter(|s| s.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse().ok().filter(|n| *n <= max)
    };
    let at = |index: usize, allowed: &[u8]| text.as_bytes().get(index).is_some_and(|b| allowed.contains(b));
    let (year, month, day) = (number(0..4, 9999)?, number(5..7, 12)?, number(8..10, 31)?);
    let (hour, minute, second) = (number(11..13, 23)?, number(14..16, 59)?, number(17..19, 60)?);
    let separated = at(4, b"-") && at(7, b"-") && at(10, b"Tt ") && at(13, b":") && at(16, b":");
    let midnight = days_to(year, month, day);
    if !separated || date_of(midnight) != (year, month, day) {
        return None;
    }
    let mut zone = text.get(19..)?;
    if let Some(fraction) = zone.strip_prefix('.') {
        let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == fraction.len() {
            return None;
        }
        zone = rest;
    }
    let offset = match zone.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2]
            if [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()) =>
        {
            let digit = |b: &u8| i64::from(b - b'0');
            let minutes = (digit(h1) * 10 + digit(h2)) * 60 + digit(m1) * 10 + digit(m2);
            if *sign == b'+' { minutes * 60 } else { -minutes * 60 }
        }
        _ => return None,
    };
    Some(BigInt::from(midnight * DAY + hour * 3600 + minute * 60 + second - offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (-62_167_219_200i64, "0000-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(format_timestamp(&seconds.into()).unwrap(), text);
            assert_eq!(parse_timestamp(text).unwrap(), seconds.into());
        }
        assert_eq!(format_timestamp(&253_402_300_800i64.into()), None);
        assert_eq!(parse_timestamp("2019-09-26T12:59:51+02:30"), parse_timestamp("2019-09-26T10:29:51Z"));
        assert_eq!(parse_timestamp("-12"), Some((-12).into()));
        for bad in [
            "",
            "2019-02-29T00:00:00Z",
            "2019-09-26",
            "2019-09-26T25:00:00Z",
            "2019-09-26T00:00:00",
            "é019-09-26T00:00:00Z",
            "2019-13-01T00:00:00Z",
            "2019-09-26T00:00:00.Z",
        ] {
            assert_eq!(parse_timestamp(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(seconds in -62_167_219_200i64..253_402_300_799) {
            let text = format_timestamp(&seconds.into()).unwrap();
            prop_assert_eq!(parse_timestamp(&text), Some(seconds.into()));
        }
    }
}
