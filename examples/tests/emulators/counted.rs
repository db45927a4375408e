//! The calls of a scaling operation, which its report counts as that of a rollout does.

use crate::fixture::{Fixture, run};

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_a_scaling_operation_counts_its_calls() {
    let fixture = Fixture::with_stack().await;
    let mut command = fixture.program("scale");
    command.env("BACKEND", "aws").args(["service", "--desired", "3", "--poll", "0.2", "--json"]);
    let done = run(command).await.with(0);
    let report = done.json();
    assert_eq!(report["outcome"], "done", "{done}");
    let calls = report["calls"].as_object().unwrap();
    let count = |action: &str| {
        let named = calls.iter().filter(|(name, _)| name.rsplit(':').next() == Some(action));
        named.filter_map(|(_, count)| count.as_u64()).sum::<u64>()
    };
    assert_eq!(count("UpdateService"), 1, "{done}");
    // Before the change and after it.
    assert!(count("DescribeServices") >= 2, "{done}");
}
