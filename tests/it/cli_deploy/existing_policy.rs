//! An artifact bucket that already has a policy.

use serde_json::{Value, json};

use super::Site;
use crate::emulator::Emulator;

/// Returns a site whose artifact bucket has a policy that the project knows.
fn site() -> Site {
    let site =
        Site::with(|config| config.replace("  artifacts:\n", "  artifacts:\n    create: false\n"));
    let create = format!("s3api create-bucket --bucket {}", bucket(&site));
    Emulator::shared().aws(&site.accounts.dev, &create);
    put(&site, &theirs(&site, "backup"));
    site.project
        .write("current.json", theirs(&site, "backup").to_string());
    site.reconfigure(
        "    create: false\n",
        "    create: false\n    existing_policy: current.json\n",
    );
    site
}

fn bucket(site: &Site) -> String {
    format!("artifacts-{}", site.accounts.dev)
}

fn theirs(site: &Site, folder: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Theirs",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{}:root", site.accounts.dev) },
            "Action": "s3:GetObject",
            "Resource": format!("arn:aws:s3:::{}/{folder}/*", bucket(site)),
        }]
    })
}

fn put(site: &Site, policy: &Value) {
    let (bucket, policy) = (bucket(site), policy.to_string());
    let put = [
        "s3api",
        "put-bucket-policy",
        "--bucket",
        &bucket,
        "--policy",
        &policy,
    ];
    Emulator::shared()
        .aws_with(&site.accounts.dev, &put)
        .expect("put");
}

fn live(site: &Site) -> Value {
    site.state().dev["buckets"][bucket(site)]["policy"].take()
}

#[test]
fn our_statements_are_added_after_confirmation_and_the_others_are_kept() {
    let site = site();
    let run = site.deploy("--profile dev --dry-run", 0);
    assert!(!run.stderr.contains("Updated the policy"), "{}", run.stderr);
    assert_eq!(live(&site), theirs(&site, "backup"));

    let run = site.deploy("--profile dev --yes", 0);
    assert!(
        run.stderr.contains("DeployRoleReadsArtifactsProd"),
        "the difference is not shown:\n{}",
        run.stderr
    );
    let policy = live(&site);
    assert_eq!(
        policy["Statement"][0],
        theirs(&site, "backup")["Statement"][0]
    );
    let sids: Vec<_> = policy["Statement"]
        .as_array()
        .expect("statements")
        .iter()
        .filter_map(|statement| statement["Sid"].as_str())
        .collect();
    assert!(sids.contains(&"DeployRoleReadsArtifactsProd"), "{sids:?}");

    // Once the policy is in effect, it is not changed again.
    site.proxy.reset();
    let run = site.deploy("--profile dev --yes", 0);
    assert!(run.stderr.contains("is up to date"), "{}", run.stderr);
    assert_eq!(site.proxy.done("PutBucketPolicy"), 0);
    assert_eq!(live(&site), policy);
    site.deploy("--all --yes", 0);
}

#[test]
fn without_yes_the_policy_is_not_updated() {
    let site = site();
    site.deploy("--profile dev --yes", 0);
    put(&site, &theirs(&site, "backup"));
    let run = site.deploy("--profile dev", 2);
    assert!(
        run.stderr.contains("DeployRoleReadsArtifactsProd"),
        "{}",
        run.stderr
    );
    assert_eq!(live(&site), theirs(&site, "backup"));
}

#[test]
fn a_policy_that_changed_in_the_meantime_is_never_overwritten() {
    let site = site();
    put(&site, &theirs(&site, "archive"));
    let run = site.deploy("--profile dev --yes", 1);
    for part in [
        "no longer matches `current.json`",
        "archive",
        "get-bucket-policy",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    assert_eq!(live(&site), theirs(&site, "archive"));
    // The message says to merge the live policy. After that, the deploy succeeds.
    site.project
        .write("current.json", theirs(&site, "archive").to_string());
    site.project.expect("synth", 0);
    site.deploy("--all --yes", 0);
    assert_eq!(
        live(&site)["Statement"][0],
        theirs(&site, "archive")["Statement"][0]
    );
}
