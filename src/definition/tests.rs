mod configuration;

use super::*;
use crate::config::Document;
use crate::diagnostic::{Diagnostic, Source};
use crate::plan::Plan;

const KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-4333-8444-555555555555";

const ANSWER: &str = r#"{
    "pipeline": {
        "name": "site",
        "roleArn": "arn:aws:iam::111111111111:role/service-role/pipeline-role",
        "artifactStore": {
            "type": "S3",
            "location": "artifacts-111111111111"
        },
        "stages": [
            {
                "name": "Source",
                "actions": [
                    {
                        "name": "Source",
                        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
                        "runOrder": 1,
                        "configuration": {
                            "PollForSourceChanges": "false",
                            "S3Bucket": "sources-111111111111",
                            "S3ObjectKey": "site.zip"
                        },
                        "outputArtifacts": [{"name": "SourceArtifact"}],
                        "inputArtifacts": [],
                        "namespace": "SourceVariables"
                    }
                ]
            },
            {
                "name": "Deploy",
                "actions": [
                    {
                        "name": "Deploy",
                        "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
                        "runOrder": 1,
                        "configuration": {
                            "BucketName": "site-222222222222",
                            "Extract": "true"
                        },
                        "inputArtifacts": [{"name": "SourceArtifact"}],
                        "outputArtifacts": [],
                        "futureMember": [1.50, 1e3, "ü\u00fc\/"]
                    }
                ]
            }
        ],
        "version": 7,
        "executionMode": "QUEUED"
    },
    "metadata": {
        "pipelineArn": "arn:aws:codepipeline:us-east-1:111111111111:site",
        "created": 1.7e9
    }
}
"#;

fn plan(targets: &str) -> Plan {
    plan_with("", targets)
}

fn plan_with(dev: &str, targets: &str) -> Plan {
    let text = format!(
        "dev:\n  account: \"111111111111\"\n{dev}  source: {{bucket: sources-111111111111, object_key: \
         site.zip, create: false}}\n  artifacts: {{bucket: artifacts-111111111111, create: \
         false}}\n  pipeline:\n    name: site\n    create: false\n    service_role: \
         arn:aws:iam::111111111111:role/service-role/pipeline-role\ntargets:\n{targets}"
    );
    let document = Document::read(Source::new("c", text)).expect("a configuration");
    Plan::new(&document.config).expect("a plan")
}

const PROD: &str =
    "  - {name: prod, account: \"222222222222\", bucket: site-222222222222, create: false}\n";

fn definition(text: &str) -> Definition {
    Definition::read(Source::new("p.json", text)).expect("a definition")
}

fn problems(text: &str, plan: &Plan) -> Vec<Diagnostic> {
    adopt(&definition(text), plan, KEY).expect_err("problems")
}

#[test]
fn only_what_must_change_changes_byte_for_byte() {
    let adopted = adopt(&definition(ANSWER), &plan(PROD), KEY).expect("adopted");
    let wanted = ANSWER
        .replace(
            "\"location\": \"artifacts-111111111111\"\n",
            &format!(
                "\"location\": \"artifacts-111111111111\",\n            \"encryptionKey\": {{\n                \"id\": \"{KEY}\",\n                \"type\": \"KMS\"\n            }}\n"
            ),
        )
        .replace(
            "\"ü\\u00fc\\/\"]\n",
            "\"ü\\u00fc\\/\"],\n                        \"roleArn\": \"arn:aws:iam::222222222222:role/prods3role\",\n                        \"region\": \"us-east-1\",\n                        \"namespace\": \"DeployVariables\"\n",
        )
        .replace(
            ",\n    \"metadata\": {\n        \"pipelineArn\": \"arn:aws:codepipeline:us-east-1:111111111111:site\",\n        \"created\": 1.7e9\n    }",
            "",
        );
    assert_eq!(adopted.text, wanted);
    assert!(adopted.changed);
    assert_eq!(adopted.done.len(), 2, "{:?}", adopted.done);
    assert_eq!(adopted.notes, Vec::<String>::new());
}

#[test]
fn an_adopted_pipeline_stays_as_it_is() {
    let first = adopt(&definition(ANSWER), &plan(PROD), KEY).expect("adopted");
    let second = adopt(&definition(&first.text), &plan(PROD), KEY).expect("adopted");
    assert_eq!(second.text, first.text);
    assert!(!second.changed);
    assert_eq!(second.done, Vec::<String>::new());
}

