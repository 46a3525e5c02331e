//! Encryption with KMS: the calls that a bucket's default encryption requires, the keys that they
//! use, and the cases in which AWS rejects them regardless of the policies.

use s3ferry::diagnostic::Source;
use s3ferry::graph::{Graph, Kind};
use s3ferry::proof::{AttackResult, Inputs, NamedFile, Proof, Verdict, findings, prove};
use s3ferry::run::Step;
use serde_json::{Value as Json, json};

use crate::prove::{change, inputs_of, plan_of, with as calls};
use crate::support::Project;

const DEV: usize = 0;
const PROD: usize = 1;

const KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555";

/// Returns the smallest configuration with these settings of the source.
fn with_source(settings: &str) -> String {
    format!(
        "dev:\n  account: \"111111111111\"\n  source: {{{settings}}}\ntargets:\n  - name: prod\n    \
         account: \"222222222222\"\n"
    )
}

/// Returns the templates of a configuration, with one template edited.
fn edited(config: &str, stack: usize, edit: impl FnOnce(&mut Json)) -> Inputs {
    let mut inputs = inputs_of(&plan_of(config), true);
    change(&mut inputs, stack, edit);
    inputs
}

fn proven(inputs: &Inputs) -> Proof {
    prove(inputs).expect("a proof")
}

fn denied(proof: &Proof) -> Vec<&str> {
    calls(proof, Verdict::Denied)
}

/// Returns the reason for the decision about a call, or the values that the decision depends on.
fn because<'p>(proof: &'p Proof, id: &str) -> &'p str {
    let mut calls = proof.calls.iter();
    let found = calls.find(|(decided, _)| decided.call.id == id);
    let (decided, _) = found.expect("the call");
    match decided.doubts.first() {
        Some(doubt) => &doubt.reason,
        None => &decided.reason.because,
    }
}

fn assert_proven(proof: &Proof) {
    let found: Vec<String> = findings(proof)
        .into_iter()
        .map(|(_, finding)| finding.message)
        .collect();
    assert_eq!(found, Vec::<String>::new());
    assert!(!proof.has_errors() && !proof.has_unproven());
}

/// Returns a key policy that delegates to an account's IAM policies, with one more statement.
fn key_policy(account: &str, more: Json) -> Json {
    let mut statements = vec![json!({
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:aws:iam::{account}:root") },
        "Action": "kms:*",
        "Resource": "*",
    })];
    if !more.is_null() {
        statements.push(more);
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Makes a bucket encrypt by default with a key in the template.
fn encrypt(template: &mut Json, bucket: &str, policy: Json, bucket_key: bool) {
    template["Resources"]["OwnKey"] =
        json!({ "Type": "AWS::KMS::Key", "Properties": { "KeyPolicy": policy } });
    let key = json!({ "Fn::GetAtt": ["OwnKey", "Arn"] });
    default_encryption(
        template,
        bucket,
        json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key }),
    );
    template["Resources"][bucket]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        [0]["BucketKeyEnabled"] = json!(bucket_key);
}

fn default_encryption(template: &mut Json, bucket: &str, default: Json) {
    template["Resources"][bucket]["Properties"]["BucketEncryption"] = json!({
        "ServerSideEncryptionConfiguration": [{ "ServerSideEncryptionByDefault": default }]
    });
}

/// Adds a statement to a policy in a template.
fn allow(template: &mut Json, policy: &str, statement: Json) {
    let statements =
        &mut template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"];
    statements
        .as_array_mut()
        .expect("statements")
        .push(statement);
}

fn file(name: &str, document: &Json) -> NamedFile {
    NamedFile {
        name: name.to_owned(),
        source: Some(Source::new(format!("{name}.json"), document.to_string())),
    }
}

fn none(name: &str) -> NamedFile {
    NamedFile {
        name: name.to_owned(),
        source: None,
    }
}

