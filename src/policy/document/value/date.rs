//! Dates and times.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// A point in time.
///
/// Follows *IAM JSON policy elements: Condition operators*, section *Date condition operators*, in
/// the AWS documentation: a W3C profile of ISO 8601, or seconds since 1970. Four digits are
/// interpreted as a year. A time without an offset, which that profile does not define, is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(DateTime<Utc>);

impl Instant {
    /// Parses a date. Returns `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let day = |year: &str, month: &str, day: &str| {
            Some(Self(
                NaiveDate::from_ymd_opt(
                    digits(year, 4)?.try_into().ok()?,
                    digits(month, 2)?,
                    digits(day, 2)?,
                )?
                .and_hms_opt(0, 0, 0)?
                .and_utc(),
            ))
        };
        if let Some((_, time)) = text.split_once('T') {
            // RFC 3339 requires seconds, but the W3C profile does not.
            let seconds = time.bytes().filter(|byte| *byte == b':').count();
            let zoned = time.contains(['+', '-']);
            let full = if seconds == if zoned { 2 } else { 1 } {
                let cut = text.len()
                    - time
                        .find(['+', '-', 'Z'])
                        .map_or(0, |offset| time.len() - offset);
                format!("{}:00{}", &text[..cut], &text[cut..])
            } else {
                text.to_owned()
            };
            return DateTime::parse_from_rfc3339(&full)
                .map(|time| Self(time.to_utc()))
                .or_else(|_| {
                    NaiveDateTime::parse_from_str(&full, "%Y-%m-%dT%H:%M:%S%.f")
                        .map(|time| Self(time.and_utc()))
                })
                .ok();
        }
        let mut parts = text.splitn(3, '-');
        match (parts.next()?, parts.next(), parts.next()) {
            (year, None, _) if year.len() == 4 => day(year, "01", "01"),
            (year, Some(month), None) if !year.is_empty() => day(year, month, "01"),
            (year, Some(month), Some(date)) if !year.is_empty() => day(year, month, date),
            _ => Some(Self(DateTime::from_timestamp(text.parse().ok()?, 0)?)),
        }
    }
}

fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}
