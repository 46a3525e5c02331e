use super::{configure, json};
use crate::emulator::{Accounts, Answer, Emulator, Fault, FaultProxy};
use crate::schemas::conforms;

const SOURCE: &str = "  source:\n";
const OTHER_SOURCE: &str = "  source:\n    object_key: site.zip\n";

#[test]
fn without_a_stack_everything_is_created_and_no_stack_remains() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    let run = project.expect("diff --profile dev", 1);
    assert!(run.stdout.contains("not deployed"), "{}", run.stdout);
    assert!(run.stdout.contains("create  DeployKey "), "{}", run.stdout);
    let stacks = emulator.aws(&accounts.dev, "cloudformation describe-stacks");
    assert_eq!(stacks["Stacks"].as_array().expect("a list").len(), 0);
    assert!(!project.exists(".s3ferry/outputs.json"));
}

#[test]
fn a_target_waits_for_dev_only_when_all_are_compared() {
    let emulator = Emulator::shared();
    let project = Accounts::fresh().project(&emulator.endpoint());
    let alone = project.expect("diff --profile prod", 1);
    assert!(alone.stderr.contains("deploy it first"), "{}", alone.stderr);
    let all = json(&project.expect("diff --all --format json", 1));
    let obstacle = all["stacks"][1]["obstacle"].as_str().expect("an obstacle");
    assert!(
        obstacle.contains("is not deployed in the dev account"),
        "{obstacle}"
    );
}

#[test]
fn a_deployed_configuration_has_no_differences() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let run = project.expect("diff --all", 0);
    assert_eq!(
        run.stdout
            .matches("CloudFormation reports no changes.")
            .count(),
        2,
        "{}",
        run.stdout
    );
}

#[test]
fn a_change_is_shown_in_the_template_and_by_cloudformation_without_changing_anything() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect("deploy --all --yes", 0);
    configure(&project, SOURCE, OTHER_SOURCE);
    // A deploy would enable the protection again.
    let unprotect = "cloudformation update-termination-protection --stack-name \
                     crossaccountdeploy-dev --no-enable-termination-protection";
    emulator.aws(&accounts.dev, unprotect);
    proxy.reset();
    let run = project.expect("diff --profile dev", 1);
    let (old, new) = ("sample-website.zip\n", "site.zip\n");
    for (sign, key) in [("-", old), ("+", new)] {
        let line = run
            .stdout
            .lines()
            .find(|line| line.starts_with(sign) && line.ends_with(key.trim()));
        assert!(line.is_some(), "{}", run.stdout);
    }
    assert!(
        run.stdout
            .contains("change  Pipeline      AWS::CodePipeline::Pipeline  Properties.Stages"),
        "{}",
        run.stdout
    );
    let value = "  Stages.0.Actions.0.Configuration.S3ObjectKey: sample-website.zip -> site.zip\n";
    assert!(run.stdout.contains(value), "{}", run.stdout);
    let found = conforms(
        "diff",
        &project.expect("diff --profile dev --format json", 1).stdout,
    );
    let changes = found["stacks"][0]["changes"].as_array().expect("changes");
    let pipeline = changes.iter().find(|one| one["resource"] == "Pipeline");
    let property = &pipeline.expect("the pipeline")["propertyChanges"][0];
    assert_eq!(property["before"], "sample-website.zip");
    assert_eq!(property["after"], "site.zip");
    assert_eq!(
        property["path"],
        "/Properties/Stages/0/Actions/0/Configuration/S3ObjectKey"
    );
    let dry = project.expect("deploy --profile dev --dry-run", 0);
    assert!(dry.stderr.contains(value), "{}", dry.stderr);
    let writes = [
        "ExecuteChangeSet",
        "SetStackPolicy",
        "UpdateTerminationProtection",
    ];
    for write in writes {
        assert_eq!(proxy.done(write), 0, "{write}");
    }
    assert_eq!(proxy.done("CreateChangeSet"), proxy.done("DeleteChangeSet"));
    let stack = "cloudformation list-change-sets --stack-name crossaccountdeploy-dev";
    let left = emulator.aws(&accounts.dev, stack);
    let left = left["Summaries"].as_array().expect("a list");
    assert!(
        left.iter()
            .all(|one| one["ExecutionStatus"] == "EXECUTE_COMPLETE"),
        "{left:?}"
    );
}

