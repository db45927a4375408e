//! What is wrong with a file is said, with its name and where it is.

use std::path::Path;

use datafusion::parquet::basic::Compression;
use petswipe_cost::Error;
use petswipe_cost::exports::{Export, Format, Kind, Limits, Query};

use crate::write::{charge, csv, write_csv, write_gzip, write_parquet};

async fn problem(file: &Path) -> String {
    let said = match Export::open(file, Format::Auto, Limits::default()).await {
        Ok(export) => export.spend(&Query::daily()).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(said, Error::Malformed { .. } | Error::NotFound { .. }), "{said:?}");
    let said = said.to_string();
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(said.contains(name), "{said}");
    said.rsplit_once(name).unwrap().1.trim_start_matches(": ").to_owned()
}

#[tokio::test]
async fn a_wrong_number_is_found_by_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrong.csv");
    let many = vec![charge("2026-11-01T00:00:00Z", "AmazonEC2", 1.0); 20_000];
    let good = csv(Kind::Cur2, &many);
    let bad = format!("{good}x,2026-11-01T00:00:00Z,1.O,AmazonEC2,USD,Usage,\n{good}");
    std::fs::write(&file, bad).unwrap();
    let said = problem(&file).await;
    assert_eq!(said, "line 20002: line_item_unblended_cost is `1.O`, and not a number");
    let bad = format!("{good}x,yesterday,1,AmazonEC2,USD,Usage,\n");
    std::fs::write(&file, bad).unwrap();
    assert!(
        problem(&file).await.starts_with("line 20002: line_item_usage_start_date is `yesterday`")
    );
    std::fs::write(&file, format!("{good}x,y\n")).unwrap();
    assert!(problem(&file).await.contains("line: 20002"));
}

#[tokio::test]
async fn two_currencies_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut charges = vec![charge("2026-11-01T00:00:00Z", "AmazonEC2", 1.0); 2];
    charges[1].currency = "CNY";
    let (csv, parquet) = (dir.path().join("two.csv"), dir.path().join("two.parquet"));
    write_csv(&csv, Kind::Focus, &charges);
    write_parquet(&parquet, Kind::Focus, &charges, Compression::SNAPPY);
    for file in [csv, parquet] {
        let said = problem(&file).await;
        assert_eq!(said, "has costs in CNY and in USD, which can't be added up");
    }
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cut.parquet");
    let many = vec![charge("2026-11-01T00:00:00Z", "AmazonEC2", 1.0); 5_000];
    write_parquet(&file, Kind::Focus, &many, Compression::SNAPPY);
    let whole = std::fs::read(&file).unwrap();
    for length in [0, 3, 11, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).unwrap();
        assert!(problem(&file).await.starts_with("is no whole Parquet file"), "{length}");
    }
    // Whole at both ends, and wrong in between.
    let mut torn = whole.clone();
    torn[4..whole.len() / 2].fill(0xff);
    std::fs::write(&file, &torn).unwrap();
    let said = problem(&file).await;
    assert!(!said.is_empty(), "{said}");

    let file = dir.path().join("cut.csv.gz");
    write_gzip(&file, Kind::Focus, &many);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert!(problem(&file).await.starts_with("line "), "{}", problem(&file).await);
}

#[tokio::test]
async fn a_file_of_another_kind_lacks_columns() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("other.csv");
    std::fs::write(&file, "ChargePeriodStart,BilledCost,line_item_product_code\n").unwrap();
    insta::assert_snapshot!(problem(&file).await, @"as FOCUS 1.x it lacks ServiceName, BillingCurrency, ChargeCategory; as CUR 2.0 it lacks line_item_usage_start_date, line_item_unblended_cost, line_item_currency_code, line_item_line_item_type");
    write_csv(&file, Kind::Focus, &[charge("2026-11-01T00:00:00Z", "AmazonEC2", 1.0)]);
    let opened = Export::open(&file, Format::Cur2Csv, Limits::default()).await;
    assert!(matches!(opened, Err(Error::Malformed { .. })), "{opened:?}");
    let opened = Export::open(&file, Format::FocusParquet, Limits::default()).await;
    assert!(matches!(opened, Err(Error::Invalid { .. })), "{opened:?}");
}

#[tokio::test]
async fn nothing_is_said_to_be_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("empty.csv");
    std::fs::write(&file, "").unwrap();
    assert_eq!(problem(&file).await, "is empty: it has no header");
    write_csv(&file, Kind::Focus, &[]);
    assert_eq!(problem(&file).await, " was not found");
    let parquet = dir.path().join("empty.parquet");
    write_parquet(&parquet, Kind::Cur2, &[], Compression::SNAPPY);
    assert_eq!(problem(&parquet).await, " was not found");
}
