//! The flags that only matter on an AWS account.

use std::time::Duration;

use clap::Args;
use petswipe_local::TEST_HEADER;

use crate::cli::seconds;
use crate::leases::{LEASES, LeasePlace};

/// What holds unless it is said.
pub(crate) const PORT: u16 = 443;
const SMOKE_PATHS: &str = "/health,/";
const METRIC_LAG: &str = "120";

/// Flags of rollouts on an AWS account.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "On an AWS account")]
pub struct AwsFlags {
    /// The ECS cluster [default: PROJECT-ENVIRONMENT-cluster]
    #[arg(long, env = "ECS_CLUSTER", value_name = "NAME")]
    pub cluster: Option<String>,
    /// The Application Load Balancer [default: PROJECT-ENVIRONMENT-alb]
    #[arg(long, env = "LOAD_BALANCER", value_name = "NAME")]
    pub load_balancer: Option<String>,
    /// The port of its listener
    #[arg(long, env = "LISTENER_PORT", default_value_t = PORT)]
    pub port: u16,
    /// The priority of the listener rule that divides production traffic [default: the default rule]
    #[arg(long, env = "LISTENER_RULE", value_name = "PRIORITY",
        value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub rule: Option<u32>,
    /// The container whose image is replaced; needed where a task definition has several
    #[arg(long, env = "CONTAINER", value_name = "NAME")]
    pub container: Option<String>,
    /// Tags that everything must carry [default: Project=PROJECT,Environment=ENVIRONMENT]
    #[arg(long = "tag", env = "TAGS", value_name = "KEY=VALUE", value_delimiter = ',', value_parser = tag)]
    pub tag: Vec<(String, String)>,
    /// CloudWatch alarms that stop an ECS deployment, which then goes back by itself
    #[arg(long = "alarm", env = "DEPLOYMENT_ALARMS", value_name = "NAME", value_delimiter = ',')]
    pub alarms: Vec<String>,
    /// Begin although alarms of the project fire, such as to deploy what mends them. Those of --alarm must not fire even then:
    /// ECS would not look at them
    #[arg(long, env = "DESPITE_ALARMS")]
    pub despite_alarms: bool,
    /// Take an image without a tag, or with one that moves by custom, such as latest
    #[arg(long, env = "ALLOW_MOVING_TAGS")]
    pub moving_tags: bool,
    /// Deploy the digest that the tag stands for now (Amazon ECR only)
    #[arg(long, env = "PIN_DIGEST")]
    pub pin_digest: bool,
    /// The header by which a rule tells test requests from others; its value is blue or green
    #[arg(long, env = "TEST_HEADER", value_name = "NAME", default_value = TEST_HEADER)]
    pub test_header: String,
    /// Where the smoke test reaches the load balancer, by a name of its certificate if that is HTTPS [default for HTTP: its own
    /// name and the listener's port]
    #[arg(long, env = "SMOKE_URL", value_name = "URL")]
    pub smoke_url: Option<String>,
    /// What the smoke test asks for
    #[arg(
        long = "smoke-path",
        env = "SMOKE_PATHS",
        value_name = "PATH",
        default_value = SMOKE_PATHS,
        value_delimiter = ','
    )]
    pub smoke_paths: Vec<String>,
    /// Where the lease is by which only one operation at a time is let at the service: s3://BUCKET/PREFIX, or a directory,
    /// which keeps apart the operations of one machine only
    #[arg(long, env = "LEASES", value_name = "PLACE", default_value = LEASES)]
    pub leases: LeasePlace,
    /// Print the IAM policy document of whoever runs this on AWS, and call nothing
    #[arg(long)]
    pub iam_policy: bool,
    /// Seconds after its end from which on a minute of CloudWatch's metrics counts as published
    #[arg(long, env = "METRIC_LAG", default_value = METRIC_LAG, value_name = "SECONDS", value_parser = seconds)]
    pub metric_lag: Duration,
}

impl AwsFlags {
    /// The arguments that say the same, without those that say what is so anyway.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut add = |name: &str, value: &str| all.extend([name.to_owned(), value.to_owned()]);
        let texts = [
            ("--cluster", &self.cluster),
            ("--load-balancer", &self.load_balancer),
            ("--container", &self.container),
            ("--smoke-url", &self.smoke_url),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                add(name, value);
            }
        }
        if self.port != PORT {
            add("--port", &self.port.to_string());
        }
        if let Some(rule) = self.rule {
            add("--rule", &rule.to_string());
        }
        for (key, value) in &self.tag {
            add("--tag", &format!("{key}={value}"));
        }
        for alarm in &self.alarms {
            add("--alarm", alarm);
        }
        if self.test_header != TEST_HEADER {
            add("--test-header", &self.test_header);
        }
        if self.smoke_paths.join(",") != SMOKE_PATHS {
            for path in &self.smoke_paths {
                add("--smoke-path", path);
            }
        }
        let leases = self.leases.to_string();
        if leases != LEASES {
            add("--leases", &leases);
        }
        let lag = self.metric_lag.as_secs_f64().to_string();
        if lag != METRIC_LAG {
            add("--metric-lag", &lag);
        }
        for (flag, given) in
            [("--moving-tags", self.moving_tags), ("--pin-digest", self.pin_digest)]
        {
            all.extend(given.then(|| flag.to_owned()));
        }
        all
    }
}

pub(crate) fn tag(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let pair = pair.map(|(key, value)| (key.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "allowed: KEY=VALUE".to_owned())
}
