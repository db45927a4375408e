//! The same charges in every kind of file come to the same costs.

use jiff::civil::date;
use petswipe_cost::exports::{Cost, Export, Format, Kind, Limits, Query, Without};
use petswipe_cost::{Error, Spend};
use proptest::prelude::*;

use crate::write::{Charge, ZSTD, charge, columns, write_csv, write_gzip, write_parquet};
use datafusion::parquet::basic::Compression;

fn charges() -> Vec<Charge> {
    vec![
        charge("2026-10-31T23:00:00Z", "AmazonEC2", 0.1).team("shop"),
        charge("2026-11-01T00:00:00Z", "AmazonEC2", 0.2).team("shop"),
        charge("2026-11-01T23:59:59Z", "AmazonEC2", 0.3),
        charge("2026-11-02T05:00:00Z", "AmazonS3", 0.000_000_016_7).team("data"),
        charge("2026-11-01T00:00:00Z", "AmazonEC2", 1.9).category("Tax"),
        charge("2026-11-03T00:00:00Z", "AmazonS3", -0.25).category("Credit"),
    ]
}

async fn spend(export: &Export, query: &Query) -> Spend {
    export.spend(query).await.unwrap()
}

#[tokio::test]
async fn every_kind_of_file_gives_the_same_costs() {
    let dir = tempfile::tempdir().unwrap();
    for kind in [Kind::Focus, Kind::Cur2] {
        let path = |name: &str| dir.path().join(format!("{kind}-{name}"));
        let files = ["a.csv", "b.csv.gz", "c.snappy.parquet", "d.parquet"].map(path);
        write_csv(&files[0], kind, &charges());
        write_gzip(&files[1], kind, &charges());
        write_parquet(&files[2], kind, &charges(), Compression::SNAPPY);
        write_parquet(&files[3], kind, &charges(), ZSTD());
        let by_team = Query::daily().by_tag(columns(kind).1).unwrap();
        for file in &files {
            let export = Export::open(file, Format::Auto, Limits::default()).await.unwrap();
            assert_eq!(export.kind(), kind);
            let all = spend(&export, &by_team).await;
            assert_eq!(all.total().to_string(), "2.2500000167", "{}", file.display());
            assert_eq!((all.from(), all.to()), (date(2026, 10, 31), date(2026, 11, 4)));
            assert_eq!(all.by_tag().of(&Some("shop")).to_string(), "0.3");
            assert_eq!(all.by_tag().of(&None).to_string(), "1.95");
            assert_eq!(all.by_service().of(&"AmazonEC2").to_string(), "2.5");
            assert_eq!(all.by_day().of(&date(2026, 11, 1)).to_string(), "2.4");
            let used = spend(&export, &Query::daily().without(Without::ADJUSTMENTS)).await;
            assert_eq!(used.total().to_string(), "0.6000000167");
            assert_eq!(used.tag_key(), None);
            let months = spend(&export, &Query::monthly()).await;
            assert_eq!(months.by_day(), all.by_month(), "{}", file.display());
            assert_eq!((months.from(), months.to()), (date(2026, 10, 1), date(2026, 12, 1)));
            let query = Query::daily().between(date(2026, 11, 2), date(2026, 12, 1));
            let late = spend(&export, &query).await;
            assert_eq!(late.total().to_string(), "-0.2499999833");
            assert_eq!((late.from(), late.days()), (date(2026, 11, 2), 29));
        }
    }
}

#[tokio::test]
async fn a_tag_that_nothing_has_leaves_everything_untagged() {
    let dir = tempfile::tempdir().unwrap();
    let (csv, parquet) = (dir.path().join("a.csv"), dir.path().join("a.parquet"));
    write_csv(&csv, Kind::Focus, &charges());
    write_parquet(&parquet, Kind::Focus, &charges(), Compression::SNAPPY);
    for file in [csv, parquet] {
        let export = Export::open(file, Format::Auto, Limits::default()).await.unwrap();
        let spend = spend(&export, &Query::daily().by_tag("no such key").unwrap()).await;
        assert_eq!((spend.by_tag().len(), spend.by_tag().of(&None)), (1, spend.total()));
        assert_eq!(spend.tag_key(), Some("no such key"));
    }
}

