//! A signal brings everything back.

use std::sync::Arc;
use std::time::Duration;

use petswipe_examples::native::operate;
use rustix::process::{Signal, getpid, kill_process};

use crate::world::World;

/// The only test here in real time, in which virtual time goes on by itself: no other one hears of the signal.
#[test]
fn ctrl_c_goes_back_and_is_no_success() {
    let world = Arc::new(World::new());
    let flags = world.flags(&["--image", "v2", "--strategy", "canary"]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let code = runtime.block_on(async {
        let passing = Arc::clone(&world);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(2)).await;
                passing.clock.advance(Duration::from_secs(1));
            }
        });
        let seen = Arc::clone(&world);
        tokio::spawn(async move {
            let goes_on = || {
                let called = seen.wire.operations();
                called.iter().any(|name| name == "ContinueServiceDeployment")
            };
            while !goes_on() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            kill_process(getpid(), Signal::INT).unwrap();
        });
        let parts = world.open(&flags).await.unwrap();
        operate(&flags, &parts).await.unwrap()
    });
    let report = world.report();
    assert_eq!((code, report.outcome.as_str()), (1, "aborted"), "{}", report.reason);
    assert!(report.reason.contains("Ctrl-C"), "{}", report.reason);
    assert_eq!(world.serving(), ("revision:1".to_owned(), "shop-production-blue".to_owned()));
    assert!(world.changes().iter().any(|name| name == "StopServiceDeployment"));
}
