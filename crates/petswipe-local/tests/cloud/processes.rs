//! Processes: replaced when they crash, and none left behind.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use petswipe_deploy::{Compute, Deployment};
use petswipe_local::{
    Backoff, Cloud, CloudConfig, Fault, ImageSource, LocalClient, TaskState, TaskStatus, Token,
};

use super::support::*;

const ROLE: &str = "PETSWIPE_TEST_CLOUD_TASKS";
const TOKEN: &str = "the-token-of-a-test";

/// Not a test of its own: the cloud in another process that the others kill.
#[test]
fn be_a_cloud() {
    let Ok(tasks) = std::env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let token = Some(Token::new(TOKEN).unwrap());
        let config = CloudConfig { tasks: tasks.parse().unwrap(), token, ..config() };
        match Cloud::start(config).await {
            Ok(cloud) => {
                println!("\ncloud is ready at {}", cloud.url().address());
                cloud.stop_asked().await;
            }
            Err(error) => println!("\ncloud: {}", petswipe_monitor::explain(&error)),
        }
    });
}

type Lines = std::io::Lines<BufReader<ChildStdout>>;

/// A process that runs a cloud, its output, and the line in it that says how that went.
fn cloud_process(tasks: u32, more: &[(&str, &str)]) -> (Child, Lines, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::be_a_cloud", "--nocapture"])
        .env(ROLE, tasks.to_string())
        .envs(more.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("cloud"));
    (child, lines, line.unwrap_or_default())
}

