//! Instances, images, and services.

use super::{Builder, Case, for_testing, is_working};
use crate::inventory::{
    Architecture, Image, Instance, InstanceState, Launch, LaunchTemplate, Purchase, Service,
};
use crate::{Area, Measure, Metric, Region, Statistic, Tags};

pub(super) const CASES: &[Case] = &[
    Case { weight: 60, place: |builder, region, tags| busy(builder, region, tags) },
    Case { weight: 8, place: |builder, region, tags| idle(builder, region, tags) },
    Case { weight: 8, place: |builder, region, tags| too_large(builder, region, tags) },
    Case { weight: 8, place: |builder, region, tags| bursting(builder, region, tags) },
    Case { weight: 4, place: |builder, region, tags| scaled(builder, region, tags) },
    Case { weight: 4, place: |builder, region, tags| smallest(builder, region, tags) },
    Case { weight: 4, place: |builder, region, tags| silent(builder, region, tags) },
    Case { weight: 3, place: |builder, region, tags| young(builder, region, tags) },
    Case { weight: 6, place: |builder, region, tags| stopped(builder, region, tags) },
    Case { weight: 4, place: |builder, region, tags| spot(builder, region, tags) },
    Case { weight: 5, place: |builder, region, tags| by_day(builder, region, tags) },
    Case { weight: 4, place: |builder, region, tags| by_night_too(builder, region, tags) },
    Case { weight: 6, place: |builder, region, tags| template(builder, region, tags) },
    Case { weight: 12, place: |builder, region, tags| service(builder, region, tags, 55.0, 60.0) },
    Case { weight: 5, place: |builder, region, tags| service(builder, region, tags, 8.0, 20.0) },
    Case { weight: 3, place: |builder, region, tags| spot_candidate(builder, region, tags) },
    Case { weight: 2, place: |builder, region, tags| silent_service(builder, region, tags) },
];

fn instance(builder: &mut Builder, region: Region, tags: Tags, instance_type: &str) -> Instance {
    Instance {
        id: builder.id("i"),
        region,
        tags,
        instance_type: instance_type.to_owned(),
        state: InstanceState::Running,
        purchase: Purchase::OnDemand,
        linux_shared: true,
        launched_at: builder.days_ago(100),
    }
}

/// Mean and peak of CPU in percent, and traffic in MiB a day.
fn load(builder: &mut Builder, instance: &Instance, mean: f64, peak: f64, mib: f64) {
    for (metric, statistic, value) in [
        (Metric::InstanceCpu, Statistic::Average, mean),
        (Metric::InstanceCpu, Statistic::Maximum, peak),
        (Metric::InstanceNetworkIn, Statistic::Sum, mib * 524_288.0),
        (Metric::InstanceNetworkOut, Statistic::Sum, mib * 524_288.0),
    ] {
        builder.measure(Measure::daily(&instance.region, &instance.id, metric, statistic), value);
    }
}

fn busy(builder: &mut Builder, region: Region, tags: Tags) {
    let instance = instance(builder, region, tags, "m5.large");
    let mean = 25.0 + 40.0 * builder.rng.f64();
    load(builder, &instance, mean, 85.0, 4000.0);
    builder.inventory.instances.push(instance);
}

fn idle(builder: &mut Builder, region: Region, tags: Tags) {
    let instance = instance(builder, region, tags, "m5.xlarge");
    load(builder, &instance, 0.6, 2.5, 1.0);
    builder.plant(&Area::EC2, &instance.region, &instance.id, &instance.tags);
    builder.inventory.instances.push(instance);
}

fn too_large(builder: &mut Builder, region: Region, tags: Tags) {
    let instance = instance(builder, region, tags, "m5.2xlarge");
    load(builder, &instance, 4.0, 25.0, 900.0);
    builder.plant(&Area::EC2, &instance.region, &instance.id, &instance.tags);
    builder.inventory.instances.push(instance);
}

/// A mean that looks idle, of a machine that works hard for a while each day.
fn bursting(builder: &mut Builder, region: Region, tags: Tags) {
    let instance = instance(builder, region, tags, "m5.xlarge");
    load(builder, &instance, 4.0, 90.0, 300.0);
    builder.inventory.instances.push(instance);
}

fn scaled(builder: &mut Builder, region: Region, mut tags: Tags) {
    tags.insert("aws:autoscaling:groupName".to_owned(), "web".to_owned());
    let instance = instance(builder, region, tags, "m5.xlarge");
    load(builder, &instance, 5.0, 20.0, 800.0);
    builder.inventory.instances.push(instance);
}

fn smallest(builder: &mut Builder, region: Region, tags: Tags) {
    let instance = instance(builder, region, tags, "t3.nano");
    load(builder, &instance, 5.0, 20.0, 200.0);
    builder.inventory.instances.push(instance);
}