#[test]
fn an_output_bucket_that_encrypts_by_default_needs_its_key_for_every_upload() {
    let needed = [
        "prod/output-key/kms:GenerateDataKey",
        "prod/output-key/kms:Decrypt",
    ];
    let policy = || key_policy("222222222222", Json::Null);
    let mut inputs = edited("", PROD, |template| {
        encrypt(template, "OutputBucket", policy(), true);
    });
    assert_eq!(denied(&proven(&inputs)), needed);
    let use_of_key = json!({
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": { "Fn::GetAtt": ["OwnKey", "Arn"] },
    });
    change(&mut inputs, PROD, |template| {
        allow(template, "OutputBucketDeployAccess", use_of_key);
    });
    assert_proven(&proven(&inputs));
    // A Deny in the key policy wins.
    let deny = json!({
        "Effect": "Deny", "Principal": "*", "Action": "kms:GenerateDataKey*", "Resource": "*"
    });
    change(&mut inputs, PROD, |template| {
        encrypt(
            template,
            "OutputBucket",
            key_policy("222222222222", deny),
            true,
        );
    });
    let proof = proven(&inputs);
    assert_eq!(denied(&proof), ["prod/output-key/kms:GenerateDataKey"]);
    // The encryption setting of the action overrides the bucket's default.
    change(&mut inputs, DEV, |template| {
        let action = template
            .pointer_mut("/Resources/Pipeline/Properties/Stages/1/Actions/0/Configuration")
            .expect("the deploy action");
        action["KMSEncryptionKeyARN"] =
            json!("arn:aws:kms:us-east-1:222222222222:key/99999999-2222-3333-4444-555555555555");
    });
    let proof = proven(&inputs);
    assert_eq!(denied(&proof), Vec::<&str>::new());
    // No template contains the policy of that key.
    assert_eq!(calls(&proof, Verdict::Unproven), needed);
}

#[test]
fn a_source_bucket_that_encrypts_by_default_needs_its_key_for_every_read() {
    let mut inputs = edited("", DEV, |template| {
        encrypt(
            template,
            "SourceBucket",
            key_policy("111111111111", Json::Null),
            true,
        );
    });
    let proof = proven(&inputs);
    assert_eq!(denied(&proof), ["source-key/kms:Decrypt"]);
    let (_, remedies) = proof.denied().next().expect("a denied call");
    assert!(
        remedies
            .iter()
            .any(|remedy| remedy.statement.contains("kms:Decrypt")),
        "{remedies:?}"
    );
    change(&mut inputs, DEV, |template| {
        let statement = json!({
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": { "Fn::GetAtt": ["OwnKey", "Arn"] },
        });
        allow(template, "SourcePolicy", statement);
    });
    assert_proven(&proven(&inputs));
}

#[test]
fn the_encryption_context_is_the_bucket_with_a_bucket_key_and_otherwise_the_object() {
    let bucket = "arn:aws:s3:::codepipeline-input-bucket";
    let object = "arn:aws:s3:::codepipeline-input-bucket/sample-website.zip";
    for (is_bucket_key, context, other) in [(true, bucket, object), (false, object, bucket)] {
        let only = |context: &str| {
            let allowed = json!({
                "Effect": "Allow",
                "Principal": { "AWS": { "Fn::GetAtt": ["ServiceRole", "Arn"] } },
                "Action": "kms:Decrypt",
                "Resource": "*",
                "Condition": { "StringEquals": {
                    "kms:EncryptionContext:aws:s3:arn": context,
                    "kms:ViaService": "s3.us-east-1.amazonaws.com",
                } },
            });
            edited("", DEV, |template| {
                encrypt(
                    template,
                    "SourceBucket",
                    key_policy("111111111111", allowed),
                    is_bucket_key,
                );
            })
        };
        assert_eq!(denied(&proven(&only(context))), Vec::<&str>::new());
        assert_eq!(denied(&proven(&only(other))), ["source-key/kms:Decrypt"]);
    }
}

