//! What the HTTP API of Prometheus answers, parsed in one pass over the bytes.
//!
//! Source: "HTTP API", Prometheus documentation.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One value at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since 1970, the precision of Prometheus.
    pub at: i64,
    /// It may be NaN or infinite.
    pub value: f64,
}

/// One native histogram at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeSample {
    /// Milliseconds since 1970.
    pub at: i64,
    /// All that were counted.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// Those buckets that are not empty, each for itself and not cumulative.
    pub buckets: Vec<NativeBucket>,
}

/// One bucket of a native histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NativeBucket {
    /// Its lower bound.
    pub lower: f64,
    /// Its upper bound.
    pub upper: f64,
    /// How many lie in it.
    pub count: f64,
}

/// One series: its labels, and what it was when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Names and values, sorted by name; the metric's own name is `__name__`.
    pub labels: Vec<(String, String)>,
    /// By rising time.
    pub samples: Vec<Sample>,
    /// By rising time.
    pub histograms: Vec<NativeSample>,
}

impl Series {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(held, _)| held == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label("__name__").unwrap_or_default())?;
        let labels = self.labels.iter().filter(|(name, _)| name != "__name__");
        for (index, (name, value)) in labels.enumerate() {
            write!(f, "{}{name}={value:?}", if index == 0 { "{" } else { "," })?;
        }
        let named = self.labels.iter().any(|(name, _)| name != "__name__");
        f.write_str(if named { "}" } else { "" })
    }
}

/// A whole answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// Of a scalar, one series without labels.
    pub(super) series: Vec<Series>,
    /// What is missing or doubtful in it.
    pub(super) warnings: Vec<String>,
    /// Why there is none: the type and the message.
    pub(super) error: Option<(String, String)>,
}

impl Answer {
    /// Parses the body of an answer.
    ///
    /// # Errors
    /// What is wrong with it: no such document, times that do not rise, the same series twice.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let body = std::str::from_utf8(body).map_err(|why| why.to_string())?;
        let envelope: Envelope = serde_json::from_str(body).map_err(|why| why.to_string())?;
        match envelope.status.as_str() {
            "success" => {}
            "error" => {
                let error = (envelope.error_type, envelope.error);
                return Ok(Self { error: Some(error), ..Self::default() });
            }
            other => return Err(format!("its status is {other:?}")),
        }
        let series = envelope.data.ok_or("it has no data")?.result.0;
        check(&series)?;
        Ok(Self { series, warnings: envelope.warnings.unwrap_or_default(), error: None })
    }
}

/// Refuses points that are not in their order, and a series that is there twice: then counts would be, too.
fn check(series: &[Series]) -> Result<(), String> {
    for one in series {
        let rising = one.samples.windows(2).all(|pair| pair[0].at < pair[1].at)
            && one.histograms.windows(2).all(|pair| pair[0].at < pair[1].at);
        if !rising {
            return Err(format!("the times of {one} do not rise"));
        }
    }
    let mut labels: Vec<_> = series.iter().map(|one| &one.labels).collect();
    labels.sort_unstable();
    match labels.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(_) => Err("it has the same series twice".to_owned()),
        None => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: String,
    data: Option<Body>,
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error: String,
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Body {
    result: All,
}

/// Series, or the time and the value of a scalar.
struct All(Vec<Series>);

impl<'de> Deserialize<'de> for All {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = All;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of series, or a time and a value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<All, A::Error> {
                let mut all = Vec::new();
                let mut time = None;
                while let Some(element) = list.next_element::<Element>()? {
                    match (element, time) {
                        (Element::Series(series), None) => all.push(series),
                        (Element::Number(seconds), None) if all.is_empty() => time = Some(seconds),
                        (Element::Text(value), Some(seconds)) => {
                            let samples = vec![Sample { at: millis(seconds), value }];
                            all.push(Series { samples, ..Series::default() });
                        }
                        _ => return Err(A::Error::custom("a mixture of series and numbers")),
                    }
                }
                Ok(All(all))
            }
        }
        from.deserialize_seq(Elements)
    }
}

enum Element {
    Series(Series),
    Number(f64),
    Text(f64),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Kinds;
        impl<'de> Visitor<'de> for Kinds {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a series, a time or a value")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Element, E> {
                Ok(Element::Number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Element, E> {
                Ok(Element::Number(number as f64))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Element, E> {
                text.parse().map(Element::Text).map_err(|_| E::custom("a value that is no number"))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Element, A::Error> {
                let mut series = Series::default();
                while let Some(key) = map.next_key::<&'de str>()? {
                    match key {
                        "metric" => series.labels = map.next_value::<Labels>()?.0,
                        "value" => series.samples.push(map.next_value::<Point>()?.0),
                        "values" => series.samples = map.next_value::<Points>()?.0,
                        "histogram" => series.histograms.push(map.next_value::<Native>()?.0),
                        "histograms" => {
                            let all: Vec<Native> = map.next_value()?;
                            series.histograms = all.into_iter().map(|native| native.0).collect();
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Element::Series(series))
            }
        }
        from.deserialize_any(Kinds)
    }
}

struct Labels(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut labels = Vec::with_capacity(map.size_hint().unwrap_or(8));
                while let Some(pair) = map.next_entry()? {
                    labels.push(pair);
                }
                labels.sort_unstable();
                Ok(Labels(labels))
            }
        }
        from.deserialize_map(Pairs)
    }
}

struct Points(Vec<Sample>);

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Points;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of times and values")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Points, A::Error> {
                let mut points = Vec::with_capacity(256);
                while let Some(point) = list.next_element::<Point>()? {
                    points.push(point.0);
                }
                Ok(Points(points))
            }
        }
        from.deserialize_seq(List)
    }
}

