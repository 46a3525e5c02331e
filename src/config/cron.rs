//! Checks the cron expression and the time zone of a deployment window.
//!
//! Follows *DeploymentWindow* in the AWS CodePipeline User Guide. Versions of this page differ: one
//! allows only `*` for the seconds, and one counts the months from 0. The check accepts only what
//! the current page accepts.

/// Regular expression for a time zone, for the schema.
pub(super) const TIME_ZONE: &str =
    "^(UTC([+-][0-9]{2}:[0-9]{2})?|[A-Za-z]+/[A-Za-z]+(_[A-Za-z]+)*|[A-Z]{3,5})$";

/// A field of a cron expression.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names of the values, beginning with the name of `least`.
    names: &'static [&'static str],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Only `*` is allowed.
    Seconds,
    Plain,
    /// `?`, `L`, `L-3`, `LW`, and `15W` are also allowed.
    DayOfMonth,
    /// `?`, `L`, `6L`, and `6#3` are also allowed.
    DayOfWeek,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 7] = [
    Field {
        name: "seconds",
        least: 0,
        most: 59,
        names: &[],
        kind: Kind::Seconds,
    },
    Field {
        name: "minutes",
        least: 0,
        most: 59,
        names: &[],
        kind: Kind::Plain,
    },
    Field {
        name: "hours",
        least: 0,
        most: 23,
        names: &[],
        kind: Kind::Plain,
    },
    Field {
        name: "day of month",
        least: 1,
        most: 31,
        names: &[],
        kind: Kind::DayOfMonth,
    },
    Field {
        name: "month",
        least: 1,
        most: 12,
        names: &MONTHS,
        kind: Kind::Plain,
    },
    Field {
        name: "day of week",
        least: 1,
        most: 7,
        names: &DAYS,
        kind: Kind::DayOfWeek,
    },
    Field {
        name: "year",
        least: 1970,
        most: 2199,
        names: &[],
        kind: Kind::Plain,
    },
];

impl Field {
    /// Returns the number of a value, such as `9` or `MON`.
    fn value(&self, text: &str) -> Option<u32> {
        let mut names = self.names.iter();
        if let Some(at) = names.position(|name| name.eq_ignore_ascii_case(text)) {
            return Some(self.least + u32::try_from(at).ok()?);
        }
        let value = number(text)?;
        (self.least..=self.most).contains(&value).then_some(value)
    }

    /// Returns whether a part of a list is valid, such as `*`, `9`, `9-17`, or `0/15`.
    fn allows(&self, part: &str) -> bool {
        let (base, step) = match part.split_once('/') {
            Some((base, step)) => (base, Some(step)),
            None => (part, None),
        };
        if step.is_some_and(|step| number(step).is_none_or(|step| step == 0 || step > self.most)) {
            return false;
        }
        if base == "*" || self.value(base).is_some() {
            return true;
        }
        let range = base.split_once('-');
        if let Some((first, last)) = range
            && let (Some(first), Some(last)) = (self.value(first), self.value(last))
        {
            return first <= last;
        }
        step.is_none() && self.allows_special(&part.to_ascii_uppercase())
    }

    fn allows_special(&self, part: &str) -> bool {
        match self.kind {
            Kind::Seconds | Kind::Plain => false,
            Kind::DayOfMonth => {
                let day = |text: &str| self.value(text).is_some();
                matches!(part, "L" | "LW")
                    || part.strip_prefix("L-").is_some_and(day)
                    || part.strip_suffix('W').is_some_and(day)
            }
            Kind::DayOfWeek => {
                let weekday = |text: &str| self.value(text).is_some();
                part == "L"
                    || part.strip_suffix('L').is_some_and(weekday)
                    || part.split_once('#').is_some_and(|(day, nth)| {
                        weekday(day) && number(nth).is_some_and(|nth| (1..=5).contains(&nth))
                    })
            }
        }
    }

    /// Returns the reason why a field is invalid.
    fn problem(&self, text: &str) -> Option<String> {
        let name = self.name;
        if self.kind == Kind::Seconds {
            return (text != "*").then(|| {
                format!("the {name} are `{text}`, but CodePipeline documents only `*` for them")
            });
        }
        let is_day = matches!(self.kind, Kind::DayOfMonth | Kind::DayOfWeek);
        if text == "?" && is_day {
            return None;
        }
        let bad = text.split(',').find(|part| !self.allows(part))?;
        Some(format!("`{bad}` is not valid for the {name}"))
    }
}

fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Checks the cron expression of a deployment window.
pub(super) fn cron_problem(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let fault = if !matches!(parts.len(), 6 | 7) {
        format!("it has {} fields instead of 6 or 7", parts.len())
    } else {
        let mut fields = FIELDS.iter().zip(&parts);
        fields.find_map(|(field, part)| field.problem(part))?
    };
    Some(format!("`{text}` is not a valid cron expression: {fault}"))
}

/// Checks a time zone against the forms that AWS documents: `Region/City`, `UTC` with an optional
/// offset, and abbreviations.
pub(super) fn time_zone_problem(text: &str) -> Option<String> {
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_city = |city: &str| city.split('_').all(is_word);
    let is_place =
        (text.split_once('/')).is_some_and(|(region, city)| is_word(region) && is_city(city));
    let is_offset = text.strip_prefix("UTC").is_some_and(|offset| {
        offset.is_empty()
            || offset.strip_prefix(['+', '-']).is_some_and(|time| {
                time.len() == 5
                    && time.bytes().enumerate().all(|(at, byte)| match at {
                        2 => byte == b':',
                        _ => byte.is_ascii_digit(),
                    })
            })
    });
    let is_short =
        (3..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase());
    (!is_place && !is_offset && !is_short)
        .then(|| format!("`{text}` is not a time zone in a form that CodePipeline documents"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_expressions_are_accepted() {
        for cron in [
            "* * 9-17 ? * MON-FRI *",
            "* * 9-16 ? * MON-FRI",
            "* 0/15 8,12-14 1,15 JAN,jul-SEP ? 2026-2030",
            "* */5 * L * ?",
            "* * * L-3 * ?",
            "* * * LW * ?",
            "* * * 15W * ?",
            "* * * ? * 6L",
            "* * * ? * FRI#3 2027",
            "* * * * 1/2 ?",
        ] {
            assert_eq!(cron_problem(cron), None, "{cron}");
        }
    }

    #[test]
    fn the_first_wrong_field_is_named() {
        for (cron, part) in [
            ("", "0 fields"),
            ("* * 9-17 ?", "4 fields"),
            ("* * * * * ? 2026 x", "8 fields"),
            ("0 0 9-17 ? * MON-FRI *", "the seconds are `0`"),
            ("* 60 * ? * *", "`60` is not valid for the minutes"),
            ("* * 17-9 ? * *", "`17-9` is not valid for the hours"),
            ("* * 24 ? * *", "`24` is not valid for the hours"),
            ("* * ? * * *", "`?` is not valid for the hours"),
            ("* * * 0 * ?", "`0` is not valid for the day of month"),
            ("* * * ?,1 * ?", "`?` is not valid for the day of month"),
            ("* * * ? 0 *", "`0` is not valid for the month"),
            ("* * * ? * MO", "`MO` is not valid for the day of week"),
            ("* * * ? * 6#6", "`6#6` is not valid for the day of week"),
            ("* * * ? * W", "`W` is not valid for the day of week"),
            ("* * * ? * * 1969", "`1969` is not valid for the year"),
            ("* */0 * ? * *", "`*/0` is not valid for the minutes"),
            ("* , * ? * *", "`` is not valid for the minutes"),
            ("* #{a} * ? * *", "`#{a}` is not valid for the minutes"),
        ] {
            let problem = cron_problem(cron).unwrap_or_default();
            assert!(problem.contains(part), "{cron}: {problem}");
        }
    }

    #[test]
    fn the_schema_accepts_the_same_time_zones() {
        let schema = serde_json::json!({ "type": "string", "pattern": TIME_ZONE });
        for (zone, is_valid) in [
            ("UTC", true),
            ("UTC+05:30", true),
            ("UTC-03:00", true),
            ("Europe/Berlin", true),
            ("America/New_York", true),
            ("Europe/Isle_of_Man", true),
            ("EST", true),
            ("UTC+5", false),
            ("UTC 05:30", false),
            ("Berlin", false),
            ("Europe/", false),
            ("Europe/New__York", false),
            ("#{variables.Z}", false),
            ("", false),
        ] {
            assert_eq!(time_zone_problem(zone).is_none(), is_valid, "{zone}");
            let by_schema = jsonschema::is_valid(&schema, &serde_json::json!(zone));
            assert_eq!(by_schema, is_valid, "{zone}");
        }
    }
}
