//! Tests of the configuration that is created from a definition.

use super::*;

#[test]
fn a_path_that_is_known_only_in_a_run_gets_into_no_configuration() {
    let text = deploying("#{SourceVariables.VersionId}", &[]);
    let found = Draft::of(&definition(&text)).expect_err("refused");
    let problem = &found[0];
    assert!(
        problem.message.contains("its object key from a variable"),
        "{found:?}"
    );
    assert_eq!(&text[problem.span.start..problem.span.end], "\"Deploy\"");
    let help = problem.help.as_deref().unwrap_or_default();
    assert!(
        help.contains("cannot contain pipeline variables"),
        "{found:?}"
    );
    let text = deploying("v2/#{SourceVariables.VersionId}", &["v1"]);
    let draft = Draft::of(&definition(&text)).expect("a draft");
    assert_eq!(draft.targets.len(), 1);
    assert!(draft.notes[0].contains("is omitted"), "{:?}", draft.notes);
    assert!(draft.to_yaml().contains("\"v1\""));
    for member in [
        "path: \"v#{A.B}\"",
        "extract: false, object_key: \"#{A.B}.zip\"",
    ] {
        let text = format!(
            "dev: {{account: \"111111111111\"}}\ntargets:\n  - {{name: prod, account: \
             \"222222222222\", {member}}}\n"
        );
        let found = Document::read(Source::new("c", text)).expect_err("refused");
        assert!(
            found
                .iter()
                .any(|one| one.message.contains("cannot contain pipeline variables")),
            "{found:?}"
        );
    }
}

#[test]
fn a_role_of_the_dev_account_does_not_say_whose_the_bucket_is() {
    let with = |account: &str| {
        let role = format!("\"roleArn\": \"arn:aws:iam::{account}:role/r\", \"configuration\"");
        let at = ANSWER.rfind("\"configuration\"").expect("there");
        let text = format!("{}{role}{}", &ANSWER[..at], &ANSWER[at + 15..]);
        let draft = Draft::of(&definition(&text)).expect("a draft");
        draft.targets[0].account.clone()
    };
    assert_eq!(with("222222222222").as_deref(), Some("222222222222"));
    assert_eq!(with("111111111111"), None);
}

#[test]
fn a_configuration_made_from_a_pipeline_adopts_it() {
    let mut draft = Draft::of(&definition(ANSWER)).expect("a draft");
    assert_eq!(draft.account, "111111111111");
    assert_eq!(draft.region.as_deref(), Some("us-east-1"));
    assert_eq!(
        draft.targets[0].account, None,
        "the owner of the bucket is not known"
    );
    draft.targets[0].account = Some("222222222222".to_owned());
    let text = draft.to_yaml();
    let document = Document::read(Source::new("s3ferry.yaml", text)).expect("a configuration");
    let plan = Plan::new(&document.config).expect("a plan");
    let source = plan.dev.source.object().expect("the source is an object");
    assert!(!source.bucket.create && !plan.dev.artifact_bucket.create);
    assert!(!plan.dev.service_role.create && !plan.dev.create_pipeline);
    assert!(!plan.targets[0].create_bucket);
    assert!(
        adopt(&definition(ANSWER), &plan, KEY)
            .expect("adopted")
            .changed
    );
}
