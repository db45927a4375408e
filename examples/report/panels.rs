//! What each panel of the charts shows: shares of traffic, requests, error rate, latency.

use std::fmt::Write as _;

use petswipe_monitor::FindingResult;

use super::facts::{Facts, NOBODY, is_settled};
use super::series::{Bucket, Measured, Traffic, extent, measured, seconds, shares};
use super::svg::{Scale, at, escape, line, round_step, step_area};
use super::text;

/// A plot: everything in it is placed relative to its upper edge.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) height: f64,
    /// Where the lines of the grid are, and what stands beside them.
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) body: String,
    pub(super) labels: Vec<Label>,
}

/// The name of something drawn, beside it.
pub(super) struct Label {
    pub(super) text: String,
    /// The whole of it, where `text` is cut.
    pub(super) full: String,
    /// How it is drawn; see the style sheet.
    pub(super) class: String,
    /// Where it would like to be.
    pub(super) y: f64,
}

impl Label {
    fn new(full: &str, class: String, y: f64) -> Self {
        Self { text: text::short(full, 18), full: full.to_owned(), class, y }
    }
}

/// The panels that there is something to show for, top-down.
pub(super) fn panels(facts: &Facts<'_>, traffic: Option<&Traffic>, x: &Scale) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    panels.extend(split(facts, x).or_else(|| observed_split(facts, traffic?, x)));
    panels.extend(traffic.map(|traffic| requests(facts, traffic, x)));
    panels.extend(errors(facts, traffic, x));
    panels.extend(latency(facts, traffic, x));
    panels
}

/// The colour of the version at `index`, and of its environment.
fn colour(index: usize) -> String {
    format!("c{}", index.min(3))
}

fn version_colour(facts: &Facts<'_>, index: usize) -> String {
    let nobody = facts.versions.get(index).is_some_and(|name| name == NOBODY);
    if nobody { "cx".to_owned() } else { colour(index) }
}

fn version_name(name: &str) -> &str {
    if name == NOBODY { "no answer" } else { name }
}

/// From the bottom upwards: the new version first, so that its share grows from the base line.
fn upwards(count: usize) -> impl Iterator<Item = usize> {
    (1..count).chain((count > 0).then_some(0))
}

