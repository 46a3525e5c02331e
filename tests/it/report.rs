//! `s3ferry report` as a command. The page itself is tested in `tests/browser`.

use crate::support::{Project, SMALL};

/// Reads a page without the marks for line breaks.
fn read(project: &Project, file: &str) -> String {
    project.read(file).replace("<wbr>", "")
}

#[test]
fn it_writes_one_self_contained_page() {
    let project = Project::with(SMALL);
    let run = project.expect("report", 0);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("Wrote report.html"), "{}", run.stderr);
    let page = read(&project, "report.html");
    for part in [
        "40 of 40",
        "95 of 95",
        "DeployRoleDecryptsArtifactsProd",
        "arn:aws:iam::222222222222:role/prods3role",
        "role name of resource ServiceRole",
        "S3_BUCKET_LOGGED",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // The digest is equal to the output of `sha256sum`.
    project.expect("synth", 0);
    let sum = std::process::Command::new("sha256sum")
        .arg(project.path("stacks/prod.yaml"))
        .output()
        .expect("sha256sum runs");
    let sum = String::from_utf8(sum.stdout).expect("UTF-8");
    let digest = sum.split_whitespace().next().expect("a digest");
    assert!(page.contains(digest), "{digest}");
}

#[test]
fn the_same_templates_give_the_same_bytes() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    project.expect("report --out a.html", 0);
    project.expect("report --out sub/b.html", 0);
    assert_eq!(project.read("a.html"), project.read("sub/b.html"));
}

#[test]
fn a_report_with_errors_is_written_and_fails() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    project.write(
        "stacks/prod.yaml",
        prod.replace("BlockPublicAcls: true", "BlockPublicAcls: false"),
    );
    let run = project.expect("report", 1);
    assert!(
        run.stderr.contains("The report has errors"),
        "{}",
        run.stderr
    );
    let page = read(&project, "report.html");
    assert!(page.contains("S3_BUCKET_PUBLIC_ACCESS_BLOCKED"));
    assert!(page.contains("Do not deploy"));
}

#[test]
fn grants_of_the_aws_procedure_are_not_reported_as_denied() {
    let project = Project::with(&format!("{SMALL}permissions: article\n"));
    project.expect("report", 0);
    let page = read(&project, "report.html");
    assert!(page.contains("excess permission from the AWS procedure"));
    assert!(!page.contains("every attack is denied"));
}

#[test]
fn missing_inputs_are_listed() {
    let config = format!("{SMALL}    create: false\n");
    let project = Project::with(&config);
    let run = project.expect("report", 0);
    assert!(run.stderr.contains("unproven"), "{}", run.stderr);
    let option = "--policy codepipeline-output-bucket=FILE";
    assert!(read(&project, "report.html").contains(option));
    project.write(
        "policy.json",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*",
            "Action": "s3:DeleteBucket", "Resource": "arn:aws:s3:::codepipeline-output-bucket"}}"#,
    );
    project.expect("report --policy codepipeline-output-bucket=policy.json", 0);
    assert!(!read(&project, "report.html").contains(option));
}

#[test]
fn an_invalid_template_writes_nothing() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    project.write("stacks/prod.yaml", "Resources: [\n");
    let run = project.expect("report", 2);
    assert!(run.stderr.contains("stacks/prod.yaml:"), "{}", run.stderr);
    assert!(!project.exists("report.html"));
}

/// Adds a statement to the deploy role's policy for the dev account's key and bucket.
fn add_to_deploy_role(project: &Project, statement: &str) {
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    let before = "          - Sid: DecryptArtifacts";
    assert_eq!(prod.matches(before).count(), 1);
    project.write(
        "stacks/prod.yaml",
        prod.replace(before, &format!("{statement}{before}")),
    );
}

const PROVEN: &str = "Proven: every call of a run is allowed on both sides";

#[test]
fn a_grant_for_an_unused_service_is_excess() {
    let project = Project::with(SMALL);
    add_to_deploy_role(
        &project,
        "          - Sid: Secrets
            Effect: Allow
            Action: secretsmanager:GetSecretValue
            Resource: arn:aws:secretsmanager:us-east-1:222222222222:secret:one
",
    );
    project.expect("report", 0);
    let page = read(&project, "report.html");
    assert!(!page.contains(PROVEN));
    assert!(page.contains("Review these points: 1 statement with excess permissions"));
    let proof = project.expect("prove", 0).stdout;
    assert!(
        proof.contains(
            "Secrets: needed by 0 calls; 1 action in excess: secretsmanager:GetSecretValue"
        ),
        "{proof}"
    );
}

