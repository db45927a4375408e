//! Files larger than the memory that may be used.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use petswipe_cost::exports::{Export, Format, Limits, Query};

/// Every line is a sum of its own, of a hundred bytes or so: together they take several times the memory that is allowed.
fn write(path: &Path, lines: u32) -> String {
    let mut file = BufWriter::new(File::create(path).unwrap());
    writeln!(file, "ChargePeriodStart,BilledCost,ServiceName,BillingCurrency,ChargeCategory,Tags")
        .unwrap();
    let mut total = 0_u64;
    for line in 0..lines {
        let (day, units) = (1 + line % 28, u64::from(line % 9_973));
        total += units;
        let service = line % 1_000;
        writeln!(
            file,
            "2026-11-{day:02}T00:00:00Z,{}e-9,service-with-a-long-name-{service:05},USD,Usage,\"{{\"\"owner\"\":\"\"somebody-with-a-long-name-{:05}\"\"}}\"",
            units, line % 50_000,
        )
        .unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
    rust_decimal::Decimal::new(i64::try_from(total).unwrap(), 9).normalize().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_into_memory_is_added_up_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("large.csv");
    let total = write(&file, 250_000);
    let size = std::fs::metadata(&file).unwrap().len();
    let memory_bytes = 8 << 20;
    assert!(size > 3 * memory_bytes, "{size}");
    let spill = Some(dir.path().to_owned());
    let limits =
        Limits { memory_bytes: usize::try_from(memory_bytes).unwrap(), spill, parallel: 1 };
    let export = Export::open(&file, Format::Auto, limits.clone()).await.unwrap();
    let spend = export.spend(&Query::daily().by_tag("owner").unwrap()).await.unwrap();
    assert_eq!(spend.total().normalize().to_string(), total);
    assert_eq!((spend.by_service().len(), spend.by_tag().len()), (1_000, 50_000));

    // Without a place on disk it does not go: so it was needed.
    let place = dir.path().join("gone");
    std::fs::create_dir(&place).unwrap();
    let nowhere = Limits { spill: Some(place.clone()), ..limits.clone() };
    let export = Export::open(&file, Format::Auto, nowhere).await.unwrap();
    std::fs::remove_dir_all(place).unwrap();
    assert!(export.spend(&Query::daily().by_tag("owner").unwrap()).await.is_err());
    // What needs no more than a few sums goes without one.
    let total_alone = export.spend(&Query::monthly()).await.unwrap().total();
    assert_eq!(total_alone, spend.total());

    let tiny = Limits { memory_bytes: 1_000, ..limits };
    let export = Export::open(&file, Format::Auto, tiny).await.unwrap();
    let refused = export.spend(&Query::daily().by_tag("owner").unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("memory limit"), "{refused}");
}
