//! What a scan itself costs, region by region.

use std::sync::Arc;

use petswipe_cost::demo::Demo;
use petswipe_cost::{Currency, PriceTable, Prices, Report, ReportOptions, Scan, ScanCost};
use rust_decimal::Decimal;

use crate::world::{demo, scan};

fn cost(scan: &Scan, requests: u64) -> ScanCost {
    let calls = [("cloudwatch:GetMetricData", 3), ("ce:GetCostAndUsage", requests)];
    let calls = calls.map(|(name, calls)| (name.to_owned(), calls)).into();
    Report::of(scan, &ReportOptions { calls, ..ReportOptions::default() }).scan_cost
}

async fn priced(prices: Prices, regions: std::ops::Range<usize>) -> Scan {
    let Demo { account, regions: known, .. } = demo(300, 2);
    scan(&Arc::new(account), &known[regions], &prices).await
}

#[tokio::test]
async fn cost_explorer_has_its_price_wherever_one_looks() {
    let ireland = cost(&priced(Prices::embedded(), 2..3).await, 2);
    assert_eq!(ireland.amount.unwrap().to_string(), "0.02");
    assert_eq!(ireland.no_price_for, ["cloudwatch:metric-data in eu-west-1"]);
    assert_eq!(ireland.cost_explorer_requests, 2);
    // Cost Explorer is asked at one place for all regions: its price may be in the table of another one.
    let table = r#"{"region": "us-east-1", "currency": "USD", "priced_at": "2026-01-02", "prices": {"ce:request": "0.5"}}"#;
    let mut prices = Prices::none(Currency::USD);
    prices.overlay(PriceTable::from_json(table).unwrap()).unwrap();
    let ireland = cost(&priced(prices, 2..3).await, 2);
    assert_eq!(ireland.amount.unwrap().to_string(), "1.0");
}

#[tokio::test]
async fn metrics_are_priced_where_they_are_asked_for() {
    let mut prices = Prices::none(Currency::USD);
    for (region, price) in [("us-east-1", "10"), ("us-west-2", "20")] {
        let head = format!(r#""region": "{region}", "currency": "USD", "priced_at": "2026-01-02""#);
        let table = format!(r#"{{{head}, "prices": {{"cloudwatch:metric-data": "{price}"}}}}"#);
        prices.overlay(PriceTable::from_json(&table).unwrap()).unwrap();
    }
    let scan = priced(prices, 0..2).await;
    let asked: Vec<u64> = scan.metrics_asked.values().copied().collect();
    let [east, west] = asked[..] else { panic!("{asked:?}") };
    let cost = cost(&scan, 0);
    // By the thousand.
    let expected = Decimal::new((10 * east + 20 * west).try_into().unwrap(), 3);
    assert_eq!(cost.amount.unwrap(), expected);
    assert_eq!((cost.metrics, cost.no_price_for.len()), (east + west, 0));
}

#[tokio::test]
async fn a_price_that_is_not_known_is_named_and_the_others_are_added_up() {
    let table = r#"{"region": "us-east-1", "currency": "USD", "priced_at": "2026-01-02", "prices": {"ce:request": "0.01"}}"#;
    let mut prices = Prices::none(Currency::USD);
    prices.overlay(PriceTable::from_json(table).unwrap()).unwrap();
    let known = cost(&priced(prices, 0..2).await, 3);
    assert_eq!(known.amount.unwrap().to_string(), "0.03");
    let unknown = ["cloudwatch:metric-data in us-east-1", "cloudwatch:metric-data in us-west-2"];
    assert_eq!(known.no_price_for, unknown);

    let none = cost(&priced(Prices::none(Currency::USD), 0..1).await, 3);
    assert_eq!(none.amount, None);
    assert_eq!(none.no_price_for, ["cloudwatch:metric-data in us-east-1", "ce:request"]);
}

#[tokio::test]
async fn what_was_not_called_costs_nothing() {
    let scan = priced(Prices::none(Currency::USD), 0..1).await;
    let cost = Report::of(&scan, &ReportOptions::default()).scan_cost;
    assert_eq!(cost.amount.unwrap().to_string(), "0");
    assert!(cost.no_price_for.is_empty());
}
