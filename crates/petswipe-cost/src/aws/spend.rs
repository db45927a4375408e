//! What was spent, and what reservations and Savings Plans cover: AWS Cost Explorer.
//!
//! Sources: "GetSavingsPlansCoverage", "GetSavingsPlansUtilization", "GetReservationCoverage", "GetReservationUtilization", AWS
//! Billing and Cost Management API Reference: the end of a period is exclusive, and each request costs 0.01 USD.

mod advice;
mod costs;
mod sums;

use std::fmt;

use async_trait::async_trait;
use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, Granularity,
};
use aws_types::SdkConfig;
use futures_util::future::try_join4;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use petswipe_aws::CallError;

use self::sums::Share;
use super::error::called;
use super::pages::{self, Asked};
use crate::{
    Anomaly, Commitment, CommitmentKind, Commitments, Currency, Error, Money, Rightsizing, Spend,
    SpendSource, Window,
};

/// Reservations of other services are no part of what is asked.
const EC2: &str = "Amazon Elastic Compute Cloud - Compute";

const ABOUT: &str = "the account";

/// Asks Cost Explorer, in the one region where it is.
///
/// A window consists of whole days in UTC; all days are read, whichever months they are in. Cost Explorer takes none that begins
/// more than 13 months ago, or that ends in the future.
pub struct AwsSpend {
    client: Client,
    currency: Currency,
}

impl fmt::Debug for AwsSpend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsSpend")
    }
}

impl AwsSpend {
    /// The account that the credentials belong to, and with a management account its organization.
    ///
    /// Source: "AWS Cost Explorer endpoints and quotas": there is one endpoint, in us-east-1, and one for China in cn-northwest-1.
    pub fn new(config: &SdkConfig) -> Self {
        let china = config.region().is_some_and(|region| region.as_ref().starts_with("cn-"));
        let (region, currency) =
            if china { ("cn-northwest-1", Currency::CNY) } else { ("us-east-1", Currency::USD) };
        let there = config.to_builder().region(aws_types::region::Region::new(region)).build();
        Self { client: Client::new(&there), currency }
    }
}

#[async_trait]
impl SpendSource for AwsSpend {
    async fn costs<'a>(&self, window: Window, by_tag: Option<&'a str>) -> Result<Spend, Error> {
        self.daily(window, by_tag).await
    }

    async fn anomalies(&self, window: Window) -> Result<Vec<Anomaly>, Error> {
        self.detected(window).await
    }

    async fn rightsizing(&self) -> Result<Vec<Rightsizing>, Error> {
        self.sizes().await
    }

    async fn commitments(&self, window: Window) -> Result<Commitments, Error> {
        let period = days(window)?;
        let (plans, used_plans, reservations, used_reservations) = try_join4(
            self.plans_coverage(&period),
            self.plans_use(&period),
            self.reservations_coverage(&period),
            self.reservations_use(&period),
        )
        .await
        .map_err(called)?;
        let kind = |kind, coverage: Share, used: Share| Commitment {
            kind,
            coverage_percent: coverage.percent(),
            on_demand: Money::rounded(coverage.money),
            utilisation_percent: used.percent(),
            unused: Money::rounded(used.money),
            currency: self.currency,
        };
        let kinds = vec![
            kind(CommitmentKind::SavingsPlans, plans, used_plans),
            kind(CommitmentKind::Reservations, reservations, used_reservations),
        ];
        Ok(Commitments { window, kinds })
    }
}

/// The days of all pages: a request, its setter of a token, the members of an answer with the next token and with the days.
macro_rules! daily {
    ($asked:expr, $request:expr, $set:ident, $next:ident, $days:ident) => {{
        let (asked, request) = ($asked, $request);
        let days = pages::all(asked, |token: Option<String>| {
            let request = request.clone().$set(token);
            async move {
                let page = request.send().await;
                let page = page.map_err(|error| CallError::new(asked.action, ABOUT, error))?;
                Ok((page.$days, page.$next.filter(|token| !token.is_empty())))
            }
        });
        unless_unavailable(days.await)
    }};
}

