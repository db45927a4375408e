//! Alerts in an annotation: `14.4x over 1h and 5m: page; 1x over 3d and 6h: ticket`, or `none`.

use std::time::Duration;

use super::ALERTS;
use crate::Error;
use crate::slo::alert::spoken;
use crate::slo::{BurnRateAlert, Severity};

pub(super) fn write(alerts: &[BurnRateAlert]) -> String {
    if alerts.is_empty() {
        return "none".to_owned();
    }
    let one = |alert: &BurnRateAlert| {
        let (long, short) = (spoken(alert.long()), spoken(alert.short()));
        format!("{}x over {long} and {short}: {}", alert.factor(), alert.severity())
    };
    alerts.iter().map(one).collect::<Vec<_>>().join("; ")
}

pub(super) fn read(text: &str) -> Result<Vec<BurnRateAlert>, Error> {
    if text.trim() == "none" {
        return Ok(Vec::new());
    }
    let one = |text: &str| {
        parts(text).ok_or_else(|| {
            let field = format!("metadata.annotations.{ALERTS}");
            Error::invalid(field, text.trim(), "none, or alerts like 14.4x over 1h and 5m: page")
        })
    };
    let alert = |text| {
        let (factor, long, short, severity) = one(text)?;
        BurnRateAlert::new(factor, long, short, severity)
    };
    text.split(';').map(alert).collect()
}

fn parts(text: &str) -> Option<(f64, Duration, Duration, Severity)> {
    let (windows, severity) = text.trim().split_once(": ")?;
    let (factor, windows) = windows.split_once("x over ")?;
    let (long, short) = windows.split_once(" and ")?;
    let severity = match severity {
        "page" => Severity::Page,
        "ticket" => Severity::Ticket,
        _ => return None,
    };
    Some((factor.parse().ok()?, window(long)?, window(short)?, severity))
}

/// Reads what [`spoken`] writes: `1d12h`, `5m`.
fn window(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at(end);
        let seconds = match unit.chars().next()? {
            'd' => 86_400,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(seconds)?;
        sum = sum.checked_add(Duration::from_secs(part))?;
        rest = &unit[1..];
    }
    (!sum.is_zero()).then_some(sum)
}
