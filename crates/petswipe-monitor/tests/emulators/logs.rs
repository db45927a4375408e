//! The search of CloudWatch Logs against moto: its contract, and a line with a secret.
//!
//! `PETSWIPE_MOTO` says where moto is. It takes a pattern of several words for one of all lines, so what it returns too much is
//! left out on our side, as it has to be for what a pattern means on AWS.

use std::sync::Mutex;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::BehaviorVersion;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_types::SdkConfig;
use aws_types::region::Region;
use jiff::Timestamp;
use petswipe_monitor::Window;
use petswipe_monitor::aws::{AwsPlace, CloudWatchLogs};
use petswipe_monitor::conformance::diagnosis::LogWorld;
use petswipe_monitor::diagnosis::{AwsEnvironment, LogQuery, LogSearch};

fn config() -> SdkConfig {
    let url = std::env::var("PETSWIPE_MOTO").unwrap_or_else(|_| {
        panic!("PETSWIPE_MOTO does not say where moto is, such as http://127.0.0.1:5000")
    });
    let credentials = Credentials::from_keys("123456789012", "nobody checks it", None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build()
}

/// A log group of its own, with two streams; the tasks write by turns, and the clock is the test's.
struct World {
    client: Client,
    group: String,
    logs: CloudWatchLogs,
    now: Mutex<Timestamp>,
}

impl World {
    async fn new() -> Self {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let group = format!("/ecs/t{}-{number}", Timestamp::now().as_nanosecond());
        let (config, client) = (config(), Client::new(&config()));
        client.create_log_group().log_group_name(&group).send().await.unwrap();
        for stream in ["app/1", "app/2"] {
            let create = client.create_log_stream().log_group_name(&group);
            create.log_stream_name(stream).send().await.unwrap();
        }
        let environment = |log_group: &str| AwsEnvironment {
            service: "shop".to_owned(),
            log_group: log_group.to_owned(),
            ..AwsEnvironment::default()
        };
        let place = AwsPlace {
            cluster: "shop".to_owned(),
            environments: [("green", group.as_str()), ("gone", "/ecs/no-such-group")]
                .map(|(name, group)| (name.to_owned(), environment(group)))
                .into(),
        };
        let logs = CloudWatchLogs::new(&config, place).unwrap();
        let millis = Timestamp::now().as_millisecond() - 600_000;
        let now = Mutex::new(Timestamp::from_millisecond(millis / 1000 * 1000).unwrap());
        Self { client, group, logs, now }
    }

    async fn put(&self, stream: &str, lines: &[(Timestamp, &str)]) {
        let event = |(at, text): &(Timestamp, &str)| {
            InputLogEvent::builder().timestamp(at.as_millisecond()).message(*text).build().unwrap()
        };
        let put = self.client.put_log_events().log_group_name(&self.group).log_stream_name(stream);
        put.set_log_events(Some(lines.iter().map(event).collect())).send().await.unwrap();
    }

    fn tick(&self) -> Timestamp {
        let mut now = self.now.lock().unwrap();
        *now += Duration::from_secs(1);
        *now
    }
}

impl LogWorld for World {
    fn logs(&self) -> &dyn LogSearch {
        &self.logs
    }
    fn unknown(&self) -> String {
        "gone".to_owned()
    }
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
    async fn write(&self, lines: usize) {
        for number in 0..lines {
            let at = self.tick();
            let stream = ["app/2", "app/1"][number % 2];
            self.put(stream, &[(at, "the database timed out"), (at, "all is well")]).await;
        }
    }
}

petswipe_monitor::log_search_conformance!(on_moto, World::new().await);

#[tokio::test]
async fn any_of_several_words_is_found_with_its_stream_and_without_its_secret() {
    let world = World::new().await;
    let at = world.tick();
    let lines = [
        (at, "ERROR connecting to postgres://shop:hunter2@db/pets"),
        (at, "Fatal: it broke"),
        (at, "errors are written otherwise"),
    ];
    world.put("app/1", &lines).await;
    let query = LogQuery {
        environment: "green".to_owned(),
        window: Window::new(at, at + Duration::from_secs(1)).unwrap(),
        words: ["ERROR", "Fatal"].map(str::to_owned).to_vec(),
        most: 10,
    };
    let found = world.logs.search(&query).await.unwrap();
    let texts: Vec<_> = found.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["ERROR connecting to postgres://shop:***@db/pets", "Fatal: it broke"]);
    assert!(found.complete && found.lines.iter().all(|line| line.stream == "app/1"));
}
