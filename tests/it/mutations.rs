//! Changes every statement of every policy in the example's templates, one at a time. Each change
//! must deny a call or allow an attack, and must be reported at its position. Changes without an
//! effect are listed here with a reason.

use s3ferry::diagnostic::Severity;
use s3ferry::diagnostic::Source;
use s3ferry::proof::{Inputs, NamedFile, findings, prove};
use serde_json::{Value as Json, json};

use crate::prove::{inputs_of, plan_of};
use crate::support::SMALL;

/// Changes that deny no call and allow no attack: the start of the name, and the reason.
const EQUIVALENT: &[(&str, &str)] = &[
    (
        "dev/DeployKey/ServiceRoleEncryptsArtifacts/",
        "the key policy delegates to the account, and its policy EncryptArtifacts allows the same \
         (AWS document: Key policies, section Default key policy)",
    ),
    (
        "dev/ArtifactPolicy/EncryptArtifacts/delete",
        "the key policy names the service role itself, which needs no other Allow in the same \
         account (AWS document: Key policies)",
    ),
    (
        "dev/ArtifactPolicy/EncryptArtifacts/Action",
        "the key policy names the service role itself, which needs no other Allow in the same \
         account (AWS document: Key policies)",
    ),
];

struct Mutation {
    name: String,
    stack: &'static str,
    resource: String,
    template: Json,
}

fn policies(template: &Json) -> Vec<(String, String)> {
    let resources = template["Resources"].as_object().expect("resources");
    let mut found = Vec::new();
    for (id, resource) in resources {
        for document in ["KeyPolicy", "PolicyDocument", "AssumeRolePolicyDocument"] {
            if resource["Properties"].get(document).is_some() {
                found.push((id.clone(), document.to_owned()));
            }
        }
    }
    found
}

/// Collects the JSON pointers of all scalars and functions in a value.
fn leaves(value: &Json, pointer: &str, out: &mut Vec<String>) {
    let is_function = |map: &serde_json::Map<String, Json>| {
        map.keys()
            .any(|key| key == "Ref" || key.starts_with("Fn::"))
    };
    match value {
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{pointer}/{index}"), out);
            }
        }
        Json::Object(map) if !is_function(map) => {
            for (key, item) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                leaves(item, &format!("{pointer}/{key}"), out);
            }
        }
        _ => out.push(pointer.to_owned()),
    }
}

fn changed(element: &str, value: &Json) -> Json {
    let text = value.as_str();
    match (element, value, text) {
        (_, Json::Bool(value), _) => json!(!value),
        ("Action", _, Some(action)) => {
            let service = action.split(':').next().expect("a service");
            json!(match service {
                "s3" => "s3:PutBucketTagging",
                "kms" => "kms:TagResource",
                "sts" => "sts:TagSession",
                _ => "codepipeline:StopPipelineExecution",
            })
        }
        ("Principal", _, Some("*")) => json!({ "AWS": "arn:aws:iam::333333333333:root" }),
        ("Principal", _, Some(service)) if service.ends_with(".com") => {
            json!("cloudtrail.amazonaws.com")
        }
        ("Principal", _, Some(arn)) => json!(
            arn.replace("111111111111", "333333333333")
                .replace("222222222222", "333333333333")
        ),
        ("Principal", ..) => json!("arn:aws:iam::333333333333:role/somebody"),
        ("Resource", _, Some(arn)) if arn.contains("s3:::") => {
            json!(arn.replace("s3:::", "s3:::x-"))
        }
        ("Resource", _, Some("*")) | ("Resource", _, None) => {
            json!("arn:aws:kms:us-east-1:111111111111:key/99999999-9999-4999-8999-999999999999")
        }
        ("Resource", _, Some(arn)) => json!(format!("{arn}-x")),
        (_, _, Some(text)) => json!(format!("{text}-x")),
        _ => json!("somebody-x"),
    }
}

fn mutations(stack: &'static str, template: &Json) -> Vec<Mutation> {
    let mut found = Vec::new();
    for (resource, document) in policies(template) {
        let at = format!("/Resources/{resource}/Properties/{document}/Statement");
        let statements = template
            .pointer(&at)
            .and_then(Json::as_array)
            .expect("a list");
        for (number, statement) in statements.iter().enumerate() {
            let sid = statement["Sid"].as_str().expect("a Sid");
            let mut add = |what: &str, template: Json| {
                found.push(Mutation {
                    name: format!("{stack}/{resource}/{sid}/{what}"),
                    stack,
                    resource: resource.clone(),
                    template,
                });
            };
            let mut without = template.clone();
            let list = without
                .pointer_mut(&at)
                .and_then(Json::as_array_mut)
                .expect("a list");
            list.remove(number);
            add("delete", without);
            if statement.get("Condition").is_some() {
                let mut unconditional = template.clone();
                let changed = unconditional.pointer_mut(&format!("{at}/{number}"));
                let changed = changed.and_then(Json::as_object_mut).expect("a statement");
                changed.remove("Condition");
                add("Condition", unconditional);
            }
            for element in ["Action", "Principal", "Resource", "Condition"] {
                let Some(value) = statement.get(element) else {
                    continue;
                };
                let mut pointers = Vec::new();
                leaves(value, "", &mut pointers);
                for pointer in pointers {
                    let mut other = template.clone();
                    let place = format!("{at}/{number}/{element}{pointer}");
                    let leaf = other.pointer_mut(&place).expect("a leaf");
                    *leaf = changed(element, leaf);
                    add(&format!("{element}{pointer}"), other);
                }
            }
        }
    }
    found
}