impl AwsSpend {
    /// By money; what was paid on demand.
    async fn plans_coverage(&self, period: &DateInterval) -> Result<Share, CallError> {
        let asked = Asked { action: "ce:GetSavingsPlansCoverage", about: ABOUT };
        let request = self.client.get_savings_plans_coverage().granularity(Granularity::Daily);
        let request = request.time_period(period.clone());
        let mut share = Share::default();
        for day in daily!(asked, request, set_next_token, next_token, savings_plans_coverages)? {
            if let Some(one) = day.coverage() {
                share.add(asked, one.spend_covered_by_savings_plans(), one.total_cost())?;
                share.pay(asked, one.on_demand_cost())?;
            }
        }
        Ok(share)
    }

    /// By money; what was committed and not used. There are no pages.
    async fn plans_use(&self, period: &DateInterval) -> Result<Share, CallError> {
        let asked = Asked { action: "ce:GetSavingsPlansUtilization", about: ABOUT };
        let request = self.client.get_savings_plans_utilization().granularity(Granularity::Daily);
        let answer = request.time_period(period.clone()).send().await;
        let answer = answer
            .map(|answer| answer.savings_plans_utilizations_by_time.unwrap_or_default())
            .map_err(|error| CallError::new(asked.action, ABOUT, error));
        let mut share = Share::default();
        for day in unless_unavailable(answer)? {
            if let Some(one) = day.utilization() {
                share.add(asked, one.used_commitment(), one.total_commitment())?;
                share.pay(asked, one.unused_commitment())?;
            }
        }
        Ok(share)
    }

    /// By hours; what was paid on demand.
    async fn reservations_coverage(&self, period: &DateInterval) -> Result<Share, CallError> {
        let asked = Asked { action: "ce:GetReservationCoverage", about: ABOUT };
        let request = self.client.get_reservation_coverage().granularity(Granularity::Daily);
        let request = request.time_period(period.clone()).filter(of_ec2());
        let mut share = Share::default();
        for day in daily!(asked, request, set_next_page_token, next_page_token, coverages_by_time)?
        {
            let Some(total) = day.total() else { continue };
            if let Some(hours) = total.coverage_hours() {
                share.add(asked, hours.reserved_hours(), hours.total_running_hours())?;
            }
            share.pay(asked, total.coverage_cost().and_then(|cost| cost.on_demand_cost()))?;
        }
        Ok(share)
    }

    /// By hours; what the hours cost that were not used.
    async fn reservations_use(&self, period: &DateInterval) -> Result<Share, CallError> {
        let asked = Asked { action: "ce:GetReservationUtilization", about: ABOUT };
        let request = self.client.get_reservation_utilization().granularity(Granularity::Daily);
        let request = request.time_period(period.clone()).filter(of_ec2());
        let mut share = Share::default();
        for day in
            daily!(asked, request, set_next_page_token, next_page_token, utilizations_by_time)?
        {
            if let Some(total) = day.total() {
                share.add(asked, total.total_actual_hours(), total.purchased_hours())?;
                share.pay(asked, total.ri_cost_for_unused_hours())?;
            }
        }
        Ok(share)
    }
}

fn of_ec2() -> Expression {
    let service = DimensionValues::builder().key(Dimension::Service).values(EC2).build();
    Expression::builder().dimensions(service).build()
}

/// Where there is nothing to tell, Cost Explorer says so by an error.
fn unless_unavailable<T>(answer: Result<Vec<T>, CallError>) -> Result<Vec<T>, CallError> {
    match answer {
        Err(error) if error.code() == Some("DataUnavailableException") => Ok(Vec::new()),
        answer => answer,
    }
}

/// The days of a window.
fn days(window: Window) -> Result<DateInterval, Error> {
    let date = |at: Timestamp| {
        let at = at.to_zoned(TimeZone::UTC);
        let is_midnight = at.time() == jiff::civil::Time::midnight();
        is_midnight.then(|| at.date().to_string())
    };
    let wrong = || {
        let given = format!("{} to {}", window.from, window.to);
        Error::invalid("window", given, "at least one day, from midnight to midnight in UTC")
    };
    let (start, end) = date(window.from)
        .zip(date(window.to))
        .filter(|_| window.from < window.to)
        .ok_or_else(wrong)?;
    let interval = DateInterval::builder().start(start).end(end).build();
    interval.map_err(|error| Error::backend("making a period", error))
}