#[test]
fn compact_and_tabbed_text_stay_so() {
    let compact = serde_json::from_str::<serde_json::Value>(ANSWER).expect("JSON");
    let compact = compact.to_string();
    let adopted = adopt(&definition(&compact), &plan(PROD), KEY).expect("adopted");
    assert!(!adopted.text.contains('\n') && !adopted.text.contains(", "));
    assert!(
        adopted.text.contains(&format!(
            r#""location":"artifacts-111111111111","encryptionKey":{{"id":"{KEY}","type":"KMS"}}"#
        )),
        "{}",
        adopted.text
    );
    let tabbed = ANSWER.replace("    ", "\t");
    let adopted = adopt(&definition(&tabbed), &plan(PROD), KEY).expect("adopted");
    let added = "\n\t\t\t\t\t\t\"region\": \"us-east-1\",\n";
    assert!(adopted.text.contains(added), "{}", adopted.text);
    serde_json::from_str::<serde_json::Value>(&adopted.text).expect("JSON");
}

#[test]
fn the_bare_definition_is_taken_too() {
    let whole: serde_json::Value = serde_json::from_str(ANSWER).expect("JSON");
    let bare = format!("{:#}", whole["pipeline"]);
    let adopted = adopt(&definition(&bare), &plan(PROD), KEY).expect("adopted");
    let read: serde_json::Value = serde_json::from_str(&adopted.text).expect("JSON");
    assert_eq!(read["artifactStore"]["encryptionKey"]["id"], KEY);
    assert_eq!(read["version"], 7);
}

#[test]
fn several_deploy_actions_get_namespaces_of_their_own() {
    let second = r#",
                    {
                        "name": "Assets",
                        "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
                        "configuration": {"BucketName": "site-222222222222", "Extract": "true"}
                    },
                    {
                        "name": "Test",
                        "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
                        "configuration": {"BucketName": "test-333333333333", "Extract": "true"},
                        "namespace": "Kept",
                        "roleArn": "arn:aws:iam::333333333333:role/old"
                    },
                    {
                        "name": "Local",
                        "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
                        "configuration": {"BucketName": "local-111111111111", "Extract": "true"},
                        "namespace": "DeployVariables-prod"
                    }"#;
    let at = ANSWER
        .rfind("\n                ]")
        .expect("the end of the actions");
    let text = format!("{}{second}{}", &ANSWER[..at], &ANSWER[at..]);
    let targets = format!(
        "{PROD}  - {{name: test, account: \"333333333333\", bucket: test-333333333333, create: \
         false}}\n"
    );
    let adopted = adopt(&definition(&text), &plan(&targets), KEY).expect("adopted");
    let read: serde_json::Value = serde_json::from_str(&adopted.text).expect("JSON");
    let actions = &read["pipeline"]["stages"][1]["actions"];
    let namespaces: Vec<_> = (0..4)
        .map(|index| actions[index]["namespace"].as_str())
        .collect();
    // Another action uses `DeployVariables-prod`, so the namespaces of the target are numbered.
    assert_eq!(
        namespaces,
        [
            Some("DeployVariables-prod-2"),
            Some("DeployVariables-prod-3"),
            Some("Kept"),
            Some("DeployVariables-prod")
        ]
    );
    assert_eq!(
        actions[2]["roleArn"],
        "arn:aws:iam::333333333333:role/tests3role"
    );
    assert_eq!(actions[3].get("roleArn"), None);
    assert!(
        adopted.notes[0].contains("local-111111111111"),
        "{:?}",
        adopted.notes
    );
}

#[test]
fn each_region_has_its_own_store() {
    let stores = r#""artifactStores": {
            "us-east-1": {"type": "S3", "location": "artifacts-111111111111", "encryptionKey": {"id": "alias/s3deploykey", "type": "KMS"}},
            "eu-west-1": {"type": "S3", "location": "artifacts-eu"}
        },"#;
    let start = ANSWER.find("\"artifactStore\"").expect("there");
    let stop = ANSWER.find("\"stages\"").expect("there");
    let text = format!("{}{stores}\n        {}", &ANSWER[..start], &ANSWER[stop..]);
    let adopted = adopt(&definition(&text), &plan(PROD), KEY).expect("adopted");
    let read: serde_json::Value = serde_json::from_str(&adopted.text).expect("JSON");
    let stores = &read["pipeline"]["artifactStores"];
    assert_eq!(stores["us-east-1"]["encryptionKey"]["id"], KEY);
    assert_eq!(stores["eu-west-1"].get("encryptionKey"), None);
    assert!(
        adopted.notes[0].contains("eu-west-1"),
        "{:?}",
        adopted.notes
    );
}

