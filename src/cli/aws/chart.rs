//! Bars of block characters on a common time scale.

use crate::deploy::timeline::Span;

/// Cells filled from the left, in steps of one eighth.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
const ROLLBACK: char = '░';

/// Draws the spans on one line of at most `width` cells, which represent `total` seconds. Even the
/// shortest span is visible.
pub(crate) fn bar(spans: &[Span], total: f64, width: usize) -> String {
    let scale = if total > 0.0 {
        width as f64 / total
    } else {
        0.0
    };
    let mut cells = vec![' '; width];
    for span in spans {
        // Rounding can exceed the width.
        let begin = (span.begin * scale).min(width as f64);
        let end = (span.end * scale).clamp(begin, width as f64);
        let first = (begin.floor() as usize).min(width.saturating_sub(1));
        for (index, cell) in cells.iter_mut().enumerate().skip(first) {
            let covered = end - index as f64;
            if index > first && covered <= 0.0 {
                break;
            }
            let eighths = (covered * 8.0).round().clamp(1.0, 8.0) as usize;
            if span.rollback {
                *cell = ROLLBACK;
            } else if index == first || covered * 8.0 >= 0.5 {
                *cell = EIGHTHS[eighths - 1];
            }
        }
    }
    cells.iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(begin: f64, end: f64) -> Span {
        Span {
            begin,
            end,
            rollback: false,
        }
    }

    #[test]
    fn bars_start_where_their_time_does() {
        assert_eq!(bar(&[span(0.0, 10.0)], 10.0, 5), "█████");
        assert_eq!(bar(&[span(4.0, 8.0)], 10.0, 5), "  ██");
        assert_eq!(bar(&[span(0.0, 5.0)], 10.0, 5), "██▌");
        assert_eq!(bar(&[span(5.0, 5.0)], 10.0, 5), "  ▌");
    }

    #[test]
    fn nothing_is_too_short_or_too_long_to_be_seen() {
        assert_eq!(bar(&[span(0.0, 0.001)], 10.0, 5), "▏");
        assert_eq!(bar(&[span(10.0, 10.0)], 10.0, 5), "    █");
        assert_eq!(bar(&[span(0.0, 0.0)], 0.0, 5), "▏");
        assert_eq!(bar(&[span(9.0, 99.0)], 10.0, 5), "    █");
        for tenths in 1..2000_u32 {
            let end = f64::from(tenths) / 10.0;
            assert!(!bar(&[span(end, end)], end, 59).is_empty());
        }
    }

    #[test]
    fn a_rollback_looks_otherwise() {
        let rollback = Span {
            begin: 6.0,
            end: 10.0,
            rollback: true,
        };
        assert_eq!(bar(&[span(0.0, 4.0), rollback], 10.0, 5), "██ ░░");
    }
}
