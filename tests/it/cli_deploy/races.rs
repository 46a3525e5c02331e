//! Two deployments of the same stack: the one that loses reports the other.

use super::{DEV_STACK, PATIENCE, Site};
use crate::emulator::{Answer, Emulator, Fault};

const RUNNING: &str = "another deployment of stack `crossaccountdeploy-dev` is running";
const NEXT: &str = "see `s3ferry events --profile dev`";

#[test]
fn every_error_of_a_lost_race_names_the_other_deployment() {
    let arn = "arn:aws:cloudformation:us-east-1:111111111111:changeSet/x/1";
    let stack =
        "Stack:arn:aws:cloudformation:us-east-1:111111111111:stack/crossaccountdeploy-dev/1";
    let busy = |state: &str| format!("{stack} is in {state} state and can not be updated.");
    let created = format!(
        "Stack [{DEV_STACK}] already exists and cannot be created again with the changeSet [x]."
    );
    let obsolete = format!(
        "ChangeSet [{arn}] cannot be executed in its current execution status of [OBSOLETE]"
    );
    let gone = format!("ChangeSet [{arn}] does not exist");
    for (action, code, said) in [
        (
            "CreateChangeSet",
            "ValidationError",
            busy("CREATE_IN_PROGRESS"),
        ),
        (
            "CreateChangeSet",
            "ValidationError",
            busy("UPDATE_ROLLBACK_IN_PROGRESS"),
        ),
        ("CreateChangeSet", "ValidationError", created),
        ("DescribeChangeSet", "ChangeSetNotFound", gone.clone()),
        ("ExecuteChangeSet", "ChangeSetNotFound", gone),
        ("ExecuteChangeSet", "InvalidChangeSetStatus", obsolete),
        (
            "ExecuteChangeSet",
            "ValidationError",
            busy("UPDATE_IN_PROGRESS"),
        ),
    ] {
        let site = Site::new();
        let answer = Answer::error(400, code, said.clone());
        site.proxy.always(action, Fault::Answered(answer));
        let run = site.deploy("--profile dev --yes", 3);
        for part in [RUNNING, NEXT, &said] {
            assert!(
                run.stderr.contains(part),
                "{action}: {part}\n{}",
                run.stderr
            );
        }
    }
    // Any other error is not a race.
    let site = Site::new();
    let answer = Answer::error(400, "ValidationError", busy("UPDATE_ROLLBACK_FAILED"));
    site.proxy
        .always("CreateChangeSet", Fault::Answered(answer));
    let run = site.deploy("--profile dev --yes", 3);
    assert!(!run.stderr.contains("another deployment"), "{}", run.stderr);
}

#[test]
fn one_of_two_deployments_succeeds_and_the_other_reports_why_it_fails() {
    let mut site = Site::new();
    site.proxy.hold_at(Some("ExecuteChangeSet"), 1, false);
    let slower = site.project.spawn("deploy --profile dev --yes");
    assert!(site.proxy.wait_until_held(PATIENCE));
    let through_proxy = site.proxy.endpoint();
    site.accounts
        .log_in(&mut site.project, &Emulator::shared().endpoint());
    site.deploy("--profile dev --yes", 0);
    site.accounts.log_in(&mut site.project, &through_proxy);
    site.proxy.reset();
    let output = slower.wait_with_output().expect("its output");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(RUNNING) && said.contains(NEXT), "{said}");
    let status = site.status(&site.accounts.dev, DEV_STACK);
    assert_eq!(status.as_deref(), Some("CREATE_COMPLETE"));
}