fn draw(body: &mut String, class: &str, path: &str, title: &str) {
    // Writing to a string can't fail.
    let _ =
        write!(body, r#"<path class="{class}" d="{path}"><title>{}</title></path>"#, escape(title));
}

fn percent_ticks(y: &Scale) -> Vec<(f64, String)> {
    [0.0, 50.0, 100.0].iter().map(|tick| (y.of(*tick), format!("{tick} %"))).collect()
}

/// The part of all names up to and including the last dash that they share.
fn common_prefix(names: &[String]) -> usize {
    let Some((first, rest)) = names.split_first() else { return 0 };
    let mut ends = first.match_indices('-').map(|(index, dash)| index + dash.len());
    let shared = |end: &usize| {
        *end < first.len() && rest.iter().all(|n| n.len() > *end && n.starts_with(&first[..*end]))
    };
    if rest.is_empty() { 0 } else { ends.rfind(shared).unwrap_or(0) }
}

fn split(facts: &Facts<'_>, x: &Scale) -> Option<Panel> {
    if facts.environments.len() < 2 {
        return None;
    }
    let height = 104.0;
    let y = Scale::linear((0.0, 100.0), (height, 0.0));
    // What was found at the start was so before it, and what was left at the end goes on; of one that stopped half-way
    // nobody knows that.
    let (from, to) = extent(facts.report);
    let end =
        if is_settled(facts.report) { to } else { seconds(facts.report, facts.report.finished_at) };
    let mut spans = shares(facts, end.min(to));
    if let Some((first, ..)) = spans.first_mut() {
        *first = first.min(from);
    }
    let prefix = common_prefix(&facts.environments);
    let (mut body, mut labels) = (String::new(), Vec::new());
    let mut below = vec![0.0; spans.len()];
    for index in upwards(facts.environments.len()) {
        let name = &facts.environments[index];
        let (mut steps, mut last) = (Vec::new(), 0.0);
        let mut middle = height;
        for ((from, to, shares), below) in spans.iter().zip(&mut below) {
            last = f64::from(shares.get(name).copied().unwrap_or(0));
            let (lower, upper) = (y.of(*below), y.of(*below + last));
            steps.push((x.of(*from), x.of(*to), lower, upper));
            *below += last;
            if last > 0.0 {
                middle = (lower + upper) / 2.0;
            }
        }
        let class = format!("area {}", colour(index));
        draw(&mut body, &class, &step_area(&steps), name);
        let mut label = Label::new(&format!("{} {last} %", &name[prefix..]), class, middle);
        label.full = format!("{name}, {last} % at the end");
        labels.push(label);
    }
    let title = "Traffic by environment, %".to_owned();
    Some(Panel { title, height, ticks: percent_ticks(&y), body, labels })
}

/// Where the router's weights tell nothing, as in a rolling update: who really answered.
fn observed_split(facts: &Facts<'_>, traffic: &Traffic, x: &Scale) -> Option<Panel> {
    if facts.versions.len() < 2 {
        return None;
    }
    let height = 104.0;
    let y = Scale::linear((0.0, 100.0), (height, 0.0));
    let all = |index: usize| -> u64 {
        (0..facts.versions.len()).map(|version| traffic.bucket(version, index).requests).sum()
    };
    let part =
        |index: usize, bucket: Bucket| bucket.requests as f64 * 100.0 / all(index).max(1) as f64;
    let (body, labels) = stack(facts, traffic, x, &y, &part, vec![0.0; traffic.len()]);
    let title = "Requests by version, %".to_owned();
    Some(Panel { title, height, ticks: percent_ticks(&y), body, labels })
}

/// The versions upon each other, and upon what is `below` already.
fn stack(
    facts: &Facts<'_>,
    traffic: &Traffic,
    x: &Scale,
    y: &Scale,
    value: &dyn Fn(usize, Bucket) -> f64,
    mut below: Vec<f64>,
) -> (String, Vec<Label>) {
    let (mut body, mut labels) = (String::new(), Vec::new());
    for version in upwards(facts.versions.len()) {
        let mut steps = Vec::new();
        let mut middle = y.of(0.0);
        for (index, below) in below.iter_mut().enumerate() {
            let (from, to) = traffic.span(index);
            let value = value(index, traffic.bucket(version, index));
            let (lower, upper) = (y.of(*below), y.of(*below + value));
            steps.push((x.of(from), x.of(to), lower, upper));
            *below += value;
            if value > 0.0 {
                middle = (lower + upper) / 2.0;
            }
        }
        let class = format!("area {}", version_colour(facts, version));
        let name = version_name(&facts.versions[version]);
        draw(&mut body, &class, &step_area(&steps), name);
        labels.push(Label::new(name, class, middle));
    }
    (body, labels)
}

fn requests(facts: &Facts<'_>, traffic: &Traffic, x: &Scale) -> Panel {
    let height = 104.0;
    let versions = 0..facts.versions.len();
    let sum = |index: usize, of: fn(Bucket) -> u64| -> f64 {
        let sum: u64 = versions.clone().map(|version| of(traffic.bucket(version, index))).sum();
        sum as f64 / traffic.step
    };
    let most = (0..traffic.len()).map(|index| sum(index, |b| b.requests)).fold(1.0, f64::max);
    let y = even(most, height);
    let failed: Vec<f64> = (0..traffic.len()).map(|index| sum(index, |b| b.failed)).collect();
    let answered = |_: usize, b: Bucket| b.requests.saturating_sub(b.failed) as f64 / traffic.step;
    let (mut body, mut labels) = stack(facts, traffic, x, &y, &answered, failed.clone());
    // A version that only ever failed has no area of its own.
    labels.retain(|label| label.full != version_name(NOBODY));
    if failed.iter().any(|rate| *rate > 0.0) {
        let steps = failed.iter().enumerate().filter(|(_, rate)| **rate > 0.0);
        let steps = steps.map(|(index, rate)| {
            let (from, to) = traffic.span(index);
            // One among hundreds would not be seen.
            (x.of(from), x.of(to), height, y.of(*rate).min(height - 2.5))
        });
        draw(&mut body, "area bad", &step_area(&steps.collect::<Vec<_>>()), "failed requests");
        labels.push(Label::new("failed", "area bad".to_owned(), height));
    }
    let title = "Requests per second".to_owned();
    Panel { title, height, ticks: ticks(&y, 3, |tick| text::decimal(tick, 2)), body, labels }
}

/// From 0 to a round number above `most`.
fn even(most: f64, height: f64) -> Scale {
    let step = round_step(most / 4.0);
    Scale::linear((0.0, (most / step).ceil() * step), (height, 0.0))
}

fn ticks(y: &Scale, most: usize, label: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    y.ticks(most).into_iter().map(|tick| (y.of(tick), label(tick))).collect()
}

fn errors(facts: &Facts<'_>, traffic: Option<&Traffic>, x: &Scale) -> Option<Panel> {
    // Other rates, such as that of client errors, matter here only if their limit was broken.
    let broken = |metric: &str| {
        let mut evidence = facts.report.checks.iter().flat_map(|check| &check.evidence);
        evidence.any(|f| f.metric == metric && f.result == FindingResult::Broken)
    };
    let judged = measured(facts.report, |f| {
        let rate = f.unit == "%" && f.metric.contains("error rate");
        rate && (f.metric == "error rate" || broken(&f.metric))
    });
    if traffic.is_none() && judged.is_empty() {
        return None;
    }
    let values = lines(facts, traffic, &judged, |bucket| Some(bucket.error_rate()), "");
    let limits = judged.iter().flat_map(|m| m.points.iter().map(|(_, _, limit)| limit * 1.2));
    let most = values.iter().flat_map(Line::values).chain(limits).fold(1.0, f64::max).min(100.0);
    let y = even(most, 84.0);
    let ticks = ticks(&y, 3, |tick| format!("{} %", text::decimal(tick, 2)));
    Some(plot("Error rate, %", &y, 84.0, ticks, x, &values, &judged))
}

fn latency(facts: &Facts<'_>, traffic: Option<&Traffic>, x: &Scale) -> Option<Panel> {
    let judged = measured(facts.report, |f| f.unit == "ms" && f.metric.contains("latency"));
    let mut values = lines(facts, traffic, &judged, |bucket| bucket.p99, " p99");
    if traffic.is_some() {
        let medians = lines(facts, traffic, &judged, |bucket| bucket.p50, " p50");
        values.extend(medians.into_iter().map(|line| Line { class: line.class + " thin", ..line }));
    }
    let limits = judged.iter().flat_map(|m| m.points.iter().map(|(_, _, limit)| *limit));
    let all: Vec<f64> = values.iter().flat_map(Line::values).chain(limits).collect();
    let low = all.iter().copied().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    let high = all.iter().copied().fold(0.0, f64::max);
    if high <= 0.0 {
        return None;
    }
    let height = 120.0;
    let log = high / low > 20.0;
    let y = match log {
        true => Scale::log((low / 1.3, high * 1.3), (height, 0.0)),
        false => even(high, height),
    };
    let label = |tick: f64| match tick {
        _ if tick >= 1000.0 => format!("{} s", text::decimal(tick / 1000.0, 2)),
        _ => format!("{} ms", text::decimal(tick, 2)),
    };
    let title = if log { "Time to answer, ms, logarithmic" } else { "Time to answer, ms" };
    Some(plot(title, &y, height, ticks(&y, if log { 5 } else { 3 }, label), x, &values, &judged))
}

/// A named line: seconds and values, with gaps.
struct Line {
    name: String,
    class: String,
    points: Vec<Option<(f64, f64)>>,
    /// Whether only its points are known.
    dots: bool,
}

impl Line {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.points.iter().flatten().map(|(_, value)| *value)
    }
}