#[test]
fn the_managed_key_serves_only_its_own_account() {
    // No key is named. In the same account, the AWS policy of `aws/s3` allows the use of that key.
    let managed = || json!({ "SSEAlgorithm": "aws:kms" });
    let inputs = edited("", DEV, |template| {
        default_encryption(template, "SourceBucket", managed());
    });
    let proof = proven(&inputs);
    assert_proven(&proof);
    assert!(calls(&proof, Verdict::Allowed).contains(&"source-key/kms:Decrypt"));
    // The key can be used only through S3, and service control policies limit it.
    let mut inputs = inputs;
    inputs.scps.push(Source::new(
        "unit.json",
        r#"[{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
            {"Effect":"Deny","Action":"kms:Decrypt","Resource":"arn:aws:kms:*:*:alias/aws/s3"}]}]"#,
    ));
    assert_eq!(denied(&proven(&inputs)), ["source-key/kms:Decrypt"]);

    // No other account can read from an artifact store without a key.
    let without_key = |config: &str| {
        edited(config, DEV, |template| {
            let store = template
                .pointer_mut("/Resources/Pipeline/Properties/ArtifactStore")
                .and_then(Json::as_object_mut)
                .expect("the store");
            assert!(store.remove("EncryptionKey").is_some());
        })
    };
    let proof = proven(&without_key(""));
    assert_eq!(denied(&proof), ["prod/decrypt/kms:Decrypt"]);
    let why = because(&proof, "prod/decrypt/kms:Decrypt");
    assert!(why.contains("`aws/s3` of account 111111111111"), "{why}");
    let (file, finding) = findings(&proof)
        .into_iter()
        .find(|(_, finding)| finding.code() == "PROVE_CALL_DENIED")
        .expect("a finding");
    let source = &proof.files[file];
    let line = source.line(source.position(finding.span.start).line);
    assert!(line.contains("ArtifactStore"), "{line}");
    assert!(
        finding
            .help
            .expect("a fix")
            .contains("customer managed key")
    );
    let same = "dev:\n  account: \"111111111111\"\ntargets:\n  - name: same\n    account: \
                \"111111111111\"\n";
    let proof = proven(&without_key(same));
    assert_eq!(denied(&proof), Vec::<&str>::new());
    let allowed = calls(&proof, Verdict::Allowed);
    assert!(allowed.contains(&"same/decrypt/kms:Decrypt"), "{allowed:?}");
}

#[test]
fn a_key_without_an_account_is_looked_up_in_the_callers_account() {
    // In the account of the bucket, an alias resolves to its key.
    let aliased = |account: &str, key: &str| {
        let key = key.to_owned();
        let policy = key_policy(account, Json::Null);
        move |template: &mut Json, bucket: &str| {
            encrypt(template, bucket, policy, false);
            template["Resources"]["OwnAlias"] = json!({
                "Type": "AWS::KMS::Alias",
                "Properties": { "AliasName": "alias/own", "TargetKeyId": { "Ref": "OwnKey" } },
            });
            default_encryption(
                template,
                bucket,
                json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key }),
            );
        }
    };
    let use_of_key = json!({
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": { "Fn::GetAtt": ["OwnKey", "Arn"] },
    });
    for key in ["alias/own", "arn:aws:kms:us-east-1:222222222222:alias/own"] {
        let inputs = edited("", PROD, |template| {
            aliased("222222222222", key)(template, "OutputBucket");
            allow(template, "OutputBucketDeployAccess", use_of_key.clone());
        });
        assert_proven(&proven(&inputs));
    }
    // The deploy role writes to a bucket in the dev account. The alias names a different key there.
    let mut inputs = edited("", DEV, |template| {
        let bucket = json!({ "Type": "AWS::S3::Bucket", "Properties": { "BucketName": "shared" } });
        template["Resources"]["Shared"] = bucket;
        aliased("111111111111", "alias/own")(template, "Shared");
        let action = template
            .pointer_mut("/Resources/Pipeline/Properties/Stages/1/Actions/0/Configuration")
            .expect("the deploy action");
        action["BucketName"] = json!("shared");
    });
    for (key, verdict, reason) in [
        // The alias could exist in that account.
        (
            "alias/own",
            Verdict::Unproven,
            "looks for it in the requester's account 222222222222",
        ),
        (
            "00000001-0000-4000-8000-000000005f3e",
            Verdict::Denied,
            "the requester's account 222222222222 cannot use it by that name",
        ),
    ] {
        change(&mut inputs, DEV, |template| {
            let default = json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key });
            default_encryption(template, "Shared", default);
        });
        let proof = proven(&inputs);
        let id = "prod/output-key/kms:GenerateDataKey";
        let why = because(&proof, id);
        assert!(why.contains(reason), "{why}");
        assert!(calls(&proof, verdict).contains(&id), "{key}");
    }
}

