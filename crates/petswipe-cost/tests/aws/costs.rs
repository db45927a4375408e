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
    match call.operation() {
        "GetCostAndUsage" => return usage(costs, &asked),
        "GetAnomalies" => return anomalies(&asked),
        "GetRightsizingRecommendation" => return rightsizing(&asked),
        _ => {}
    }
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

/// Two services a day; of the first one part has the tag, and part has not.
fn usage(costs: &Costs, asked: &Value) -> Result<Answer, Refusal> {
    let no_extras = json!({"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit", "Refund", "Tax"]}}});
    let groups = asked["GroupBy"].as_array().cloned().unwrap_or_default();
    let by_service = json!({"Type": "DIMENSION", "Key": "SERVICE"});
    let well = asked["Granularity"] == "DAILY"
        && asked["Metrics"] == json!(["UnblendedCost"])
        && asked["Filter"] == no_extras
        && groups.first() == Some(&by_service)
        && groups.len() <= 2;
    if !well {
        return Err("ValidationException".into());
    }
    let day = |name: &str| asked["TimePeriod"][name].as_str().unwrap().parse::<Date>().unwrap();
    let (start, end) = (day("Start"), day("End"));
    let days: Vec<_> =
        start.series(jiff::Span::new().days(1)).take_while(|day| *day < end).collect();
    let begin: usize = asked["NextPageToken"].as_str().map_or(0, |token| token.parse().unwrap());
    let most = costs.page.unwrap_or(days.len());
    let group = |keys: &[&str], amount: &str| json!({"Keys": keys, "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}});
    let groups = match groups.get(1) {
        None => vec![group(&["AmazonEC2"], "1.0000000003"), group(&["AmazonS3"], "2.5E-1")],
        Some(_) => vec![
            group(&["AmazonEC2", "team$shop"], "0.6000000003"),
            group(&["AmazonEC2", "team$"], "0.4"),
            group(&["AmazonS3", "team$"], "2.5E-1"),
        ],
    };
    let entry = |day: &Date| {
        let period = json!({"Start": day.to_string(), "End": day.tomorrow().unwrap().to_string()});
        json!({"TimePeriod": period, "Total": {}, "Groups": groups, "Estimated": false})
    };
    let here: Vec<Value> = days.iter().skip(begin).take(most).map(entry).collect();
    let next = (days.len() > begin + most).then(|| (begin + most).to_string());
    Ok(Answer::Json(json!({"ResultsByTime": here, "NextPageToken": next})))
}

fn anomalies(asked: &Value) -> Result<Answer, Refusal> {
    if asked["DateInterval"] != json!({"StartDate": "2026-10-20", "EndDate": "2026-11-18"}) {
        return Err("ValidationException".into());
    }
    let anomaly = |id: &str, from: &str, to: Option<&str>| {
        json!({
            "AnomalyId": id,
            "AnomalyStartDate": from,
            "AnomalyEndDate": to,
            "DimensionValue": "Amazon EC2",
            "RootCauses": [{"Service": "AmazonEC2", "Region": "us-east-1", "UsageType": "BoxUsage:m5.large"}],
            "AnomalyScore": {"MaxScore": 0.9, "CurrentScore": 0.5},
            "Impact": {"MaxImpact": 20.0, "TotalImpact": 123.456},
            "MonitorArn": "arn:aws:ce::123456789012:anomalymonitor/1",
        })
    };
    let (first, second) = (
        anomaly("a-1", "2026-10-22T00:00:00Z", Some("2026-10-24T00:00:00Z")),
        anomaly("a-2", "2026-11-10T00:00:00Z", None),
    );
    Ok(Answer::Json(match asked["NextPageToken"].as_str() {
        None => json!({"Anomalies": [first], "NextPageToken": "1"}),
        Some(_) => json!({"Anomalies": [second, anomaly("a-3", "2026-09-01", Some("2026-09-02"))]}),
    }))
}

fn rightsizing(asked: &Value) -> Result<Answer, Refusal> {
    if asked["Service"] != "AmazonEC2" {
        return Err("ValidationException".into());
    }
    let of = |kind: &str| json!({"EC2ResourceDetails": {"InstanceType": kind, "Region": "US East (N. Virginia)"}});
    let instance = |id: &str| json!({"ResourceId": id, "ResourceDetails": of("m5.xlarge")});
    Ok(Answer::Json(json!({"RightsizingRecommendations": [
        {
            "AccountId": "123456789012",
            "CurrentInstance": instance("i-smaller"),
            "RightsizingType": "MODIFY",
            "ModifyRecommendationDetail": {"TargetInstances": [
                {"EstimatedMonthlySavings": "10.5", "DefaultTargetInstance": false, "ResourceDetails": of("m5.2xlarge")},
                {"EstimatedMonthlySavings": "70.081", "DefaultTargetInstance": true, "ResourceDetails": of("m5.large")},
            ]},
        },
        {
            "AccountId": "123456789012",
            "CurrentInstance": instance("i-idle"),
            "RightsizingType": "TERMINATE",
            "TerminateRecommendationDetail": {"EstimatedMonthlySavings": "140.16", "CurrencyCode": "USD"},
        },
    ]})))
}
