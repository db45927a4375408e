//! What commitments cover, over all the days of a window.

use petswipe_aws::script::{Answer, Call, Fault, Refusal, Service, Wire};
use petswipe_cost::aws::AwsSpend;
use petswipe_cost::{CommitmentKind, Commitments, Currency, Error, SpendSource, Window};

use crate::world::{World, at};

/// Thirty days, one of which is the first of a month.
fn window() -> Window {
    Window { from: at("2026-10-20T00:00:00Z"), to: at("2026-11-19T00:00:00Z") }
}

async fn ask(world: &World) -> Result<Commitments, Error> {
    AwsSpend::new(&world.wire.config()).commitments(window()).await
}

#[tokio::test]
async fn every_day_of_both_months_counts_by_its_weight() {
    for page in [None, Some(7), Some(1)] {
        let world = World::new(|account| account.costs.page = page);
        let found = ask(&world).await.unwrap();
        assert_eq!(found.window, window());
        let [plans, reservations] = found.kinds.as_slice() else { panic!("{found:?}") };
        assert_eq!(plans.kind, CommitmentKind::SavingsPlans);
        // 29 usual days and the first of November: covered 29 + 1,000 of 290 + 1,000; used 29 + 200 of 58 + 200.
        assert_eq!(plans.coverage_percent, Some(102_900.0 / 1290.0));
        assert_eq!(
            plans.utilisation_percent.map(|percent| (percent * 1e6).round()),
            Some((22_900.0_f64 / 258.0 * 1e6).round())
        );
        assert_eq!(
            (plans.on_demand.to_string(), plans.unused.to_string()),
            ("261.00".to_owned(), "29.00".to_owned())
        );
        assert_eq!(plans.currency, Currency::USD);
        assert_eq!(reservations.kind, CommitmentKind::Reservations);
        let (covered, used) = (reservations.coverage_percent, reservations.utilisation_percent);
        assert_eq!(covered.map(f64::round), Some((240_000.0_f64 / 3096.0).round()));
        assert_eq!(used.map(f64::round), Some(((2400.0 + 348.0) * 100.0 / 3096.0_f64).round()));
        assert_eq!(
            (reservations.on_demand.to_string(), reservations.unused.to_string()),
            ("14.50".to_owned(), "7.25".to_owned())
        );
        let calls = page.map_or(4, |page| 3 * 30_usize.div_ceil(page) + 1);
        assert_eq!(world.wire.calls().len(), calls);
    }
}

#[tokio::test]
async fn where_there_is_nothing_to_tell_nothing_is_known() {
    let world = World::new(|account| account.costs.unavailable = true);
    for kind in ask(&world).await.unwrap().kinds {
        assert_eq!((kind.coverage_percent, kind.utilisation_percent), (None, None));
        assert_eq!(
            (kind.on_demand.to_string(), kind.unused.to_string()),
            ("0.00".to_owned(), "0.00".to_owned())
        );
    }
}

#[tokio::test]
async fn a_window_is_whole_days_in_utc() {
    let world = World::full();
    let spend = AwsSpend::new(&world.wire.config());
    for (from, to) in [
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("2026-11-01T00:00:00Z", "2026-11-02T01:00:00Z"),
        ("2026-11-01T00:00:01Z", "2026-11-02T00:00:00Z"),
    ] {
        let error = spend.commitments(Window { from: at(from), to: at(to) }).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    }
    assert!(world.wire.calls().is_empty());
}

#[tokio::test]
async fn costs_are_of_every_day_and_those_of_a_tag_add_up_to_them() {
    for page in [None, Some(7), Some(1)] {
        let world = World::new(|account| account.costs.page = page);
        let spend = AwsSpend::new(&world.wire.config());
        let plain = spend.costs(window(), None).await.unwrap();
        assert_eq!((plain.days(), plain.total().to_string().as_str()), (30, "37.5000000090"));
        assert_eq!(plain.by_service().of(&"AmazonS3").to_string(), "7.50");
        let tagged = spend.costs(window(), Some("team")).await.unwrap();
        assert_eq!(tagged.total(), plain.total());
        assert_eq!(tagged.by_tag().of(&Some("shop")).to_string(), "18.0000000090");
        assert_eq!(tagged.by_tag().of(&None).to_string(), "19.50");
        let calls = page.map_or(2, |page| 2 * 30_usize.div_ceil(page));
        assert_eq!(world.wire.calls().len(), calls);
    }
}

#[tokio::test]
async fn anomalies_are_those_with_a_day_in_the_window_the_latest_first() {
    let world = World::full();
    let found = AwsSpend::new(&world.wire.config()).anomalies(window()).await.unwrap();
    let ids: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.to.is_some())).collect();
    assert_eq!(ids, [("a-2", false), ("a-1", true)]);
    assert_eq!((found[0].impact.to_string().as_str(), found[0].score), ("123.46", 0.9));
    assert_eq!(found[0].service.as_deref(), Some("AmazonEC2"));
    assert_eq!(found[0].region.as_ref().map(|region| region.as_str()), Some("us-east-1"));
}

#[tokio::test]
async fn instances_of_another_size_come_with_what_they_save_the_greatest_first() {
    use petswipe_cost::RightsizingAction::{Modify, Terminate};
    let world = World::full();
    let found = AwsSpend::new(&world.wire.config()).rightsizing().await.unwrap();
    let found: Vec<_> = found
        .into_iter()
        .map(|one| (one.instance, one.action, one.monthly_saving.to_string()))
        .collect();
    let expected = [
        ("i-idle".to_owned(), Terminate, "140.16".to_owned()),
        ("i-smaller".to_owned(), Modify { to: "m5.large".to_owned() }, "70.08".to_owned()),
    ];
    assert_eq!(found, expected);
}

/// One call too many, in the words of Cost Explorer.
struct Busy;

impl Service for Busy {
    fn answer(&mut self, _: &Call) -> Result<Answer, Refusal> {
        Err("LimitExceededException".into())
    }
}

#[tokio::test]
async fn errors_say_what_can_be_done_about_them() {
    let busy = AwsSpend::new(&Wire::new(Busy).config());
    let error = busy.commitments(window()).await.unwrap_err();
    assert!(matches!(error, Error::Throttled { .. }), "{error:?}");
    for action in [
        "ce:GetSavingsPlansCoverage",
        "ce:GetSavingsPlansUtilization",
        "ce:GetReservationCoverage",
        "ce:GetReservationUtilization",
    ] {
        let world = World::full();
        world.wire.fate(move |call| (call.action == action).then_some(Fault::Denied));
        let error = ask(&world).await.unwrap_err();
        assert_eq!(error.missing_action(), Some(action));
    }
}