#[test]
fn a_disabled_key_stops_only_its_own_use() {
    for enabled in [json!(false), json!("false")] {
        let inputs = edited("", DEV, |template| {
            template["Resources"]["DeployKey"]["Properties"]["Enabled"] = enabled;
        });
        let proof = proven(&inputs);
        assert_eq!(
            denied(&proof),
            [
                "encrypt/kms:GenerateDataKey",
                "encrypt/kms:Decrypt",
                "prod/decrypt/kms:Decrypt"
            ]
        );
        let why = because(&proof, "encrypt/kms:GenerateDataKey");
        assert!(
            why.contains("is disabled") && why.contains("DisabledException"),
            "{why}"
        );
        for (_, remedies) in proof.denied() {
            assert!(remedies.is_empty(), "no statement helps: {remedies:?}");
        }
        let (file, finding) = findings(&proof)
            .into_iter()
            .find(|(_, finding)| finding.code() == "PROVE_CALL_DENIED")
            .expect("a finding");
        let source = &proof.files[file];
        let line = source.line(source.position(finding.span.start).line);
        assert!(line.contains("\"Enabled\""), "{line}");
        assert_eq!(finding.resource(), Some("DeployKey"));
        let graph = Graph::new(&proof);
        let key = graph.nodes.iter().find(|node| node.kind == Kind::DeployKey);
        assert_eq!(key.expect("the key").detail, "us-east-1, disabled");
    }
    // The proof does not rely on a disabled key: an attack that the policy allows is still
    // reported.
    let inputs = edited("", DEV, |template| {
        let key = &mut template["Resources"]["DeployKey"]["Properties"];
        key["Enabled"] = json!(false);
        let statements = key["KeyPolicy"]["Statement"]
            .as_array_mut()
            .expect("statements");
        statements.push(json!({
            "Effect": "Allow",
            "Principal": { "AWS": "222222222222" },
            "Action": "kms:Decrypt",
            "Resource": "*",
        }));
    });
    let proof = proven(&inputs);
    let mut allowed = proof.attacks_that(AttackResult::Allowed);
    assert!(allowed.any(|attack| attack.call.id == "other-target-role-decrypts"));
    // Keys are enabled by default. An unknown value is neither enabled nor disabled.
    let proof = proven(&edited("", DEV, |template| {
        template["Resources"]["DeployKey"]["Properties"]["Enabled"] = json!(true);
    }));
    assert_proven(&proof);
    let proof = proven(&edited("", DEV, |template| {
        template["Resources"]["DeployKey"]["Properties"]["Enabled"] =
            json!({ "Fn::ImportValue": "enabled" });
    }));
    assert_eq!(denied(&proof), Vec::<&str>::new());
    assert_eq!(calls(&proof, Verdict::Unproven).len(), 3);
}

