//! What it costs to read answers of Prometheus: `cargo bench -p petswipe-monitor --features prometheus --bench prometheus`.

use std::fmt::Write;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// An answer to a range query of about 10 MB: 400 series of 1000 samples, as of counters that are scraped each 15 s.
fn matrix() -> String {
    let mut body = r#"{"status":"success","data":{"resultType":"matrix","result":["#.to_owned();
    for series in 0..400_u32 {
        let comma = if series == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{comma}{{"metric":{{"__name__":"petswipe_requests_total","class":"success","environment":"shop-production-green","instance":"10.0.0.{series}:9100","job":"petswipe","revision":"shop:42"}},"values":["#
        );
        for sample in 0..1000_u32 {
            let comma = if sample == 0 { "" } else { "," };
            let at = 1_700_000_000 + sample * 15;
            let _ = write!(body, r#"{comma}[{at}.123,"{}"]"#, 1_000_000 + sample * 1234 + series);
        }
        body.push_str("]}");
    }
    body.push_str("]}}");
    body
}

#[divan::bench]
fn range_of_10_mb(bencher: Bencher<'_, '_>) {
    let body = matrix();
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| petswipe_monitor::prometheus::parse(black_box(body.as_bytes())));
}
