//! The example `native`: its flags, and what it refuses on a stack that ECS can only roll. No emulator carries a native
//! deployment out: that is tested in process, in `tests/native`.

use super::fixture::{Fixture, run};

const FLAGS: [(&str, &str); 29] = [
    ("--image", "IMAGE_TAG"),
    ("--strategy", "STRATEGY"),
    ("--step-percent", "STEP_PERCENT"),
    ("--step-bake-minutes", "STEP_BAKE_MINUTES"),
    ("--bake-minutes", "BAKE_MINUTES"),
    ("--hold", "HOLD"),
    ("--pause-minutes", "PAUSE_MINUTES"),
    ("--error-threshold", "ERROR_THRESHOLD"),
    ("--latency-threshold", "LATENCY_THRESHOLD"),
    ("--min-requests", "MIN_REQUESTS"),
    ("--check-interval", "CHECK_INTERVAL"),
    ("--patience", "PATIENCE"),
    ("--dry-run", "DRY_RUN"),
    ("--journal", "JOURNAL"),
    ("--report", "REPORT"),
    ("--region", "AWS_REGION"),
    ("--project", "PROJECT"),
    ("--environment", "ENVIRONMENT"),
    ("--cluster", "ECS_CLUSTER"),
    ("--service", "ECS_SERVICE"),
    ("--target-group", "TARGET_GROUPS"),
    ("--load-balancer", "LOAD_BALANCER"),
    ("--port", "LISTENER_PORT"),
    ("--container", "CONTAINER"),
    ("--tag", "TAGS"),
    ("--alarm", "DEPLOYMENT_ALARMS"),
    ("--moving-tags", "ALLOW_MOVING_TAGS"),
    ("--pin-digest", "PIN_DIGEST"),
    ("--metric-lag", "METRIC_LAG"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_flag_has_its_variable() {
    let fixture = Fixture::new();
    let mut program = fixture.program("native");
    program.arg("--help");
    let help = run(program).await.with(0).stdout;
    for (flag, variable) in FLAGS {
        super::flags::has_its_variable(&help, flag, variable);
    }
    let switches = ["--resume", "--undo", "--yes", "--json", "--quiet", "--iam-policy"];
    for flag in switches.into_iter().chain(["Exit codes: "]) {
        assert!(help.contains(flag), "{flag}: {help}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_flag_is_refused_without_asking_aws() {
    let fixture = Fixture::new();
    for (arguments, word) in [
        (&[][..], "--image is missing; allowed: "),
        (&["--image", "a b"], "allowed: "),
        (&["--strategy", "rolling"], "possible values: canary, linear, blue-green"),
        (&["--hold", "hooks"], "possible values: pauses, watch"),
        (&["--step-percent", "101"], "allowed: a number of percent from 0 to 100"),
        (&["--step-percent", "0"], "share of a canary is 0 %; allowed: 0.1 to 100 %"),
        (&["--strategy", "linear", "--step-percent", "2"], "allowed: 3 to 100 %"),
        (&["--strategy", "blue-green", "--step-percent", "5"], "which moves everything at once"),
        (&["--step-bake-minutes", "1441"], "bake of a step is 1441; allowed: 0 to 1440 minutes"),
        (&["--bake-minutes", "2"], "bake is 2 minutes; allowed: at least 180s"),
        (&["--hold", "watch", "--step-bake-minutes", "1"], "bake of a step is 1 minutes"),
        (&["--hold", "watch", "--pause-minutes", "30"], "which has no pauses"),
        (&["--pause-minutes", "5"], "timeout of the pauses is 5 minutes; allowed: at least 750s"),
        (&["--target-group", "one"], "--target-group is one; allowed: two different ones"),
        (&["--target-group", "one,one"], "--target-group is one,one; allowed: "),
        (&["--min-requests", "0"], "--min-requests"),
        (&["--report", "report.txt"], "report.txt"),
        (&["--resume", "--dry-run"], "--resume goes on for real"),
        (&["--resume", "--undo"], "cannot be used with"),
    ] {
        let mut program = fixture.program("native");
        program.env("AWS_ENDPOINT_URL_ECS", "http://127.0.0.1:9").args(arguments);
        if !arguments.is_empty() && !arguments.contains(&"--image") {
            program.args(["--image", "v2"]);
        }
        let done = run(program).await.with(2).says(&[word]);
        assert!(!done.stderr.contains("DescribeServices"), "{done}");
        assert_eq!(done.stdout, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_is_printed_without_asking_aws() {
    let fixture = Fixture::new();
    let mut program = fixture.program("native");
    program.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("PROJECT", "shop");
    program.args(["--iam-policy", "--region", "cn-north-1"]);
    let document = run(program).await.with(0).json();
    let statements = document["Statement"].as_array().unwrap();
    let of = |action: &str| {
        let named = |statement: &&serde_json::Value| {
            statement["Action"].as_array().unwrap().iter().any(|one| one == action)
        };
        statements.iter().find(named).unwrap_or_else(|| panic!("{action}: {document:#}"))
    };
    assert_eq!(
        of("ecs:ContinueServiceDeployment")["Resource"][0],
        "arn:aws-cn:ecs:cn-north-1:*:service-deployment/shop-test-cluster/shop-test/*"
    );
    assert_eq!(of("iam:PassRole")["Resource"][0], "arn:aws-cn:iam::*:role/shop-*");
    for action in ["cloudwatch:GetMetricData", "sts:GetCallerIdentity", "ecs:TagResource"] {
        of(action);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_an_alternate_target_group_is_refused() {
    let fixture = Fixture::with_stack().await;
    let (blue, cluster) = (fixture.name("blue"), fixture.name("cluster"));
    let service = async || {
        let asked = fixture.clients.ecs.describe_services().cluster(&cluster).services(&blue);
        format!("{:?}", asked.send().await.unwrap().services())
    };
    let before = service().await;
    for dry_run in [&["--dry-run"][..], &[]] {
        let mut program = fixture.program("native");
        program.args(["--image", "v2", "--port", "80", "--service", &blue]).args(dry_run);
        let missing = format!("alternate target group of service {blue} of cluster {cluster}");
        let (one, other) = (fixture.name("blue-tg"), fixture.name("green-tg"));
        let allowed = format!("is missing; allowed: one of {one} and {other}");
        let done = run(program).await.with(2).says(&[&missing, &allowed]);
        assert_eq!(done.stdout, "");
    }
    let mut program = fixture.program("native");
    program.args(["--image", "v2", "--port", "80", "--dry-run"]);
    let missing = format!("service {} of cluster {cluster} was not found", fixture.base());
    run(program).await.with(2).says(&[&missing, "looked for in us-east-1", "--service"]);
    assert_eq!(service().await, before);
}