#[test]
fn another_account_in_the_key_policy_is_reported() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let dev = project.read("stacks/dev.yaml");
    let before = "          - Sid: AccountAdministration";
    let partner = "          - Sid: Partner
            Effect: Allow
            Principal:
              AWS: arn:aws:iam::333333333333:root
            Action: kms:*
            Resource: \"*\"
";
    // The position does not matter here.
    project.write(
        "stacks/dev.yaml",
        dev.replacen(before, &format!("{partner}{before}"), 1),
    );
    project.run("report");
    let page = read(&project, "report.html");
    assert!(!page.contains(PROVEN));
    assert!(
        page.contains("1 statement with access for outsiders") || page.contains("Do not deploy")
    );
    assert!(page.contains("arn:aws:iam::333333333333:root</code> is allowed by"));
    let proof = project.run("prove").stdout;
    assert!(proof.contains("Partner: needed by 0 calls;"), "{proof}");
}

#[test]
fn additional_files_are_in_the_report() {
    let config = format!("{SMALL}    create: false\n");
    let project = Project::with(&config);
    project.write(
        "policy.json",
        r#"{"Version": "2012-10-17", "Statement": {"Sid": "PartnerIn", "Effect": "Allow",
            "Principal": {"AWS": "333333333333"}, "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::codepipeline-output-bucket/*"}}"#,
    );
    project.run("report --policy codepipeline-output-bucket=policy.json");
    let page = read(&project, "report.html");
    assert!(page.contains("PartnerIn"));
    assert!(page.contains("333333333333</code> is allowed by"));
    assert!(!page.contains(PROVEN));

    project.expect("report --policy codepipeline-output-bucket=none", 0);
    let page = read(&project, "report.html");
    assert!(page.contains("policy of codepipeline-output-bucket: "));
    assert!(page.contains("none, as stated by the author of this report"));
}

#[test]
fn an_unchecked_statement_is_not_reported_as_needed() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    let user = "
  Somebody:
    Type: AWS::IAM::User
    Properties:
      Policies:
        - PolicyName: everything
          PolicyDocument:
            Version: \"2012-10-17\"
            Statement:
              - Sid: Everything
                Effect: Allow
                Action: \"*\"
                Resource: \"*\"
";
    let outputs = prod.find("\nOutputs:").expect("outputs");
    let (resources, rest) = prod.split_at(outputs);
    project.write("stacks/prod.yaml", format!("{resources}{user}{rest}"));
    project.run("report");
    let page = read(&project, "report.html");
    assert!(page.contains("1 statement outside the policies of the run"));
    let mark = page.find("Sid: Everything").expect("in the listing");
    assert!(page[..mark].ends_with("title=\"was not checked against the run\">"));
}

#[test]
fn hidden_characters_are_escaped() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    project.write("stacks/prod.yaml", format!("{prod}# a\u{202e}b\u{200b}c\n"));
    project.expect("report", 0);
    let page = read(&project, "report.html");
    assert!(page.contains("a\\u{202e}b\\u{200b}c"));
    assert!(!page.contains('\u{202e}'));
}

#[test]
fn a_resource_control_policy_that_only_denies_leaves_the_rest() {
    let project = Project::with(SMALL);
    project.write(
        "rcp.json",
        r#"{"Version": "2012-10-17", "Statement": {"Sid": "NoDeletion", "Effect": "Deny",
            "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "*"}}"#,
    );
    project.expect("report --rcp rcp.json", 0);
    let page = read(&project, "report.html");
    assert!(page.contains("40 of 40"));
    assert!(page.contains("resource control policies, level 1 from the root"));
    assert!(page.contains("NoDeletion"));
}

#[test]
fn the_introduction_has_the_number_of_buckets() {
    let targets: String = (0..11)
        .map(|number| {
            let account = 222_222_222_000_u64 + number;
            format!("  - name: t{number}\n    account: \"{account}\"\n    bucket: site-{number}\n")
        })
        .collect();
    let project = Project::with(&format!(
        "dev:\n  account: \"111111111111\"\ntargets:\n{targets}"
    ));
    project.expect("report", 0);
    let page = read(&project, "report.html");
    assert!(page.contains("can deploy files to 11 targets with 11 output buckets."));
}
