//! An artifact bucket that already has a bucket policy.

use serde_json::{Value as Json, json};

use crate::support::{Project, SMALL};

const MERGED: &str = "stacks/policies/codepipeline-us-east-1-0123456789.json";

fn theirs() -> Json {
    json!({
        "Version": "2012-10-17",
        "Id": "theirs",
        "Statement": [
            {
                "Sid": "B",
                "Effect": "Allow",
                "Principal": { "AWS": ["arn:aws:iam::111111111111:role/b", "111111111111"] },
                "Action": ["s3:GetObject", "s3:putobject"],
                "Resource": "arn:aws:s3:::codepipeline-us-east-1-0123456789/b/*",
                "Condition": {}
            },
            {
                "Sid": "",
                "Effect": "Deny",
                "NotPrincipal": { "AWS": "arn:aws:iam::111111111111:root" },
                "Action": "s3:DeleteBucket",
                "Resource": "arn:aws:s3:::codepipeline-us-east-1-0123456789"
            },
            {
                "Sid": "A",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:ListBucket",
                "Resource": "arn:aws:s3:::codepipeline-us-east-1-0123456789",
                "Condition": { "StringEquals": { "aws:PrincipalOrgID": "o-other12345" } }
            }
        ]
    })
}

fn project(settings: &str, policy: &str) -> Project {
    let config = SMALL.replace(
        "targets:",
        "  artifacts:\n    create: false\n    existing_policy: current.json\ntargets:",
    );
    let project = Project::with(&format!("{config}{settings}"));
    project.write("current.json", policy);
    project
}

fn merged(project: &Project) -> Json {
    serde_json::from_str(&project.read(MERGED)).expect("JSON")
}

fn statements(policy: &Json) -> Vec<Json> {
    policy["Statement"].as_array().expect("a list").clone()
}

#[test]
fn existing_statements_stay_in_order_and_ours_follow() {
    for settings in ["", "permissions: article\n"] {
        let project = project(settings, &theirs().to_string());
        let run = project.expect("synth --no-lint", 0);
        assert!(run.stdout.contains(MERGED), "{}", run.stdout);
        let merged = merged(&project);
        assert_eq!(merged["Version"], "2012-10-17");
        assert_eq!(merged["Id"], "theirs");
        let (before, after) = (statements(&theirs()), statements(&merged));
        // Compared as text, because the order of the keys within a statement is also kept.
        for (one, other) in before.iter().zip(&after) {
            assert_eq!(one.to_string(), other.to_string());
        }
        assert!(after.len() > before.len());
        let ours = &after[before.len()..];
        assert!(ours.iter().any(|one| {
            one["Effect"] == "Allow" && one.to_string().contains("arn:aws:iam::222222222222:root")
        }));
        // The file contains no intrinsic function, because it goes to S3 unchanged.
        let text = merged.to_string();
        assert!(
            !text.contains("Fn::") && !text.contains("\"Ref\""),
            "{text}"
        );
        // The dev stack does not change the policy.
        let dev = project.read("stacks/dev.yaml");
        assert!(!dev.contains("ArtifactBucketPolicy") && !dev.contains("  ArtifactBucket:"));
    }
}

#[test]
fn our_statements_for_an_existing_bucket_cover_only_this_pipelines_folder() {
    let project = project("", &theirs().to_string());
    project.expect("synth --no-lint", 0);
    let ours = &statements(&merged(&project))[3..];
    let uploads: Vec<&Json> = ours
        .iter()
        .filter(|one| one["Effect"] == "Deny" && one["Action"] == "s3:PutObject")
        .map(|one| &one["Resource"])
        .collect();
    assert!(!uploads.is_empty());
    for resource in uploads {
        assert_eq!(
            resource,
            "arn:aws:s3:::codepipeline-us-east-1-0123456789/crossaccountdeploy/*"
        );
    }
}

#[test]
fn the_merged_policy_merged_again_is_the_same() {
    for settings in [
        "",
        "permissions: article\n",
        "organization: o-exampleorg1\n",
    ] {
        let project = project(settings, &theirs().to_string());
        project.expect("synth --no-lint", 0);
        let first = project.read(MERGED);
        project.write("current.json", &first);
        let run = project.expect("synth --no-lint", 0);
        assert_eq!(project.read(MERGED), first);
        assert!(!run.stdout.contains("written"), "{}", run.stdout);
    }
}

