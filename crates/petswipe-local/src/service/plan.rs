//! What a service does next: a pure function of what it shall run and what it runs.

/// How a service's tasks are kept while they are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// At least so many stay healthy.
    pub(crate) minimum: u32,
    /// At most so many run.
    pub(crate) maximum: u32,
}

impl Limits {
    /// The share of `desired` that must stay healthy is rounded up, the one that may run is rounded down.
    ///
    /// Source: Amazon ECS Developer Guide, "Amazon ECS service deployment parameters".
    pub(crate) fn of(desired: u32, minimum_percent: u32, maximum_percent: u32) -> Self {
        let scaled = |percent: u32| u64::from(desired) * u64::from(percent);
        let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        Self {
            minimum: number(scaled(minimum_percent).div_ceil(100)),
            maximum: number(scaled(maximum_percent) / 100),
        }
    }
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The load balancer gave up on it, so it may be stopped before all others.
    Unhealthy,
    /// It does not take requests yet.
    Starting,
    /// It takes requests.
    Healthy,
}

/// A task that is not being stopped, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) id: u64,
    /// Whether it runs the revision the service shall run.
    pub(crate) current: bool,
    pub(crate) phase: Phase,
}

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// How many tasks of the current revision to start.
    pub(crate) start: u32,
    /// Which tasks to stop.
    pub(crate) stop: Vec<u64>,
}

