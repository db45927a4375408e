//! The SQL as it is printed, for both engines.

use jiff::civil::date;
use petswipe_cost::Error;
use petswipe_cost::exports::{Cost, Export, Format, Kind, Limits, Query, Stored, Without, athena};

use crate::write::write_csv;

fn query() -> Query {
    let query = Query::daily().by_tag("user_cost center").unwrap();
    query.without(Without::ADJUSTMENTS).between(date(2026, 11, 1), date(2026, 12, 1))
}

#[test]
fn the_sql_for_athena_is_as_it_was_reviewed() {
    let print = |query: &Query, kind, stored| athena(query, kind, stored, "billing.costs").unwrap();
    insta::assert_snapshot!("athena-cur2-parquet", print(&query(), Kind::Cur2, Stored::Parquet));
    insta::assert_snapshot!("athena-focus-csv", print(&query(), Kind::Focus, Stored::Csv));
    let monthly = Query::monthly().of(Cost::Effective);
    insta::assert_snapshot!("athena-focus-monthly", print(&monthly, Kind::Focus, Stored::Parquet));
}

#[tokio::test]
async fn the_sql_for_the_engine_here_differs_in_words_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.csv");
    write_csv(&file, Kind::Cur2, &[]);
    let export = Export::open(&file, Format::Auto, Limits::default()).await.unwrap();
    insta::assert_snapshot!("datafusion-cur2-csv", export.sql(&query()).unwrap());
}

#[test]
fn names_that_are_no_names_are_refused() {
    let fine = ["costs", "billing.costs", "my-catalog.billing.costs"];
    let wrong =
        ["", "a..b", "a.b.c.d", "my-db.costs", "costs; DROP TABLE x", "\"costs\"", "kosten\u{e4}"];
    for (tables, is_fine) in [(&fine[..], true), (&wrong[..], false)] {
        for table in tables {
            let printed = athena(&Query::daily(), Kind::Cur2, Stored::Parquet, table);
            assert_eq!(printed.is_ok(), is_fine, "{table}: {printed:?}");
        }
    }
    for key in ["", "a'b", "a\"b", "a\\b", "a`b", "a\nb", &"x".repeat(257)] {
        assert!(matches!(Query::daily().by_tag(key), Err(Error::Invalid { .. })), "{key}");
    }
    assert!(Query::daily().by_tag("aws:cloudformation:stack-name").is_ok());
}
