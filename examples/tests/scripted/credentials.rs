//! Without credentials: each example that acts upon AWS says it once, touches nothing, and ends as bad usage.

use crate::program::{command, run};

#[tokio::test]
async fn without_credentials_it_is_said_once_and_nothing_is_touched() {
    let balancer = "app/shop-production-alb/50dc6c495c0c9188";
    let group = "blue=targetgroup/shop-production-blue-tg/73e2d6bc24d8a067";
    for (example, arguments) in [
        ("diagnose", &["--json"][..]),
        ("canary", &["--image", "v2"]),
        ("rolling", &["--image", "v2"]),
        ("scale", &["service", "--desired", "3"]),
        ("watch", &["--load-balancer", balancer, "--target-group", group]),
        ("native", &["--image", "v2"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = command(example, directory.path());
        // An endpoint that nobody serves: a call would be another error.
        command
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        if example != "native" {
            command.env("BACKEND", "aws");
        }
        command.args(arguments);
        let done = run(command).await.with(2);
        assert_eq!(done.stdout, "", "{example}: {done}");
        let said: Vec<_> = done.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        let [error] = said[..] else { panic!("{example}: {done}") };
        for words in [
            "error: no AWS credentials: none were found in ",
            "set AWS_ACCESS_KEY_ID",
            "AWS_PROFILE",
        ] {
            assert!(error.contains(words), "{example}: {done}");
        }
        assert_eq!(done.stderr.matches("credentials:").count(), 1, "{example}: {done}");
        let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
        assert!(left.is_empty(), "{example}: {left:?}");
    }
}
