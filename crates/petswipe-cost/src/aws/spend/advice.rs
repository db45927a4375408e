//! What Cost Explorer says by itself: anomalies, and instances of another size.
//!
//! Sources: "GetAnomalies", "GetRightsizingRecommendation", AWS Billing and Cost Management API Reference.

use aws_sdk_costexplorer::types::{
    self, AnomalyDateInterval, RecommendationTarget, RightsizingRecommendation,
    RightsizingRecommendationConfiguration,
};
use jiff::civil::Date;
use petswipe_aws::CallError;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;

use super::{ABOUT, AwsSpend};
use crate::aws::error::called;
use crate::aws::pages::{self, Asked};
use crate::{Anomaly, Error, Money, Region, Rightsizing, RightsizingAction, Window};

const ANOMALIES: Asked<'static> = Asked { action: "ce:GetAnomalies", about: ABOUT };
const RIGHTSIZING: Asked<'static> =
    Asked { action: "ce:GetRightsizingRecommendation", about: ABOUT };

impl AwsSpend {
    pub(super) async fn detected(&self, window: Window) -> Result<Vec<Anomaly>, Error> {
        let (from, to) = window.days()?;
        let last = to.yesterday().unwrap_or(to);
        let interval = AnomalyDateInterval::builder().start_date(from.to_string());
        let interval = interval.end_date(last.to_string()).build();
        let interval = interval.map_err(|error| Error::backend("making a period", error))?;
        let found = pages::all(ANOMALIES, |token: Option<String>| {
            let request = self.client.get_anomalies().date_interval(interval.clone());
            let request = request.set_next_page_token(token);
            async move {
                let page = request.send().await;
                let page = page.map_err(|error| CallError::new(ANOMALIES.action, ABOUT, error))?;
                Ok((page.anomalies, page.next_page_token.filter(|token| !token.is_empty())))
            }
        });
        let found = found.await.map_err(called)?;
        let found = found.iter().map(|anomaly| self.anomaly(anomaly));
        let mut found: Vec<Anomaly> = found.collect::<Result<_, _>>()?;
        found.retain(|anomaly| anomaly.touches(from, to));
        found.sort_by_key(|anomaly| std::cmp::Reverse(anomaly.from));
        Ok(found)
    }

    fn anomaly(&self, anomaly: &types::Anomaly) -> Result<Anomaly, Error> {
        // A day, or a time of it.
        let day = |text: &str| -> Result<Date, Error> {
            let date = text.get(..10).and_then(|day| day.parse().ok());
            date.ok_or_else(|| called(ANOMALIES.unusable(format!("it has the day {text:?}"))))
        };
        let start = anomaly.anomaly_start_date().unwrap_or_default();
        let cause = anomaly.root_causes().first();
        let named = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let region = cause.and_then(|cause| cause.region());
        Ok(Anomaly {
            id: anomaly.anomaly_id().to_owned(),
            from: day(start)?,
            to: anomaly.anomaly_end_date().filter(|end| !end.is_empty()).map(day).transpose()?,
            service: named(cause.and_then(|cause| cause.service()))
                .or_else(|| named(anomaly.dimension_value())),
            region: region.and_then(|region| Region::new(region).ok()),
            usage_type: named(cause.and_then(|cause| cause.usage_type())),
            impact: anomaly.impact().map(|impact| money(impact.total_impact())).unwrap_or_default(),
            currency: self.currency,
            score: anomaly.anomaly_score().map_or(0.0, |score| score.max_score()),
        })
    }

    pub(super) async fn sizes(&self) -> Result<Vec<Rightsizing>, Error> {
        let how = RightsizingRecommendationConfiguration::builder()
            .recommendation_target(RecommendationTarget::SameInstanceFamily)
            .benefits_considered(true)
            .build();
        let how = how.map_err(|error| Error::backend("making a question", error))?;
        let found = pages::all(RIGHTSIZING, |token: Option<String>| {
            let request = self.client.get_rightsizing_recommendation().service("AmazonEC2");
            let request = request.configuration(how.clone()).set_next_page_token(token);
            async move {
                let page = request.send().await;
                let page =
                    page.map_err(|error| CallError::new(RIGHTSIZING.action, ABOUT, error))?;
                let next = page.next_page_token.filter(|token| !token.is_empty());
                Ok((page.rightsizing_recommendations.unwrap_or_default(), next))
            }
        });
        let found = found.await.map_err(called)?;
        let found = found.iter().filter_map(|one| self.size(one).transpose());
        let mut found: Vec<Rightsizing> = found.collect::<Result<_, _>>()?;
        found.sort_by_key(|one| std::cmp::Reverse(one.monthly_saving));
        Ok(found)
    }

    /// `None` for what says neither to end nor to change anything.
    fn size(&self, one: &RightsizingRecommendation) -> Result<Option<Rightsizing>, Error> {
        let unusable = |what: &str| called(RIGHTSIZING.unusable(format!("it has no {what}")));
        let instance = one.current_instance().ok_or_else(|| unusable("instance"))?;
        let details = |resource: Option<&types::ResourceDetails>| {
            resource.and_then(|resource| resource.ec2_resource_details()).cloned()
        };
        let now = details(instance.resource_details());
        let (action, saving) = if let Some(end) = one.terminate_recommendation_detail() {
            (RightsizingAction::Terminate, end.estimated_monthly_savings())
        } else if let Some(change) = one.modify_recommendation_detail() {
            let targets = change.target_instances();
            let target = targets.iter().find(|target| target.default_target_instance());
            let Some(target) = target.or(targets.first()) else { return Ok(None) };
            let kind = details(target.resource_details()).and_then(|details| details.instance_type);
            let to = kind.ok_or_else(|| unusable("type to change to"))?;
            (RightsizingAction::Modify { to }, target.estimated_monthly_savings())
        } else {
            return Ok(None);
        };
        let saving = saving.and_then(|text| text.parse::<Decimal>().ok());
        let region = now.as_ref().and_then(|now| now.region.as_deref());
        Ok(Some(Rightsizing {
            instance: instance.resource_id().ok_or_else(|| unusable("instance"))?.to_owned(),
            account: one.account_id().unwrap_or_default().to_owned(),
            // Some answers have the name of a region here and not its code.
            region: region.and_then(|region| Region::new(region).ok()),
            present: now.and_then(|now| now.instance_type).unwrap_or_default(),
            action,
            monthly_saving: Money::rounded(saving.ok_or_else(|| unusable("saving"))?),
            currency: self.currency,
        }))
    }
}

fn money(amount: f64) -> Money {
    Money::rounded(Decimal::from_f64(amount).unwrap_or_default())
}
