//! The properties of a resource that change, with their values before and after.

use crate::deploy::{Change, PropertyChange};
use crate::escape::shown as escaped;

/// No more properties of one resource than this are shown on a terminal.
const SHOWN: usize = 12;
/// No more characters of a value than this are shown on a terminal.
const LONGEST: usize = 160;
/// So much of what two long values have in common is shown before their difference.
const COMMON: usize = 24;
/// Lines of this width stay on one line where no terminal says how wide they may be.
const WIDTH: usize = 100;

/// The properties of a change that CloudFormation gives values for; empty when there are none.
pub(super) fn text(change: &Change, width: Option<usize>) -> String {
    if change.properties.is_empty() {
        return String::new();
    }
    let mut text = format!("{}:\n", change.logical_id);
    // What goes to a file or another program is complete.
    let shown = width.map_or(usize::MAX, |_| SHOWN);
    for one in change.properties.iter().take(shown) {
        text.push_str(&property(one, width));
    }
    let more = change.properties.len().saturating_sub(shown);
    if more > 0 {
        text.push_str(&format!(
            "  and {more} more (`s3ferry diff --format json` shows all)\n"
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

/// Both values without what would make them too long, so that their difference is seen.
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
