//! Reports in every format: well-formed, escaped, complete, and the same each time.

mod reports;

use petswipe_examples::report;

#[test]
fn every_report_can_be_written_in_every_format() {
    let directory = match std::env::var_os("PETSWIPE_REPORTS") {
        Some(directory) => directory.into(),
        None => tempfile::tempdir().unwrap().keep(),
    };
    for (name, one) in reports::all() {
        for ending in ["html", "md", "json"] {
            report::write(&directory.join(format!("{name}.{ending}")), &one).unwrap();
        }
        println!("{}", report::summary(&one));
    }
}