/// Returns the positions of the errors that a mutation causes, and of the documented permissions
/// that it removes. The list is empty if the mutation has no effect.
fn errors(inputs: &Inputs, number: usize, mutation: &Mutation) -> Vec<String> {
    let mut inputs = inputs.clone();
    let text = format!("{:#}", mutation.template);
    inputs.stacks[number].template = Source::new(format!("{}.json", mutation.stack), text).into();
    match prove(&inputs) {
        Ok(proof) => findings(&proof)
            .into_iter()
            .filter(|(_, finding)| {
                finding.severity == Severity::Error || finding.code() == "PROVE_NOT_GRANTED"
            })
            .map(|(file, finding)| format!("{file}/{}", finding.resource().unwrap_or_default()))
            .collect(),
        Err(errors) => {
            let of_stack = format!("`{}", mutation.stack);
            assert!(errors[0].to_string().contains(&of_stack));
            assert!(!errors[0].problems().is_empty());
            vec![format!("{number}/{}", mutation.resource)]
        }
    }
}

#[test]
fn every_mutation_is_caught_at_its_position_or_equivalent() {
    each_is_caught_or_equivalent("");
}

#[test]
fn every_mutation_of_a_target_with_tagged_objects_is_caught_too() {
    each_is_caught_or_equivalent(&format!("{SMALL}    tagged_objects: true\n"));
}

#[test]
fn every_mutation_of_an_invalidation_is_caught_too() {
    each_is_caught_or_equivalent(&format!(
        "{SMALL}    path: site\n    invalidate: {{distribution: EDFDVBD6EXAMPLE}}\n"
    ));
}

#[test]
fn every_mutation_of_a_build_is_caught_too() {
    let build = "  build: {commands: [make], output: dist/**, secrets: {TOKEN: site/token}}\n";
    each_is_caught_or_equivalent(&SMALL.replace("targets:", &format!("{build}targets:")));
}

fn each_is_caught_or_equivalent(config: &str) {
    let plan = plan_of(config);
    let inputs = inputs_of(&plan, true);
    let mut tried = 0;
    let mut caught = 0;
    let mut equivalent = 0;
    let mut wrong = Vec::new();
    for (number, stack) in ["dev", "prod"].into_iter().enumerate() {
        let template: Json =
            serde_json::from_str(inputs.stacks[number].template.text()).expect("JSON");
        for mutation in mutations(stack, &template) {
            tried += 1;
            let is_equivalent = EQUIVALENT
                .iter()
                .any(|(prefix, _)| mutation.name.starts_with(prefix));
            let places = errors(&inputs, number, &mutation);
            if is_equivalent {
                equivalent += 1;
                if !places.is_empty() {
                    wrong.push(format!(
                        "{}: listed as equivalent, but caught",
                        mutation.name
                    ));
                }
            } else if places.is_empty() {
                wrong.push(format!("{}: not caught", mutation.name));
            } else if !places.contains(&format!("{number}/{}", mutation.resource)) {
                wrong.push(format!("{}: caught at {places:?} only", mutation.name));
            } else {
                caught += 1;
            }
        }
    }
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "{tried} mutations: {caught} caught, {equivalent} equivalent"
    );
    assert!(tried > 100, "{tried}");
}

#[test]
fn every_mutation_of_the_source_keys_statement_is_caught() {
    let key = "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555";
    let config = format!(
        "dev:\n  account: \"111111111111\"\n  source: {{create: false, encryption_key: {key}}}\n\
         targets:\n  - name: prod\n    account: \"222222222222\"\n"
    );
    let mut inputs = inputs_of(&plan_of(&config), true);
    // A mutation can leave the key unused.
    inputs.allow_unused = true;
    // The key policy delegates to the account.
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"kms:*","Resource":"*"}}"#;
    inputs.policies.push(NamedFile {
        name: key.to_owned(),
        source: Some(Source::new("key.json", policy)),
    });
    let template: Json = serde_json::from_str(inputs.stacks[0].template.text()).expect("JSON");
    let all = mutations("dev", &template);
    let ours = all
        .iter()
        .filter(|mutation| mutation.name.starts_with("dev/SourcePolicy/DecryptSource/"));
    let mut tried = 0;
    for mutation in ours {
        tried += 1;
        let places = errors(&inputs, 0, mutation);
        // Without the statement, the finding points to the policy that matches next best. Without
        // the condition, the key policy also allows the attack.
        let is_whole = ["/delete", "/Condition"];
        let is_whole = is_whole.iter().any(|end| mutation.name.ends_with(end));
        let elsewhere = is_whole && !places.is_empty();
        assert!(
            elsewhere || places.contains(&"0/SourcePolicy".to_owned()),
            "{}: {places:?}",
            mutation.name
        );
    }
    // The mutations remove the statement or its condition, or change its action, its key, or one of
    // the two contexts.
    assert_eq!(tried, 6);
}
