//! The small part of SVG that charts need: scales, ticks, paths and labels that do not overlap. Every coordinate is finite.

use std::fmt::Write as _;

/// Text as text, in HTML and SVG, in element content and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A coordinate with at most one decimal; 0 for what is not a number.
pub(crate) fn at(value: f64) -> String {
    let value = if value.is_finite() { (value * 10.0).round() / 10.0 } else { 0.0 };
    // Adding 0 turns -0 into 0.
    (value + 0.0).to_string()
}

/// Values of a domain to coordinates of a range.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    domain: (f64, f64),
    range: (f64, f64),
    log: bool,
}

impl Scale {
    /// Even. A domain without extent, or one that is not finite, is widened.
    pub(super) fn linear(domain: (f64, f64), range: (f64, f64)) -> Self {
        let low = if domain.0.is_finite() { domain.0 } else { 0.0 };
        let high = if domain.1.is_finite() && domain.1 > low { domain.1 } else { low + 1.0 };
        Self { domain: (low, high), range, log: false }
    }

    /// Logarithmic, for values above 0.
    pub(super) fn log(domain: (f64, f64), range: (f64, f64)) -> Self {
        let low = if domain.0.is_finite() { domain.0.max(1e-6) } else { 1.0 };
        let high = if domain.1.is_finite() && domain.1 > low { domain.1 } else { low * 10.0 };
        Self { domain: (low, high), range, log: true }
    }

    pub(super) fn domain(&self) -> (f64, f64) {
        self.domain
    }

    /// Where a value is; values outside the domain are at its edge.
    pub(super) fn of(&self, value: f64) -> f64 {
        let (low, high) = self.domain;
        let value = if value.is_finite() { value.clamp(low, high) } else { low };
        let part = match self.log {
            false => (value - low) / (high - low),
            true => (value.ln() - low.ln()) / (high.ln() - low.ln()),
        };
        self.range.0 + part * (self.range.1 - self.range.0)
    }

    /// Round values within the domain, at most some `most`.
    pub(super) fn ticks(&self, most: usize) -> Vec<f64> {
        let (low, high) = self.domain;
        if !self.log {
            let step = round_step((high - low) / most.max(1) as f64);
            return multiples(step, low, high);
        }
        let (from, to) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let within = |digits: &[f64]| -> Vec<f64> {
            let decades = (from..=to).flat_map(|power| digits.iter().map(move |d| (*d, power)));
            let values = decades.map(|(digit, power)| digit * 10f64.powi(power));
            values.filter(|value| (low * 0.999..=high * 1.001).contains(value)).collect()
        };
        let choices: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
        let mut ticks = choices.iter().map(|digits| within(digits));
        ticks.find(|ticks| ticks.len() <= most).unwrap_or_default()
    }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `step`.
pub(super) fn round_step(step: f64) -> f64 {
    if !step.is_finite() || step <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 2.5, 5.0];
    let factor = factors.into_iter().find(|factor| factor * power >= step * 0.999);
    factor.unwrap_or(10.0) * power
}

fn multiples(step: f64, low: f64, high: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    let count = ((high / step + 1e-9).floor() - first).clamp(-1.0, 100.0) as i32;
    (0..=count).map(|index| (first + f64::from(index)) * step).collect()
}

/// Ticks of a time axis in seconds: multiples that people count in.
pub(super) fn time_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let steps = [
        0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0,
        1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0, 43_200.0,
    ];
    let wanted = (high - low) / most.max(1) as f64;
    let step = steps.into_iter().find(|step| *step >= wanted);
    multiples(step.unwrap_or_else(|| (wanted / 86_400.0).ceil() * 86_400.0), low, high)
}

/// `15 s`, `1:30`, `4 min`, `1:30 h`.
pub(super) fn time_label(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "" };
    let seconds = seconds.abs();
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 60.0 => format!("{sign}{} s", super::text::decimal(seconds, 2)),
        _ if whole < 3600 && whole.is_multiple_of(60) => format!("{sign}{} min", whole / 60),
        _ if whole < 3600 => format!("{sign}{}:{:02}", whole / 60, whole % 60),
        _ if whole.is_multiple_of(3600) => format!("{sign}{} h", whole / 3600),
        _ => format!("{sign}{}:{:02} h", whole / 3600, whole % 3600 / 60),
    }
}

/// A line through points; it breaks where there is none. A lonely point is a dot, given round line caps.
pub(super) fn line(points: &[Option<(f64, f64)>]) -> String {
    let mut path = String::new();
    for (index, point) in points.iter().enumerate() {
        let Some((x, y)) = point else { continue };
        let before = index.checked_sub(1).and_then(|before| points[before]);
        let after = points.get(index + 1).copied().flatten();
        // Writing to a string can't fail.
        let _ = match (before, after) {
            (Some(_), _) => write!(path, "L{} {}", at(*x), at(*y)),
            (None, Some(_)) => write!(path, "M{} {}", at(*x), at(*y)),
            (None, None) => write!(path, "M{} {}h0.1", at(*x), at(*y)),
        };
    }
    path
}

/// The area between two step functions over the same spans `(from, to, lower, upper)`, as closed polygons.
pub(super) fn step_area(steps: &[(f64, f64, f64, f64)]) -> String {
    let mut path = String::new();
    let mut rest = steps;
    while let Some(first) = rest.first() {
        let joined = rest.windows(2).take_while(|pair| (pair[0].1 - pair[1].0).abs() < 0.05);
        let (run, after) = rest.split_at(joined.count() + 1);
        rest = after;
        let _ = write!(path, "M{} {}", at(first.0), at(first.2));
        for (from, to, _, upper) in run {
            let _ = write!(path, "L{} {}H{}", at(*from), at(*upper), at(*to));
        }
        for (from, to, lower, _) in run.iter().rev() {
            let _ = write!(path, "L{} {}H{}", at(*to), at(*lower), at(*from));
        }
        path.push('Z');
    }
    path
}

/// Moves labels that want to be at `wanted` apart so that they are `gap` apart and within `low..=high`, if they fit.
/// The order of the answer is that of `wanted`.
pub(super) fn apart(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut places: Vec<f64> = order.iter().map(|index| wanted[*index].clamp(low, high)).collect();
    for index in 1..places.len() {
        places[index] = places[index].max(places[index - 1] + gap);
    }
    // Those that were pushed out at the bottom push the others up again.
    let mut limit = high;
    for place in places.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - gap;
    }
    let mut moved = vec![0.0; wanted.len()];
    for (index, place) in order.into_iter().zip(places) {
        moved[index] = place;
    }
    moved
}
