//! The changed properties of a resource, with their values before and after the change.

use crate::deploy::{Change, PropertyChange};
use crate::escape::shown as escaped;

/// Maximum number of properties of one resource shown on a terminal.
const SHOWN: usize = 12;
/// Maximum number of characters of a value shown on a terminal.
const LONGEST: usize = 160;
/// Number of common characters shown before the first difference between two long values.
const COMMON: usize = 24;
/// Line width if the output is not a terminal.
const WIDTH: usize = 100;

/// Formats the properties for which CloudFormation reports values. Returns an empty string if it
/// reports none.
pub(super) fn text(change: &Change, width: Option<usize>) -> String {
    if change.properties.is_empty() {
        return String::new();
    }
    let mut text = format!("{}:\n", change.logical_id);
    // Show all properties if the output is a file or a pipe.
    let shown = width.map_or(usize::MAX, |_| SHOWN);
    for one in change.properties.iter().take(shown) {
        text.push_str(&property(one, width));
    }
    let more = change.properties.len().saturating_sub(shown);
    if more > 0 {
        text.push_str(&format!(
            "  and {more} more (run `s3ferry diff --format json` to see all)\n"
        ));
    }
    text
}

fn property(one: &PropertyChange, width: Option<usize>) -> String {
    let path = escaped(one.path.strip_prefix("/Properties/").unwrap_or(&one.path));
    let path = path.trim_start_matches('/').replace('/', ".");
    let longest = width.map_or(usize::MAX, |_| LONGEST);
    let (before, after) = shortened(one.before.as_deref(), one.after.as_deref(), longest);
    let line = format!("  {path}: {before} -> {after}\n");
    if line.chars().count() <= width.unwrap_or(WIDTH) {
        return line;
    }
    format!("  {path}:\n    - {before}\n    + {after}\n")
}

/// Shortens both values so that their first difference stays visible.
fn shortened(before: Option<&str>, after: Option<&str>, longest: usize) -> (String, String) {
    let own = |text: &str| escaped(text).into_owned();
    let (old, new) = (before.map(own), after.map(own));
    let length = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
    let mut begin = 0;
    if let (Some(old), Some(new)) = (&old, &new)
        && length(&Some(old.clone())).max(new.chars().count()) > longest
    {
        let same = old
            .chars()
            .zip(new.chars())
            .take_while(|(one, other)| one == other);
        begin = same.count().saturating_sub(COMMON);
    }
    let short = |text: Option<String>| {
        let Some(text) = text else {
            return "(none)".to_owned();
        };
        let rest: Vec<char> = text.chars().skip(begin).collect();
        let mut shown: String = rest.iter().take(longest).collect();
        if begin > 0 {
            shown.insert(0, '…');
        }
        if rest.len() > longest {
            shown.push('…');
        }
        if shown.is_empty() {
            shown.push_str("\"\"");
        }
        shown
    };
    (short(old), short(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: Option<&str>, after: Option<&str>) -> PropertyChange {
        PropertyChange {
            path: "/Properties/Stages/0/Name".to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        }
    }

    #[test]
    fn short_values_share_a_line_and_long_ones_have_their_own() {
        assert_eq!(
            property(&change(Some("a"), Some("b")), Some(80)),
            "  Stages.0.Name: a -> b\n"
        );
        assert_eq!(
            property(&change(None, Some("")), Some(80)),
            "  Stages.0.Name: (none) -> \"\"\n"
        );
        let long = "x".repeat(70);
        assert_eq!(
            property(&change(Some(&long), Some("b")), Some(80)),
            format!("  Stages.0.Name:\n    - {long}\n    + b\n")
        );
    }

    #[test]
    fn without_a_terminal_everything_is_shown() {
        let long = "x".repeat(500);
        assert_eq!(
            property(&change(Some(&long), Some("b")), None),
            format!("  Stages.0.Name:\n    - {long}\n    + b\n")
        );
    }

    #[test]
    fn long_values_that_differ_at_their_end_look_different() {
        let same = "s".repeat(500);
        let (before, after) = (format!("{same}old"), format!("{same}new"));
        let (before, after) = shortened(Some(&before), Some(&after), LONGEST);
        assert!(
            before.ends_with("sold") && after.ends_with("snew"),
            "{before} {after}"
        );
        assert!(
            before.starts_with('…') && before.chars().count() < 40,
            "{before}"
        );
    }
}
