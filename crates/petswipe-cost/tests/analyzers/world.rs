//! Single resources, and what one analyzer says of them.

use petswipe_cost::analyzer::{self, Scene};
use petswipe_cost::inventory::{
    Database, Instance, InstanceState, Inventory, LoadBalancer, LoadBalancerKind, Purchase, Volume,
    VolumeKind, VolumeState,
};
use petswipe_cost::{
    Area, Assessment, Measure, Metric, Period, Prices, Region, Saving, Series, Statistic, Tags,
    Thresholds, Usage, Window,
};

pub(crate) fn now() -> jiff::Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

pub(crate) fn ago(days: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(now().as_second() - days * 86_400 - 60).unwrap()
}

pub(crate) fn region() -> Region {
    Region::new("us-east-1").unwrap()
}

/// Everything an area says, with default thresholds and the embedded prices.
pub(crate) fn assess(area: &Area, inventory: &Inventory, usage: &Usage) -> Vec<Assessment> {
    assess_by(area, inventory, usage, &Thresholds::default())
}

pub(crate) fn assess_by(
    area: &Area,
    inventory: &Inventory,
    usage: &Usage,
    limits: &Thresholds,
) -> Vec<Assessment> {
    let prices = Prices::embedded();
    let now = now();
    let scene = Scene { inventory, usage, prices: &prices, limits, commitments: None, now };
    let analyzer = analyzer::all().into_iter().find(|one| one.area() == *area).unwrap();
    let mut all = Vec::new();
    analyzer.assess(&scene, &mut |one| all.push(one));
    all
}

/// What it says of the only resource there is.
pub(crate) fn said(area: &Area, inventory: &Inventory, usage: &Usage) -> Assessment {
    let mut all = assess(area, inventory, usage);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

pub(crate) fn saving(assessment: &Assessment) -> &Saving {
    assessment.advice.as_ref().unwrap().saving.as_ref().unwrap()
}

/// The bounds of what it saves, as text.
pub(crate) fn bounds(assessment: &Assessment) -> (String, String) {
    let saving = saving(assessment);
    (saving.low.to_string(), saving.high.to_string())
}

pub(crate) fn instance(instance_type: &str) -> Instance {
    Instance {
        id: "i-1".to_owned(),
        region: region(),
        tags: Tags::new(),
        instance_type: instance_type.to_owned(),
        state: InstanceState::Running,
        purchase: Purchase::OnDemand,
        linux_shared: true,
        launched_at: ago(100),
    }
}

pub(crate) fn database(class: &str) -> Database {
    Database {
        id: "db-1".to_owned(),
        region: region(),
        tags: Tags::new(),
        engine: "postgres".to_owned(),
        class: class.to_owned(),
        multi_az: false,
        available: true,
        storage_gib: 100,
        storage_type: "gp3".to_owned(),
        created_at: ago(300),
        cluster: None,
        replica_of: None,
        deletion_protection: false,
    }
}

pub(crate) fn volume(kind: VolumeKind, size_gib: u32, state: VolumeState) -> Volume {
    let gp3 = kind == VolumeKind::Gp3;
    Volume {
        id: "vol-1".to_owned(),
        region: region(),
        tags: Tags::new(),
        kind,
        size_gib,
        iops: gp3.then_some(3000),
        throughput_mib: gp3.then_some(125),
        state,
        created_at: ago(100),
    }
}

pub(crate) fn balancer(kind: LoadBalancerKind, targets: Option<u32>) -> LoadBalancer {
    LoadBalancer {
        id: "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/0123456789abcdef".to_owned(),
        name: "web".to_owned(),
        region: region(),
        tags: Tags::new(),
        kind,
        created_at: ago(100),
        targets,
    }
}

/// Measurements by day, those lists ending yesterday.
#[derive(Default)]
pub(crate) struct Days(pub(crate) Usage);

impl Days {
    pub(crate) fn with(
        mut self,
        subject: &str,
        metric: Metric,
        statistic: Statistic,
        values: &[f64],
    ) -> Self {
        let measure = Measure::daily(&region(), subject, metric, statistic);
        let window = Window::days_before(now(), u16::try_from(values.len()).unwrap());
        self.0.insert(measure, Series::of(window, Period::Day, values.iter().copied()));
        self
    }

    pub(crate) fn hours(
        mut self,
        subject: &str,
        metric: Metric,
        statistic: Statistic,
        values: &[f64],
    ) -> Self {
        let measure = Measure::hourly(&region(), subject, metric, statistic);
        let window = Window::days_before(now(), u16::try_from(values.len() / 24).unwrap());
        self.0.insert(measure, Series::of(window, Period::Hour, values.iter().copied()));
        self
    }

    /// The volume was asked for its operations, and has had none to tell of, as one that is attached to nothing.
    pub(crate) fn detached(self) -> Self {
        self.with("vol-1", Metric::VolumeReads, Statistic::Sum, &[f64::NAN; 32]).with(
            "vol-1",
            Metric::VolumeWrites,
            Statistic::Sum,
            &[f64::NAN; 32],
        )
    }

    /// CPU (mean and peak, percent) and traffic (MiB, both ways together) of the instance, day by day.
    pub(crate) fn of_instance(self, mean: &[f64], peak: &[f64], mib: &[f64]) -> Self {
        let half: Vec<f64> = mib.iter().map(|mib| mib * 524_288.0).collect();
        self.with("i-1", Metric::InstanceCpu, Statistic::Average, mean)
            .with("i-1", Metric::InstanceCpu, Statistic::Maximum, peak)
            .with("i-1", Metric::InstanceNetworkIn, Statistic::Sum, &half)
            .with("i-1", Metric::InstanceNetworkOut, Statistic::Sum, &half)
    }

    /// CPU (mean and peak, percent) and connections of the database, day by day.
    pub(crate) fn of_database(self, mean: &[f64], peak: &[f64], connections: &[f64]) -> Self {
        self.with("db-1", Metric::DatabaseCpu, Statistic::Average, mean)
            .with("db-1", Metric::DatabaseCpu, Statistic::Maximum, peak)
            .with("db-1", Metric::DatabaseConnections, Statistic::Maximum, connections)
    }
}
