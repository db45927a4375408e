//! What was spent, day by day: `GetCostAndUsage`.
//!
//! Costs are unblended, as they are billed, without tax, credits and refunds: those belong to no service, or hide what one costs.
//! Source: "GetCostAndUsage", AWS Billing and Cost Management API Reference.

use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, Granularity, GroupDefinition,
    GroupDefinitionType, ResultByTime,
};
use petswipe_aws::CallError;
use rust_decimal::Decimal;

use super::{ABOUT, AwsSpend};
use crate::aws::error::called;
use crate::aws::pages::{self, Asked};
use crate::{Error, Line, Spend, Window};

const METRIC: &str = "UnblendedCost";
const ASKED: Asked<'static> = Asked { action: "ce:GetCostAndUsage", about: ABOUT };

impl AwsSpend {
    pub(super) async fn daily(&self, window: Window, by_tag: Option<&str>) -> Result<Spend, Error> {
        let (from, to) = window.days()?;
        let period = super::days(window)?;
        let days = pages::all(ASKED, |token: Option<String>| self.page(&period, by_tag, token));
        let mut spend = Spend::new(self.currency, from, to).by_key(by_tag);
        for day in days.await.map_err(called)? {
            self.add(&mut spend, &day, by_tag)?;
        }
        Ok(spend)
    }

    async fn page(
        &self,
        period: &DateInterval,
        by_tag: Option<&str>,
        token: Option<String>,
    ) -> Result<(Vec<ResultByTime>, Option<String>), CallError> {
        let group = |kind, key: &str| GroupDefinition::builder().r#type(kind).key(key).build();
        let mut request = self
            .client
            .get_cost_and_usage()
            .granularity(Granularity::Daily)
            .time_period(period.clone())
            .metrics(METRIC)
            .filter(usage_only())
            .group_by(group(GroupDefinitionType::Dimension, "SERVICE"))
            .set_next_page_token(token);
        if let Some(key) = by_tag {
            request = request.group_by(group(GroupDefinitionType::Tag, key));
        }
        let page = request.send().await;
        let page = page.map_err(|error| CallError::new(ASKED.action, ABOUT, error))?;
        let next = page.next_page_token.filter(|token| !token.is_empty());
        Ok((page.results_by_time.unwrap_or_default(), next))
    }

    fn add(
        &self,
        spend: &mut Spend,
        day: &ResultByTime,
        by_tag: Option<&str>,
    ) -> Result<(), Error> {
        let unusable = |why: String| called(ASKED.unusable(why));
        let start = day.time_period().map(|period| period.start()).unwrap_or_default();
        let date = start.parse().map_err(|_| unusable(format!("it has the day {start:?}")))?;
        for group in day.groups() {
            let [service, rest @ ..] = group.keys() else {
                return Err(unusable("it has a group without a service".to_owned()));
            };
            let value = group.metrics().and_then(|metrics| metrics.get(METRIC));
            let (amount, unit) =
                value.map(|value| (value.amount(), value.unit())).unwrap_or_default();
            let text = amount.unwrap_or_default();
            let parsed = text.parse().or_else(|_| Decimal::from_scientific(text));
            let amount = parsed.map_err(|_| unusable(format!("it has the amount {text:?}")))?;
            if let Some(unit) = unit.filter(|unit| *unit != self.currency.to_string()) {
                return Err(unusable(format!("it has amounts in {unit} and {}", self.currency)));
            }
            // `KEY$VALUE`; what lacks the tag has an empty value.
            let tag = by_tag.and_then(|key| rest.first()?.strip_prefix(key)?.strip_prefix('$'));
            let tag = tag.filter(|value| !value.is_empty()).map(str::to_owned);
            spend.add(Line { day: date, service: service.clone(), tag, amount })?;
        }
        Ok(())
    }
}

fn usage_only() -> Expression {
    let kinds = DimensionValues::builder().key(Dimension::RecordType);
    let kinds =
        ["Credit", "Refund", "Tax"].into_iter().fold(kinds, |kinds, kind| kinds.values(kind));
    let these = Expression::builder().dimensions(kinds.build()).build();
    Expression::builder().not(these).build()
}
