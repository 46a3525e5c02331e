//! Policies that options or files provide are used, or rejected with exit code 2.

use s3ferry::diagnostic::Source;
use s3ferry::proof::{InputError, NamedFile, prove};

use crate::prove::{inputs_of, plan_of};
use crate::support::{Project, Run, SMALL};

/// A bucket policy that denies everything.
const DENY: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*",
    "Action": "s3:*", "Resource": "*"}}"#;

/// A permissions boundary that allows nothing that a deploy role needs.
const BOUNDARY: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
    "Action": "sqs:*", "Resource": "*"}}"#;

fn project() -> Project {
    let project = Project::with(SMALL);
    project.write("deny.json", DENY);
    project.write("boundary.json", BOUNDARY);
    project
}

/// Runs a command that must be rejected because of the policies that it gets.
fn refused(project: &Project, arguments: &str, says: &[&str]) -> Run {
    let run = project.expect(arguments, 2);
    assert_eq!(run.stdout, "", "{arguments}");
    let shown = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in says {
        assert!(shown.contains(part), "{arguments}: {part}\n{}", run.stderr);
    }
    run
}

#[test]
fn an_unknown_name_is_rejected_by_every_command() {
    let project = project();
    for command in [
        "prove",
        "prove --strict",
        "prove --format json",
        "report",
        "graph",
    ] {
        refused(
            &project,
            &format!("{command} --policy codepipeline-outptu-bucket=deny.json"),
            &[
                "error: unknown bucket, key, role, or topic `codepipeline-outptu-bucket`; \
                 did you mean `codepipeline-output-bucket`?",
                "buckets: codepipeline-input-bucket,",
                "keys: arn:aws:kms:us-east-1:111111111111:",
                "roles: ",
                "prods3role",
            ],
        );
        refused(
            &project,
            &format!("{command} --boundary prod3role=boundary.json"),
            &["unknown role `prod3role`; did you mean `prods3role`?"],
        );
        refused(
            &project,
            &format!("{command} --identity norole=none"),
            &["unknown role `norole`", "roles: "],
        );
    }
    assert!(!project.exists("report.html"));
    project.expect("prove --policy codepipeline-output-bucket=deny.json", 1);
    project.expect("prove --boundary prods3role=boundary.json", 1);
}

#[test]
fn several_errors_are_reported_at_once() {
    let project = project();
    refused(
        &project,
        "prove --policy nobucket=none --identity norole=none",
        &["`nobucket`", "`norole`"],
    );
}

#[test]
fn arns_are_accepted_and_other_kinds_of_arns_are_rejected() {
    let project = project();
    let bucket = "prove --policy arn:aws:s3:::codepipeline-output-bucket";
    project.expect(&format!("{bucket}=deny.json"), 1);
    for other in [
        "arn:aws:iam::111111111111:user/somebody",
        "arn:aws:sqs:us-east-1:111111111111:queue",
        "arn:aws:s3:::codepipeline-output-bucket/index.html",
        "arn:aws:s3:us-east-1:111111111111:accesspoint/point",
        "arn:nonsense",
    ] {
        let wrong = format!("`{other}` is not the ARN of a bucket, key, role, or topic");
        refused(
            &project,
            &format!("prove --policy {other}=deny.json"),
            &[&wrong],
        );
        let wrong = format!("`{other}` is not the ARN of a role");
        refused(
            &project,
            &format!("prove --identity {other}=none"),
            &[&wrong],
        );
    }
    // The ARN is of the right kind, but the resource does not exist.
    for other in [
        "arn:aws-cn:s3:::codepipeline-output-bucket",
        "arn:aws:iam::222222222222:role/other/prods3role",
        "arn:aws:iam::333333333333:role/prods3role",
        "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555",
        "alias/nothing",
    ] {
        let wrong = format!("unknown bucket, key, role, or topic `{other}`");
        refused(
            &project,
            &format!("prove --policy {other}=deny.json"),
            &[&wrong],
        );
    }
    refused(
        &project,
        "prove --boundary codepipeline-output-bucket=boundary.json",
        &["unknown role `codepipeline-output-bucket`; it is a bucket"],
    );
}

