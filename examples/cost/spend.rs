//! What was spent, in words.

use petswipe_cost::{Forecast, Jump, SpendReport};

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
