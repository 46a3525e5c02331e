//! Deployments that are rejected and change nothing.

use serde_json::json;

use super::{REGION, Site};

#[test]
fn the_bucket_names_of_the_example_are_rejected() {
    let site = Site::with(|config| {
        let artifacts = config
            .lines()
            .find(|line| line.contains("bucket: artifacts-"))
            .expect("the bucket")
            .to_owned();
        config.replace(&artifacts, "    bucket: codepipeline-us-east-1-0123456789")
    });
    let run = site.deploy("--all --yes", 2);
    assert!(
        run.stderr
            .contains("`codepipeline-us-east-1-0123456789` is a bucket name from the example"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("s3ferry init"), "{}", run.stderr);
    assert!(site.proxy.calls().is_empty());
}

#[test]
fn a_template_that_differs_from_the_configuration_is_rejected() {
    let site = Site::new();
    let edited = site.project.read("stacks/prod.yaml") + "# edited by hand\n";
    site.project.write("stacks/prod.yaml", edited);
    let run = site.deploy("--profile dev --yes", 1);
    assert!(
        run.stderr
            .contains("`stacks/prod.yaml` does not match the configuration"),
        "{}",
        run.stderr
    );
    assert!(site.proxy.calls().is_empty());
}

#[test]
fn a_dry_run_leaves_nothing_behind() {
    let site = Site::new();
    let empty = site.state();
    let run = site.deploy("--profile dev --dry-run", 0);
    assert!(run.stderr.contains("create  DeployKey "), "{}", run.stderr);
    assert!(run.stderr.contains("Dry run: nothing was changed."));
    assert_eq!(site.state(), empty);
    assert!(!site.project.exists(".s3ferry"));

    let site = site.deployed();
    let before = site.state();
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &format!("{config}    path: other\n"));
    let run = site.deploy("--all --dry-run", 0);
    assert!(run.stderr.contains("change  Pipeline"), "{}", run.stderr);
    assert_eq!(site.state(), before);
    assert_eq!(site.proxy.done("ExecuteChangeSet"), 0);
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_changed() {
    let site = Site::new();
    let empty = site.state();
    let run = site.deploy("--profile dev", 2);
    assert!(
        run.stderr
            .contains("standard input is not a terminal; nothing was changed"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--yes"), "{}", run.stderr);
    // The planned changes are shown.
    assert!(run.stderr.contains("create  DeployKey "), "{}", run.stderr);
    assert_eq!(site.state(), empty);
}

#[test]
fn a_target_before_dev_is_an_error_that_names_the_first_step() {
    let site = Site::new();
    let run = site.deploy("--profile prod --yes", 1);
    assert!(
        run.stderr
            .contains("deploy it first: `s3ferry deploy --profile dev`"),
        "{}",
        run.stderr
    );
    assert!(site.writes().is_empty());
}

#[test]
fn the_pipeline_before_its_target_is_an_error_that_names_the_target() {
    let site = Site::new();
    site.deploy("--profile dev --yes", 0);
    let before = site.state();
    let run = site.deploy("--profile dev --yes --create-pipeline", 1);
    assert!(
        run.stderr.contains("target `prod` is not deployed"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("`s3ferry deploy --profile prod`"),
        "{}",
        run.stderr
    );
    assert_eq!(site.state(), before);
}

#[test]
fn an_error_from_codepipeline_names_the_target() {
    let site = Site::new();
    site.deploy("--profile dev --yes", 0);
    // There is no access to prod, so only CodePipeline knows that its role is missing.
    let credentials = site.project.read("aws/credentials");
    let (only_dev, _) = credentials.split_once("[prod]").expect("two profiles");
    site.project.write("aws/credentials", only_dev);
    site.project
        .write("aws/config", "[profile dev]\nregion = eu-north-1\n");
    let run = site.deploy("--profile dev --yes --create-pipeline", 1);
    for part in [
        "is not authorized to perform AssumeRole on role",
        "the state of target `prod` is unknown",
        "target `prod` does not exist, or its role does not trust the service role",
        "`s3ferry deploy --profile prod`",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    let state = site.state();
    assert_eq!(state.dev_stack()["status"], "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(state.dev[REGION]["pipelines"], json!({}));
    // With access to prod, the same command creates the pipeline.
    site.project.write("aws/credentials", credentials);
    site.project.write(
        "aws/config",
        "[profile dev]\nregion = eu-north-1\n[profile prod]\nregion = eu-north-1\n",
    );
    site.deploy("--all --yes", 0);
    assert_eq!(
        site.state().dev_stack()["parameters"]["CreatePipeline"],
        "true"
    );
}

#[test]
fn a_pipeline_is_never_deleted_because_a_target_is_inaccessible() {
    let site = Site::new().deployed();
    site.project
        .write(".s3ferry/outputs.json", "{\"version\": 1, \"stacks\": []}");
    let credentials = site.project.read("aws/credentials");
    let (only_dev, _) = credentials.split_once("[prod]").expect("two profiles");
    site.project.write("aws/credentials", only_dev);
    site.project
        .write("aws/config", "[profile dev]\nregion = eu-north-1\n");
    let before = site.state();
    let run = site.deploy("--profile dev --yes", 0);
    assert!(run.stderr.contains("No changes."), "{}", run.stderr);
    assert_eq!(site.state(), before);
    let given = site.deploy("--profile dev --yes --parameter CreatePipeline=false", 2);
    assert!(
        given.stderr.contains("CreatePipeline cannot be set"),
        "{}",
        given.stderr
    );
}

#[test]
fn an_unknown_parameter_is_rejected() {
    let site = Site::new();
    let run = site.deploy("--profile prod --yes --parameter KeyId=1", 2);
    assert!(
        run.stderr.contains("no template has a parameter `KeyId`"),
        "{}",
        run.stderr
    );
    // The dev stack has the key ID as an output, not as a parameter.
    for (parameters, said) in [
        (
            "DeployKeyId=1",
            "no stack of this profile has a parameter `DeployKeyId`",
        ),
        ("KeyId=1", "no template has a parameter `KeyId`"),
    ] {
        for command in ["deploy --yes", "diff"] {
            let given = format!("{command} --profile dev --parameter {parameters}");
            let run = site.project.expect(&given, 2);
            assert!(run.stderr.contains(said), "{given}: {}", run.stderr);
        }
    }
    for command in ["deploy --yes", "diff"] {
        let given = format!("{command} --profile prod --parameter DeployKeyId=alias/key");
        let run = site.project.expect(&given, 2);
        assert!(
            run.stderr.contains("`alias/key` is not a key ID"),
            "{}",
            run.stderr
        );
    }
    let twice = "--parameter DeployKeyId=1 --parameter DeployKeyId=2";
    for command in ["deploy --yes", "diff"] {
        let run = site
            .project
            .expect(&format!("{command} --profile prod {twice}"), 2);
        let said = "duplicate --parameter `DeployKeyId`";
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    assert!(site.proxy.calls().is_empty());
}

#[test]
fn options_without_an_effect_are_rejected() {
    let site = Site::new();
    for (arguments, said) in [
        (
            "--profile prod --yes --create-pipeline",
            "--create-pipeline requires the dev stack",
        ),
        (
            "--all --yes --retain-stacks",
            "--retain-stacks applies only to stack sets",
        ),
    ] {
        let run = site.deploy(arguments, 2);
        assert!(run.stderr.contains(said), "{arguments}: {}", run.stderr);
    }
    assert!(site.writes().is_empty());
}