#[test]
fn a_region_that_is_deployed_to_gets_a_store() {
    let second = r#",
                    {
                        "name": "Europe",
                        "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
                        "configuration": {"BucketName": "site-eu", "Extract": "true"}
                    }"#;
    let at = ANSWER
        .rfind("\n                ]")
        .expect("the end of the actions");
    let text = format!("{}{second}{}", &ANSWER[..at], &ANSWER[at..]);
    let targets = format!(
        "{PROD}  - {{name: europe, account: \"333333333333\", region: eu-west-1, bucket: site-eu, \
         create: false}}\n"
    );
    let plan = plan_with("  key: {multi_region: true}\n", &targets);
    let primary = "arn:aws:kms:us-east-1:111111111111:key/mrk-1234";
    let replica = "arn:aws:kms:eu-west-1:111111111111:key/mrk-1234";
    let first = adopt(&definition(&text), &plan, primary).expect("adopted");
    let wanted = format!(
        r#"        "artifactStores": {{
            "us-east-1": {{
                "type": "S3",
                "location": "artifacts-111111111111",
                "encryptionKey": {{
                    "id": "{primary}",
                    "type": "KMS"
                }}
            }},
            "eu-west-1": {{
                "type": "S3",
                "location": "artifacts-111111111111-eu-west-1",
                "encryptionKey": {{
                    "id": "{replica}",
                    "type": "KMS"
                }}
            }}
        }},
        "stages": ["#
    );
    assert!(first.text.contains(&wanted), "{}", first.text);
    let again = adopt(&definition(&first.text), &plan, primary).expect("adopted");
    assert_eq!((again.changed, &again.text), (false, &first.text));
    // An existing store gets the bucket and the key that the policies name.
    let other = first
        .text
        .replace("artifacts-111111111111-eu-west-1", "old-bucket")
        .replace(replica, "alias/aws/s3");
    let fixed = adopt(&definition(&other), &plan, primary).expect("adopted");
    assert_eq!(fixed.text, first.text);
    let compact = serde_json::from_str::<serde_json::Value>(&text)
        .expect("JSON")
        .to_string();
    let short = adopt(&definition(&compact), &plan, primary)
        .expect("adopted")
        .text;
    assert!(
        short.contains(r#""artifactStores":{"us-east-1":{"type":"S3","#),
        "{short}"
    );
    serde_json::from_str::<serde_json::Value>(&short).expect("JSON");
    let found = adopt(&definition(&text), &plan, KEY).expect_err("no replica");
    assert!(
        found[0].message.contains("is not a multi-Region key"),
        "{found:?}"
    );
    let help = found[0].help.as_deref().unwrap_or_default();
    assert!(help.contains("--key-arn"), "{found:?}");
}

#[test]
fn what_contradicts_the_configuration_is_refused_where_it_stands() {
    let cases = [
        (
            "\"name\": \"site\"",
            "\"name\": \"other\"",
            "the pipeline's name is `other`",
            "\"other\"",
        ),
        (
            "role/service-role/pipeline-role",
            "role/other",
            "service role is `",
            "\"arn:aws:iam::111111111111:role/other\"",
        ),
        (
            "artifacts-111111111111",
            "other-artifacts",
            "the artifact bucket is `other-artifacts`",
            "\"other-artifacts\"",
        ),
        (
            "site-222222222222",
            "other-site",
            "no S3 deploy action deploys to a target's bucket",
            "\"Deploy\"",
        ),
        (
            "\"Extract\": \"true\"",
            "\"Extract\": \"false\", \"ObjectKey\": \"a.zip\"",
            "uploads the artifact as one object",
            "\"Deploy\"",
        ),
        (
            "\"Extract\": \"true\"",
            "\"Extract\": \"true\", \"CannedACL\": \"public-read\"",
            "canned ACL `public-read`",
            "\"Deploy\"",
        ),
    ];
    for (old, new, message, underlined) in cases {
        let text = ANSWER.replacen(old, new, 1);
        let found = problems(&text, &plan(PROD));
        let problem = &found[0];
        assert!(problem.message.contains(message), "{old}: {found:?}");
        assert_eq!(
            &text[problem.span.start..problem.span.end],
            underlined,
            "{message}"
        );
        assert!(problem.help.is_some());
    }
}