#[test]
fn the_lint_reports_a_disabled_key_once_and_where_it_is_disabled() {
    let project = Project::with(&with_source(""));
    project.expect("synth --quiet", 0);
    let path = project.path("stacks/dev.yaml");
    let text = std::fs::read_to_string(&path).expect("a template");
    let on = "      EnableKeyRotation: true\n";
    project.write(
        "stacks/dev.yaml",
        text.replace(on, &format!("{on}      Enabled: false\n")),
    );
    let run = project.expect("lint --format json", 1);
    let report: Json = serde_json::from_str(&run.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    let [finding] = findings.as_slice() else {
        panic!("{report:#}");
    };
    assert_eq!(finding["rule"], "KMS_KEY_ENABLED");
    let number = finding["line"].as_u64().expect("a line");
    let text = std::fs::read_to_string(&path).expect("a template");
    let line = text
        .lines()
        .nth(usize::try_from(number).expect("a line") - 1);
    assert_eq!(line.map(str::trim), Some("Enabled: false"));
}

#[test]
fn a_disabled_replica_stops_the_targets_of_its_region() {
    let config = "dev:\n  account: \"111111111111\"\n  key: {multi_region: true}\ntargets:\n  - \
                  name: prod\n    account: \"222222222222\"\n    region: eu-west-1\n";
    let mut inputs = inputs_of(&plan_of(config), true);
    assert_eq!(inputs.stacks[1].name, "dev-eu-west-1");
    change(&mut inputs, 1, |template| {
        template["Resources"]["DeployKey"]["Properties"]["Enabled"] = json!(false);
    });
    let proof = proven(&inputs);
    assert_eq!(
        denied(&proof),
        [
            "copy/kms:GenerateDataKey/eu-west-1",
            "copy/kms:Decrypt/eu-west-1",
            "prod/decrypt/kms:Decrypt"
        ]
    );
}

#[test]
fn access_logs_cannot_be_delivered_to_a_bucket_that_encrypts_with_kms() {
    let inputs = edited("", DEV, |template| {
        default_encryption(template, "LogBucket", json!({ "SSEAlgorithm": "aws:kms" }));
    });
    let proof = proven(&inputs);
    assert!(
        denied(&proof).iter().all(|id| id.starts_with("logs/")),
        "{:?}",
        denied(&proof)
    );
    let why = because(&proof, denied(&proof)[0]);
    assert!(why.contains("cannot deliver access logs"), "{why}");
}

#[test]
fn an_unknown_default_encryption_is_reported() {
    let inputs = edited("", DEV, |template| {
        let key = json!({ "Fn::ImportValue": "key" });
        let default = json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key });
        default_encryption(template, "SourceBucket", default);
    });
    let proof = proven(&inputs);
    assert!(!proof.has_errors() && proof.has_unproven());
    let [doubt] = proof.doubts.as_slice() else {
        panic!("{:?}", proof.doubts);
    };
    assert_eq!(doubt.resource, "SourceBucket");
    assert!(
        doubt.reason.contains("default encryption"),
        "{}",
        doubt.reason
    );
}

#[test]
fn a_source_key_is_proven_with_its_policy_and_without_it_the_option_is_named() {
    for (create, permissions) in [(true, "least"), (false, "least"), (true, "article")] {
        let config = with_source(&format!("create: {create}, encryption_key: {KEY}"));
        let mut inputs = inputs_of(
            &plan_of(&format!("{config}permissions: {permissions}\n")),
            true,
        );
        if !create {
            inputs.policies.push(none("codepipeline-input-bucket"));
        }
        let proof = proven(&inputs);
        assert!(!proof.has_errors(), "{:?}", findings(&proof));
        // It is unknown whether an existing bucket has an S3 Bucket Key.
        let mut expected = vec!["source-key/kms:Decrypt"];
        expected.extend((!create).then_some("source-key/kms:Decrypt/bucket-key"));
        assert_eq!(calls(&proof, Verdict::Unproven), expected);
        let missing = proof.calls.iter().flat_map(|(decided, _)| &decided.missing);
        let options: Vec<&str> = missing.map(|missing| missing.option.as_str()).collect();
        assert!(
            options.contains(&format!("--policy {KEY}=FILE").as_str()),
            "{options:?}"
        );

        let open = key_policy("111111111111", Json::Null);
        inputs.policies.push(file(KEY, &open));
        let proof = proven(&inputs);
        assert!(
            !proof.has_errors() && !proof.has_unproven(),
            "{:?}",
            findings(&proof)
        );
        // A policy that does not delegate to the account needs the statement that `synth` prints.
        let statement = s3ferry::stacks::key_grants(&plan_of(&config));
        let [grant] = statement.as_slice() else {
            panic!("{statement:?}");
        };
        let administration = json!({
            "Effect": "Allow",
            "Principal": { "AWS": "arn:aws:iam::111111111111:role/admin" },
            "Action": "kms:*",
            "Resource": "*",
        });
        let closed = |more: &[&Json]| {
            let mut statements = vec![&administration];
            statements.extend(more);
            json!({ "Version": "2012-10-17", "Statement": statements })
        };
        *inputs.policies.last_mut().expect("the key's") = file(KEY, &closed(&[]));
        assert_eq!(denied(&proven(&inputs)), expected);
        *inputs.policies.last_mut().expect("the key's") = file(KEY, &closed(&[&grant.statement]));
        let proof = proven(&inputs);
        assert!(
            !proof.has_errors() && !proof.has_unproven(),
            "{:?}",
            findings(&proof)
        );
    }
}

