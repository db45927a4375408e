//! Prices as they are now go before those of the tables.

use std::sync::Arc;

use jiff::civil::date;
use petswipe_cost::memory::{MemoryAccount, MemoryPrices};
use petswipe_cost::{Currency, Prices, Region, Report, ReportOptions, Scanner};

use crate::world::now;

fn here() -> Region {
    Region::new("us-east-1").unwrap()
}

async fn report(prices: Prices, source: &Arc<MemoryPrices>) -> Report {
    let account = Arc::new(MemoryAccount::example());
    let scanner = Scanner::new(account.clone(), account, prices);
    let scanner = scanner.with_price_source(source.clone());
    let scan = scanner.scan(&[here()], now(), std::future::pending()).await;
    Report::of(&scan, &ReportOptions::default())
}

#[tokio::test]
async fn what_is_found_rests_on_the_prices_of_now_with_their_day() {
    let source = Arc::new(MemoryPrices::new(Currency::USD));
    // Twice what the table says.
    source.set(&here(), "ebs:gp3", "0.16".parse().unwrap(), date(2026, 11, 27));
    let report = report(Prices::embedded(), &source).await;
    let saving = report.findings[0].monthly_saving.as_ref().unwrap();
    assert_eq!(saving.high.to_string(), "20.00");
    let day = |key: &str| saving.prices.iter().find(|one| one.key == key).unwrap().priced_at;
    assert_eq!(day("ebs:gp3"), date(2026, 11, 27));
    // What it does not know is as in the table.
    assert!(day("ebs:snapshot") < date(2026, 11, 27));
    assert!(report.notes.is_empty());
    // It was asked for what the finding rests on, and once.
    let [(region, keys)] = &source.asked()[..] else { panic!("{:?}", source.asked()) };
    assert_eq!(region, &here());
    assert!(
        keys.contains("ebs:gp3") && keys.contains("ebs:snapshot") && keys.len() < 5,
        "{keys:?}"
    );
}

#[tokio::test]
async fn a_price_that_no_table_has_is_found_at_the_source() {
    let source = Arc::new(MemoryPrices::new(Currency::USD));
    for key in ["ebs:gp3", "ebs:snapshot"] {
        source.set(&here(), key, "0.08".parse().unwrap(), date(2026, 11, 27));
    }
    let report = report(Prices::none(Currency::USD), &source).await;
    assert!(report.findings[0].monthly_saving.is_some(), "{:?}", report.findings[0].no_price_for);
    assert_eq!(report.priced_at[&here()], date(2026, 11, 27));
}

#[tokio::test]
async fn a_source_that_does_not_answer_leaves_the_tables_and_says_so() {
    let source = Arc::new(MemoryPrices::new(Currency::USD));
    source.deny();
    let denied = report(Prices::embedded(), &source).await;
    assert_eq!(denied.findings[0].monthly_saving.as_ref().unwrap().high.to_string(), "10.00");
    let expected = "prices of us-east-1 are those of the tables: pricing:GetProducts was denied: the script says so";
    assert_eq!(denied.notes, [expected]);
    assert_eq!(source.asked().len(), 1, "it was asked again");

    let wrong = Arc::new(MemoryPrices::new(Currency::USD));
    wrong.set(&here(), "ebs:gp3", "-1".parse().unwrap(), date(2026, 11, 27));
    let kept = report(Prices::embedded(), &wrong).await;
    assert_eq!(kept.findings, denied.findings);
    assert!(
        kept.notes[0].contains("prices.ebs:gp3 is -1; allowed: 0 to 1000000"),
        "{:?}",
        kept.notes
    );
}
