//! `s3ferry report` as a command. The page itself is tested in `tests/browser`.

use crate::support::{Project, SMALL};

#[test]
fn it_writes_one_page_with_everything_in_it() {
    let project = Project::with(SMALL);
    let run = project.expect("report", 0);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("Wrote report.html"), "{}", run.stderr);
    let page = project.read("report.html");
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
    // The digest is that of the file, as `sha256sum` prints it.
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
fn one_with_errors_is_written_and_fails() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    project.write(
        "stacks/prod.yaml",
        prod.replace("BlockPublicAcls: true", "BlockPublicAcls: false"),
    );
    let run = project.expect("report", 1);
    assert!(run.stderr.contains("It has errors"), "{}", run.stderr);
    let page = project.read("report.html");
    assert!(page.contains("S3_BUCKET_PUBLIC_ACCESS_BLOCKED"));
    assert!(page.contains("Do not deploy"));
}

#[test]
fn the_procedure_s_own_grants_are_not_called_denied() {
    let project = Project::with(&format!("{SMALL}permissions: article\n"));
    project.expect("report", 0);
    let page = project.read("report.html");
    assert!(page.contains("over-grant of the procedure"));
    assert!(!page.contains("every attack is denied"));
}

#[test]
fn what_is_not_given_is_named() {
    let config = format!("{SMALL}    create: false\n");
    let project = Project::with(&config);
    let run = project.expect("report", 0);
    assert!(run.stderr.contains("unproven"), "{}", run.stderr);
    let option = "--policy codepipeline-output-bucket=FILE";
    assert!(project.read("report.html").contains(option));
    project.write(
        "policy.json",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*",
            "Action": "s3:DeleteBucket", "Resource": "arn:aws:s3:::codepipeline-output-bucket"}}"#,
    );
    project.expect("report --policy codepipeline-output-bucket=policy.json", 0);
    assert!(!project.read("report.html").contains(option));
}

#[test]
fn a_template_that_is_none_writes_nothing() {
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
fn a_grant_of_a_service_that_no_call_goes_to_is_excess() {
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
    let page = project.read("report.html");
    assert!(!page.contains(PROVEN));
    assert!(page.contains("To be looked at: 1 statement granting what no call needs"));
    let proof = project.expect("prove", 0).stdout;
    assert!(
        proof.contains(
            "Secrets: serves 0 calls; 1 action beyond them: secretsmanager:GetSecretValue"
        ),
        "{proof}"
    );
}

#[test]
fn another_account_on_the_key_is_neither_documented_nor_overlooked() {
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
    // Behind the comment of the first statement: where does not matter here.
    project.write(
        "stacks/dev.yaml",
        dev.replacen(before, &format!("{partner}{before}"), 1),
    );
    project.run("report");
    let page = project.read("report.html");
    assert!(!page.contains(PROVEN));
    assert!(page.contains("1 statement letting in outsiders") || page.contains("Do not deploy"));
    assert!(page.contains("arn:aws:iam::333333333333:root</code> is allowed by"));
    let proof = project.run("prove").stdout;
    assert!(proof.contains("Partner: serves 0 calls;"), "{proof}");
}

#[test]
fn what_was_given_is_on_the_page_whether_it_decides_or_not() {
    let config = format!("{SMALL}    create: false\n");
    let project = Project::with(&config);
    project.write(
        "policy.json",
        r#"{"Version": "2012-10-17", "Statement": {"Sid": "PartnerIn", "Effect": "Allow",
            "Principal": {"AWS": "333333333333"}, "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::codepipeline-output-bucket/*"}}"#,
    );
    project.run("report --policy codepipeline-output-bucket=policy.json");
    let page = project.read("report.html");
    assert!(page.contains("PartnerIn"));
    assert!(page.contains("333333333333</code> is allowed by"));
    assert!(!page.contains(PROVEN));

    project.expect("report --policy codepipeline-output-bucket=none", 0);
    let page = project.read("report.html");
    assert!(page.contains("policy of codepipeline-output-bucket: "));
    assert!(page.contains("none, by the word of who made this page"));
}

#[test]
fn what_no_call_was_checked_against_is_not_called_needed() {
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
    let page = project.read("report.html");
    assert!(page.contains("1 statement beside the run's own policies"));
    let mark = page.find("Sid: Everything").expect("in the listing");
    assert!(page[..mark].ends_with("title=\"was not checked against the run\">"));
}

#[test]
fn what_hides_or_turns_text_is_shown_as_what_it_is() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    project.write("stacks/prod.yaml", format!("{prod}# a\u{202e}b\u{200b}c\n"));
    project.expect("report", 0);
    let page = project.read("report.html");
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
    let page = project.read("report.html");
    assert!(page.contains("40 of 40"));
    assert!(page.contains("resource control policies, level 1 from the root"));
    assert!(page.contains("NoDeletion"));
}

#[test]
fn it_says_how_many_buckets_there_are() {
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
    let page = project.read("report.html");
    assert!(page.contains("may deploy files into 11 targets, 11 output buckets."));
}