#[test]
fn a_role_name_specifies_its_trust_policy() {
    let project = project();
    let trust = |account: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow",
                "Principal": {{"AWS": "{account}"}}, "Action": "sts:AssumeRole"}}}}"#
        )
    };
    project.write("ours.json", trust("111111111111"));
    project.write("theirs.json", trust("444444444444"));
    for name in [
        "prods3role",
        "ProdS3Role",
        "arn:aws:iam::222222222222:role/prods3role",
    ] {
        let ours = project.run(&format!("prove --call assume --policy {name}=ours.json"));
        assert!(
            ours.stdout.contains("assume      allowed"),
            "{}",
            ours.stdout
        );
        let run = project.expect(
            &format!("prove --call assume --policy {name}=theirs.json"),
            1,
        );
        assert!(run.stdout.contains("DENIED"), "{}", run.stdout);
    }
}

#[test]
fn an_alias_specifies_its_key() {
    let project = project();
    project.write(
        "closed.json",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
            "Principal": {"AWS": "444444444444"}, "Action": "kms:*", "Resource": "*"}}"#,
    );
    project.expect("synth", 0);
    let dev = project.read("stacks/dev.yaml");
    let alias = dev
        .lines()
        .find_map(|line| line.trim().strip_prefix("AliasName: "));
    let alias = alias.expect("an alias");
    for name in [
        alias.to_owned(),
        format!("arn:aws:kms:us-east-1:111111111111:{alias}"),
    ] {
        let run = project.expect(
            &format!("prove --call decrypt --policy {name}=closed.json"),
            1,
        );
        assert!(run.stdout.contains("DENIED"), "{}", run.stdout);
    }
}

#[test]
fn keys_and_roles_always_have_a_policy() {
    let project = project();
    let key = "arn:aws:kms:us-east-1:111111111111:key/00000000-0000-4000-8000-000000005f3e";
    refused(
        &project,
        &format!("prove --policy {key}=none"),
        &["specify the policy file: every key has a policy"],
    );
    refused(
        &project,
        "prove --policy prods3role=none",
        &["specify the policy file: every role has a trust policy"],
    );
    refused(
        &project,
        "prove --boundary prods3role=none",
        &["the template that creates the role determines its permissions boundary"],
    );
    project.expect("prove --identity prods3role=none", 0);
}

#[test]
fn a_policy_is_specified_once() {
    let project = project();
    let bucket = "codepipeline-output-bucket";
    refused(
        &project,
        &format!("prove --policy {bucket}=deny.json --policy {bucket}=none"),
        &["duplicate --policy `codepipeline-output-bucket`"],
    );
    refused(
        &project,
        &format!("prove --policy {bucket}=deny.json --policy arn:aws:s3:::{bucket}=none"),
        &[": first as `codepipeline-output-bucket`"],
    );
    refused(
        &project,
        "prove --identity prods3role=none --identity arn:aws:iam::222222222222:role/prods3role=none",
        &["duplicate --identity `arn:aws:iam::222222222222:role/prods3role`"],
    );
    // One role can have a boundary and other policies.
    project.expect(
        "prove --identity prods3role=none --boundary prods3role=boundary.json",
        1,
    );
}

#[test]
fn a_file_of_several_policies_is_not_read_in_part() {
    let project = project();
    project.write("two.json", format!("[{BOUNDARY}, {BOUNDARY}]"));
    project.write("none.json", "[]");
    project.write("one.json", format!("[{BOUNDARY}]"));
    for (file, says) in [
        (
            "two.json",
            "`prods3role` accepts one policy, but this file contains 2",
        ),
        ("none.json", "this file contains no policy"),
    ] {
        refused(
            &project,
            &format!("prove --boundary prods3role={file}"),
            &[says, &format!("{file}:1:1")],
        );
    }
    project.expect("prove --boundary prods3role=one.json", 1);
    project.expect("prove --identity prods3role=two.json", 0);
    project.write("two.json", format!("[{DENY}, {DENY}]"));
    refused(
        &project,
        "prove --policy codepipeline-output-bucket=two.json",
        &["`codepipeline-output-bucket` accepts one policy, but this file contains 2"],
    );
    // A policy without statements is an error, not a missing policy.
    project.write(
        "empty.json",
        r#"{"Version": "2012-10-17", "Statement": []}"#,
    );
    refused(
        &project,
        "prove --policy codepipeline-output-bucket=empty.json",
        &["the policy's `Statement` is empty"],
    );
}

