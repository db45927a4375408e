//! The effective cost of CUR 2.0 on lines made by hand, of which it is known.

use petswipe_cost::exports::{Cost, Export, Format, Kind, Limits, Query, Stored, athena};

const HEAD: &str = "line_item_usage_start_date,line_item_unblended_cost,line_item_product_code,line_item_currency_code,\
    line_item_line_item_type,savings_plan_savings_plan_effective_cost,savings_plan_total_commitment_to_date,\
    savings_plan_used_commitment,reservation_effective_cost,reservation_unused_amortized_upfront_fee_for_billing_period,\
    reservation_unused_recurring_fee,reservation_reservation_a_r_n";

/// Each line has a service of its own, so that its cost can be seen: type, unblended cost, the seven other columns, and what it is
/// to come to.
const LINES: [(&str, &str, &str, &str); 12] = [
    // What a Savings Plan covers costs its rate, and its negation nothing.
    ("SavingsPlanCoveredUsage", "10", "6.5,,,,,,", "6.5"),
    ("SavingsPlanNegation", "-10", ",,,,,,", "0"),
    // Of what was committed, 8 of 10 was used.
    ("SavingsPlanRecurringFee", "10", ",10,8,,,,", "2"),
    ("SavingsPlanRecurringFee", "0", ",4,,,,,", "4"),
    ("SavingsPlanUpfrontFee", "1000", ",,,,,,", "0"),
    ("DiscountedUsage", "0", ",,,3.25,,,arn:aws:ec2:x", "3.25"),
    // What of a reservation was not used: of the upfront payment 1.5, of the hours 0.25.
    ("RIFee", "70", ",,,,1.5,0.25,arn:aws:ec2:x", "1.75"),
    ("RIFee", "70", ",,,,,0.25,arn:aws:ec2:x", "0.25"),
    // An upfront payment is in what it was for; another fee is what it is.
    ("Fee", "500", ",,,,,,arn:aws:ec2:x", "0"),
    ("Fee", "40", ",,,,,,", "40"),
    ("Usage", "5", ",,,,,,", "5"),
    ("Credit", "-1", ",,,,,,", "-1"),
];

fn file() -> String {
    let mut text = format!("{HEAD}\n");
    for (index, (kind, billed, others, _)) in LINES.iter().enumerate() {
        text += &format!("2026-11-01T00:00:00Z,{billed},service-{index},USD,{kind},{others}\n");
    }
    text
}

#[tokio::test]
async fn each_type_of_line_costs_what_is_documented() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cur.csv");
    std::fs::write(&path, file()).unwrap();
    let export = Export::open(&path, Format::Auto, Limits::default()).await.unwrap();
    assert_eq!(export.kind(), Kind::Cur2);
    let spend = export.spend(&Query::daily().of(Cost::Effective)).await.unwrap();
    for (index, (kind, .., expected)) in LINES.iter().enumerate() {
        let service = format!("service-{index}");
        let cost = spend.by_service().of(&service.as_str());
        assert_eq!(cost, expected.parse().unwrap(), "{kind}");
    }
    assert_eq!(spend.total().to_string(), "61.75");
    // The bill is another sum.
    let billed = export.spend(&Query::daily()).await.unwrap();
    assert_eq!(billed.total().to_string(), "1694");
    // Names in capital letters are the same columns.
    let shouting = file().replacen(HEAD, &HEAD.to_uppercase(), 1);
    std::fs::write(&path, shouting).unwrap();
    let export = Export::open(&path, Format::Auto, Limits::default()).await.unwrap();
    assert_eq!(export.spend(&Query::daily().of(Cost::Effective)).await.unwrap(), spend);
}

#[test]
fn athena_has_the_same_cases() {
    let sql =
        athena(&Query::daily().of(Cost::Effective), Kind::Cur2, Stored::Parquet, "billing.cur2");
    let sql = sql.unwrap();
    for kind in
        LINES.map(|(kind, ..)| kind).iter().filter(|kind| !["Usage", "Credit"].contains(kind))
    {
        assert!(sql.contains(&format!("\"line_item_line_item_type\" = '{kind}'")), "{kind}: {sql}");
    }
    let zero = "CAST(0 AS DECIMAL(38, 12))";
    let amount = |name: &str| format!("COALESCE(CAST(\"{name}\" AS DECIMAL(38, 12)), {zero})");
    let unused = format!(
        "'SavingsPlanRecurringFee' THEN {} - {}\n",
        amount("savings_plan_total_commitment_to_date"),
        amount("savings_plan_used_commitment")
    );
    assert!(sql.contains(&unused), "{sql}");
    let fee = format!("= 'Fee' AND \"reservation_reservation_a_r_n\" <> '' THEN {zero}\n");
    assert!(sql.contains(&fee), "{sql}");
    assert!(sql.contains(&format!("ELSE {}\n", amount("line_item_unblended_cost"))), "{sql}");
}