#[test]
fn the_source_key_only_decrypts_the_source() {
    let config = with_source(&format!("encryption_key: {KEY}"));
    let names = |proof: &Proof, result| -> Vec<String> {
        let attacks = proof.attacks_that(result);
        let ours = attacks.filter(|attack| attack.call.id.contains("source"));
        let mut ours: Vec<String> = ours
            .filter(|attack| attack.call.action.starts_with("kms:"))
            .map(|attack| attack.call.id.clone())
            .collect();
        ours.sort();
        ours
    };
    let all = [
        "deploy-role-decrypts-source",
        "service-role-decrypts-with-source-key",
        "service-role-encrypts-with-source-key",
        "service-role-grants-source-key",
    ];
    let proof = proven(&inputs_of(&plan_of(&config), true));
    assert_eq!(names(&proof, AttackResult::Denied), all);
    let at = "/Resources/SourcePolicy/Properties/PolicyDocument/Statement/3";
    let mut inputs = edited(&config, DEV, |template| {
        let statement = template.pointer_mut(at).expect("the statement");
        assert_eq!(statement["Sid"], "DecryptSource");
        statement["Action"] = json!("kms:*");
    });
    assert_eq!(
        names(&proven(&inputs), AttackResult::Allowed),
        ["service-role-encrypts-with-source-key"]
    );
    change(&mut inputs, DEV, |template| {
        let statement = template.pointer_mut(at).expect("the statement");
        statement
            .as_object_mut()
            .expect("a statement")
            .remove("Condition");
    });
    assert_eq!(names(&proven(&inputs), AttackResult::Allowed), all[1..]);
    // The key policy delegates to the account, so a permission of the deploy role takes effect.
    inputs.policies.push(file(
        KEY,
        &key_policy(
            "111111111111",
            json!({ "Effect": "Allow", "Principal": { "AWS": "222222222222" },
                "Action": "kms:Decrypt", "Resource": "*" }),
        ),
    ));
    change(&mut inputs, PROD, |template| {
        let statement = json!({ "Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY });
        allow(template, "DevKmsS3Access", statement);
    });
    assert_eq!(names(&proven(&inputs), AttackResult::Allowed), all);
    // With one key for everything, the roles need these permissions, so there is no attack.
    let shared = edited("", DEV, |template| {
        let key = json!({ "Fn::GetAtt": ["DeployKey", "Arn"] });
        let default = json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key });
        default_encryption(template, "SourceBucket", default);
    });
    let proof = proven(&shared);
    assert_proven(&proof);
    assert!(names(&proof, AttackResult::Denied).is_empty());
    assert!(calls(&proof, Verdict::Allowed).contains(&"source-key/kms:Decrypt"));
}

