//! What stages can do, what is proposed, and whether the laboratory agrees.

use super::*;

fn question() -> Question {
    Question {
        requests_per_second: 100.0,
        baseline_error_rate: 0.001,
        smallest_ratio: 5.0,
        error_budget: 50.0,
        evidence: EvidencePolicy::default(),
    }
}

fn guide() -> Vec<PlannedStage> {
    let stage = |weight| PlannedStage { weight, duration: Duration::from_secs(300) };
    [5, 10, 25, 50, 100].map(stage).to_vec()
}

#[test]
fn the_stages_of_the_guide_show_five_times_the_errors_of_a_busy_service() {
    let forecast = question().checked(&guide()).unwrap();
    assert!(forecast.power > 0.99, "{forecast:?}");
    assert_eq!(forecast.to_promote, Duration::from_secs(1500));
    assert!(forecast.failed_requests > 5.0 && forecast.failed_requests < 20.0, "{forecast:?}");
    let smallest = forecast.smallest_ratio.unwrap();
    assert!(smallest > 2.0 && smallest < 4.0, "{smallest}");
}

#[test]
fn stages_that_can_not_see_what_matters_are_refused_with_some_that_can() {
    let quiet = Question { requests_per_second: 2.0, smallest_ratio: 2.0, ..question() };
    let stage = PlannedStage { weight: 5, duration: Duration::from_secs(300) };
    let text = quiet.checked(&[stage]).unwrap_err().to_string();
    assert!(
        text.contains("5 % of 2 requests/s for 300 s, which can't show a ratio of 2"),
        "{text}"
    );
    assert!(text.contains("; allowed: "), "{text}");
    let gross = Question { smallest_ratio: 100.0, error_budget: 100.0, ..quiet };
    let proposed = gross.propose().unwrap();
    assert!(gross.checked(&proposed.stages).is_ok());
}

#[test]
fn more_time_more_traffic_and_a_larger_ratio_are_more_power() {
    let power =
        |question: &Question, stages: &[PlannedStage]| question.forecast(stages).unwrap().power;
    let few = Question { requests_per_second: 5.0, smallest_ratio: 3.0, ..question() };
    let base = power(&few, &guide());
    assert!(base < 0.9, "{base}");
    let busier = Question { requests_per_second: 20.0, ..few.clone() };
    assert!(power(&busier, &guide()) > base);
    let worse = Question { smallest_ratio: 10.0, ..few.clone() };
    assert!(power(&worse, &guide()) > base);
    let longer: Vec<_> = guide()
        .into_iter()
        .map(|stage| PlannedStage { duration: stage.duration * 4, ..stage })
        .collect();
    assert!(power(&few, &longer) > base);
}

#[test]
fn a_small_budget_begins_with_a_small_share_and_too_small_a_one_is_refused() {
    let begins = |error_budget| {
        let proposed = Question { error_budget, ..question() }.propose();
        proposed.map(|forecast| forecast.stages[0].weight).map_err(|error| error.to_string())
    };
    assert_eq!(begins(50.0), Ok(5));
    let refused = begins(1.0).unwrap_err();
    assert!(refused.starts_with("error budget is 1 requests; allowed: at least"), "{refused}");
}

#[test]
fn stages_that_cost_more_than_the_budget_are_refused_with_some_that_do_not() {
    // Half of the traffic at once shows it, at the cost of more failures for the same evidence.
    let half = |weight| PlannedStage { weight, duration: Duration::from_secs(600) };
    let stages = [half(50), half(100)];
    let [dear, cheap] =
        [&stages[..], &guide()].map(|stages| question().forecast(stages).unwrap().failed_requests);
    assert!(cheap < dear);
    let within = |error_budget| Question { error_budget, ..question() }.checked(&stages);
    let text = within(f64::midpoint(cheap, dear).round()).unwrap_err().to_string();
    assert!(text.contains("requests until it is found, of"), "{text}");
    assert!(text.contains("; allowed: 5 % of 100 requests/s for 300 s"), "{text}");
    assert!(within(dear + 1.0).is_ok());
    let text = within(2.0).unwrap_err().to_string();
    assert!(text.contains("; allowed: none: error budget is 2 requests"), "{text}");
}