/// One line for each version as users saw it; else what the checks measured of the new one.
fn lines(
    facts: &Facts<'_>,
    traffic: Option<&Traffic>,
    judged: &[Measured],
    value: impl Fn(&Bucket) -> Option<f64>,
    suffix: &str,
) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(traffic) = traffic {
        for (version, name) in facts.versions.iter().enumerate().filter(|(_, n)| *n != NOBODY) {
            let point = |(index, bucket): (usize, &Option<Bucket>)| {
                let (from, to) = traffic.span(index);
                Some(((from + to) / 2.0, value(bucket.as_ref()?)?))
            };
            let name = format!("{}{suffix}", text::short(name, 18 - suffix.len()));
            let points = traffic.versions[version].iter().enumerate().map(point).collect();
            lines.push(Line {
                name,
                class: format!("line {}", version_colour(facts, version)),
                points,
                dots: false,
            });
        }
    } else {
        for (index, metric) in judged.iter().enumerate() {
            let points = metric.points.iter().map(|(at, value, _)| value.map(|value| (*at, value)));
            let class = format!("line {}", colour(index + 1));
            let points = points.collect();
            lines.push(Line { name: metric.metric.clone(), class, points, dots: true });
        }
    }
    lines.retain(|line| line.values().next().is_some());
    lines
}

