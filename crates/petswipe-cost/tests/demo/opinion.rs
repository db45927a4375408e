//! What AWS itself says is beside the findings, and what it does not say is named.

use std::sync::Arc;

use async_trait::async_trait;
use petswipe_cost::demo::Demo;
use petswipe_cost::{
    Anomaly, Area, Commitments, Error, Report, Rightsizing, RightsizingAction, Scan, Scanner,
    Spend, SpendSource, Why, Window,
};

use crate::world::{demo, excluding, now, scanner};

async fn asked(scanner: Scanner, demo: &Demo) -> Scan {
    let asking = scanner.with_anomalies(390).with_rightsizing();
    asking.scan(&demo.regions, now(), std::future::pending()).await
}

#[tokio::test]
async fn it_is_in_no_total_and_the_jump_is_its_anomaly() {
    let mut demo = demo(500, 2);
    let account = Arc::new(std::mem::replace(
        &mut demo.account,
        petswipe_cost::memory::MemoryAccount::new("", []),
    ));
    let scanner = || scanner(&account, &demo.prices);
    let without = scanner().scan(&demo.regions, now(), std::future::pending()).await;
    let without = Report::of(&without, &excluding());
    assert!(without.aws_opinion.is_none());
    let report = Report::of(&asked(scanner(), &demo).await, &excluding());
    assert_eq!(report.totals, without.totals);
    let opinion = report.aws_opinion.clone().unwrap();
    let [anomaly] = &opinion.anomalies.unwrap()[..] else { panic!("another number of anomalies") };
    assert_eq!((anomaly.service.clone().unwrap(), anomaly.from), demo.jump);
    let sizes = opinion.rightsizing.unwrap();
    assert!(sizes.iter().any(|one| one.action == RightsizingAction::Terminate));
    for one in &sizes {
        let id = format!("{}:{}:{}", Area::EC2, one.region.as_ref().unwrap(), one.instance);
        assert!(demo.planted.contains(&id), "{id} is no waste");
        assert!(one.monthly_saving > petswipe_cost::Money::ZERO);
    }
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(Report::from_json(&json).unwrap(), report);
}

#[tokio::test]
async fn what_is_denied_is_a_gap_with_the_missing_action_and_the_other_is_told() {
    let Demo { account, regions, prices, .. } = demo(300, 2);
    let account = Arc::new(account.denying("ce:GetAnomalies"));
    let scanner = scanner(&account, &prices).with_anomalies(30).with_rightsizing();
    let scan = scanner.scan(&regions, now(), std::future::pending()).await;
    let report = Report::of(&scan, &excluding());
    let [missing] = &report.not_analysed[..] else { panic!("{:?}", report.not_analysed) };
    assert_eq!((&missing.area, missing.why), (&Area::AWS_ANOMALIES, Why::Denied));
    assert_eq!(missing.action.as_deref(), Some("ce:GetAnomalies"));
    let opinion = report.aws_opinion.unwrap();
    assert!(report.partial && opinion.anomalies.is_none() && opinion.rightsizing.is_some());
}

/// A cloud without a detector.
struct Without;

#[async_trait]
impl SpendSource for Without {
    async fn costs<'a>(&self, _: Window, _: Option<&'a str>) -> Result<Spend, Error> {
        Err(unsupported())
    }

    async fn commitments(&self, window: Window) -> Result<Commitments, Error> {
        Ok(Commitments { window, kinds: Vec::new() })
    }

    async fn anomalies(&self, _: Window) -> Result<Vec<Anomaly>, Error> {
        Err(unsupported())
    }

    async fn rightsizing(&self) -> Result<Vec<Rightsizing>, Error> {
        Ok(Vec::new())
    }
}

fn unsupported() -> Error {
    Error::Unsupported { what: "a detector".to_owned() }
}

#[tokio::test]
async fn what_is_not_switched_on_is_a_note_and_no_gap() {
    let mut demo = demo(300, 2);
    let account = Arc::new(std::mem::replace(
        &mut demo.account,
        petswipe_cost::memory::MemoryAccount::new("", []),
    ));
    let scanner = scanner(&account, &demo.prices).with_spend(Arc::new(Without));
    let report = Report::of(&asked(scanner, &demo).await, &excluding());
    assert!(!report.partial, "{:?}", report.not_analysed);
    assert_eq!(report.notes, ["aws-anomalies: a detector is not supported here"]);
    assert_eq!(report.aws_opinion.unwrap().rightsizing, Some(Vec::new()));
}
