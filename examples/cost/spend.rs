//! What was spent, in words.

use petswipe_cost::{Amount, Day, Forecast, Jump, SpendReport};

use super::text::tag_value;

/// The head of the table of days.
pub(super) const DAYS: &str = "DAY";

/// So many days are shown one by one.
const LAST_DAYS: usize = 14;

/// A line each of the total, the services, the trend, the forecast and what stands out.
pub(super) fn lines(spend: &SpendReport) -> Vec<String> {
    let currency = spend.currency;
    let days = spend.by_day.len();
    let mut lines =
        vec![format!("spent: {} {currency} in {days} days from {}", spend.total, spend.from)];
    let services: Vec<_> =
        spend.by_service.iter().take(5).map(|one| format!("{} {}", one.name, one.amount)).collect();
    if !services.is_empty() {
        lines.push(format!("most of it: {}", services.join(", ")));
    }
    lines.push(match &spend.trend {
        None => "trend: too few days to say".to_owned(),
        Some(trend) if !trend.is_clear() => {
            format!("trend: none that is clear, over {} days", trend.days)
        }
        Some(trend) => {
            let word = if trend.per_month > 0.0 { "rising" } else { "falling" };
            let share = trend
                .percent_per_month
                .map(|percent| format!(" ({percent:+.1} %)"))
                .unwrap_or_default();
            format!(
                "trend: {word}, a day by {:.2} {currency} each month{share}, over {} days",
                trend.per_month.abs(),
                trend.days
            )
        }
    });
    lines
        .push(spend.forecast.as_ref().map_or("forecast: too few days to say".to_owned(), forecast));
    lines.extend(spend.jumps.found.iter().map(|found| jump(found, spend)));
    if spend.jumps.found.is_empty() && spend.jumps.days > 0 {
        lines.push(format!(
            "no day of {} stands out (false alarms: at most {} a year)",
            spend.jumps.days, spend.false_alarms_per_year
        ));
    }
    lines
}

/// Tables of a name and an amount, each with its head: by service, tag and month with at most so many lines (0 for all), and the last
/// days.
pub(super) fn tables(spend: &SpendReport, top: usize) -> Vec<(String, Vec<(String, String)>)> {
    let most = if top == 0 { usize::MAX } else { top };
    let named = |all: &[Amount]| -> Vec<_> {
        let shown = all.iter().take(most);
        shown.map(|one| (tag_value(&one.name), one.amount.to_string())).collect()
    };
    let dated = |all: &[Day], most: usize| -> Vec<_> {
        let shown = all.iter().skip(all.len().saturating_sub(most));
        shown.map(|one| (one.day.to_string(), one.amount.to_string())).collect()
    };
    let tables = [
        ("SERVICE", named(&spend.by_service)),
        ("TAG", named(&spend.by_tag)),
        ("MONTH FROM", dated(&spend.by_month, most)),
        (DAYS, dated(&spend.by_day, if top == 0 { usize::MAX } else { LAST_DAYS })),
    ];
    let full = tables.into_iter().filter(|(_, lines)| !lines.is_empty());
    full.map(|(head, lines)| (head.to_owned(), lines)).collect()
}

fn forecast(forecast: &Forecast) -> String {
    format!(
        "forecast: {} {} in {}, of which {} were there before {}; with {} % between {} and {}",
        forecast.expected,
        forecast.currency,
        forecast.from.strftime("%B"),
        forecast.so_far,
        forecast.from,
        forecast.level_percent,
        forecast.low,
        forecast.high
    )
}

fn jump(jump: &Jump, spend: &SpendReport) -> String {
    let what = jump.service.as_deref().unwrap_or("all of it");
    let on = if jump.goes_on { "goes on" } else { "is over" };
    format!(
        "stands out: {what} on {}: {} where {} were expected; {on}, {} more so far (false alarms: at most {} a year)",
        jump.day, jump.amount, jump.expected, jump.extra, spend.false_alarms_per_year
    )
}
