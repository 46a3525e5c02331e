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
        "36 of 36",
        "85 of 85",
        "DeployRoleDecryptsArtifactsProd",
        "arn:aws:iam::222222222222:role/prods3role",
        "role name ServiceRole",
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
    assert!(page.contains("Not fit to be deployed"));
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