#[test]
fn a_single_object_as_statement_is_a_policy_too() {
    let mut single = theirs();
    single["Statement"] = single["Statement"][0].take();
    let wanted = single["Statement"].clone();
    let one = project("", &single.to_string());
    one.expect("synth --no-lint", 0);
    assert_eq!(statements(&merged(&one))[0], wanted);
}

#[test]
fn without_a_policy_file_the_policy_is_a_resource() {
    let config = SMALL.replace("targets:", "  artifacts: {create: false}\ntargets:");
    let project = Project::with(&config);
    project.expect("synth --no-lint --format json", 0);
    let dev: Json = serde_json::from_str(&project.read("stacks/dev.json")).expect("JSON");
    let policy = &dev["Resources"]["ArtifactBucketPolicy"];
    assert_eq!(
        policy["Properties"]["Bucket"],
        "codepipeline-us-east-1-0123456789"
    );
    assert_eq!(policy["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(dev["Resources"]["ArtifactBucket"], Json::Null);
    assert!(!project.exists("stacks/policies"));
}

#[test]
fn an_invalid_policy_is_an_error_at_its_position_and_nothing_is_written() {
    for (policy, place, message) in [
        ("{\"Statement\": [}", "current.json:1:", "closed by"),
        ("", "current.json:1:1", ""),
        ("[]", "current.json:1:1", "must be a mapping"),
        ("{\n  \"Version\": \"2012-10-17\"\n}", "", "`Statement`"),
        (
            "{\n  \"Statement\": \"x\"\n}",
            "current.json:2:16",
            "must be a mapping",
        ),
        ("Statement: []\n", "current.json:1:", "`Statement` is empty"),
    ] {
        let project = project("", policy);
        let run = project.expect("synth --no-lint", 2);
        let found = run.problems();
        let shown = found
            .first()
            .unwrap_or_else(|| panic!("{policy}: {}", run.stderr));
        assert!(shown.place.starts_with(place), "{policy}: {shown:?}");
        assert!(shown.message.contains(message), "{policy}: {shown:?}");
        assert!(!project.exists("stacks"), "{policy}");
    }
}

#[test]
fn a_missing_policy_file() {
    let project = project("", "{}");
    std::fs::remove_file(project.path("current.json")).expect("removed");
    let run = project.expect("synth --no-lint", 2);
    assert!(
        run.stderr
            .contains("cannot read existing bucket policy `current.json`"),
        "{}",
        run.stderr
    );
    assert!(!project.exists("stacks"));
}

#[test]
fn its_path_is_relative_to_the_configuration() {
    let project = project("", &theirs().to_string());
    let config = project.read("s3ferry.yaml");
    project.write("conf/s3ferry.yaml", config);
    std::fs::rename(
        project.path("current.json"),
        project.path("conf/current.json"),
    )
    .expect("moved");
    project.expect("synth --no-lint --config conf/s3ferry.yaml", 0);
    assert!(project.exists(MERGED));
}

#[test]
fn a_statement_that_would_stop_the_pipeline_is_an_error_at_its_position() {
    let deny = |action: &str, condition: &str| {
        format!(
            r#"{{
  "Version": "2012-10-17",
  "Statement": [
    {{"Effect": "Deny", "Principal": "*", "Action": "{action}",
     "Resource": "arn:aws:s3:::codepipeline-us-east-1-0123456789/*",
     "Condition": {condition}}}
  ]
}}"#
        )
    };
    for (action, condition, caller) in [
        (
            "s3:Get*",
            r#"{"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}"#,
            "the service role",
        ),
        (
            "s3:GetObject",
            r#"{"StringNotEquals": {"aws:PrincipalAccount": "111111111111"}}"#,
            "the deploy role of target `prod`",
        ),
        (
            "s3:PutObject",
            r#"{"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "another"}}"#,
            "the service role",
        ),
        ("s3:PutObjectTagging", "{}", "the service role"),
    ] {
        let project = project("", &deny(action, condition));
        let run = project.expect("synth --no-lint", 2);
        let found = run.problems();
        assert!(found[0].message.contains(caller), "{}", run.stderr);
        assert_eq!(found[0].place, "current.json:4:5");
        assert!(!project.exists("stacks"));
    }
    for (action, condition) in [
        ("s3:*", r#"{"Bool": {"aws:SecureTransport": "false"}}"#),
        ("s3:DeleteObject", "{}"),
        (
            "s3:PutObject",
            r#"{"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}"#,
        ),
    ] {
        project("", &deny(action, condition)).expect("synth --no-lint", 0);
    }
}
