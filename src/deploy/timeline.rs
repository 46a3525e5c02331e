//! Derives a timeline of the changes to each resource from the events of a stack operation.
//! Performs no I/O.

use schemars::JsonSchema;
use serde::Serialize;

use super::condition::{Condition, succeeded};
use super::events::Event;
use super::one_line;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timeline {
    /// Kind of the operation: `CREATE`, `UPDATE`, `DELETE`, or `IMPORT`.
    pub kind: String,
    pub status: String,
    /// Start time, in seconds since 1970.
    pub begin: f64,
    /// Time of the last event, in seconds since 1970.
    pub end: f64,
    /// Resources, in the order in which they started.
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub logical_id: String,
    pub resource_type: String,
    /// Last status before a rollback.
    pub status: String,
    /// Last status in the rollback, if there was a rollback.
    pub rolled_back: Option<String>,
    /// Reason for a failure, on one line. Empty if the resource did not fail.
    pub reason: String,
    /// Periods in which the resource was changed.
    pub spans: Vec<Span>,
}

/// A period in which a resource was changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Span {
    /// Start of the period, in seconds since the start of the operation.
    pub begin: f64,
    /// End of the period, in seconds since the start of the operation.
    pub end: f64,
    /// Whether the period was part of a rollback.
    pub rollback: bool,
}

impl Timeline {
    /// Creates the timeline of an operation from its events, ordered from oldest to newest. Returns
    /// `None` if there are no events.
    pub(crate) fn of(events: &[Event]) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let mut found = Self {
            kind: first
                .status
                .split('_')
                .next()
                .unwrap_or_default()
                .to_owned(),
            status: String::new(),
            begin: first.time,
            end: last.time,
            rows: Vec::new(),
        };
        let mut open: Vec<Option<f64>> = Vec::new();
        let mut rollback = false;
        for event in events {
            let at = event.time - first.time;
            if event.whole_stack {
                found.status.clone_from(&event.status);
                if event.status.ends_with("ROLLBACK_IN_PROGRESS") && !rollback {
                    for (row, open) in found.rows.iter_mut().zip(&mut open) {
                        row.close(open, at, false);
                    }
                    rollback = true;
                }
                continue;
            }
            let index = found.row(event);
            open.resize(found.rows.len(), None);
            let row = &mut found.rows[index];
            if rollback {
                row.rolled_back = Some(event.status.clone());
            } else {
                row.status.clone_from(&event.status);
            }
            if event.status.ends_with("_FAILED") && row.reason.is_empty() {
                row.reason = one_line(&event.reason);
            }
            open[index].get_or_insert(at);
            if !event.status.ends_with("_IN_PROGRESS") {
                row.close(&mut open[index], at, rollback);
            }
        }
        let end = found.duration();
        for (row, open) in found.rows.iter_mut().zip(&mut open) {
            row.close(open, end, rollback);
        }
        Some(found)
    }

    fn row(&mut self, event: &Event) -> usize {
        let known = self
            .rows
            .iter()
            .position(|row| row.logical_id == event.logical_id);
        known.unwrap_or_else(|| {
            self.rows.push(Row {
                logical_id: event.logical_id.clone(),
                resource_type: event.resource_type.clone(),
                status: String::new(),
                rolled_back: None,
                reason: String::new(),
                spans: Vec::new(),
            });
            self.rows.len() - 1
        })
    }

    /// Returns how long the operation took or has been running, in seconds.
    pub(crate) fn duration(&self) -> f64 {
        self.end - self.begin
    }

    pub(crate) fn goes_on(&self) -> bool {
        Condition::of(&self.status) == Condition::InProgress
    }

    /// Returns whether the operation ended without success.
    pub(crate) fn failed(&self) -> bool {
        !self.goes_on() && !succeeded(&self.status)
    }
}

impl Row {
    fn close(&mut self, open: &mut Option<f64>, end: f64, rollback: bool) {
        if let Some(begin) = open.take() {
            self.spans.push(Span {
                begin,
                end,
                rollback,
            });
        }
    }

    /// Returns the time during which the resource was changed, in seconds, excluding the rollback.
    pub(crate) fn duration(&self) -> f64 {
        let own = self.spans.iter().filter(|span| !span.rollback);
        own.map(|span| span.end - span.begin).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: f64, logical_id: &str, status: &str, reason: &str) -> Event {
        Event {
            id: format!("{logical_id}-{status}-{time}"),
            time: 1000.0 + time,
            ..Event::of(logical_id, status, reason)
        }
    }

    fn span(begin: f64, end: f64, rollback: bool) -> Span {
        Span {
            begin,
            end,
            rollback,
        }
    }

    #[test]
    fn a_failed_creation_has_its_rollback_apart() {
        let events = [
            event(0.0, "stack", "CREATE_IN_PROGRESS", ""),
            event(1.0, "A", "CREATE_IN_PROGRESS", ""),
            event(
                2.0,
                "A",
                "CREATE_IN_PROGRESS",
                "Resource creation Initiated",
            ),
            event(2.0, "B", "CREATE_IN_PROGRESS", ""),
            event(5.0, "A", "CREATE_COMPLETE", ""),
            event(6.0, "B", "CREATE_FAILED", "is\n taken"),
            event(6.0, "stack", "ROLLBACK_IN_PROGRESS", ""),
            event(7.0, "A", "DELETE_IN_PROGRESS", ""),
            event(9.0, "A", "DELETE_COMPLETE", ""),
            event(10.0, "stack", "ROLLBACK_COMPLETE", ""),
        ];
        let found = Timeline::of(&events).unwrap();
        assert_eq!((found.kind.as_str(), found.duration()), ("CREATE", 10.0));
        assert!(found.failed() && !found.goes_on());
        let [a, b] = found.rows.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(a.spans, [span(1.0, 5.0, false), span(7.0, 9.0, true)]);
        assert_eq!((a.status.as_str(), a.duration()), ("CREATE_COMPLETE", 4.0));
        assert_eq!(a.rolled_back.as_deref(), Some("DELETE_COMPLETE"));
        assert_eq!((b.reason.as_str(), b.duration()), ("is taken", 4.0));
    }

    #[test]
    fn what_goes_on_is_open_until_the_last_event() {
        let events = [
            event(0.0, "stack", "UPDATE_IN_PROGRESS", ""),
            event(1.0, "A", "UPDATE_IN_PROGRESS", ""),
            event(3.0, "B", "UPDATE_IN_PROGRESS", ""),
        ];
        let found = Timeline::of(&events).unwrap();
        assert!(found.goes_on() && !found.failed());
        assert_eq!(found.rows[0].spans, [span(1.0, 3.0, false)]);
    }

    #[test]
    fn a_retained_resource_has_one_event() {
        let events = [
            event(0.0, "stack", "DELETE_IN_PROGRESS", ""),
            event(1.0, "A", "DELETE_SKIPPED", ""),
            event(2.0, "stack", "DELETE_COMPLETE", ""),
        ];
        let found = Timeline::of(&events).unwrap();
        assert_eq!(found.rows[0].spans, [span(1.0, 1.0, false)]);
        assert!(!found.failed());
    }
}