#[test]
fn no_stage_is_planned_for_longer_than_a_day() {
    // The least evidence takes longer than a day with 1 % of this traffic, and less with 5 %.
    let idle = |rate| Question {
        requests_per_second: rate,
        smallest_ratio: 1000.0,
        error_budget: f64::MAX,
        ..question()
    };
    let stages = idle(0.05).propose().unwrap().stages;
    assert!(stages.iter().all(|stage| stage.duration <= LONGEST), "{stages:?}");
    assert!(stages[0].duration > Duration::from_secs(3600), "{stages:?}");
    let error = idle(0.001).propose().unwrap_err().to_string();
    assert!(error.contains("one that stages of a day each can show"), "{error}");
    let stage = PlannedStage { weight: 5, duration: Duration::MAX };
    let forecast = question().forecast(&[stage, stage]).unwrap();
    assert_eq!(forecast.to_promote, Duration::MAX);
}

#[test]
fn bunches_delay_by_their_size() {
    let of = |dispersion| {
        let evidence = EvidencePolicy { dispersion, ..EvidencePolicy::default() };
        let bunched = Question { evidence, ..question() };
        let (mean, variance) = bunched.growth(5, 5.0);
        (mean, variance, bunched.forecast(&guide()).unwrap().power)
    };
    let (single, bunched) = (of(1.0), of(4.0));
    // Four times the variance, and each error counts a quarter.
    assert!((bunched.0 - single.0 / 4.0).abs() < 1e-12);
    assert!((bunched.1 - single.1 / 4.0).abs() < 1e-12);
    assert!(bunched.2 < single.2);
}

#[test]
fn a_field_that_makes_no_sense_is_refused() {
    for change in [
        |question: &mut Question| question.requests_per_second = 0.0,
        |question: &mut Question| question.baseline_error_rate = 0.0,
        |question: &mut Question| question.baseline_error_rate = f64::NAN,
        |question: &mut Question| question.smallest_ratio = 1.0,
        |question: &mut Question| question.error_budget = -1.0,
        |question: &mut Question| question.evidence.alpha = 2.0,
    ] {
        let mut wrong = question();
        change(&mut wrong);
        assert!(wrong.propose().unwrap_err().to_string().contains("; allowed: "));
    }
    let stage = PlannedStage { weight: 0, duration: Duration::from_secs(1) };
    assert!(question().forecast(&[stage]).is_err());
}

/// What is forecast against what the laboratory plays.
#[cfg(feature = "lab")]
#[test]
fn the_forecast_is_what_happens() {
    use crate::lab::{Row, World, policies::Gated};
    let forecast = question().forecast(&guide()).unwrap();
    let world = World { fault_error_rate: Some(0.005), ..World::steady(100.0, 0.001) };
    let row = Row::of(&world, 60, || Box::new(Gated::by_default()));
    assert!((row.rollback_share - forecast.power).abs() < 0.05, "{row:?} {forecast:?}");
    let ratio = row.mean_failed_requests / forecast.failed_requests;
    assert!((0.5..2.0).contains(&ratio), "{row:?} {forecast:?}");
}

/// One request a second, one in two hundred of which fails.
#[cfg(feature = "lab")]
#[test]
fn a_quiet_service_is_rolled_out_by_what_is_proposed() {
    use crate::lab::{RolloutPolicy, Row, World, policies::Gated};
    let quiet = Question {
        requests_per_second: 1.0,
        baseline_error_rate: 0.005,
        smallest_ratio: 20.0,
        ..question()
    };
    let stages = quiet.propose().unwrap().stages;
    let planned = || -> Box<dyn RolloutPolicy> {
        let weights = stages.iter().map(|stage| (stage.weight, stage.duration.as_secs() as u32));
        Box::new(Gated::new("planned", Policy::gate(&quiet.policies(&stages)), weights.collect()))
    };
    let good = Row::of(&World::steady(1.0, 0.005), 100, planned);
    assert!(good.rollback_share <= 0.02, "{good:?}");
    let world = World { fault_error_rate: Some(0.1), ..World::steady(1.0, 0.005) };
    let bad = Row::of(&world, 40, planned);
    assert!(bad.rollback_share >= 0.95, "{bad:?}");
}