/// The processes whose parent is `parent`, with their command line.
fn children(parent: u32) -> Vec<(i32, String)> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let of: u32 = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        (of == parent && alive(pid)).then_some((pid, line))
    })
    .collect()
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn watchdog(processes: &[(i32, String)]) -> Option<i32> {
    processes.iter().find(|(_, line)| line.starts_with("petswipe-watchdog")).map(|(pid, _)| *pid)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_cloud_leaves_no_process() {
    let (mut cloud, _output, said) = cloud_process(3, &[]);
    assert!(said.starts_with("cloud is ready at "), "{said}");
    let processes = children(cloud.id());
    assert_eq!(processes.len(), 4, "{processes:?}");
    assert!(watchdog(&processes).is_some(), "{processes:?}");
    cloud.kill().unwrap();
    cloud.wait().unwrap();
    eventually("all are gone", async || {
        processes.iter().all(|(pid, _)| !alive(*pid)).then_some(())
    })
    .await;
}

/// The processes that inherited a variable, those of the test itself excepted.
fn marked(mark: &str) -> Vec<i32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let variables = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let found = variables.split(|byte| *byte == 0).any(|one| one.starts_with(mark.as_bytes()));
        (found && alive(pid)).then_some(pid)
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_killed_at_any_moment_of_its_start_leaves_no_process() {
    let mut most = 0;
    for delay in (0..100).step_by(5) {
        let mark = format!("MARK_OF_{}_{delay}", std::process::id());
        let mut cloud = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::be_a_cloud", "--nocapture"])
            .envs([(ROLE, "4"), (&mark, "1")])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        most = most.max(marked(&mark).len());
        cloud.kill().unwrap();
        cloud.wait().unwrap();
        eventually("all are gone", async || marked(&mark).is_empty().then_some(())).await;
    }
    assert!(most > 1, "no start was slow enough to be seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watchdog_that_dies_is_replaced_and_knows_all_tasks() {
    let (mut cloud, _output, said) = cloud_process(2, &[]);
    assert!(said.starts_with("cloud is ready at "), "{said}");
    let first = watchdog(&children(cloud.id())).unwrap();
    kill(first);
    eventually("there is another watchdog", async || {
        watchdog(&children(cloud.id())).filter(|pid| *pid != first)
    })
    .await;
    // It is told what there is before it is told of the next task; so when that runs, it knows all.
    let address = said.rsplit(' ').next().unwrap();
    let url = format!("http://{TOKEN}@{address}").parse().unwrap();
    let client = LocalClient::new(url);
    let before = client.tasks().await.unwrap();
    client.kill(&before[0].id).await.unwrap();
    eventually("there is another task", async || {
        let tasks = client.tasks().await.unwrap();
        let is_new =
            |task: &TaskStatus| task.id != before[0].id && task.state == TaskState::Running;
        (tasks.len() == 2 && tasks.iter().all(is_new)).then_some(())
    })
    .await;
    let processes = children(cloud.id());
    assert_eq!(processes.len(), 3, "{processes:?}");
    // Stopped, the tasks can't see that their input ends: only the watchdog can end them now.
    for (pid, line) in &processes {
        if line.starts_with("petswipe-task") {
            let pid = rustix::process::Pid::from_raw(*pid).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        }
    }
    cloud.kill().unwrap();
    cloud.wait().unwrap();
    eventually("all are gone", async || {
        processes.iter().all(|(pid, _)| !alive(*pid)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_cloud_leaves_no_process() {
    let cloud = cloud().await;
    let tasks = cloud.client().tasks().await.unwrap();
    let pids: Vec<_> = tasks.into_iter().filter_map(|task| task.pid).collect();
    assert_eq!(pids.len(), 2);
    drop(cloud);
    eventually("all are gone", async || pids.iter().all(|pid| !alive(*pid)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_become_a_task_is_an_error_that_says_what_to_do() {
    let program = Some("/bin/true".into());
    let error = Cloud::start(CloudConfig { program, ..config() }).await.unwrap_err();
    let text = petswipe_monitor::explain(&error);
    assert!(text.contains("/bin/true") && text.contains("run_task_if_asked"), "{text}");
    // The same from inside: what was started as a task and starts a cloud would go on for ever.
    let (mut process, _output, said) = cloud_process(1, &[("PETSWIPE_LOCAL_ROLE", "task")]);
    process.wait().unwrap();
    assert!(said.contains("run_task_if_asked"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_task_is_replaced_and_its_failure_recorded() {
    let cloud = cloud().await;
    let client = cloud.client();
    let blue = side(&cloud, "blue");
    let before = client.tasks().await.unwrap();
    client.kill(&before[0].id).await.unwrap();
    let status = eventually("two tasks run again", async || {
        let status = client.service(&blue).await.unwrap();
        (status.failures.len() == 1 && status.running == 2).then_some(status)
    })
    .await;
    assert!(status.failures[0].reason.starts_with("killed by signal 9"), "{status:?}");
    let after = client.tasks().await.unwrap();
    assert!(after.iter().all(|task| task.id != before[0].id));
    assert!(after.iter().any(|task| task.pid == before[1].pid));
    assert!(client.kill("blue-99").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_keeps_failing_is_tried_less_and_less_often() {
    let (first, limit) = (Duration::from_millis(100), Duration::from_millis(400));
    let backoff = Backoff { first, limit };
    let cloud = Cloud::start(CloudConfig { backoff, tasks: 1, ..config() }).await.unwrap();
    let client = cloud.client().with_fault(Fault::CrashOnBoot);
    let (green, authority) = (side(&cloud, "green"), by("rollout", 1));
    let from = client.service(&green).await.unwrap().revision.unwrap();
    let revision = client.register(&authority, &from, &image("petswipe:v2")).await.unwrap();
    client.deploy(&authority, &green, &Deployment::new(revision, 1)).await.unwrap();
    let failures = eventually("six failures", async || {
        let failures = client.service(&green).await.unwrap().failures;
        (failures.len() >= 6).then_some(failures)
    })
    .await;
    assert!(failures.iter().all(|f| f.reason.starts_with("exited with code 1: ")), "{failures:?}");
    assert!(failures[0].reason.contains("crash-on-boot"), "{failures:?}");
    let gap = |i: usize| failures[i].at.duration_since(failures[i - 1].at).as_millis();
    for (index, least) in [(2, 100), (3, 200), (4, 400), (5, 400)] {
        assert!(gap(index) >= least, "gap {index}: {} ms", gap(index));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_may_be_any_command_and_all_its_processes_end_with_it() {
    let cloud = Cloud::start(CloudConfig { tasks: 1, ..config() }).await.unwrap();
    let client = cloud.client();
    // The first line of its input is the word the application waits for; `sleep` keeps the input open.
    let program = env!("CARGO_BIN_EXE_petswipe-local-task");
    let script = format!("(echo; exec sleep 1000) | PETSWIPE_LOCAL_ROLE=task {program}");
    let command = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let source = ImageSource { name: "shop:*".to_owned(), command: Some(command) };
    client.add_image(&source).await.unwrap();
    assert!(client.images().await.unwrap().contains(&source));
    let (green, authority) = (side(&cloud, "green"), by("rollout", 1));
    let from = client.service(&green).await.unwrap().revision.unwrap();
    let revision = client.register(&authority, &from, &image("shop:v7")).await.unwrap();
    client.deploy(&authority, &green, &Deployment::new(revision, 1)).await.unwrap();
    client_runs(&client, &green, 1).await;
    petswipe_deploy::TrafficRouter::set_test_route(&client, &authority, Some(&green))
        .await
        .unwrap();
    let headers = [("X-Test-Environment", "green")];
    let answer = get(cloud.balancer_address(), "/api/pets", &headers).await;
    assert_eq!((answer.status().as_u16(), version(&answer)), (200, "v7"));

    let tasks = client.tasks().await.unwrap();
    let leader = tasks.iter().find(|task| task.environment == green).unwrap().pid.unwrap();
    let members = eventually("the shell has children", async || {
        let members = children(leader as u32);
        (members.len() == 2).then_some(members)
    })
    .await;
    client.scale(&authority, &green, 0).await.unwrap();
    eventually("all are gone", async || members.iter().all(|(pid, _)| !alive(*pid)).then_some(()))
        .await;
}

/// The sum over a process and its children, in KiB: resident, and proportional if the kernel tells.
fn memory(parent: u32) -> (u64, Option<u64>) {
    let mut pids: Vec<_> = children(parent).into_iter().map(|(pid, _)| pid).collect();
    pids.push(parent as i32);
    let field = |pid: &i32, file: &str, name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix(name))?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    };
    let resident = pids.iter().filter_map(|pid| field(pid, "status", "VmRSS:")).sum();
    let shares: Option<Vec<_>> =
        pids.iter().map(|pid| field(pid, "smaps_rollup", "Pss:")).collect();
    (resident, shares.map(|shares| shares.iter().sum()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_of_eight_tasks_stays_under_120_mebibytes() {
    let (mut cloud, _output, said) = cloud_process(8, &[]);
    assert!(said.starts_with("cloud is ready at "), "{said}");
    let (resident, proportional) = memory(cloud.id());
    cloud.kill().unwrap();
    cloud.wait().unwrap();
    println!("8 tasks, watchdog and cloud: {resident} KiB resident, {proportional:?} KiB Pss");
    assert!(proportional.unwrap_or(resident) < 120 * 1024);
}
