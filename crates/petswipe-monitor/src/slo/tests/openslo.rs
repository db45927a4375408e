//! Files of OpenSLO.

use proptest::prelude::*;
use std::time::Duration;

use super::{DAY, HOUR, MINUTE, shop};
use crate::Subject;
use crate::slo::openslo::{Document, Indicator, OpenSlo, read, write};
use crate::slo::{BurnRateAlert, DAYS_30, Objective, Severity, Slo};

/// Two documents: an SLO that refers to an SLI, after the examples of the specification.
const FILE: &str = r#"
apiVersion: openslo/v1
kind: SLO
metadata:
  name: web-latency
  displayName: Web latency
  labels: {team: [web, sre]}
  annotations: {openslo.com/key1: value1}
spec:
  description: pages are fast
  service: web
  indicatorRef: web-times
  timeWindow:
    - duration: 4w
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - displayName: fast
      op: lte
      value: 0.25
      targetPercent: 99.9
  alertPolicies:
    - alertPolicyRef: on-call
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: web-times}
spec:
  thresholdMetric:
    metricSource:
      type: petswipe
      spec: {environment: web-production, revision: v7, metric: latency}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: on-call}
spec: {target: email}
"#;

#[test]
fn a_file_is_read_and_nothing_of_it_is_lost() {
    let file = read(FILE).unwrap();
    let [Document::Slo(web), Document::Other(sli), Document::Other(_)] = &file.documents[..] else {
        panic!("{file:?}")
    };
    let slo = &web.slo;
    assert_eq!(
        (slo.name(), slo.service(), slo.description()),
        ("web-latency", "web", "pages are fast")
    );
    assert_eq!(slo.period(), 28 * DAY);
    assert_eq!(slo.objectives(), [Objective::latency(0.999, Duration::from_millis(250)).unwrap()]);
    let subject =
        Subject { environment: "web-production".to_owned(), revision: Some("v7".to_owned()) };
    assert_eq!(slo.subject(), &subject);
    assert_eq!(slo.alerts(), BurnRateAlert::standard(28 * DAY).unwrap());
    assert_eq!(web.metadata["labels"]["team"][1], "sre");
    assert_eq!(web.indicator, Indicator::Ref("web-times".to_owned()));
    assert_eq!(sli["metadata"]["name"], "web-times");
    let written = write(&file).unwrap();
    assert_eq!(read(&written).unwrap(), file, "{written}");
    for kept in ["on-call", "value1", "email", "Web latency"] {
        assert!(written.contains(kept), "{kept} in {written}");
    }
}