/// Lines with their limits.
fn plot(
    title: &str,
    y: &Scale,
    height: f64,
    ticks: Vec<(f64, String)>,
    x: &Scale,
    lines: &[Line],
    judged: &[Measured],
) -> Panel {
    let (mut body, mut labels) = (String::new(), Vec::new());
    for Line { name, class, points, dots } in lines {
        let placed = points.iter().map(|point| point.map(|(at, value)| (x.of(at), y.of(value))));
        let placed: Vec<_> = placed.collect();
        draw(&mut body, class, &line(&placed), name);
        if *dots {
            let alone = placed.iter().flat_map(|point| [*point, None]).collect::<Vec<_>>();
            draw(&mut body, &format!("{class} dots"), &line(&alone), name);
        }
        let last = placed.iter().rev().flatten().next().map_or(height, |(_, y)| *y);
        labels.push(Label::new(name, class.clone(), last));
    }
    let (low, high) = x.domain();
    for Measured { metric, points } in judged {
        let Some((_, _, last)) = points.last() else { continue };
        let mut path = format!("M{} ", at(x.of(low)));
        for (index, (_, _, limit)) in points.iter().enumerate() {
            let until = points.get(index + 1).map_or(high, |(next, _, _)| *next);
            let _ = write!(
                path,
                "{}{}H{}",
                if index > 0 { "V" } else { "" },
                at(y.of(*limit)),
                at(x.of(until))
            );
        }
        let unit = if title.contains('%') { "%" } else { "ms" };
        let full = format!("limit of the {metric}: {} {unit}", text::measured(*last));
        draw(&mut body, "line limit", &path, &full);
        let mut label = Label::new(&full, "line limit".to_owned(), y.of(*last));
        let value = match unit {
            "ms" if *last >= 10_000.0 => format!("{} s", text::measured(*last / 1000.0)),
            _ => format!("{} {unit}", text::measured(*last)),
        };
        // Of several, the first word tells them apart, as in `p99 latency`; all of it would not fit.
        let word = metric.split(' ').next().filter(|_| judged.len() > 1);
        let text = word.map_or(format!("limit {value}"), |word| format!("{word} limit {value}"));
        label.text = text::short(&text, 18);
        labels.push(label);
    }
    Panel { title: title.to_owned(), height, ticks, body, labels }
}
