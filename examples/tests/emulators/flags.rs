//! The flags of the example `stack`, their variables, and what is refused without asking anybody.

use super::fixture::Fixture;

const FLAGS: [(&str, &str); 16] = [
    ("--region", "AWS_REGION"),
    ("--project", "PROJECT"),
    ("--environment", "ENVIRONMENT"),
    ("--image", "IMAGE_TAG"),
    ("--container", "CONTAINER"),
    ("--tasks", "TASKS"),
    ("--subnet", "SUBNETS"),
    ("--security-group", "SECURITY_GROUPS"),
    ("--vpc", "VPC"),
    ("--execution-role", "EXECUTION_ROLE"),
    ("--task-role", "TASK_ROLE"),
    ("--certificate", "CERTIFICATE"),
    ("--health-path", "HEALTH_PATH"),
    ("--public-ip", "PUBLIC_IP"),
    ("--patience", "PATIENCE"),
    ("--dry-run", "DRY_RUN"),
];

/// Whether the help names that variable for that flag.
#[track_caller]
pub fn has_its_variable(help: &str, flag: &str, variable: &str) {
    let (_, rest) = help.split_once(&format!("{flag} ")).or_else(|| help.split_once(flag)).unwrap();
    let own = rest.split("\n      --").next().unwrap();
    // However it is wrapped.
    let own = own.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(own.contains(&format!("[env: {variable}")), "{flag}: {own}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flag_has_its_variable() {
    let help = Fixture::new().stack(&["--help"]).await.with(0).stdout;
    for (flag, variable) in FLAGS {
        has_its_variable(&help, flag, variable);
    }
    for flag in ["--destroy", "--iam-policy", "--json", "--quiet", "Exit codes: "] {
        assert!(help.contains(flag), "{help}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_flag_is_refused_without_asking_aws() {
    let fixture = Fixture::new();
    for (arguments, word) in [
        (&["--image", "v1"][..], "--image is `v1`; allowed: "),
        (&["--tasks", "1"], "allowed: a whole number from 2 to 20"),
        (&["--vpc", "main"], "--vpc is `main`; allowed: "),
        (&["--subnet", "subnet-1"], "--subnet is `subnet-1`; allowed: "),
        (&["--project", "a-name-that-is-much-too-long"], "allowed: at most 23 characters"),
        (&["--patience", "0"], "allowed: a number of seconds above 0"),
        (&["--execution-role", "run"], "--execution-role is `run`; allowed: "),
    ] {
        let mut program = fixture.stack_program(arguments);
        program.env("AWS_ENDPOINT_URL_ECS", "http://127.0.0.1:9");
        let output = program.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(word) && !said.contains("DescribeClusters"), "{said}");
    }
    let mut program = fixture.program("stack");
    program.env_remove("VPC");
    let output = program.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    for missing in ["--image", "--subnet", "--security-group", "--vpc", "--execution-role"] {
        assert!(said.contains(missing), "{said}");
    }
    assert_eq!(output.status.code(), Some(2));
}