#[tokio::test]
async fn a_directory_is_one_export() {
    let dir = tempfile::tempdir().unwrap();
    for month in ["BILLING_PERIOD=2026-10", "BILLING_PERIOD=2026-11 % *?#[a]"] {
        std::fs::create_dir(dir.path().join(month)).unwrap();
        let file = dir.path().join(month).join("cost-00001.snappy.parquet");
        write_parquet(&file, Kind::Cur2, &charges(), Compression::SNAPPY);
    }
    let export = Export::open(dir.path(), Format::Cur2Parquet, Limits::default()).await.unwrap();
    assert_eq!(export.files().len(), 2);
    assert_eq!(spend(&export, &Query::daily()).await.total().to_string(), "4.5000000334");
}

#[tokio::test]
async fn effective_costs_are_read_where_there_are_some() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.csv");
    let text = "chargeperiodstart,billedcost,effectivecost,servicename,billingcurrency,chargecategory,chargeclass\n\
        2026-11-01T00:00:00Z,0,2.5,Amazon EC2,USD,Usage,\n\
        2026-11-01T00:00:00Z,-1,-1,Amazon EC2,USD,Usage,Correction\n\
        2026-11-02T00:00:00Z,,,Amazon S3,USD,Usage,\n";
    std::fs::write(&file, text).unwrap();
    let export = Export::open(&file, Format::FocusCsv, Limits::default()).await.unwrap();
    assert_eq!(
        spend(&export, &Query::daily().of(Cost::Effective)).await.total().to_string(),
        "1.5"
    );
    let billed = spend(&export, &Query::daily().without(Without::ADJUSTMENTS)).await;
    assert_eq!((billed.total().to_string().as_str(), billed.days()), ("0", 2));
    let tagged = export.spend(&Query::daily().by_tag("team").unwrap()).await;
    assert!(matches!(tagged, Err(Error::Invalid { .. })), "{tagged:?}");

    write_csv(&file, Kind::Cur2, &charges());
    let export = Export::open(&file, Format::Auto, Limits::default()).await.unwrap();
    let refused = export.spend(&Query::daily().of(Cost::Effective)).await;
    let Err(Error::Unsupported { what }) = refused else { panic!("{refused:?}") };
    assert!(what.contains("without savings_plan_savings_plan_effective_cost, savings_plan_total"));
}

#[tokio::test]
async fn the_tags_of_cur_may_be_among_those_of_accounts_and_users() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.csv");
    write_csv(&file, Kind::Cur2, &charges());
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("resource_tags", "tags").replace("user_team", "resourceTags/team");
    std::fs::write(&file, text).unwrap();
    let export = Export::open(&file, Format::Auto, Limits::default()).await.unwrap();
    let spend = spend(&export, &Query::daily().by_tag("resourceTags/team").unwrap()).await;
    assert_eq!(spend.by_tag().of(&Some("shop")).to_string(), "0.3");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn costs_come_to_the_same_total_in_every_file_and_order(
        costs in proptest::collection::vec(-1_000_000_000_i64..1_000_000_000_000, 1..200)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let days = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2026-12-03T00:00:00Z"];
        let mut charges: Vec<Charge> = costs
            .iter()
            .enumerate()
            .map(|(index, cost)| {
                let service = ["a", "b", "c", "d"][index % 4];
                charge(days[index % 3], service, *cost as f64 / 1e9).team(["x", "y"][index % 2])
            })
            .collect();
        let parquet = dir.path().join("a.parquet");
        write_parquet(&parquet, Kind::Focus, &charges, Compression::SNAPPY);
        charges.reverse();
        let csv = dir.path().join("b.csv");
        write_csv(&csv, Kind::Focus, &charges);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let spends = [parquet, csv].map(|file| runtime.block_on(async {
            let export = Export::open(file, Format::Auto, Limits::default()).await.unwrap();
            spend(&export, &Query::daily().by_tag("team").unwrap()).await
        }));
        let exact = rust_decimal::Decimal::new(costs.iter().sum(), 9).normalize();
        for spend in &spends {
            prop_assert_eq!(spend.total().normalize(), exact);
            prop_assert_eq!(spend.by_service().total(), spend.by_day().total());
            prop_assert_eq!(spend.by_tag().total(), spend.total());
        }
        prop_assert_eq!(&spends[0], &spends[1]);
    }
}
