//! Formats the lines of the screen.

use crate::deploy::events::Event;
use crate::deploy::stack_set::Progress;
use crate::escape::shown;

use crate::cli::aws::live;
use crate::cli::output;

/// Column widths of an event. Most statuses and types fit.
const STATUS: usize = 18;
const TYPE: usize = 22;

/// Formats an event on one line. On a terminal, the line is cut to the width, and types omit the
/// prefix `AWS::`.
pub(super) fn event_text(event: &Event, width: Option<usize>) -> String {
    let (status, id) = (&event.status, &event.logical_id);
    match width {
        None => format!("{status:<28} {:<34} {id}", event.resource_type),
        Some(width) => {
            let kind = &event.resource_type;
            let kind = kind.strip_prefix("AWS::").unwrap_or(kind);
            live::cut(&format!("{status:<STATUS$} {kind:<TYPE$} {id}"), width)
        }
    }
}

/// Wraps text between words, on separate indented lines.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    const INDENT: &str = "      ";
    let room = width.saturating_sub(INDENT.len() + 1).max(20);
    let mut out = String::new();
    let mut length = room;
    for word in text.split_whitespace() {
        let word = shown(word);
        let word_length = word.chars().count();
        if length + 1 + word_length > room {
            out.push('\n');
            out.push_str(INDENT);
            length = 0;
        } else {
            out.push(' ');
            length += 1;
        }
        out.push_str(&word);
        length += word_length;
    }
    out
}

/// Capitalizes the first letter of a sentence.
pub(super) fn capitalized(sentence: &str) -> String {
    let mut rest = sentence.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

/// Formats a number of bytes, such as `4.2 MiB`.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = number as f64;
    let mut shown = format!("{number} B");
    for unit in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        shown = format!("{value:.1} {unit}");
    }
    shown
}

/// Formats the progress of a stack set operation on one line.
pub(super) fn progress_line(progress: &Progress) -> String {
    let counts = &progress.counts;
    let number = output::thousands;
    let mut parts = vec![format!(
        "{} of {} instances done",
        number(counts.succeeded),
        number(counts.total())
    )];
    for (count, what) in [
        (counts.running, "in progress"),
        (counts.failed, "failed"),
        (counts.canceled, "canceled"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", number(count)));
        }
    }
    let stack_set = &progress.stack_set;
    match progress.status.as_str() {
        "RUNNING" => format!("Stack set {stack_set}: {}", parts.join(", ")),
        status => format!("Stack set {stack_set}: {}, {status}", parts.join(", ")),
    }
}

/// Returns whether to print a plain line: after another tenth of the instances, the first failure,
/// or a status change.
pub(super) fn is_news(before: Option<&Progress>, now: &Progress) -> bool {
    let Some(before) = before.filter(|before| before.stack_set == now.stack_set) else {
        return true;
    };
    let step = now.counts.total().div_ceil(10);
    before.status != now.status
        || now.counts.ended() < before.counts.ended()
        || now.counts.ended() >= before.counts.ended() + step
        || now.counts.failed > before.counts.failed && before.counts.failed == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: &str, resource_type: &str, logical_id: &str) -> Event {
        Event {
            id: String::new(),
            logical_id: logical_id.to_owned(),
            physical_id: String::new(),
            resource_type: resource_type.to_owned(),
            status: status.to_owned(),
            reason: String::new(),
            time: 0.0,
            token: None,
            whole_stack: false,
        }
    }

    #[test]
    fn an_event_fits_the_terminal() {
        let one = event(
            "UPDATE_IN_PROGRESS",
            "AWS::IAM::ManagedPolicy",
            "AssumeDeployRolesPolicy",
        );
        assert_eq!(
            event_text(&one, Some(72)),
            "UPDATE_IN_PROGRESS IAM::ManagedPolicy     AssumeDeployRolesPolicy"
        );
        assert_eq!(
            event_text(&one, None),
            "UPDATE_IN_PROGRESS           AWS::IAM::ManagedPolicy            AssumeDeployRolesPolicy"
        );
        let long = event("CREATE_COMPLETE", "Custom::Thing", &"x".repeat(255));
        assert_eq!(event_text(&long, Some(72)).chars().count(), 72);
    }

    #[test]
    fn a_reason_is_broken_between_words() {
        let text = wrapped("one two three four five six seven eight", 27);
        assert_eq!(
            text,
            "\n      one two three four\n      five six seven eight"
        );
        let long = "x".repeat(50);
        assert_eq!(wrapped(&long, 27), format!("\n      {long}"));
    }

    #[test]
    fn bytes_are_short() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (31_457_280, "30.0 MiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }
}
