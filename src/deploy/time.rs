//! Human-readable times and durations.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// Formats a time, in seconds since 1970, as `2026-11-24 03:48:11` in UTC.
pub(crate) fn utc(seconds: i64) -> String {
    DateTime::from_secs(seconds)
        .fmt(Format::DateTime)
        .map(|text| text.replace('T', " ").trim_end_matches('Z').to_owned())
        .unwrap_or_default()
}

/// Formats a duration in seconds as `0.4s`, `12s`, or `3m 05s`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{:.1}s", seconds.max(0.0));
    }
    let whole = seconds.round();
    if whole < 60.0 {
        return format!("{whole}s");
    }
    format!("{}m {:02}s", (whole / 60.0).floor(), whole % 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc_and_durations_short() {
        assert_eq!(utc(1_763_955_411), "2025-11-24 03:36:51");
        assert_eq!(duration(0.04), "0.0s");
        assert_eq!(duration(9.96), "10.0s");
        assert_eq!(duration(59.4), "59s");
        assert_eq!(duration(59.6), "1m 00s");
        assert_eq!(duration(3725.0), "62m 05s");
    }
}
