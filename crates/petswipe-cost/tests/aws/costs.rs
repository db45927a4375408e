//! Cost Explorer: days from a first one up to a last one that is not among them, each with its numbers.

use jiff::civil::Date;
use petswipe_aws::script::{Answer, Call, Refusal};
use serde_json::{Value, json};

#[derive(Default)]
pub struct Costs {
    /// So many days fit on a page.
    pub page: Option<usize>,
    /// There are no commitments, so there is nothing to tell.
    pub unavailable: bool,
}

pub fn answer(costs: &mut Costs, call: &Call) -> Result<Answer, Refusal> {
    if call.region != "us-east-1" {
        return Err("UnrecognizedClientException".into());
    }
    if costs.unavailable {
        return Err("DataUnavailableException".into());
    }
    let asked = call.json();
    if asked["Granularity"] != "DAILY" || asked.get("GroupBy").is_some() {
        return Err("ValidationException".into());
    }
    let of_ec2 = json!({"Dimensions": {"Key": "SERVICE", "Values": ["Amazon Elastic Compute Cloud - Compute"]}});
    if call.operation().contains("Reservation") && asked["Filter"] != of_ec2 {
        return Err("ValidationException".into());
    }
    let day = |name: &str| asked["TimePeriod"][name].as_str().unwrap().parse::<Date>().unwrap();
    let (start, end) = (day("Start"), day("End"));
    let days: Vec<_> =
        start.series(jiff::Span::new().days(1)).take_while(|day| *day < end).collect();
    let token = asked["NextToken"].as_str().or(asked["NextPageToken"].as_str());
    let begin: usize = token.map_or(0, |token| token.parse().unwrap());
    let pages = call.operation() != "GetSavingsPlansUtilization";
    let most = costs.page.filter(|_| pages).unwrap_or(days.len());
    let here: Vec<Value> =
        days.iter().skip(begin).take(most).map(|day| entry(call.operation(), *day)).collect();
    let next = (days.len() > begin + most).then(|| (begin + most).to_string());
    Ok(Answer::Json(match call.operation() {
        "GetSavingsPlansCoverage" => json!({"SavingsPlansCoverages": here, "NextToken": next}),
        "GetSavingsPlansUtilization" => {
            json!({"SavingsPlansUtilizationsByTime": here, "Total": {}})
        }
        "GetReservationCoverage" => json!({"CoveragesByTime": here, "NextPageToken": next}),
        "GetReservationUtilization" => json!({"UtilizationsByTime": here, "NextPageToken": next}),
        _ => return Err("UnknownOperationException".into()),
    }))
}

/// On the first of a month everything is a hundred times as much, and all of it covered and used.
fn entry(operation: &str, day: Date) -> Value {
    let first = day.day() == 1;
    let period = json!({"Start": day.to_string(), "End": day.tomorrow().unwrap().to_string()});
    let amount = |usual: f64, on_first: f64| {
        let amount = if first { on_first } else { usual };
        json!(format!("{amount:.10}"))
    };
    match operation {
        "GetSavingsPlansCoverage" => json!({"TimePeriod": period, "Attributes": {}, "Coverage": {
            "SpendCoveredBySavingsPlans": amount(1.0, 1000.0),
            "OnDemandCost": amount(9.0, 0.0),
            "TotalCost": amount(10.0, 1000.0),
            "CoveragePercentage": amount(10.0, 100.0),
        }}),
        "GetSavingsPlansUtilization" => json!({"TimePeriod": period, "Utilization": {
            "TotalCommitment": amount(2.0, 200.0),
            "UsedCommitment": amount(1.0, 200.0),
            "UnusedCommitment": amount(1.0, 0.0),
            "UtilizationPercentage": amount(50.0, 100.0),
        }}),
        "GetReservationCoverage" => json!({"TimePeriod": period, "Groups": [], "Total": {
            "CoverageHours": {
                "OnDemandHours": amount(24.0, 0.0),
                "ReservedHours": amount(0.0, 2400.0),
                "TotalRunningHours": amount(24.0, 2400.0),
            },
            "CoverageCost": {"OnDemandCost": amount(0.5, 0.0)},
        }}),
        _ => json!({"TimePeriod": period, "Groups": [], "Total": {
            "PurchasedHours": amount(24.0, 2400.0),
            "TotalActualHours": amount(12.0, 2400.0),
            "RICostForUnusedHours": amount(0.25, 0.0),
        }}),
    }
}