#[test]
fn what_is_not_supported_is_refused_with_its_path() {
    for (from, to, said) in [
        (
            "openslo/v1\nkind: SLO",
            "openslo/v2alpha\nkind: SLO",
            "apiVersion of document 1 is openslo/v2alpha;",
        ),
        ("kind: SLO", "kind: Slo", "kind of document 1 is Slo;"),
        ("Occurrences", "Timeslices", "spec.budgetingMethod of the SLO web-latency is Timeslices;"),
        ("Occurrences", "Occurrences\n  budget: 3", "spec.budget of the SLO web-latency is there;"),
        ("4w", "1M", "spec.timeWindow[0].duration of the SLO web-latency is 1M;"),
        ("4w", "w", "spec.timeWindow[0].duration of the SLO web-latency is w;"),
        ("4w", "99999999999999999w", "spec.timeWindow[0].duration of the SLO web-latency is 99"),
        (
            "isRolling: true",
            "calendar: {timeZone: UTC}",
            "spec.timeWindow[0].calendar of the SLO web-latency is {\"timeZone\":\"UTC\"};",
        ),
        (
            "isRolling: true",
            "isRolling: false",
            "spec.timeWindow[0].isRolling of the SLO web-latency is false;",
        ),
        ("op: lte", "op: gt", "spec.objectives[0].op of the SLO web-latency is gt;"),
        ("value: 0.25", "value: -1", "spec.objectives[0].value of the SLO web-latency is -1;"),
        (
            "value: 0.25",
            "value: fast",
            "spec.objectives[0].value of the SLO web-latency is fast; allowed: a number",
        ),
        (
            "targetPercent: 99.9",
            "target: 99.9",
            "spec.objectives[0].target of the SLO web-latency is 99.9;",
        ),
        (
            "targetPercent: 99.9",
            "target: 1",
            "spec.objectives[0].target of the SLO web-latency is 1;",
        ),
        (
            "targetPercent: 99.9",
            "note: 1",
            "spec.objectives[0].target of the SLO web-latency is missing or there twice;",
        ),
        (
            "targetPercent: 99.9",
            "target: 0.5\n      timeSliceTarget: 0.9",
            "spec.objectives[0].timeSliceTarget of the SLO web-latency is 0.9;",
        ),
        (
            "indicatorRef: web-times",
            "indicatorRef: other",
            "spec.indicatorRef of the SLO web-latency is other;",
        ),
        (
            "  indicatorRef: web-times\n",
            "",
            "spec.indicator of the SLO web-latency is missing or there twice;",
        ),
        ("  service: web\n", "", "spec.service of the SLO web-latency is missing;"),
        (
            "service: web\n",
            "service: [web]\n",
            "spec.service of the SLO web-latency is [\"web\"]; allowed: a text",
        ),
        ("name: web-latency", "name: Web", "name of the SLO is Web;"),
        (
            "environment: web-production, ",
            "",
            "spec.indicatorRef.spec (metricSource of the type petswipe) of the SLO web-latency is incomplete;",
        ),
        (
            "thresholdMetric:",
            "ratioMetric:",
            "spec.indicatorRef.spec.ratioMetric of the SLO web-latency is incomplete;",
        ),
        (
            "- duration: 4w",
            "- duration: 4w\n      isRolling: true\n    - duration: 1d",
            "spec.timeWindow of the SLO web-latency is a list of 2;",
        ),
        (
            "  timeWindow:\n    - duration: 4w\n      isRolling: true\n",
            "",
            "spec.timeWindow of the SLO web-latency is missing;",
        ),
        (
            "kind: SLI\nmetadata: {name: web-times}",
            "kind: SLI\nmetadata: {}",
            "metadata.name of document 2 is missing;",
        ),
        (
            "{openslo.com/key1: value1}",
            "{petswipe-alerts: soon}",
            "metadata.annotations.petswipe-alerts is soon;",
        ),
    ] {
        assert!(FILE.contains(from), "{from}");
        let error = read(&FILE.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(said), "{to}: {error}");
    }
}

/// The kinds of windows and budgets of the specification that are not counted in requests over a rolling period. They are not
/// taken for such ones, which would give another budget than was promised.
#[test]
fn calendars_and_time_slices_are_refused_with_what_they_say() {
    let calendar = "duration: 1M
      calendar:
        startTime: 2020-01-21 12:30:00
        timeZone: America/New_York
      isRolling: false";
    let slices = "op: lte
      timeSliceTarget: 0.95
      timeSliceWindow: 1m";
    for (from, to, said) in [
        (
            "duration: 4w\n      isRolling: true",
            calendar,
            "spec.timeWindow[0].calendar of the SLO web-latency is \
             {\"startTime\":\"2020-01-21 12:30:00\",\"timeZone\":\"America/New_Y...; allowed: nothing: budgets are of rolling \
             windows here, such as a duration of 30d with isRolling: true",
        ),
        (
            "duration: 4w",
            "duration: 1Q",
            "spec.timeWindow[0].duration of the SLO web-latency is 1Q; allowed: a number and m, h, d or w, such as 30d; \
             months, quarters and years have no fixed length",
        ),
        (
            "Occurrences",
            "Timeslices",
            "spec.budgetingMethod of the SLO web-latency is Timeslices; allowed: Occurrences: budgets are counted in \
             requests here",
        ),
        (
            "Occurrences",
            "RatioTimeslices",
            "spec.budgetingMethod of the SLO web-latency is RatioTimeslices; allowed: Occurrences: budgets are counted in \
             requests here",
        ),
        (
            "op: lte",
            slices,
            "spec.objectives[0].timeSliceTarget of the SLO web-latency is 0.95; allowed: nothing: budgets are counted in \
             requests here",
        ),
        (
            "op: lte",
            "op: lte\n      timeSliceWindow: 5",
            "spec.objectives[0].timeSliceWindow of the SLO web-latency is 5; allowed: nothing: budgets are counted in \
             requests here",
        ),
    ] {
        assert!(FILE.contains(from), "{from}");
        let error = read(&FILE.replacen(from, to, 1)).unwrap_err().to_string();
        assert_eq!(error, said);
    }
}