fn silent(builder: &mut Builder, region: Region, tags: Tags) {
    let instance = instance(builder, region, tags, "m5.large");
    builder.hide(&Area::EC2, &instance.region, &instance.id, &instance.tags);
    builder.inventory.instances.push(instance);
}

fn young(builder: &mut Builder, region: Region, tags: Tags) {
    let mut instance = instance(builder, region, tags, "m5.large");
    instance.launched_at = builder.days_ago(3);
    let cpu = [Statistic::Average, Statistic::Maximum];
    for statistic in cpu {
        let measure =
            Measure::daily(&instance.region, &instance.id, Metric::InstanceCpu, statistic);
        builder.measure_each(measure, vec![0.5, 0.6, 0.4]);
    }
    builder.hide(&Area::EC2, &instance.region, &instance.id, &instance.tags);
    builder.inventory.instances.push(instance);
}

fn stopped(builder: &mut Builder, region: Region, tags: Tags) {
    let mut instance = instance(builder, region, tags, "m5.4xlarge");
    instance.state = InstanceState::Stopped;
    builder.inventory.instances.push(instance);
}

fn spot(builder: &mut Builder, region: Region, tags: Tags) {
    let mut instance = instance(builder, region, tags, "m5.large");
    instance.purchase = Purchase::Spot;
    load(builder, &instance, 1.0, 2.0, 1.0);
    builder.inventory.instances.push(instance);
}

/// No production, at work by day only.
fn by_day(builder: &mut Builder, region: Region, tags: Tags) {
    let instance = instance(builder, region, for_testing(tags), "m5.large");
    load(builder, &instance, 20.0, 70.0, 900.0);
    let cpu =
        Measure::hourly(&instance.region, &instance.id, Metric::InstanceCpu, Statistic::Average);
    builder.measure_hours(cpu, |weekday, hour| if is_working(weekday, hour) { 45.0 } else { 1.0 });
    builder.plant(&Area::SCHEDULES, &instance.region, &instance.id, &instance.tags);
    builder.inventory.instances.push(instance);
}

/// No production, with a job in the night.
fn by_night_too(builder: &mut Builder, region: Region, tags: Tags) {
    let instance = instance(builder, region, for_testing(tags), "m5.large");
    load(builder, &instance, 20.0, 70.0, 900.0);
    let cpu =
        Measure::hourly(&instance.region, &instance.id, Metric::InstanceCpu, Statistic::Average);
    builder.measure_hours(
        cpu,
        |weekday, hour| if is_working(weekday, hour) || hour == 2 { 45.0 } else { 1.0 },
    );
    builder.inventory.instances.push(instance);
}

/// A launch template and an image, each with an old snapshot that nothing else needs.
fn template(builder: &mut Builder, region: Region, tags: Tags) {
    let [of_template, of_image] =
        [0, 1].map(|_| super::storage::old_snapshot(builder, &region, tags.clone()));
    let id = format!("{}:1", builder.id("lt"));
    let snapshots = vec![of_template];
    let template = LaunchTemplate { id, region: region.clone(), tags: tags.clone(), snapshots };
    builder.inventory.launch_templates.push(template);
    let image = Image { id: builder.id("ami"), region, tags, snapshots: vec![of_image] };
    builder.inventory.images.push(image);
}

fn plain_service(builder: &mut Builder, region: Region, tags: Tags) -> Service {
    let name = builder.id("web");
    Service {
        id: format!("shop-cluster/{name}"),
        region,
        tags,
        launch: Launch::Fargate,
        architecture: Architecture::X86,
        desired: builder.rng.u32(2..=6),
        cpu: 1024,
        memory_mib: 2048,
        task_definition: format!("{name}:7"),
    }
}

fn service(builder: &mut Builder, region: Region, tags: Tags, cpu: f64, memory: f64) {
    let service = plain_service(builder, region, tags);
    for (metric, value) in [(Metric::ServiceCpu, cpu), (Metric::ServiceMemory, memory)] {
        builder.measure(
            Measure::hourly(&service.region, &service.id, metric, Statistic::Maximum),
            value,
        );
    }
    if cpu < 20.0 {
        builder.plant(&Area::ECS, &service.region, &service.id, &service.tags);
    }
    builder.inventory.services.push(service);
}

fn spot_candidate(builder: &mut Builder, region: Region, tags: Tags) {
    let tags = for_testing(tags);
    service(builder, region, tags, 55.0, 60.0);
    if let Some(service) = builder.inventory.services.last().cloned() {
        builder.plant(&Area::FARGATE_SPOT, &service.region, &service.id, &service.tags);
    }
}

fn silent_service(builder: &mut Builder, region: Region, tags: Tags) {
    let service = plain_service(builder, region, tags);
    builder.hide(&Area::ECS, &service.region, &service.id, &service.tags);
    builder.inventory.services.push(service);
}