/// Returns the response with this object key in the deploy action and with more actions.
fn deploying(key: &str, others: &[&str]) -> String {
    let text = ANSWER.replacen(
        "\"Extract\": \"true\"",
        &format!("\"Extract\": \"true\", \"ObjectKey\": \"{key}\""),
        1,
    );
    let at = text
        .rfind("\n                ]")
        .expect("the end of the actions");
    let more: Vec<String> = (others.iter().enumerate())
        .map(|(number, key)| {
            format!(
                r#", {{"name": "Other{number}",
                "actionTypeId": {{"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"}},
                "configuration": {{"BucketName": "site-222222222222", "Extract": "true", "ObjectKey": "{key}"}}}}"#
            )
        })
        .collect();
    format!("{}{}{}", &text[..at], more.concat(), &text[at..])
}

fn prod_with(member: &str) -> Plan {
    plan(&PROD.replacen("create: false}", &format!("create: false, {member}}}"), 1))
}

#[test]
fn an_action_may_deploy_below_its_targets_path() {
    for (key, path) in [
        ("blog/", ""),
        ("v2/blog", "v2"),
        ("v2", "v2"),
        ("#{SourceVariables.VersionId}", ""),
        ("v2/#{SourceVariables.VersionId}", "v2"),
    ] {
        let adopted = adopt(
            &definition(&deploying(key, &[])),
            &prod_with(&format!("path: \"{path}\"")),
            KEY,
        );
        let adopted = adopted.unwrap_or_else(|found| panic!("{key}: {found:?}"));
        // A note reports that the policies allow more.
        assert_eq!(adopted.notes.len(), usize::from(key != path), "{key}");
    }
    for (key, path, help) in [
        ("v22", "v2", "set the target's `path`"),
        ("", "v2", "set the target's `path`"),
        ("v2#{A.B}", "v2", "cannot contain pipeline variables"),
        ("#{A.B}/x", "v2", "cannot contain pipeline variables"),
    ] {
        let found = problems(&deploying(key, &[]), &prod_with(&format!("path: {path}")));
        let said = found[0].help.as_deref().unwrap_or_default();
        assert!(said.contains(help), "{key}: {found:?}");
    }
}

#[test]
fn two_actions_of_one_bucket_get_a_help_that_suits_both() {
    let text = deploying("v2", &[""]);
    assert!(adopt(&definition(&text), &plan(PROD), KEY).is_ok());
    let found = problems(&text, &prod_with("path: v2"));
    let help = found[0].help.as_deref().unwrap_or_default();
    assert!(help.contains("the paths of all its actions"), "{found:?}");
    let found = problems(&text, &prod_with("extract: false, object_key: a.zip"));
    let help = found[0].help.as_deref().unwrap_or_default();
    assert!(help.contains("a separate bucket"), "{found:?}");
    // The path in the created configuration is a parent of both paths.
    for (first, second, path) in [("v2", "", ""), ("a/b", "a/c", "a"), ("a", "a/", "a")] {
        let text = deploying(first, &[second]);
        let mut draft = Draft::of(&definition(&text)).expect("a draft");
        draft.targets[0].account = Some("222222222222".to_owned());
        let document = Document::read(Source::new("c", draft.to_yaml())).expect("read");
        let plan = Plan::new(&document.config).expect("a plan");
        assert_eq!(plan.targets[0].path, path);
        adopt(&definition(&text), &plan, KEY).expect("adopted");
    }
}

#[test]
fn what_is_no_definition_is_refused_where_it_is_wrong() {
    let cases = [
        ("", "the definition is empty"),
        (
            "{\"pipeline\": {\"name\": \"x\",}}",
            "invalid JSON: key must be a string",
        ),
        ("name: yaml", "invalid JSON"),
        ("[]", "missing `name`"),
        ("{\"name\": 1}", "`name` is a number, but must be a string"),
        (
            "{\"name\": \"x\", \"roleArn\": \"r\", \"artifactStore\": {\"location\": \"b\"}, \"stages\": {}}",
            "`stages` is a mapping, but must be a list",
        ),
    ];
    for (text, message) in cases {
        let found = Definition::read(Source::new("p", text)).expect_err("no definition");
        assert!(
            found
                .iter()
                .any(|problem| problem.message.contains(message)),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn an_answer_is_laid_out_as_the_aws_cli_prints_it() {
    let compact = r#"{"a":{"b":[1.50,1e3,"x,\"{ü\u00fc"],"c":[],"d":{}},"e":null}"#;
    let wanted = r#"{
    "a": {
        "b": [
            1.50,
            1e3,
            "x,\"{ü\u00fc"
        ],
        "c": [],
        "d": {}
    },
    "e": null
}
"#;
    assert_eq!(edit::laid_out(compact), wanted);
    assert_eq!(edit::laid_out(wanted), wanted);
}