#[test]
fn what_is_no_openslo_at_all_is_refused() {
    for (text, said) in [
        ("", "the file is empty;"),
        ("# nothing\n", "the file is empty;"),
        ("---\n---\n", "the file is empty;"),
        ("hello", "document 1 is hello; allowed: a map"),
        ("a: [1", "the file is error: line 1"),
        ("apiVersion: openslo/v1\napiVersion: x\n", "the file is error: line 2"),
        (
            &format!("{FILE}---{FILE}"),
            "metadata.name is web-latency; allowed: each name of a SLO once",
        ),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(said) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn one_with_several_objectives_becomes_several_documents() {
    let file = OpenSlo::of(&[shop()]).unwrap();
    let names: Vec<_> = file.slos().iter().map(|slo| slo.name().to_owned()).collect();
    assert_eq!(names, ["checkout-availability", "checkout-latency-250ms"]);
    let written = write(&file).unwrap();
    assert_eq!(read(&written).unwrap(), file, "{written}");
    let clash = Slo::new("checkout-availability", "b", shop().objectives()[..1].to_vec(), DAYS_30);
    assert!(OpenSlo::of(&[shop(), clash.unwrap()]).is_err());
}

#[test]
fn alerts_that_are_not_the_standard_ones_are_written_too() {
    let alert =
        |factor, long, severity| BurnRateAlert::new(factor, long, 5 * MINUTE, severity).unwrap();
    let slo = Slo::new("a", "b", [Objective::availability(0.9).unwrap()], 2 * DAY + HOUR);
    assert!(slo.is_err());
    let slo = Slo::new("a", "b", [Objective::availability(0.9).unwrap()], 8 * DAY).unwrap();
    for alerts in [
        vec![],
        vec![alert(13.44, HOUR, Severity::Page), alert(0.5, 36 * HOUR + MINUTE, Severity::Ticket)],
    ] {
        let slo = slo.clone().with_alerts(alerts).unwrap();
        let file = OpenSlo::of(std::slice::from_ref(&slo)).unwrap();
        let written = write(&file).unwrap();
        assert!(written.contains("petswipe-alerts"), "{written}");
        assert_eq!(read(&written).unwrap().slos(), [slo]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read_again(
        share in 0.0001f64..0.9999, millis in prop::option::of(1u64..100_000), days in 7u32..366,
        description in "\\PC{0,40}", name in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?",
        environment in "\\PC{1,20}", revision in prop::option::of("[a-z0-9:.~]{1,20}"),
    ) {
        let objective = match millis {
            Some(millis) => Objective::latency(share, Duration::from_millis(millis)).unwrap(),
            None => Objective::availability(share).unwrap(),
        };
        let slo = Slo::new(&name, &name, [objective], days * DAY).unwrap();
        let slo = slo.described(description.trim()).about(Subject { environment, revision });
        let file = OpenSlo::of(&[slo]).unwrap();
        let written = write(&file).unwrap();
        let again = read(&written);
        prop_assert!(again.is_ok(), "{:?}\n{}", again, written);
        prop_assert_eq!(again.unwrap(), file, "{}", written);
    }

    #[test]
    fn whatever_is_changed_in_a_file_it_is_read_or_refused(at in 0usize..FILE.len(), text in "\\PC{0,6}") {
        let mut changed = FILE.to_owned();
        changed.insert_str(at, &text);
        if let Err(error) = read(&changed) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