/// `[1700000000.123,"42"]`.
struct Point(Sample);

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (seconds, value) = <(f64, &'de str)>::deserialize(from)?;
        let value = number(value)
            .ok_or_else(|| D::Error::custom(format!("the value {value:?} is no number")))?;
        Ok(Point(Sample { at: millis(seconds), value }))
    }
}

/// Short whole numbers, which counters mostly are, without the detour of the general case.
fn number(text: &str) -> Option<f64> {
    let digits = text.as_bytes();
    if (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) {
        let whole = digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        return Some(whole as f64);
    }
    text.parse().ok()
}

/// `[1700000000.123,{"count":"10","sum":"1.5","buckets":[[0,"0.5","1","10"]]}]`.
struct Native(NativeSample);

#[derive(Deserialize)]
struct NativeBody<'a> {
    #[serde(borrow)]
    count: &'a str,
    #[serde(borrow)]
    sum: &'a str,
    #[serde(borrow, default)]
    buckets: Vec<(u8, &'a str, &'a str, &'a str)>,
}

impl<'de> Deserialize<'de> for Native {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (seconds, body) = <(f64, NativeBody<'de>)>::deserialize(from)?;
        let parse = |text: &str| {
            number(text).ok_or_else(|| D::Error::custom(format!("{text:?} is no number")))
        };
        let bucket = |(_, lower, upper, count): (u8, &str, &str, &str)| {
            let (lower, upper, count) = (parse(lower)?, parse(upper)?, parse(count)?);
            Ok(NativeBucket { lower, upper, count })
        };
        Ok(Native(NativeSample {
            at: millis(seconds),
            count: parse(body.count)?,
            sum: parse(body.sum)?,
            buckets: body.buckets.into_iter().map(bucket).collect::<Result<_, _>>()?,
        }))
    }
}

fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_samples_is_a_matrix() {
        let body = br#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"job":"b","__name__":"up"},"values":[[1700000000.123,"1"],[1700000001,"NaN"],[1700000002.5,"+Inf"]]},
            {"metric":{},"values":[[1,"-1e-3"]]}]},"infos":["not a counter"]}"#;
        let answer = Answer::parse(body).unwrap();
        let first = &answer.series[0];
        assert_eq!(first.to_string(), r#"up{job="b"}"#);
        assert_eq!(first.samples[0], Sample { at: 1_700_000_000_123, value: 1.0 });
        assert!(first.samples[1].value.is_nan());
        assert_eq!(first.samples[2], Sample { at: 1_700_000_002_500, value: f64::INFINITY });
        assert_eq!(answer.series[1].samples[0].value, -0.001);
        assert!(answer.warnings.is_empty(), "a hint is no warning");
    }

    #[test]
    fn vectors_and_scalars_are_series_of_one_sample() {
        let vector = br#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"\"\u00e9"},"value":[7,"3"]}]}}"#;
        let vector = Answer::parse(vector).unwrap();
        assert_eq!(vector.series[0].label("a"), Some("\"é"));
        assert_eq!(vector.series[0].samples, [Sample { at: 7000, value: 3.0 }]);
        let scalar = br#"{"status":"success","data":{"resultType":"scalar","result":[7.5,"3"]}}"#;
        assert_eq!(
            Answer::parse(scalar).unwrap().series[0].samples,
            [Sample { at: 7500, value: 3.0 }]
        );
    }

    /// As in "HTTP API", section "Native histograms".
    #[test]
    fn a_native_histogram_has_its_buckets() {
        let body = br#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"h"},"histograms":[
            [1700000000.1,{"count":"60","sum":"33897","buckets":[[3,"-0.001","0.001","2"],[0,"0.5","1","58"]]}],
            [1700000001.1,{"count":"0","sum":"0"}]]}]}}"#;
        let answer = Answer::parse(body).unwrap();
        let histograms = &answer.series[0].histograms;
        assert_eq!((histograms[0].count, histograms[0].sum), (60.0, 33897.0));
        assert_eq!(histograms[0].buckets[1], NativeBucket { lower: 0.5, upper: 1.0, count: 58.0 });
        assert!(histograms[1].buckets.is_empty());
    }

    #[test]
    fn warnings_and_errors_are_kept() {
        let partial = br#"{"status":"success","warnings":["store x: no answer"],"data":{"resultType":"vector","result":[]}}"#;
        assert_eq!(Answer::parse(partial).unwrap().warnings, ["store x: no answer"]);
        let wrong = br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        let error = Answer::parse(wrong).unwrap().error;
        assert_eq!(error, Some(("bad_data".to_owned(), "parse error".to_owned())));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let matrix = |result: &str| {
            let body = format!(r#"{{"status":"success","data":{{"result":{result}}}}}"#);
            Answer::parse(body.as_bytes()).unwrap_err()
        };
        let refused = [
            (r#"[{"metric":{},"values":[[2,"1"],[1,"1"]]}]"#, "do not rise"),
            (r#"[{"metric":{},"values":[[1,"1"],[1,"1"]]}]"#, "do not rise"),
            (r#"[{"metric":{"a":"b"}},{"metric":{"a":"b"}}]"#, "same series twice"),
            (r#"[{"metric":{},"values":[[1,"one"]]}]"#, "is no number"),
            (r#"[{"metric":{},"values":[[1,1]]}]"#, "invalid type"),
            (r#"[{"metric":{}},1]"#, "a mixture"),
            (r#"{}"#, "invalid type"),
        ];
        for (result, why) in refused {
            let said = matrix(result);
            assert!(said.contains(why), "{result}: {said}");
        }
        for body in ["", "<html>", "{}", r#"{"status":"success"}"#, r#"{"status":"maybe"}"#] {
            assert!(Answer::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Answer::parse(&[0xff]).is_err());
    }
}