#[test]
fn changes_only_in_comments_are_shown_but_are_not_a_difference() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    let template = project.read("stacks/dev.yaml");
    let (comment, rest) = template.split_once('\n').expect("lines");
    assert!(comment.starts_with('#'));
    project.write("older.yaml", format!("# An older comment.\n{rest}"));
    let body = format!("file://{}", project.path("older.yaml").display());
    let create = [
        "cloudformation",
        "create-stack",
        "--stack-name",
        "crossaccountdeploy-dev",
        "--capabilities",
        "CAPABILITY_NAMED_IAM",
        "--template-body",
        &body,
    ];
    emulator.aws_with(&accounts.dev, &create).expect("created");
    let wait = "cloudformation wait stack-create-complete --stack-name crossaccountdeploy-dev";
    emulator.aws(&accounts.dev, wait);
    let run = project.expect("diff --profile dev", 0);
    assert!(
        run.stdout.contains("-# An older comment."),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("only comments or formatting differ"),
        "{}",
        run.stdout
    );
}

#[test]
fn another_key_for_a_target_is_shown() {
    let emulator = Emulator::shared();
    let project = Accounts::fresh().project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let other = "00000000-0000-4000-8000-000000000000";
    let run = project.expect(
        &format!("diff --profile prod --parameter DeployKeyId={other} --format json"),
        1,
    );
    let found = json(&run);
    assert_eq!(found["stacks"][0]["parameters"][0]["to"], other);
    assert_eq!(
        found["stacks"][0]["changes"][0]["resource"],
        "DevKmsS3Access"
    );
}

/// Returns a change set with one change, whose resource has these members.
fn change_set(resource: &str) -> Fault {
    Fault::Answered(Answer::query(format!(
        "<Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus><Changes>\
         <member><Type>Resource</Type><ResourceChange><Action>Modify</Action>\
         <LogicalResourceId>DeployKey</LogicalResourceId><ResourceType>AWS::KMS::Key</ResourceType>\
         <Replacement>False</Replacement><Scope><member>Properties</member></Scope>{resource}\
         </ResourceChange></member></Changes>"
    )))
}

#[test]
fn values_are_shown_if_cloudformation_returns_them() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let mut project = accounts.project(&proxy.endpoint());
    project.expect("deploy --profile dev --yes", 0);
    configure(&project, SOURCE, OTHER_SOURCE);
    let target = |values: &str| {
        format!(
            "<Details><member><Target><Attribute>Properties</Attribute><Name>Description</Name>\
             {values}</Target></member></Details>"
        )
    };
    let long = "s".repeat(400);
    let (whole_old, whole_new) = (format!("- {long}old"), format!("+ {long}new"));
    let cases = [
        // Without values, only the cause is shown.
        (
            target(""),
            vec!["change  DeployKey  AWS::KMS::Key  Properties.Description\n"],
            vec!["->"],
        ),
        // Only the contexts contain the values.
        (
            "<BeforeContext>{\"Properties\":{\"A\":1}}</BeforeContext>\
             <AfterContext>{\"Properties\":{\"A\":2}}</AfterContext>"
                .to_owned(),
            vec!["DeployKey:\n  A: 1 -> 2\n"],
            vec![],
        ),
        // Control characters are escaped, and values that AWS masks stay masked.
        (
            target(
                "<BeforeValue>****</BeforeValue><AfterValue>a&#x9b;2J&#x202e;b&#10;c</AfterValue>",
            ),
            vec!["  Description: **** -> a\\u{9b}2J\\u{202e}b\\u{a}c\n"],
            vec!["\u{9b}", "\u{202e}"],
        ),
        // Piped output is complete.
        (
            target(&format!(
                "<BeforeValue>{long}old</BeforeValue><AfterValue>{long}new</AfterValue>"
            )),
            vec![whole_old.as_str(), whole_new.as_str()],
            vec![],
        ),
    ];
    for (resource, shown, hidden) in cases {
        proxy.reset();
        proxy.always("DescribeChangeSet", change_set(&resource));
        let run = project.expect("diff --profile dev", 1);
        for part in shown {
            assert!(run.stdout.contains(part), "{part}\n{}", run.stdout);
        }
        let table = run.stdout.split_once(" cause").expect("a table").1;
        for part in hidden {
            assert!(!table.contains(part), "{part:?}\n{table}");
        }
    }
    // If the width is known, the equal parts of long values are shortened.
    project.set("COLUMNS", "80");
    let run = project.expect("diff --profile dev", 1);
    assert!(
        run.stdout.contains("sold") && run.stdout.contains("snew") && !run.stdout.contains(&long),
        "{}",
        run.stdout
    );
}
