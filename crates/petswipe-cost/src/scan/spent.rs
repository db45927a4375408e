//! What the source of spend is asked: costs, and the cloud's own opinion of them.

use std::future::Future;

use futures_util::future::FusedFuture;
use futures_util::{FutureExt as _, pin_mut, select_biased};

use super::missing::{Gap, Gaps};
use super::{Scan, Scanner};
use crate::{Area, Error, Region, Window};

/// Anomalies are kept for so many days. Source: "GetAnomalies", AWS Cost Explorer API reference.
const ANOMALY_DAYS: u16 = 90;

/// What is asked beyond commitments, each a request that Cost Explorer charges for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// For how many days back costs are asked for, and by which tag.
    costs: Option<(u16, Option<String>)>,
    /// For how many days back anomalies are asked for.
    anomalies: Option<u16>,
    rightsizing: bool,
}

impl Scanner {
    /// The same, asking the source of spend what the last whole days cost, by service and the values of a tag.
    #[must_use]
    pub fn with_costs(mut self, days: u16, by_tag: Option<&str>) -> Self {
        self.asked.costs = Some((days, by_tag.map(str::to_owned)));
        self
    }

    /// The same, asking the source of spend for the anomalies that the cloud itself has found in the last whole days, of at most 90.
    #[must_use]
    pub fn with_anomalies(mut self, days: u16) -> Self {
        self.asked.anomalies = Some(days.min(ANOMALY_DAYS));
        self
    }

    /// The same, asking the source of spend which instances the cloud itself would end or size otherwise.
    #[must_use]
    pub fn with_rightsizing(mut self) -> Self {
        self.asked.rightsizing = true;
        self
    }

    pub(super) async fn spent<S>(&self, scan: &mut Scan, gaps: &mut Gaps, stop: &mut S)
    where
        S: Future<Output = ()> + FusedFuture + Unpin,
    {
        let Some(spend) = &self.spend else { return };
        let now = scan.now;
        if let Some((days, by_tag)) = &self.asked.costs {
            let answer = spend.costs(Window::days_before(now, *days), by_tag.as_deref());
            scan.spend = told(Area::SPEND, answer, scan, gaps, stop).await;
        }
        if let Some(days) = self.asked.anomalies {
            let answer = spend.anomalies(Window::days_before(now, days));
            scan.anomalies = told(Area::AWS_ANOMALIES, answer, scan, gaps, stop).await;
        }
        if self.asked.rightsizing {
            scan.rightsizing =
                told(Area::AWS_RIGHTSIZING, spend.rightsizing(), scan, gaps, stop).await;
        }
    }
}

/// An answer, or a gap. What the cloud has no opinion of is none: it is a note.
async fn told<T, S>(
    area: Area,
    answer: impl Future<Output = Result<T, Error>>,
    scan: &mut Scan,
    gaps: &mut Gaps,
    mut stop: &mut S,
) -> Option<T>
where
    S: Future<Output = ()> + FusedFuture + Unpin,
{
    let answer = answer.fuse();
    pin_mut!(answer);
    let gap = if scan.interrupted {
        Gap::interrupted()
    } else {
        select_biased! {
            () = stop => { scan.interrupted = true; Gap::interrupted() }
            answer = answer => match answer {
                Ok(answer) => return Some(answer),
                Err(error @ Error::Unsupported { .. }) if area != Area::SPEND => {
                    scan.notes.push(format!("{area}: {error}"));
                    return None;
                }
                Err(error) => Gap::of(&error),
            },
        }
    };
    gaps.add(area, &Region::global(), gap);
    None
}
