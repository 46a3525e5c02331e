//! Keys, buckets, and roles are replaced or deleted only with an option. The stack policy is in
//! effect again afterwards.

use serde_json::{Value, json};

use super::Site;
use crate::emulator::{Answer, Fault};

/// Returns a site whose next deploy replaces the deploy role in prod.
fn about_to_replace() -> Site {
    let site = Site::new().deployed();
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &format!("{config}    role: otherrole\n"));
    site
}

/// Returns the actions that a stack policy denies for the guarded resources.
fn guard(stack: &Value) -> &Value {
    &stack["policy"]["Statement"][1]["Action"]
}

#[test]
fn a_replacement_is_rejected_even_with_yes() {
    let site = about_to_replace();
    let before = site.state();
    let run = site.deploy("--all --yes", 1);
    assert!(
        run.stderr.contains(
            "this would replace or delete role prods3role (DeployRole of stack \
             crossaccountdeploy-prod); nothing was changed"
        ),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--allow-replacement"), "{}", run.stderr);
    assert_eq!(site.state(), before);
}

#[test]
fn an_allowed_replacement_is_done_and_the_resources_are_guarded_again() {
    let site = about_to_replace();
    site.deploy("--all --yes --allow-replacement", 0);
    let state = site.state();
    let roles = state.prod["roles"].as_object().expect("roles");
    assert_eq!(roles.keys().collect::<Vec<_>>(), ["otherrole"]);
    for stack in [state.dev_stack(), state.prod_stack()] {
        assert_eq!(
            *guard(stack),
            json!(["Update:Replace", "Update:Delete"]),
            "{:#}",
            stack["policy"]
        );
        assert_eq!(stack["protected"], true);
    }
    // The templates of dev name the new role, and the pipeline assumes it.
    let pipeline = &state.dev["us-east-1"]["pipelines"]["crossaccountdeploy"];
    let role = format!("arn:aws:iam::{}:role/otherrole", site.accounts.prod);
    assert_eq!(pipeline["stages"][1]["actions"][0]["roleArn"], *role);
}

#[test]
fn a_rejected_execution_leaves_the_stack_guarded() {
    let site = about_to_replace();
    let denied = Answer::error(
        403,
        "AccessDenied",
        "not authorized to perform: ExecuteChangeSet",
    );
    site.proxy
        .always("ExecuteChangeSet", Fault::Answered(denied));
    site.deploy("--profile prod --yes --allow-replacement", 3);
    let state = site.state();
    assert_eq!(
        *guard(state.prod_stack()),
        json!(["Update:Replace", "Update:Delete"])
    );
}

#[test]
fn the_next_run_restores_a_relaxed_policy() {
    let site = about_to_replace();
    site.proxy.hold_at(Some("ExecuteChangeSet"), 1, false);
    site.kill_when_held("--profile prod --yes --allow-replacement");
    let relaxed = site.state();
    assert_eq!(*guard(relaxed.prod_stack()), Value::Null);
    site.proxy.reset();
    site.deploy("--profile prod --yes", 1);
    let state = site.state();
    assert_eq!(
        *guard(state.prod_stack()),
        json!(["Update:Replace", "Update:Delete"])
    );
    assert_eq!(state.prod["roles"], relaxed.prod["roles"]);
}

#[test]
fn a_bucket_that_leaves_the_configuration_is_retained_and_reported() {
    let site = Site::new().deployed();
    let bucket = format!("bucket: source-{}", site.accounts.dev);
    site.reconfigure(&bucket, &format!("bucket: moved-{}", site.accounts.dev));
    let before = site.state();
    let run = site.deploy("--profile dev --yes", 1);
    assert!(
        run.stderr.contains("this would replace or delete"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("SourceBucket"), "{}", run.stderr);
    assert_eq!(site.state(), before);
    site.deploy("--profile dev --yes --allow-replacement", 0);
    let after = site.state();
    let buckets = after.dev["buckets"].as_object().expect("buckets");
    // Nothing is emptied or deleted: the old bucket keeps its objects.
    for name in ["source", "moved", "artifacts"] {
        assert!(
            buckets.contains_key(&format!("{name}-{}", site.accounts.dev)),
            "{name}"
        );
    }
}
