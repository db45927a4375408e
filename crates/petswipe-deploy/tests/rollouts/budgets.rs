//! Rollouts that may spend a share of an error budget.

use std::sync::Arc;

use petswipe_deploy::memory::Behaviour;
use petswipe_deploy::{Outcome, Plan};
use petswipe_monitor::slo::Objective;
use petswipe_monitor::{AbsolutePolicy, BudgetPolicy, Policy};

use crate::support::*;

/// The same plan, by which the new version may have so many bad requests of a hundred, beside wide limits.
fn with_budget(plan: Plan, share: f64) -> Plan {
    let budget = BudgetPolicy {
        slo: "checkout".to_owned(),
        objective: Objective::availability(0.999).unwrap(),
        budget: 100.0,
        share,
        stale_after: seconds(300),
    };
    let limits = AbsolutePolicy { error_rate: 0.5, ..AbsolutePolicy::default() };
    Plan { policies: vec![Policy::Absolute(limits), Policy::Budget(budget)], ..plan }
}

fn shop_for(plan: &Plan) -> Arc<Shop> {
    let shop = Shop::with(4, |performer| performer.gate = Arc::new(plan.gate()));
    shop.version_2(Behaviour { error_rate: 0.02, ..Behaviour::default() });
    shop
}

#[test]
fn what_is_spent_of_a_budget_is_in_the_report_and_more_than_the_share_goes_back() {
    for plan in plans() {
        let plan = with_budget(plan, 0.1);
        let shop = shop_for(&plan);
        let Outcome::RolledBack { cause, .. } = shop.run(plan.clone()) else {
            panic!("{} was not rolled back", plan.strategy)
        };
        assert!(cause.text.contains("error budget of checkout"), "{}", cause.text);
        shop.assert_untouched();
        let report = shop.report();
        let [budget] = &report.budgets[..] else { panic!("{:?}", report.budgets) };
        assert_eq!((budget.slo.as_str(), budget.share, budget.budget), ("checkout", 0.1, 100.0));
        assert_eq!(
            (budget.allowance, budget.objective.as_str()),
            (10.0, "99.9 % of requests do not fail")
        );
        let last = report.checks.last().unwrap();
        let said = format!("{} bad requests of 10.0", budget.spent.unwrap());
        assert!(budget.spent > Some(10) && last.text.contains(&said), "{}", last.text);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<petswipe_deploy::Report>(&json).unwrap(), report);
    }
}

#[test]
fn within_its_share_it_is_promoted_and_undone_whatever_that_costs() {
    for plan in plans() {
        let plan = with_budget(plan, 1e6);
        // A share above 1 is none.
        assert!(plan.validate().is_err());
        let mut plan = with_budget(plan, 1.0);
        let Policy::Budget(budget) = &mut plan.policies[1] else { panic!("no budget") };
        budget.budget = 1e6;
        let shop = shop_for(&plan);
        let outcome = shop.run(plan.clone());
        shop.assert_promoted(&outcome);
        let report = shop.report();
        assert!(report.budgets[0].spent.is_some_and(|spent| spent > 0), "{:?}", report.budgets);
        let undo = plan.undo(&outcome, report.finished_at, report.finished_at).unwrap();
        assert_eq!(undo.policies, plan.policies[..1]);
    }
}
