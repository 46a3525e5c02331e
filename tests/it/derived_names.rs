//! Derived names: within AWS's limits, unique, and never changed if they fit.

use serde_json::Value;

use crate::support::Project;

const TARGET: &str = "targets:\n  - name: prod\n    account: \"222222222222\"\n";

/// Builds a configuration with additional lines in `dev` and in the target.
fn config(dev: &str, target: &str) -> String {
    format!("dev:\n  account: \"111111111111\"\n{dev}{TARGET}{target}")
}

fn pipeline(name: &str) -> String {
    config(&format!("  pipeline: {{name: \"{name}\"}}\n"), "")
}

/// Returns the resources of a template.
fn resources(project: &Project, template: &str) -> Value {
    let text = project.read(&format!("stacks/{template}.json"));
    let value: Value = serde_json::from_str(&text).expect("JSON");
    value["Resources"].clone()
}

fn synthesized(config: &str) -> Project {
    let project = Project::with(config);
    project.expect("synth --format json", 0);
    project.expect("prove", 0);
    project
}

fn name<'v>(resources: &'v Value, id: &str, property: &str) -> &'v str {
    let found = &resources[id]["Properties"][property];
    found
        .as_str()
        .unwrap_or_else(|| panic!("{id}.{property}: {found}"))
}

#[test]
fn a_pipeline_may_have_the_longest_name_that_codepipeline_allows() {
    for region in ["us-east-1", "ap-southeast-1"] {
        let stem = "p".repeat(99);
        let [first, second] = ["a", "b"].map(|end| {
            let config = pipeline(&format!("{stem}{end}"));
            let config = config.replace("dev:\n", &format!("dev:\n  region: {region}\n"));
            resources(&synthesized(&config), "dev")
        });
        for (id, property) in [
            ("ServiceRole", "RoleName"),
            ("ChangeRuleRole", "RoleName"),
            ("ChangeRule", "Name"),
        ] {
            let (one, other) = (name(&first, id, property), name(&second, id, property));
            assert!(one.len() <= 64, "{one}");
            assert_ne!(one, other, "the end of a long name must affect the result");
        }
        assert!(name(&first, "ChangeRule", "Name").ends_with(&format!("-{region}-start")));
    }
}

#[test]
fn a_name_that_fits_is_never_changed() {
    let longest = "p".repeat(64 - "AWSCodePipelineServiceRole-us-east-1-".len());
    let dev = resources(&synthesized(&pipeline(&longest)), "dev");
    let role = format!("AWSCodePipelineServiceRole-us-east-1-{longest}");
    assert_eq!(name(&dev, "ServiceRole", "RoleName"), role);
    let rule = format!("{longest}-us-east-1-start");
    assert_eq!(name(&dev, "ChangeRule", "Name"), rule);
    let bucket = "b".repeat(63 - "-logs".len());
    let found = synthesized(&config("", &format!("    bucket: {bucket}\n")));
    let prod = resources(&found, "prod");
    assert_eq!(
        name(&prod, "LogBucket", "BucketName"),
        format!("{bucket}-logs")
    );
}

#[test]
fn a_shortened_name_is_the_same_in_every_release() {
    let dev = resources(&synthesized(&pipeline(&"p".repeat(60))), "dev");
    assert_eq!(
        name(&dev, "ChangeRule", "Name"),
        "ppppppppppppppppppppppppppppppppppppppp-6ae91a3a-us-east-1-start"
    );
}

#[test]
fn the_log_bucket_of_a_bucket_with_the_longest_name_fits() {
    for length in 59..=63 {
        let bucket = "b".repeat(length);
        let source = format!("  source: {{bucket: {}}}\n", "s".repeat(length));
        let found = synthesized(&config(&source, &format!("    bucket: {bucket}\n")));
        for template in ["dev", "prod"] {
            let resources = resources(&found, template);
            let logs = name(&resources, "LogBucket", "BucketName");
            assert!(logs.len() <= 63 && logs.ends_with("-logs"), "{logs}");
        }
    }
}

#[test]
fn the_log_buckets_of_a_pattern_are_unique() {
    // 63 characters in us-east-1, with account and region.
    let bucket = format!("{}-{{account}}-{{region}}", "b".repeat(63 - 12 - 9 - 2));
    let target = format!("    bucket: \"{bucket}\"\n");
    let config = config("", &target).replace(
        "account: \"222222222222\"\n",
        "accounts: [\"222222222222\", \"333333333333\"]\n",
    );
    let found = synthesized(&config);
    let prod = resources(&found, "prod");
    let logs = &prod["LogBucket"]["Properties"]["BucketName"]["Fn::Sub"];
    let logs = logs.as_str().expect("a pattern");
    assert!(logs.contains("${AWS::AccountId}"), "{logs}");
    let length = logs.replace("${AWS::AccountId}", &"1".repeat(12)).len();
    assert!(length <= 63, "{logs}");
}

#[test]
fn stacks_and_artifact_buckets_of_other_regions_have_names_that_fit() {
    let artifacts = format!(
        "  key: {{multi_region: true}}\n  artifacts: {{bucket: {}}}\n",
        "a".repeat(60)
    );
    let config = config(&artifacts, "    region: eu-west-1\n");
    let found = synthesized(&config);
    let region = resources(&found, "dev-eu-west-1");
    for id in ["ArtifactBucket", "LogBucket"] {
        let bucket = name(&region, id, "BucketName");
        assert!(bucket.len() <= 63, "{bucket}");
    }
}

#[test]
fn a_target_in_the_longest_stack_names_fits_and_begins_with_a_letter() {
    let config = pipeline(&format!("1{}", "p".repeat(99)));
    let config = config.replace("name: prod", &format!("name: {}", "t".repeat(40)));
    let project = synthesized(&config);
    let profile = "t".repeat(40);
    let run = project.expect(&format!("deployer-policy --profile {profile} --doctor"), 0);
    let (_, stack) = run.stdout.split_once(":stack/").expect("a stack");
    let (stack, _) = stack.split_once('/').expect("its name");
    assert!(stack.len() <= 128 && stack.starts_with("s1p"), "{stack}");
    assert!(stack.ends_with(&profile), "{stack}");
}

#[test]
fn the_help_for_a_long_name_says_how_many_characters_to_remove() {
    let bucket = format!("{}-{{region}}", "a".repeat(63 - 10));
    let artifacts =
        format!("  key: {{multi_region: true}}\n  artifacts: {{bucket: \"{bucket}\"}}\n");
    let config = config(&artifacts, "    region: eu-north-1\n");
    let run = Project::with(&config).expect("synth", 2);
    let help = "shorten `dev.artifacts.bucket` by 1 character";
    assert_eq!(run.problems()[0].help, help, "{}", run.stderr);
}
