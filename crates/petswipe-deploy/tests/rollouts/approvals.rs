//! Asking a person: yes, no, no answer, and asking again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use petswipe_deploy::memory::Metrics;
use petswipe_deploy::{ApprovalPlan, ApprovalPoint, CauseKind, Effect, Outcome, Plan, Purpose};
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{Answer, Approver, Clock, Event, Question};

use crate::support::*;

/// Notes every question; answers from the n-th one on.
struct Person {
    asked: Arc<Mutex<Vec<Question>>>,
    ignores: AtomicU32,
    answer: Answer,
}

#[async_trait]
impl Approver for Person {
    async fn ask(&self, question: &Question) -> Answer {
        self.asked.lock().unwrap().push(question.clone());
        let less = |left: u32| left.checked_sub(1);
        if self.ignores.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
            return std::future::pending().await;
        }
        self.answer.clone()
    }
}

/// Says yes, but not soon.
struct Slow {
    clock: Arc<SimClock>,
    after: Duration,
}

#[async_trait]
impl Approver for Slow {
    async fn ask(&self, _question: &Question) -> Answer {
        self.clock.sleep_until(self.clock.now() + self.after).await;
        Answer::yes("ann")
    }
}

fn ask(shop: &Shop, ignores: u32, answer: Answer) -> Arc<Mutex<Vec<Question>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    shop.approver(Person { asked: Arc::clone(&asked), ignores: ignores.into(), answer });
    asked
}

fn asking(plan: Plan, before: ApprovalPoint) -> Plan {
    Plan { approval: Some(ApprovalPlan { before, within: seconds(900) }), ..plan }
}

fn asking_plans() -> [Plan; 4] {
    [
        asking(canary(), ApprovalPoint::FirstTraffic),
        asking(canary(), ApprovalPoint::AllTraffic),
        asking(blue_green(), ApprovalPoint::FirstTraffic),
        asking(rolling(), ApprovalPoint::FirstTraffic),
    ]
}

#[test]
fn a_yes_goes_on() {
    let texts = [
        "Shift 10 % of production traffic of shop from shop-blue to shop-green? Without a yes within 900s the rollout goes back.",
        "Shift 100 % of production traffic of shop from shop-blue to shop-green? Without a yes within 900s the rollout goes back.",
        "Switch 100 % of production traffic of shop from shop-blue to shop-green? Without a yes within 900s the rollout goes back.",
        "Replace the 4 tasks of shop-blue? Without a yes within 900s nothing is replaced.",
    ];
    for (plan, text) in asking_plans().into_iter().zip(texts) {
        let shop = Shop::new();
        let asked = ask(&shop, 0, Answer::yes("ann"));
        let outcome = shop.run(plan);
        shop.assert_promoted(&outcome);
        let asked = asked.lock().unwrap();
        let asked: Vec<_> = asked.iter().map(|question| question.text.as_str()).collect();
        assert_eq!(asked, [text]);
    }
}

#[test]
fn a_no_goes_back() {
    for plan in asking_plans() {
        for (answer, text) in [
            (Answer::no("ann", "not today"), "rolled back: ann said no: not today"),
            (Answer::no("ann", ""), "rolled back: ann said no: no reason given"),
        ] {
            let shop = Shop::new();
            ask(&shop, 0, answer);
            assert_eq!(shop.run(plan.clone()).to_string(), text);
            shop.assert_untouched();
        }
    }
}

#[test]
fn no_answer_goes_back_at_the_deadline_and_not_before() {
    for plan in asking_plans() {
        let shop = Shop::new();
        let asked = ask(&shop, u32::MAX, Answer::yes("nobody"));
        assert_eq!(shop.run(plan).to_string(), "rolled back: nobody answered in time");
        let history = shop.history();
        let asked = asked.lock().unwrap();
        let began = after(&history, asked[0].deadline) - seconds(900);
        let turned = history
            .records
            .iter()
            .find(|recorded| matches!(recorded.event, petswipe_runbook::Event::Unanswered { .. }));
        assert_eq!(after(&history, turned.unwrap().at), began + seconds(900));
        shop.assert_untouched();
    }
}