#[test]
fn a_policy_file_next_to_the_templates_is_for_a_bucket_of_the_pipeline() {
    let project = project();
    project.expect("synth", 0);
    project.write("stacks/policies/codepipeline-outptu-bucket.json", DENY);
    for command in ["prove", "report", "graph"] {
        refused(
            &project,
            command,
            &[
                "`stacks/policies/codepipeline-outptu-bucket.json`: unknown bucket \
                 `codepipeline-outptu-bucket`; did you mean \
                 `codepipeline-output-bucket`?",
            ],
        );
    }
    std::fs::rename(
        project.path("stacks/policies/codepipeline-outptu-bucket.json"),
        project.path("stacks/policies/codepipeline-output-bucket.json"),
    )
    .expect("renamed");
    project.expect("prove", 1);
    refused(
        &project,
        "prove --policy codepipeline-output-bucket=deny.json",
        &[
            "`codepipeline-output-bucket`: in `stacks/policies/codepipeline-output-bucket.json` and in --policy",
        ],
    );
    // The output bucket does not exist yet, but the configuration names it.
    project.expect("prove --step dev", 0);
    refused(
        &project,
        "prove --step dev --policy codepipeline-output-bucket=deny.json",
        &["unknown bucket, key, role, or topic"],
    );
}

/// The proof checks the edited templates, not those that the configuration would produce.
#[test]
fn no_template_of_the_folder_is_left_out() {
    let project = project();
    project.expect("synth", 0);
    let dev = project.read("stacks/dev.yaml");
    project.write("stacks/dev.json", "{}");
    for command in ["prove", "report", "graph", "lint", "prove --dir stacks"] {
        refused(
            &project,
            command,
            &["`stacks/dev.yaml` and `stacks/dev.json` are both templates for stack `dev`"],
        );
    }
    for name in ["stacks/dev.json", "stacks/dev.yaml"] {
        std::fs::remove_file(project.path(name)).expect("removed");
    }
    for command in ["prove", "report", "graph", "lint"] {
        refused(
            &project,
            command,
            &["no template for stack `dev` in stacks"],
        );
    }
    project.write("stacks/dev.yaml", dev);
    project.expect("prove", 0);
    // A file in place of the folder with the policies.
    project.write("stacks/policies", "");
    refused(&project, "prove", &["cannot read folder `stacks/policies`"]);
}

fn file(name: &str, text: &str) -> NamedFile {
    NamedFile {
        name: name.to_owned(),
        source: Some(Source::new(format!("{name}.json"), text)),
    }
}

