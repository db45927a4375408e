//! Bars: how much at least, and how much at most.

use std::fmt::Write as _;

use petswipe_cost::{Money, Range};

use crate::report::{at, escape};

/// How high a bar with its room is.
const STEP: f64 = 30.0;

fn number(money: Money) -> f64 {
    money.amount().try_into().unwrap_or_default()
}

/// A figure of horizontal bars, the longest first: for wide screens, or for narrow ones, where names stand above their bars.
pub(super) fn bars(label: &str, bars: &[(String, Range)], wide: bool) -> String {
    let mut bars: Vec<_> = bars.iter().collect();
    bars.sort_by_key(|(_, range)| std::cmp::Reverse((range.high, range.low)));
    let most = bars.iter().map(|(_, range)| number(range.high)).fold(0.01, f64::max);
    let (class, width, left, right, step) = if wide {
        ("wide", 920.0, 170.0, 760.0, STEP)
    } else {
        ("narrow", 360.0, 4.0, 250.0, STEP + 16.0)
    };
    let height = step * bars.len() as f64 + 8.0;
    let x = |value: f64| left + (right - left) * value / most;
    let words =
        bars.iter().map(|(name, range)| format!("{name} {}", crate::cost::text::range(*range)));
    let description = format!("{label}: {}", words.collect::<Vec<_>>().join("; "));
    let mut out = String::new();
    // Writing to a string can't fail, here and below.
    let _ = write!(
        out,
        r#"<svg class="{class}" viewBox="0 0 {} {}" role="img" aria-label="{}">"#,
        at(width),
        at(height),
        escape(&description)
    );
    for (index, (name, range)) in bars.iter().enumerate() {
        let top = 4.0 + step * index as f64;
        let bar = if wide { top } else { top + 16.0 };
        let (low, high) = (x(number(range.low)), x(number(range.high)));
        if wide {
            let _ = write!(
                out,
                r#"<text class="name end" x="{}" y="{}">{}</text>"#,
                at(left - 10.0),
                at(bar + 15.0),
                escape(name)
            );
        } else {
            let _ = write!(
                out,
                r#"<text class="name" x="{}" y="{}">{}</text>"#,
                at(left),
                at(top + 11.0),
                escape(name)
            );
        }
        for (class, end) in [("most", high), ("least", low)] {
            let length = if end > left { (end - left).max(1.0) } else { 0.0 };
            let _ = write!(
                out,
                r#"<rect class="{class}" x="{}" y="{}" width="{}" height="20" rx="2"/>"#,
                at(left),
                at(bar),
                at(length)
            );
        }
        let _ = write!(
            out,
            r#"<text class="amount" x="{}" y="{}">{}</text>"#,
            at(high + 8.0),
            at(bar + 15.0),
            crate::cost::text::range(*range)
        );
    }
    out.push_str("</svg>\n");
    out
}