#[test]
fn while_a_person_thinks_the_new_version_is_watched() {
    let shop = Shop::new();
    ask(&shop, u32::MAX, Answer::yes("nobody"));
    shop.when(|shop, recorded, _| {
        if matches!(recorded.event, petswipe_runbook::Event::Asked { .. }) {
            shop.break_version_2();
        }
    });
    let outcome = shop.run(asking(canary(), ApprovalPoint::AllTraffic));
    assert!(outcome.to_string().contains("not healthy at 50 %: error rate"), "{outcome}");
    shop.assert_untouched();
}

#[test]
fn a_driver_that_goes_on_asks_again_and_gives_the_whole_time_again() {
    for plan in asking_plans() {
        let shop = Shop::new();
        let asked = ask(&shop, 1, Answer::yes("ann"));
        let question = Arc::new(AtomicU32::new(u32::MAX));
        let noted = Arc::clone(&question);
        shop.when(move |shop, recorded, _| {
            if matches!(recorded.event, petswipe_runbook::Event::Asked { .. })
                && noted.load(Ordering::Relaxed) == u32::MAX
            {
                noted.store(shop.log.appends() as u32, Ordering::Relaxed);
                // It dies while the person thinks: at the next thing that is to be written.
                shop.log.dies_at(shop.log.appends(), Death::Before);
            }
        });
        let halted = shop.try_start(plan).unwrap_err();
        assert!(halted.error.to_string().contains("writing the journal"), "{halted}");
        shop.clock.advance(seconds(5000));
        let resumed_at = now(&shop);
        let outcome = shop.try_resume().unwrap().outcome;
        assert!(matches!(outcome, Outcome::Promoted { .. }), "{outcome}");
        shop.assert_promoted(&outcome);
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0].key, asked[1].key);
        assert!(asked[1].deadline > resumed_at);
    }
}

#[test]
fn a_late_yes_counts_only_while_the_new_version_is_still_known_to_be_healthy() {
    for mended in [true, false] {
        let shop = Shop::new();
        shop.approver(Slow { clock: shop.clock.clone(), after: seconds(300) });
        shop.when(move |shop, recorded, _| match &recorded.event {
            Event::Asked { .. } => shop.cloud.set_metrics(Metrics::Fail),
            Event::Intended { effect: Effect::Look(look), .. }
                if mended && look.purpose == Purpose::Guard =>
            {
                shop.cloud.set_metrics(Metrics::Work);
            }
            Event::Intended { effect: Effect::Shift { to, .. }, .. }
                if to.share(&green()) == percent(100) =>
            {
                assert!(mended, "shifted without evidence");
            }
            _ => {}
        });
        let outcome = shop.run(asking(canary(), ApprovalPoint::AllTraffic));
        if mended {
            shop.assert_promoted(&outcome);
        } else {
            let Outcome::RolledBack { cause } = &outcome else { panic!("{outcome}") };
            assert_eq!(cause.kind, CauseKind::Unsure, "{cause}");
            assert_eq!(shop.shifts(), [split(10), split(50), split(0)]);
            shop.assert_untouched();
        }
    }
}

#[test]
fn the_old_side_is_not_scaled_down_once_the_new_one_can_no_longer_be_judged() {
    let shop = Shop::new();
    shop.when(|shop, _, state| {
        if state.stages.last().is_some_and(|stage| stage.name == "scale-down delay") {
            shop.cloud.set_metrics(Metrics::Missing);
        }
    });
    let outcome = shop.run(canary());
    let Outcome::RolledBack { cause } = &outcome else { panic!("{outcome}") };
    assert_eq!(cause.kind, CauseKind::Unsure, "{cause}");
    shop.assert_untouched();
}
