//! HTTP dates (RFC 9110, 5.6.7).

use crate::units::Timestamp;

/// Parses a date in any of the three forms that a recipient must accept.
///
/// ```
/// use circle_core_common::http::parse_date;
/// assert_eq!(parse_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap().unix_seconds(), 784_111_777);
/// assert!(parse_date("yesterday").is_none());
/// ```
#[must_use]
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words[..] {
        // `Sun, 06 Nov 1994 08:49:37 GMT`
        [_, day, month, year, time, "GMT"] => (number(day, 2)?, month_of(month)?, number(year, 4)?, time),
        // `Sun Nov  6 08:49:37 1994`
        [_, month, day, time, year] if !day.contains('-') => (number(day, 2)?, month_of(month)?, number(year, 4)?, time),
        // `Sunday, 06-Nov-94 08:49:37 GMT`; no server in use was there before 1970.
        [_, date, time, "GMT"] => {
            let mut parts = date.split('-');
            let (day, month, year) = (number(parts.next()?, 2)?, month_of(parts.next()?)?, number(parts.next()?, 2)?);
            (day, month, if year < 70 { 2000 + year } else { 1900 + year }, time)
        }
        _ => return None,
    };
    let mut parts = time.split(':');
    let (hour, minute, second) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][usize::try_from(month - 1).ok()?];
    let legal = (1..=length).contains(&day) && hour < 24 && minute < 60 && second <= 60 && parts.next().is_none();
    legal.then(|| Timestamp::from_unix(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second, 0))
}

fn number(text: &str, most: usize) -> Option<i64> {
    let digits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn month_of(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    MONTHS.iter().position(|month| *month == text).and_then(|at| i64::try_from(at + 1).ok())
}

/// Days since 1970-01-01, of the Gregorian calendar: years begin in March, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_of_one_date() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse_date(text).map(Timestamp::unix_seconds), Some(784_111_777), "{text}");
        }
        assert_eq!(parse_date("Thu, 01 Jan 1970 00:00:00 GMT").map(Timestamp::unix_seconds), Some(0));
        assert_eq!(parse_date("Tue, 29 Feb 2028 12:00:00 GMT").map(Timestamp::unix_seconds), Some(1_835_438_400));
        assert_eq!(parse_date("Sat, 31 Dec 2016 23:59:60 GMT").map(Timestamp::unix_seconds), Some(1_483_228_800));
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in [
            "",
            "0",
            "abc",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Mon, 29 Feb 2027 08:49:37 GMT",
            "Sun, 06 Nox 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_tried(text in "\\PC*|[A-Za-z0-9:, -]{0,40}") {
            let _ = parse_date(&text);
        }
    }
}
