//! How services write the moment of signing.

use crate::units::Timestamp;

/// How the moment of signing is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MomentFormat {
    /// Seconds since 1970.
    #[default]
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
    /// RFC 3339 in whole seconds of UTC: `2016-02-23T12:46:24Z`.
    Rfc3339,
    /// The date of HTTP (RFC 9110, 5.6.7): `Fri, 26 Jun 2015 23:39:12 GMT`.
    HttpDate,
}

impl MomentFormat {
    pub(super) fn write(self, now: Timestamp) -> String {
        let seconds = now.unix_seconds();
        match self {
            Self::UnixSeconds => seconds.to_string(),
            Self::UnixMillis => now.unix_millis().to_string(),
            Self::Rfc3339 => Timestamp::from_unix(seconds, 0).to_string(),
            Self::HttpDate => http_date(seconds),
        }
    }
}

fn http_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // `2015-06-26T23:39:12Z`: the calendar is the timestamp's.
    let text = Timestamp::from_unix(seconds, 0).to_string();
    let month = text[5..7].parse::<usize>().map_or("", |month| MONTHS[(month - 1) % 12]);
    // 1970 began on a Thursday.
    let day = DAYS[usize::try_from(seconds.div_euclid(86_400).rem_euclid(7)).unwrap_or(0)];
    format!("{day}, {} {month} {} {} GMT", &text[8..10], &text[..4], &text[11..19])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_date;

    #[test]
    fn dates_of_http_are_those_that_are_read() {
        assert_eq!(http_date(1_435_361_952), "Fri, 26 Jun 2015 23:39:12 GMT");
        for day in 0..40_000 {
            let seconds = day * 86_400 + day % 86_400;
            assert_eq!(parse_date(&http_date(seconds)), Some(Timestamp::from_unix(seconds, 0)), "day {day}");
        }
    }
}
