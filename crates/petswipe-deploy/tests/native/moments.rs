//! Every moment of a native deployment, one after the other: a death, an abort, a version that turns bad.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use petswipe_deploy::memory::{Behaviour, MemoryCloud, MemoryNative, NativeSnapshot};
use petswipe_deploy::native::{NativePerformer, NativePlan, NativeState, NativeStrategy, PerMille};
use petswipe_deploy::{Environment, Image, Outcome, Report, Split, Target};
use petswipe_monitor::AbsolutePolicy;
use petswipe_runbook::journal::Durability;
use petswipe_runbook::sim::SimClock;
use petswipe_runbook::{
    AbortHandle, Driver, Error, EventLog, EventOf, History, Opening, OperationId, Recorded,
};

type Fact = Recorded<EventOf<NativePlan>>;

/// Keeps a history; its driver dies at an append, before or after anything of it is written.
#[derive(Default)]
struct Log(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    history: Option<History<NativePlan>>,
    appends: usize,
    dies: Option<(usize, bool)>,
}

fn dead() -> Error {
    Error::backend("writing the journal", "the process died")
}

#[async_trait]
impl EventLog<NativePlan> for Log {
    async fn load(&self) -> Result<Option<History<NativePlan>>, Error> {
        Ok(self.0.lock().unwrap().history.clone())
    }

    async fn open(&self, opening: &Opening<NativePlan>) -> Result<(), Error> {
        let history = History { opening: opening.clone(), records: Vec::new() };
        self.0.lock().unwrap().history = Some(history);
        Ok(())
    }

    async fn append(&self, batch: &[Fact], _durability: Durability) -> Result<(), Error> {
        let mut inner = self.0.lock().unwrap();
        let dies = inner.dies.filter(|(at, _)| *at == inner.appends).map(|(_, written)| written);
        inner.appends += 1;
        assert!(inner.appends < 5000, "it does not come to an end");
        if dies == Some(false) {
            return Err(dead());
        }
        inner.history.as_mut().ok_or_else(dead)?.records.extend_from_slice(batch);
        if dies.is_some() { Err(dead()) } else { Ok(()) }
    }

    fn location(&self) -> String {
        "test".to_owned()
    }
}

struct Shop {
    clock: Arc<SimClock>,
    cloud: Arc<MemoryCloud>,
    platform: Arc<MemoryNative>,
    log: Arc<Log>,
    abort: AbortHandle,
    before: NativeSnapshot,
}

fn sides() -> [Environment; 2] {
    ["shop-blue", "shop-green"].map(|name| Environment::new(name).unwrap())
}

fn plans() -> Vec<NativePlan> {
    let share = PerMille::new(300).unwrap();
    let strategies = [
        NativeStrategy::BlueGreen,
        NativeStrategy::Linear { step: share, step_bake_minutes: 3 },
        NativeStrategy::Canary { share, canary_bake_minutes: 3 },
    ];
    let plan = |strategy| {
        let target = Target::Image(Image::new("shop:v2").unwrap());
        NativePlan::new("shop", Environment::new("shop").unwrap(), sides(), target, strategy)
    };
    strategies.map(plan).to_vec()
}

impl Shop {
    fn new() -> Self {
        let clock = Arc::new(SimClock::new(jiff::Timestamp::UNIX_EPOCH));
        let image = |name| Image::new(name).unwrap();
        let cloud = MemoryCloud::new(clock.clone(), &sides(), image("shop:v1"), 2).unwrap();
        let cloud = Arc::new(cloud);
        cloud.add_image(image("shop:v2"), Behaviour::default());
        let service = Environment::new("shop").unwrap();
        let platform = MemoryNative::new(cloud.clone(), clock.clone(), service, sides()).unwrap();
        let before = platform.snapshot();
        let (log, abort) = (Arc::new(Log::default()), AbortHandle::new());
        Self { clock, cloud, platform: Arc::new(platform), log, abort, before }
    }

    fn driver(&self, happens: impl Fn(&Fact) + Send + Sync + 'static) -> Driver<NativePlan> {
        let performer = NativePerformer {
            compute: self.cloud.clone(),
            native: self.platform.clone(),
            metrics: self.cloud.clone(),
            gate: Arc::new(AbsolutePolicy::default()),
        };
        let log: Arc<Log> = self.log.clone();
        Driver::with_clock(log, Arc::new(performer), self.clock.clone())
            .abort(self.abort.clone())
            .observer(Arc::new(move |_: &NativePlan, fact: &Fact, _: &NativeState| happens(fact)))
    }

