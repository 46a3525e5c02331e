//! `--parameter`: the values of template parameters, for the proof.

use crate::support::{Project, SMALL};

const ROLE: &str = "arn:aws:iam::111111111111:role/service-role/AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy";

/// Returns a project whose dev template gets its service role from a parameter, as in AWS examples.
fn project() -> Project {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let dev = project.read("stacks/dev.yaml");
    let by_name = "RoleArn: !GetAtt ServiceRole.Arn";
    assert_eq!(dev.matches(by_name).count(), 1);
    let dev = dev
        .replace(by_name, "RoleArn: !Ref ServiceRoleArn")
        .replace(
            "\nParameters:\n",
            "\nParameters:\n  ServiceRoleArn:\n    Type: String\n",
        );
    assert!(dev.contains("  ServiceRoleArn:"), "{dev}");
    project.write("stacks/dev.yaml", dev);
    project
}

/// Adds a parameter to the template of prod, and uses it for the actions of a statement.
fn actions(project: &Project, declaration: &str) {
    let prod = project.read("stacks/prod.yaml");
    let resource = "\n            Resource: arn:aws:s3:::codepipeline-output-bucket/*\n";
    let action = format!("Action: s3:PutObject{resource}");
    assert_eq!(prod.matches(&action).count(), 1, "{prod}");
    let prod = prod
        .replace(&action, &format!("Action: !Ref Actions{resource}"))
        .replace(
            "\nParameters:\n",
            &format!("\nParameters:\n  Actions: {declaration}\n"),
        );
    assert!(prod.contains("  Actions: "), "{prod}");
    project.write("stacks/prod.yaml", prod);
}

#[test]
fn a_value_reaches_the_template() {
    let project = project();
    for command in ["prove", "report"] {
        // Without the role, the pipeline is found, but its calls are not proven.
        project.expect(command, 0);
        project.expect(&format!("{command} --strict"), 1);
        project.expect(
            &format!("{command} --strict --parameter ServiceRoleArn={ROLE}"),
            0,
        );
        project.expect(
            &format!("{command} --strict --parameter ServiceRoleArn={ROLE}s"),
            1,
        );
    }
    let run = project.expect("prove", 0);
    assert!(run.stdout.contains("Not fully proven:"), "{}", run.stdout);
    assert!(
        run.stdout.contains("unproven: the role of Pipeline"),
        "{}",
        run.stdout
    );
    project.expect(&format!("graph --parameter ServiceRoleArn={ROLE}"), 0);
}

#[test]
fn a_value_wins_over_defaults_and_over_the_outputs_of_the_dev_stack() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    // This is not the key ID from the outputs of the dev stack.
    let other = "prove --parameter DeployKeyId=11111111-2222-3333-4444-555555555555";
    let run = project.expect(other, 1);
    assert!(
        run.stdout.contains("DENIED: prods3role: kms:Decrypt"),
        "{}",
        run.stdout
    );
    actions(&project, "{Type: String, Default: s3:DeleteObject}");
    project.expect("prove", 1);
    project.expect("prove --parameter Actions=s3:PutObject", 0);
}

#[test]
fn commas_separate_list_items() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    actions(&project, "{Type: CommaDelimitedList}");
    let given =
        "prove --call deploy --format json --parameter Actions=s3:PutObject,s3:DeleteObject";
    let run = project.run(given);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let statements = json["statements"].as_array().expect("statements");
    let excess = statements
        .iter()
        .find(|one| one["excess"] == serde_json::json!(["s3:DeleteObject"]));
    assert!(excess.is_some(), "{}", run.stdout);
    project.expect("prove --parameter Actions=s3:PutObject", 0);
}

fn refused(project: &Project, parameter: &str, says: &[&str]) {
    for command in ["prove", "report", "graph"] {
        let run = project.expect(&format!("{command} {parameter}"), 2);
        let shown = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in says {
            assert!(shown.contains(part), "{parameter}: {part}\n{}", run.stderr);
        }
    }
}

#[test]
fn an_unused_value_is_rejected() {
    let project = project();
    refused(
        &project,
        "--parameter ServiceRolArn=x",
        &[
            "no template has a parameter `ServiceRolArn`; did you mean `ServiceRoleArn`?",
            "the parameters are: DeployKeyId (stacks/prod.yaml), ServiceRoleArn (stacks/dev.yaml)",
        ],
    );
    refused(
        &project,
        "--parameter ServiceRoleArn",
        &["expected NAME=VALUE"],
    );
    refused(&project, "--parameter =x", &["expected NAME=VALUE"]);
    refused(
        &project,
        "--parameter ServiceRoleArn=a --parameter ServiceRoleArn=b",
        &["duplicate --parameter `ServiceRoleArn`"],
    );
    refused(
        &project,
        "--parameter CreatePipeline=false",
        &["`CreatePipeline` is determined by the step to prove"],
    );
}

#[test]
fn a_value_that_cloudformation_would_reject_is_rejected() {
    for (declaration, value, says) in [
        (
            "{Type: String, AllowedValues: [s3:PutObject, s3:GetObject]}",
            "s3:DeleteObject",
            "specify one of the allowed values: s3:PutObject, s3:GetObject",
        ),
        (
            "{Type: CommaDelimitedList, AllowedValues: [s3:PutObject]}",
            "s3:PutObject,s3:DeleteObject",
            "`s3:DeleteObject` is not a valid value for the parameter `Actions`",
        ),
        (
            "{Type: String, AllowedPattern: \"s3:Put.*\", ConstraintDescription: one that puts}",
            "xs3:PutObject",
            "it does not match the pattern `s3:Put.*` (stacks/prod.yaml:",
        ),
        (
            "{Type: String, AllowedPattern: \"s3:Put.*\", ConstraintDescription: one that puts}",
            "s3:GetObject",
            "help: one that puts",
        ),
        (
            "{Type: String, MaxLength: 5}",
            "s3:PutObject",
            "it is too long",
        ),
        (
            "{Type: String, MinLength: \"50\"}",
            "s3:PutObject",
            "it is too short",
        ),
        ("{Type: Number}", "s3:PutObject", "it is not a number"),
        ("{Type: Number, MinValue: 3}", "2", "it is too small"),
        (
            "{Type: List<Number>, MaxValue: 3}",
            "2,4",
            "it is too large",
        ),
        (
            "{Type: \"AWS::SSM::Parameter::Value<String>\"}",
            "s3:PutObject",
            "its value is in Parameter Store",
        ),
    ] {
        let project = Project::with(SMALL);
        project.expect("synth --no-lint", 0);
        actions(&project, declaration);
        let run = project.expect(&format!("prove --parameter Actions={value}"), 2);
        let shown = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            shown.contains(says),
            "{declaration} {value}\n{}",
            run.stderr
        );
    }
    // A pattern that only CloudFormation can evaluate is not checked.
    let project = Project::with(SMALL);
    project.expect("synth --no-lint", 0);
    actions(&project, "{Type: String, AllowedPattern: \"(?=s3:).*\"}");
    project.expect("prove --parameter Actions=s3:PutObject", 0);
}
