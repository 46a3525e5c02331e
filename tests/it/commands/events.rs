use std::time::Duration;

use super::json;
use crate::emulator::{Accounts, Emulator, Failure};

#[test]
fn the_first_cause_comes_before_the_cascade() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    emulator.fail(
        &accounts.dev,
        &Failure {
            resource_type: "AWS::IAM::ManagedPolicy",
            name: "SourcePolicy",
            operation: "create",
            reason: "User is not authorized to perform: iam:CreatePolicy on resource: x",
            after: 0,
        },
    );
    project.expect("deploy --profile dev --yes", 1);
    let run = project.expect("events --profile dev", 1);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[1].starts_with("CREATE started ") && lines[1].ends_with("ROLLBACK_COMPLETE"));
    assert!(
        lines[2].starts_with("Root cause: SourcePolicy (AWS::IAM::ManagedPolicy) failed: User"),
        "{}",
        lines[2]
    );
    assert!(lines[3].contains("iam:CreatePolicy"), "{}", lines[3]);
    assert!(!run.stdout.contains('\u{1b}'), "colors without a terminal");
    assert!(
        lines[4..].iter().all(|line| line.chars().count() <= 100),
        "{}",
        run.stdout
    );
    let key = lines
        .iter()
        .find(|line| line.contains(" DeployKey "))
        .expect("the key's row");
    assert!(
        key.contains('░'),
        "the row does not show the rollback: {key}"
    );
    let found = json(&project.expect("events --profile dev --format json", 1));
    let cause = &found["stacks"][0]["operations"][0]["cause"];
    assert_eq!(cause["resource"], "SourcePolicy");
}

#[test]
fn bars_follow_the_durations_of_the_last_operations() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let found = json(&project.expect("events --profile dev --operations 5 --format json", 0));
    let operations = found["stacks"][0]["operations"].as_array().expect("a list");
    let kinds: Vec<&str> = operations
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["UPDATE", "CREATE"], "newest first");
    for operation in operations {
        let total = operation["seconds"].as_f64().expect("a number");
        for row in operation["resources"].as_array().expect("rows") {
            for span in row["spans"].as_array().expect("spans") {
                let (begin, end) = (span["begin"].as_f64(), span["end"].as_f64());
                assert!(
                    begin >= Some(0.0) && begin <= end && end <= Some(total),
                    "{row}"
                );
            }
        }
    }
}

#[test]
fn an_operation_in_progress_is_not_a_failure() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    emulator.slow(&accounts.dev, Duration::from_millis(700));
    let mut deploy = project.spawn("deploy --profile dev --yes");
    let until = std::time::Instant::now() + Duration::from_secs(30);
    let shown = loop {
        let run = project.run("events --profile dev");
        if run.stdout.contains("now in CREATE_IN_PROGRESS") {
            break run;
        }
        assert!(std::time::Instant::now() < until, "{}", run.stdout);
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(shown.code, 0);
    emulator.slow(&accounts.dev, Duration::ZERO);
    deploy.wait().expect("ended");
}

#[test]
fn a_missing_stack_is_reported_with_the_command_that_creates_it() {
    let emulator = Emulator::shared();
    let project = Accounts::fresh().project(&emulator.endpoint());
    let run = project.expect("events --profile dev", 1);
    assert!(
        run.stdout.contains("The stack does not exist"),
        "{}",
        run.stdout
    );
    let wrong = project.expect("events --profile nobody", 2);
    assert!(
        wrong
            .stderr
            .contains("use one of these profiles: dev, prod"),
        "{}",
        wrong.stderr
    );
}
