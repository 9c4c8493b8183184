//! Spans of time, asked whether one of them can lie between two moments.

use std::ops::Range;

/// Operations of one kind, by when they may have taken effect.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// By start; with each the two latest ends up to there, and whose they are.
    sorted: Vec<(Range<u64>, [Latest; 2])>,
}

/// The end of a span, and its mark.
type Latest = (u64, u64);

impl Spans {
    /// `spans` come by start, each with a mark that tells it from others.
    pub(super) fn of(spans: impl IntoIterator<Item = (Range<u64>, u64)>) -> Self {
        let mut latest = [(0, 0); 2];
        let sorted = spans
            .into_iter()
            .map(|(span, mark)| {
                let end = (span.end, mark);
                if end.0 >= latest[0].0 {
                    latest = [end, latest[0]];
                } else if end.0 >= latest[1].0 {
                    latest[1] = end;
                }
                (span, latest)
            })
            .collect();
        Self { sorted }
    }

    /// Whether one, other than that with mark `but`, may have taken effect after `since` and before `until`.
    pub(super) fn any_within(&self, since: u64, until: u64, but: Option<u64>) -> bool {
        let begun = self.sorted.partition_point(|(span, _)| span.start <= until);
        let Some((_, latest)) = begun.checked_sub(1).and_then(|last| self.sorted.get(last)) else {
            return false;
        };
        // An empty place has an end of 0, and may not pass for a span where `since` is 0.
        latest.iter().take(begun).any(|&(end, mark)| end >= since && Some(mark) != but)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_where_it_overlaps_and_is_not_the_one_left_out() {
        let spans = Spans::of([(0..5, 1), (2..3, 2), (10..20, 3)]);
        assert!(spans.any_within(4, 6, None) && !spans.any_within(4, 6, Some(1)));
        assert!(spans.any_within(3, 6, Some(1)) && !spans.any_within(6, 9, None));
        assert!(spans.any_within(15, 30, None) && !spans.any_within(21, 30, None));
        assert!(!Spans::default().any_within(0, 9, None));
        assert!(!Spans::of([(0..9, 1)]).any_within(0, 9, Some(1)));
    }
}