/// Returns why a proof with a boundary for the role of this name is rejected.
fn boundary_error(config: &str, name: &str) -> Option<String> {
    let mut inputs = inputs_of(&plan_of(config), false);
    inputs.boundaries.push(file(name, BOUNDARY));
    let errors = prove(&inputs).err()?;
    match errors.as_slice() {
        [InputError::Given { message, help }] => Some(format!("{message}: {help}")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_role_name_means_the_roles_of_one_template() {
    let fleet = "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    accounts: \
                 [\"222222222222\", \"333333333333\"]\n    bucket: \"out-{account}\"\n    role: deployer\n";
    assert_eq!(boundary_error(fleet, "deployer"), None);
    let mut inputs = inputs_of(&plan_of(fleet), false);
    inputs.boundaries.push(file("deployer", BOUNDARY));
    inputs.expand = true;
    let proof = prove(&inputs).expect("a proof");
    let denied = proof
        .denied()
        .filter_map(|(decided, _)| decided.call.instance.as_ref());
    let mut accounts: Vec<&str> = denied.map(|instance| instance.account.as_str()).collect();
    accounts.dedup();
    assert_eq!(accounts, ["222222222222", "333333333333"]);

    let two = "dev:\n  account: \"111111111111\"\ntargets:\n  - name: one\n    account: \"222222222222\"\n    \
               bucket: out-one\n    role: deployer\n  - name: two\n    account: \"333333333333\"\n    bucket: \
               out-two\n    role: deployer\n";
    let error = boundary_error(two, "deployer").expect("ambiguous");
    assert_eq!(
        error,
        "`deployer` is ambiguous: it matches several roles: specify the ARN: \
         arn:aws:iam::222222222222:role/deployer, arn:aws:iam::333333333333:role/deployer"
    );
    assert_eq!(
        boundary_error(two, "arn:aws:iam::333333333333:role/deployer"),
        None
    );
}

#[test]
fn a_name_of_a_bucket_and_a_role_is_ambiguous() {
    let config = "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    account: \
                  \"222222222222\"\n    bucket: same-name\n    role: same-name\n";
    assert_eq!(boundary_error(config, "same-name"), None);
    let mut inputs = inputs_of(&plan_of(config), false);
    inputs.policies.push(file("same-name", DENY));
    let errors = prove(&inputs).expect_err("ambiguous");
    let said = errors[0].to_string();
    assert_eq!(
        said,
        "`same-name` is ambiguous: it matches both a role and a bucket"
    );
    inputs.policies = vec![file("arn:aws:s3:::same-name", DENY)];
    assert!(prove(&inputs).expect("a proof").denied().count() > 0);
}

/// The program accepts every option that it names for an unproven call.
#[test]
fn every_option_that_the_proof_names_is_accepted() {
    let key = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    let alias = "arn:aws:kms:us-east-1:111111111111:alias/source";
    let target = "targets:\n  - name: prod\n    account: \"222222222222\"\n";
    let dev = "dev:\n  account: \"111111111111\"\n";
    let role = "arn:aws:iam::111111111111:role/service-role/Existing";
    let configs = [
        format!("{dev}  pipeline:\n    service_role: {role}\n{target}"),
        format!("{dev}  source:\n    create: false\n  artifacts:\n    create: false\n{target}"),
        format!("{dev}{target}    create: false\n    encryption_key: {key}\n"),
        format!("{dev}{target}    permissions_boundary: arn:aws:iam::222222222222:policy/limit\n"),
    ];
    let mut asked = 0;
    // A template can also name a key by an alias that no template defines.
    let renamed = configs
        .iter()
        .flat_map(|config| [(config, key), (config, alias)]);
    for (config, name) in renamed {
        let mut inputs = inputs_of(&plan_of(config), false);
        for stack in &mut inputs.stacks {
            let text = stack.template.text().replace(key, name);
            stack.template = Source::new(stack.template.name(), text).into();
        }
        let proof = prove(&inputs).expect("a proof");
        let attacks = proof
            .attacks
            .iter()
            .filter_map(|attack| attack.decided.as_ref());
        let decided = proof
            .calls
            .iter()
            .map(|(decided, _)| decided)
            .chain(attacks);
        let mut missing: Vec<&str> = decided
            .flat_map(|decided| &decided.missing)
            .map(|missing| missing.option.as_str())
            .collect();
        missing.sort_unstable();
        missing.dedup();
        for option in missing {
            let (option, name) = option.split_once(' ').expect("an option with a name");
            // The option for a permissions boundary accepts a file or `none`.
            let (name, _) = name.split_once("=FILE").expect("a file");
            let named = file(name, BOUNDARY);
            let mut inputs = inputs.clone();
            match option {
                "--policy" => inputs.policies.push(named),
                "--identity" => inputs.identities.push(named),
                "--boundary" => inputs.boundaries.push(named),
                other => panic!("{other}"),
            }
            // The file can contain the wrong kind of policy, but the name must be accepted.
            for error in prove(&inputs).err().unwrap_or_default() {
                assert!(!error.problems().is_empty(), "{option} {name}: {error}");
            }
            asked += 1;
        }
    }
    assert!(asked > 6, "{asked}");
}
