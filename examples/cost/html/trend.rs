//! What each day cost, as bars, with those marked that stand out.

use std::fmt::Write as _;

use petswipe_cost::{Money, SpendReport};

use crate::report::{at, escape};

const HEIGHT: f64 = 150.0;

fn number(money: Money) -> f64 {
    money.amount().try_into().unwrap_or_default()
}

/// A figure of the days, for wide screens or for narrow ones.
pub(super) fn days(spend: &SpendReport, wide: bool) -> String {
    let (class, width, left) = if wide { ("wide", 920.0, 64.0) } else { ("narrow", 360.0, 52.0) };
    let most = spend.by_day.iter().map(|day| number(day.amount)).fold(0.01, f64::max);
    let step = (width - left) / spend.by_day.len().max(1) as f64;
    let y = |value: f64| 10.0 + HEIGHT * (1.0 - value.max(0.0) / most);
    let words = format!(
        "Cost of each day from {} on: {} {} in all, at most {most:.2} a day",
        spend.from, spend.total, spend.currency
    );
    let mut out = String::new();
    // Writing to a string can't fail, here and below.
    let _ = write!(
        out,
        r#"<svg class="{class}" viewBox="0 0 {} {}" role="img" aria-label="{}">"#,
        at(width),
        at(HEIGHT + 34.0),
        escape(&words)
    );
    for share in [0.0, 0.5, 1.0] {
        let (height, value) = (y(most * share), most * share);
        let _ = write!(
            out,
            r#"<path class="grid" d="M{} {}H{}"/><text class="tick" x="{}" y="{}">{value:.0}</text>"#,
            at(left),
            at(height),
            at(width),
            at(left - 8.0),
            at(height + 4.0)
        );
    }
    for (index, day) in spend.by_day.iter().enumerate() {
        let stands_out = spend.jumps.found.iter().any(|jump| jump.day == day.day);
        let unsettled = day.day >= spend.settled_until;
        let class = match (stands_out, unsettled) {
            (true, _) => "jump",
            (_, true) => "most",
            _ => "least",
        };
        let top = y(number(day.amount));
        let _ = write!(
            out,
            r#"<rect class="{class}" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>"#,
            at(left + step * index as f64),
            at(top),
            at((step - 1.0).max(0.6)),
            at(y(0.0) - top),
            day.day,
            day.amount
        );
    }
    let ends = [(spend.by_day.first(), left, "start"), (spend.by_day.last(), width, "end")];
    for (day, x, anchor) in ends {
        if let Some(day) = day {
            let _ = write!(
                out,
                r#"<text class="day {anchor}" x="{}" y="{}">{}</text>"#,
                at(x),
                at(HEIGHT + 28.0),
                day.day
            );
        }
    }
    out.push_str("</svg>\n");
    out
}