/// Decides what brings `tasks` closer to `desired` healthy ones of the current revision within `limits`.
///
/// Tasks being stopped are not among `tasks`: they take no requests and count in neither limit.
pub(crate) fn plan(desired: u32, limits: Limits, tasks: &[View]) -> Step {
    let mut stop = Vec::new();
    let current = tasks.iter().filter(|task| task.current && task.phase != Phase::Unhealthy);
    let current_count = count(current.clone());
    let mut healthy = count(tasks.iter().filter(|task| task.phase == Phase::Healthy));

    // What does not answer is no loss.
    stop.extend(tasks.iter().filter(|task| task.phase == Phase::Unhealthy).map(|task| task.id));

    // More than asked for: the least useful go first, among equals the youngest.
    let mut excess: Vec<_> = current.copied().collect();
    excess.sort_by_key(|task| (task.phase, std::cmp::Reverse(task.id)));
    for task in excess.iter().take(current_count.saturating_sub(desired) as usize) {
        stop.push(task.id);
        healthy -= u32::from(task.phase == Phase::Healthy);
    }

    // Old ones that never became useful go at once; the others as far as enough healthy ones stay.
    let mut old: Vec<_> =
        tasks.iter().filter(|task| !task.current && task.phase != Phase::Unhealthy).collect();
    old.sort_by_key(|task| (task.phase, task.id));
    for task in old {
        match task.phase {
            Phase::Healthy if healthy > limits.minimum.min(desired) => {
                healthy -= 1;
                stop.push(task.id);
            }
            Phase::Healthy => {}
            _ => stop.push(task.id),
        }
    }

    let staying = count(tasks.iter()).saturating_sub(count(stop.iter()));
    let missing = desired.saturating_sub(current_count);
    Step { start: missing.min(limits.maximum.saturating_sub(staying)), stop }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [(bool, Phase); 6] = [
        (true, Phase::Unhealthy),
        (true, Phase::Starting),
        (true, Phase::Healthy),
        (false, Phase::Unhealthy),
        (false, Phase::Starting),
        (false, Phase::Healthy),
    ];
    const PERCENTAGES: [(u32, u32); 7] =
        [(100, 200), (50, 100), (0, 100), (50, 150), (100, 125), (75, 200), (0, 200)];

    /// Every multiset of at most `size` tasks.
    fn worlds(size: usize) -> Vec<Vec<View>> {
        let mut all = vec![vec![]];
        let mut last: Vec<Vec<usize>> = vec![vec![]];
        for _ in 0..size {
            last = last
                .iter()
                .flat_map(|kinds| {
                    let from = kinds.last().copied().unwrap_or(0);
                    (from..KINDS.len()).map(move |kind| [kinds.clone(), vec![kind]].concat())
                })
                .collect();
            all.extend(last.iter().map(|kinds| {
                let view = |(id, kind): (usize, &usize)| View {
                    id: id as u64,
                    current: KINDS[*kind].0,
                    phase: KINDS[*kind].1,
                };
                kinds.iter().enumerate().map(view).collect()
            }));
        }
        all
    }

    fn every_case(mut check: impl FnMut(u32, Limits, &[View], &Step)) {
        for world in worlds(6) {
            for desired in 0..=5 {
                for (minimum, maximum) in PERCENTAGES {
                    let limits = Limits::of(desired, minimum, maximum);
                    check(desired, limits, &world, &plan(desired, limits, &world));
                }
            }
        }
    }

    fn healthy<'a>(tasks: impl IntoIterator<Item = &'a View>) -> u32 {
        count(tasks.into_iter().filter(|task| task.phase == Phase::Healthy))
    }

    #[test]
    fn percentages_round_up_for_the_minimum_and_down_for_the_maximum() {
        assert_eq!(Limits::of(3, 50, 150), Limits { minimum: 2, maximum: 4 });
        assert_eq!(Limits::of(1, 50, 150), Limits { minimum: 1, maximum: 1 });
        assert_eq!(Limits::of(0, 100, 200), Limits { minimum: 0, maximum: 0 });
        assert_eq!(Limits::of(u32::MAX, 100, 200).maximum, u32::MAX);
    }

    #[test]
    fn never_fewer_healthy_tasks_than_the_minimum_through_a_stop() {
        every_case(|desired, limits, tasks, step| {
            let before = healthy(tasks);
            let after = healthy(tasks.iter().filter(|task| !step.stop.contains(&task.id)));
            let floor = limits.minimum.min(desired).min(before);
            assert!(after >= floor, "{desired} {limits:?} {tasks:?} {step:?}");
        });
    }

    #[test]
    fn never_more_tasks_than_the_maximum_through_a_start() {
        every_case(|desired, limits, tasks, step| {
            let after = count(tasks.iter()) - count(step.stop.iter()) + step.start;
            assert!(
                step.start == 0 || after <= limits.maximum,
                "{desired} {limits:?} {tasks:?} {step:?}"
            );
        });
    }

    #[test]
    fn nothing_is_both_missing_and_stopped_among_the_current() {
        every_case(|desired, limits, tasks, step| {
            let useful = |task: &&View| task.current && task.phase != Phase::Unhealthy;
            let stopped = tasks.iter().filter(useful).any(|task| step.stop.contains(&task.id));
            assert!(!(stopped && step.start > 0), "{desired} {limits:?} {tasks:?} {step:?}");
        });
    }

    /// Liveness: if tasks come up, every start ends with exactly the desired tasks, all current, in few steps. The
    /// only exception is the one ECS has too: limits that leave no room to move.
    #[test]
    fn every_replacement_ends() {
        every_case(|desired, limits, tasks, _| {
            if limits.minimum == limits.maximum && desired > 0 {
                return;
            }
            let mut tasks = tasks.to_vec();
            for _ in 0..20 {
                let step = plan(desired, limits, &tasks);
                if step == Step::default() && tasks.iter().all(|task| task.phase == Phase::Healthy)
                {
                    break;
                }
                tasks.retain(|task| !step.stop.contains(&task.id));
                tasks.iter_mut().for_each(|task| task.phase = Phase::Healthy);
                let next = tasks.iter().map(|task| task.id + 1).max().unwrap_or(0);
                tasks.extend((0..u64::from(step.start)).map(|id| View {
                    id: next + id,
                    current: true,
                    phase: Phase::Starting,
                }));
            }
            assert_eq!(count(tasks.iter()), desired, "{limits:?} {tasks:?}");
            assert!(tasks.iter().all(|task| task.current), "{limits:?} {tasks:?}");
        });
    }

    #[test]
    fn a_steady_service_is_left_alone() {
        for desired in 0..6 {
            let tasks: Vec<_> = (0..u64::from(desired))
                .map(|id| View { id, current: true, phase: Phase::Healthy })
                .collect();
            for (minimum, maximum) in PERCENTAGES {
                let limits = Limits::of(desired, minimum, maximum);
                assert_eq!(plan(desired, limits, &tasks), Step::default());
            }
        }
    }

    #[test]
    fn old_tasks_stay_until_new_ones_are_healthy() {
        let task = |id, current, phase| View { id, current, phase };
        let limits = Limits::of(2, 100, 200);
        let old = [task(0, false, Phase::Healthy), task(1, false, Phase::Healthy)];
        assert_eq!(plan(2, limits, &old), Step { start: 2, stop: vec![] });
        let starting =
            [old[0], old[1], task(2, true, Phase::Starting), task(3, true, Phase::Healthy)];
        assert_eq!(plan(2, limits, &starting), Step { start: 0, stop: vec![0] });
    }

    #[test]
    fn the_youngest_go_first_when_fewer_are_asked_for() {
        let tasks: Vec<_> =
            (0..4).map(|id| View { id, current: true, phase: Phase::Healthy }).collect();
        let step = plan(2, Limits::of(2, 100, 200), &tasks);
        assert_eq!(step, Step { start: 0, stop: vec![3, 2] });
    }
}
