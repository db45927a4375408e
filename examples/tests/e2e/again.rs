//! One rollout after the other, and the way back from one that had been promoted.

use petswipe_deploy::Compute;

use super::cloud::CloudProcess;
use super::report::*;
use super::support::*;
use super::tool::*;

const FAST: [&str; 9] =
    ["--json", "--stages", "50,100", "--stage-duration", "1", "--bake", "1", "--rate", "100"];

#[tokio::test(flavor = "multi_thread")]
async fn running_it_again_deploys_to_the_other_side() {
    let cloud = CloudProcess::start().await;
    let directory = directory();
    let image = async |side| cloud.client.service(side).await.unwrap().image.unwrap().to_string();
    for (side, version) in [(&cloud.green, "petswipe:v2"), (&cloud.blue, "petswipe:v3")] {
        let done = Tool::new("canary", &directory).on(&cloud).args(FAST).run().await.with(0);
        let report = done.json();
        assert_none_failed(&report);
        assert_eq!(cloud.comes_to_rest().await, *side);
        assert_eq!(image(side).await, version);
    }

    let undo = ["--undo", "--json", "--bake", "1", "--rate", "100"];
    let planned = Tool::new("canary", &directory).on(&cloud).args(undo).args(["--dry-run"]);
    let before = cloud.everything().await;
    let planned = planned.run().await.with(0).json();
    assert_eq!(cloud.everything().await, before, "a plan changes nothing");
    assert!(planned.to_string().contains("petswipe-production-green 100 %"), "{planned:#}");

    let done = Tool::new("canary", &directory).on(&cloud).args(undo).run().await.with(0);
    let report = done.json();
    assert_none_failed(&report);
    assert_eq!(stages(&report)[0], "stage 1");
    assert_eq!(shifts(&report).len(), 1, "it goes back in one step: {report:#}");
    assert_eq!(cloud.comes_to_rest().await, cloud.green);
    assert_eq!(image(&cloud.green).await, "petswipe:v2");
    assert!(!done.stderr.contains("to go back to the version before"), "{done}");
    // Once more would bring the version back that somebody wanted to be rid of.
    let again = Tool::new("canary", &directory).on(&cloud).args(undo).run().await;
    let words = ["rollout to undo is the undo of petswipe:", "deployed again by its own name"];
    assert_eq!(again.is_no_refusal(&words), None);
    assert_eq!(cloud.comes_to_rest().await, cloud.green);
    let kept = files(&directory);
    assert_eq!(kept.len(), 3, "each operation keeps its journal: {kept:?}");
    cloud.stop().await;
}
