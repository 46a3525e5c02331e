//! How prod gets the key ID from dev.

use super::Site;

const OTHER_KEY: &str = "00000000-0000-4000-8000-000000000000";

/// Removes the dev profile, as for a user without access to dev.
fn forget_dev(site: &Site) {
    let credentials = site.project.read("aws/credentials");
    let at = credentials.find("[prod]").expect("two profiles");
    site.project.write("aws/credentials", &credentials[at..]);
    site.project
        .write("aws/config", "[profile prod]\nregion = eu-north-1\n");
}

#[test]
fn the_outputs_file_replaces_a_dev_profile() {
    let site = Site::new();
    site.deploy("--profile dev --yes", 0);
    let outputs = site.project.read(".s3ferry/outputs.json");
    let key = site.state().key_id().to_owned();
    assert!(outputs.contains(&key), "{outputs}");
    forget_dev(&site);
    let run = site.deploy("--profile prod --yes", 0);
    assert!(
        run.stderr
            .contains("Using the key ID from .s3ferry/outputs.json"),
        "{}",
        run.stderr
    );
    let state = site.state();
    assert_eq!(state.prod_stack()["status"], "CREATE_COMPLETE");
    assert_eq!(state.prod_stack()["parameters"]["DeployKeyId"], *key);
}

#[test]
fn without_either_the_error_says_how_to_get_the_key_id() {
    let site = Site::new();
    forget_dev(&site);
    let run = site.deploy("--profile prod --yes", 2);
    for part in [
        "the ID of the dev account's key is unknown",
        ".s3ferry/outputs.json",
        "--parameter DeployKeyId=",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    assert!(site.writes().is_empty());
}

#[test]
fn a_change_of_the_deployed_key_is_shown() {
    let site = Site::new().deployed();
    let key = site.state().key_id().to_owned();
    let run = site.deploy(
        &format!("--profile prod --dry-run --parameter DeployKeyId={OTHER_KEY}"),
        0,
    );
    assert!(
        run.stderr
            .contains(&format!("DeployKeyId changes from {key} to {OTHER_KEY}")),
        "{}",
        run.stderr
    );
    assert_eq!(site.state().prod_stack()["parameters"]["DeployKeyId"], *key);
}