#[test]
fn the_diagram_has_the_key_of_the_source() {
    let config = with_source(&format!("encryption_key: {KEY}"));
    let graph = Graph::new(&proven(&inputs_of(&plan_of(&config), true)));
    let node = graph
        .nodes
        .iter()
        .position(|node| node.kind == Kind::SourceKey);
    let node = node.expect("the key");
    assert_eq!(graph.nodes[node].side, 0);
    let arrow = graph.arrows.iter().find(|arrow| arrow.to == node);
    let arrow = arrow.expect("an arrow");
    assert_eq!(graph.nodes[arrow.from].kind, Kind::ServiceRole);
    assert_eq!(
        (arrow.steps.as_slice(), arrow.number()),
        (&[Step::SourceKey][..], Some(2))
    );
    // A key that also encrypts the artifacts is the deploy key.
    let shared = edited("", DEV, |template| {
        let key = json!({ "Fn::GetAtt": ["DeployKey", "Arn"] });
        let default = json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key });
        default_encryption(template, "SourceBucket", default);
    });
    let graph = Graph::new(&proven(&shared));
    assert!(graph.nodes.iter().all(|node| node.kind != Kind::SourceKey));
}

#[test]
fn synth_prints_what_the_owners_of_the_keys_must_allow_and_push_may_encrypt() {
    let output = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    let config = with_source(&format!("create: false, encryption_key: {KEY}"));
    let project = Project::with(&format!("{config}    encryption_key: {output}\n"));
    let run = project.expect("synth", 0);
    for part in [
        format!("the policy of key {KEY} in account 111111111111 must allow"),
        format!("the policy of key {output} in account 222222222222 must allow"),
        "\"Sid\": \"PipelineDecryptsSource\"".to_owned(),
        "\"aws:PrincipalArn\": \"arn:aws:iam::222222222222:role/prods3role\"".to_owned(),
    ] {
        assert!(run.stderr.contains(&part), "{part}\n{}", run.stderr);
    }
    let run = project.expect("deployer-policy --profile dev --push", 0);
    let policy: Json = serde_json::from_str(&run.stdout).expect("JSON");
    let statements = policy["Statement"].as_array().expect("statements").iter();
    let on_key: Vec<&Json> = statements
        .filter(|statement| statement["Resource"] == KEY)
        .collect();
    let [statement] = on_key.as_slice() else {
        panic!("{policy:#}");
    };
    assert_eq!(
        statement["Action"],
        json!(["kms:Decrypt", "kms:GenerateDataKey"])
    );
    let run = project.expect("deployer-policy --profile dev --doctor", 0);
    assert!(
        run.stdout.contains("\"kms:ListKeyPolicies\""),
        "{}",
        run.stdout
    );
}

#[test]
fn an_existing_bucket_may_have_a_bucket_key_so_both_encryption_contexts_are_proven() {
    let key = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    let config = format!(
        "dev:\n  account: \"111111111111\"\n  artifacts: {{create: false}}\ntargets:\n  - name: \
         prod\n    account: \"222222222222\"\n    bucket: out-b\n    create: false\n    \
         encryption_key: {key}\n"
    );
    let role = "arn:aws:iam::222222222222:role/prods3role";
    let allow = |contexts: Json| {
        json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow",
            "Principal": { "AWS": role },
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
            "Resource": "*",
            "Condition": { "StringLike": { "kms:EncryptionContext:aws:s3:arn": contexts } },
        } })
    };
    for (contexts, expected) in [
        (json!("arn:aws:s3:::out-b/*"), 2),
        (json!(["arn:aws:s3:::out-b", "arn:aws:s3:::out-b/*"]), 0),
    ] {
        let mut inputs = inputs_of(&plan_of(&config), true);
        inputs.policies.push(file(key, &allow(contexts)));
        let proof = proven(&inputs);
        let found = denied(&proof);
        let found = found.iter().filter(|id| id.contains("output-key"));
        assert_eq!(found.count(), expected);
    }
    // The same applies to the artifacts in an existing bucket.
    let proof = proven(&inputs_of(&plan_of(&config), true));
    let ids = calls(&proof, Verdict::Allowed);
    for id in ["encrypt/kms:Decrypt", "encrypt/kms:Decrypt/bucket-key"] {
        assert!(ids.contains(&id), "{ids:?}");
    }
    let decrypts = ids.iter().filter(|id| id.contains("/decrypt/kms:Decrypt"));
    assert_eq!(decrypts.count(), 2, "{ids:?}");
}