    fn start(
        &self,
        plan: NativePlan,
        happens: impl Fn(&Fact) + Send + Sync + 'static,
    ) -> Option<Outcome> {
        let started = self.driver(happens);
        let started = started.start(OperationId::new("native-1").unwrap(), plan);
        self.clock.run(started).expect("it waits for ever").ok().map(|ended| ended.outcome)
    }

    fn report(&self) -> Report {
        NativePlan::report(self.log.0.lock().unwrap().history.as_ref().unwrap())
    }

    /// Either everything is as it was, or the new version serves.
    fn assert_ended(&self, outcome: &Outcome, at: &str) {
        let now = self.platform.snapshot();
        if let Outcome::Promoted { revision, environment, .. } = outcome {
            assert_eq!((&now.revision, &now.live), (revision, environment), "{at}");
            assert_eq!(now.split, Split::all_to(environment.clone()), "{at}");
            assert_eq!(now.configuration, self.before.configuration, "{at}");
        } else {
            assert_eq!(now, self.before, "{at}: {outcome}");
        }
    }
}

#[test]
fn a_death_at_any_append_is_survived() {
    for plan in plans() {
        let calm = Shop::new();
        let outcome = calm.start(plan.clone(), |_| {}).unwrap();
        assert!(matches!(outcome, Outcome::Promoted { .. }), "{outcome}");
        let appends = calm.log.0.lock().unwrap().appends;
        for append in 0..appends {
            for (written, down) in [(false, 0), (true, 0), (false, 5000), (true, 5000)] {
                let shop = Shop::new();
                shop.log.0.lock().unwrap().dies = Some((append, written));
                assert!(shop.start(plan.clone(), |_| {}).is_none());
                shop.clock.advance(Duration::from_secs(down));
                let resumed = shop.clock.run(shop.driver(|_| {}).resume()).unwrap().unwrap();
                let at = format!("append {append}, written {written}, down {down} s");
                shop.assert_ended(&resumed.outcome, &at);
                // After a short absence it ends as if nobody had died; after a long one it may have gone back.
                let promoted = matches!(resumed.outcome, Outcome::Promoted { .. });
                assert!(promoted || down > 0, "{at}: {}", resumed.outcome);
                let actions = shop.report().actions;
                let begun = actions.iter().filter(|action| action.action.starts_with("begin"));
                assert!(begun.count() <= 2, "{at}");
            }
        }
    }
}

#[test]
fn an_abort_at_any_event_ends_as_it_was_or_promoted() {
    for plan in plans() {
        let calm = Shop::new();
        calm.start(plan.clone(), |_| {}).unwrap();
        let last = calm.log.0.lock().unwrap().history.as_ref().unwrap().records.len() as u64;
        for seq in 1..=last {
            let shop = Shop::new();
            let abort = shop.abort.clone();
            let outcome = shop.start(plan.clone(), move |fact| {
                if fact.seq == seq {
                    abort.abort("ann", "wrong ticket");
                }
            });
            let outcome = outcome.unwrap();
            shop.assert_ended(&outcome, &format!("abort after {seq} of {last}"));
            // Only when the platform was done there is nothing to be aborted.
            let late = seq + 10 >= last;
            assert!(
                late || matches!(outcome, Outcome::Aborted { .. }),
                "{seq} of {last}: {outcome}"
            );
        }
    }
}

#[test]
fn a_version_that_turns_bad_at_any_event_is_taken_back_or_was_promoted_before() {
    for plan in plans() {
        let calm = Shop::new();
        calm.start(plan.clone(), |_| {}).unwrap();
        let last = calm.log.0.lock().unwrap().history.as_ref().unwrap().records.len() as u64;
        for seq in 1..=last {
            let shop = Shop::new();
            let cloud = shop.cloud.clone();
            let outcome = shop.start(plan.clone(), move |fact| {
                if fact.seq == seq {
                    let bad = Behaviour { error_rate: 0.5, ..Behaviour::default() };
                    cloud.add_image(Image::new("shop:v2").unwrap(), bad);
                }
            });
            let outcome = outcome.unwrap();
            shop.assert_ended(&outcome, &format!("bad after {seq} of {last}"));
            // In its last minute the platform is done before the metrics of that minute are there.
            let late = seq + 14 >= last;
            assert!(
                late || matches!(outcome, Outcome::RolledBack { .. }),
                "{seq} of {last}: {outcome}"
            );
        }
    }
}
