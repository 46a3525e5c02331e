//! The templates that the live state is compared with, and the fixes that depend on them.

use super::*;

fn command(finding: &Finding) -> Option<&str> {
    finding.fixes.iter().find_map(|fix| match fix {
        Fix::Command(command) => Some(command.as_str()),
        _ => None,
    })
}

/// Returns a site whose artifact bucket has lost its policy, so that there is a fix.
fn without_a_policy() -> Site {
    let mut site = Site::new();
    site.bucket(ARTIFACTS).policy = Reading::Missing;
    site
}

#[test]
fn what_codepipeline_leaves_out_or_adds_is_no_difference() {
    let mut site = Site::of(
        "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    account: \
         \"222222222222\"\n    approval: true\n",
    );
    let definition = &mut site.pipeline().definition;
    definition["Variables"] = json!([]);
    for stage in definition["Stages"].as_array_mut().unwrap() {
        stage["BeforeEntry"] = json!({ "Conditions": [] });
        stage["OnSuccess"] = Json::Null;
        for action in stage["Actions"].as_array_mut().unwrap() {
            action["InputArtifacts"] = match action["InputArtifacts"].take() {
                Json::Null => json!([]),
                found => found,
            };
            if action["Configuration"].is_null() {
                action["Configuration"] = json!({});
            }
            if action["ActionTypeId"]["Category"] == "Source" {
                action["Configuration"]["AllowOverrideForS3ObjectKey"] = json!("false");
            }
        }
    }
    assert_eq!(site.diagnosis().findings, []);
    // A value other than the default is a difference.
    let definition = &mut site.pipeline().definition;
    definition["Stages"][0]["Actions"][0]["Configuration"]["AllowOverrideForS3ObjectKey"] =
        json!("true");
    assert_eq!(site.only().rule.code(), "DOCTOR_DRIFT");
}

#[test]
fn the_template_has_not_changed_only_where_that_was_checked() {
    let unchanged = "the template is unchanged";
    let said = |site: &Site| {
        let finding = site.only();
        let advice = finding.fixes.iter().find_map(|fix| match fix {
            Fix::Advice(text) => Some(text.clone()),
            _ => None,
        });
        advice.unwrap()
    };
    let mut site = without_a_policy();
    assert!(said(&site).contains(unchanged));
    site.expected.places[0].reference = Reference::Local;
    assert!(!said(&site).contains(unchanged));
    site.expected.places[0].reference = Reference::Differs;
    assert!(!said(&site).contains(unchanged));
}

#[test]
fn no_fix_writes_where_the_configuration_is_not_deployed() {
    let mut site = without_a_policy();
    assert!(
        command(&site.only())
            .unwrap()
            .starts_with("aws s3api put-bucket-policy ")
    );
    // The prod stack is not affected.
    site.expected.places[1].reference = Reference::Differs;
    assert!(command(&site.only()).is_some());
    for reference in [Reference::Differs, Reference::Removed] {
        site.expected.places[0].reference = reference;
        let finding = site.only();
        assert_eq!(command(&finding), None);
        let diff = ["diff", "--profile", "dev"].map(str::to_owned).to_vec();
        assert_eq!(finding.fixes.last(), Some(&Fix::Run(diff)));
    }
}

#[test]
fn a_policy_that_an_unread_stack_may_give_is_not_detached() {
    let mut site = Site::new();
    let attached = read(&mut site.role(DEPLOY).attached);
    attached.push(Policy {
        name: "arn:aws:iam::222222222222:policy/other".to_owned(),
        document: Reading::Read(json!({ "Version": "2012-10-17", "Statement": [] })),
    });
    assert!(
        command(&site.only())
            .unwrap()
            .contains("detach-role-policy")
    );
    site.expected.places[1].reference = Reference::Local;
    assert_eq!(command(&site.only()), None);
}

#[test]
fn nothing_that_was_not_looked_at_counts_as_healthy() {
    let site = Site::new();
    assert_eq!(site.diagnosis().health(), Health::Healthy);
    // An interrupted read leaves no entry.
    let mut broken = Site::new();
    broken.live.roles.remove(DEPLOY);
    let diagnosis = broken.diagnosis();
    assert_eq!(diagnosis.health(), Health::Incomplete);
    assert!(
        diagnosis
            .unread
            .iter()
            .any(|unread| unread.what == "role prods3role")
    );
    let mut broken = Site::new();
    broken.live.pipelines.clear();
    assert_eq!(broken.diagnosis().health(), Health::Incomplete);
}

#[test]
fn a_value_that_another_stack_has_no_more_is_a_disagreement() {
    let mut site = Site::new();
    let output = ("DeployKeyId".to_owned(), KEY.to_owned());
    read(site.live.stacks.get_mut(&0).unwrap())
        .outputs
        .extend([output]);
    let other = ("DeployKeyId".to_owned(), "other".to_owned());
    read(site.live.stacks.get_mut(&1).unwrap())
        .parameters
        .extend([other]);
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_STACKS_DISAGREE");
    let deploy = ["deploy", "--profile", "prod"].map(str::to_owned).to_vec();
    assert_eq!(finding.fixes.last(), Some(&Fix::Run(deploy)));
}

#[test]
fn a_target_with_another_role_than_the_pipeline_names_is_a_disagreement() {
    let mut site = Site::new();
    let other = "arn:aws:iam::222222222222:role/other";
    let outputs = [("DeployRoleArn", other), ("OutputBucketName", OUTPUT)];
    let outputs = outputs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    read(site.live.stacks.get_mut(&1).unwrap())
        .outputs
        .extend(outputs);
    site.live.roles.insert(DEPLOY.to_owned(), Reading::Missing);
    site.expected.places[1].reference = Reference::Differs;
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_STACKS_DISAGREE");
    assert_eq!(finding.severity, Severity::Error);
    assert!(finding.message.contains(other) && finding.message.contains(DEPLOY));
    let run = |command: &str| Fix::Run([command, "--profile", "prod"].map(str::to_owned).to_vec());
    assert_eq!(finding.fixes[1..], [run("diff"), run("deploy")]);
}

#[test]
fn the_values_of_a_command_are_words_of_a_shell() {
    let mut site = without_a_policy();
    site.expected.places[0].profile = "my dev's $HOME".to_owned();
    let finding = site.only();
    let command = command(&finding).unwrap();
    assert!(
        command.ends_with(r#" --profile 'my dev'\''s $HOME'"#),
        "{command}"
    );
}
