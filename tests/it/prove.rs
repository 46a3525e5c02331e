//! The proof of the example, of various configurations, and of templates from other tools.

use serde_json::Value as Json;
use std::process::{Command, Output};

use s3ferry::checked::{Synthesis, TemplateFormat};
use s3ferry::config::Document;
use s3ferry::diagnostic::Source;
use s3ferry::plan::Plan;
use s3ferry::policy::evaluation::ContextValue;
use s3ferry::proof::{AttackResult, Inputs, NamedFile, Proof, Verdict, findings, prove};
use s3ferry::run::{Step, Strength};
use s3ferry::stacks::merged_bucket_policy;

const SMALLEST: &str =
    "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    account: \"222222222222\"\n";

/// Returns the plan of a configuration. An empty text selects the smallest configuration.
pub(crate) fn plan_of(config: &str) -> Plan {
    let text = if config.is_empty() { SMALLEST } else { config };
    let document = Document::read(Source::new("s3ferry.yaml", text)).expect("a configuration");
    Plan::new(&document.config).expect("a plan")
}

/// Returns the generated templates of a plan.
pub(crate) fn inputs_of(plan: &Plan, json: bool) -> Inputs {
    let format = match json {
        true => TemplateFormat::Json,
        false => TemplateFormat::Yaml,
    };
    Synthesis::new(plan, format, str::to_owned).inputs(plan, false)
}

fn proven(config: &str) -> Proof {
    prove(&inputs_of(&plan_of(config), false)).expect("a proof")
}

fn assert_proven(proof: &Proof) {
    let found: Vec<String> = findings(proof)
        .into_iter()
        .map(|(file, finding)| format!("{}: {}", proof.files[file].name(), finding.message))
        .collect();
    assert_eq!(found, Vec::<String>::new());
    assert!(!proof.has_errors() && !proof.has_unproven());
}

fn file(name: &str, text: &str) -> NamedFile {
    NamedFile {
        name: name.to_owned(),
        source: Some(Source::new(format!("{name}.json"), text)),
    }
}

fn none(name: &str) -> NamedFile {
    NamedFile {
        name: name.to_owned(),
        source: None,
    }
}

#[test]
fn the_example_is_proven_with_twenty_attacks_per_target() {
    for json in [false, true] {
        let proof = prove(&inputs_of(&plan_of(""), json)).expect("a proof");
        assert_proven(&proof);
        assert_eq!(proof.calls.len(), 40);
        let on_target = proof
            .attacks
            .iter()
            .filter(|attack| attack.call.target.as_deref() == Some("prod"))
            .count();
        assert!(on_target >= 20, "{on_target}");
        assert!(proof.excess.unexplained().next().is_none());
        let served = proof
            .excess
            .statements
            .iter()
            .all(|found| !found.serves.is_empty());
        assert!(served, "{:?}", proof.excess.statements);
    }
}

#[test]
fn attack_names_are_stable_and_unique() {
    let proof = proven("");
    let mut names: Vec<_> = proof
        .attacks
        .iter()
        .map(|attack| (attack.call.target.clone(), attack.call.id.clone()))
        .collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn various_configurations_are_proven() {
    let target = "targets:\n  - name: prod\n    account: \"222222222222\"\n";
    let dev = "dev:\n  account: \"111111111111\"\n";
    let varieties = [
        format!("{dev}  source:\n    detect_changes: polling\n{target}"),
        format!("{dev}  access_logs: false\n{target}"),
        format!("{dev}  key:\n    multi_region: true\n    administrators: [\"arn:aws:iam::111111111111:role/key-admin\"]\n{target}"),
        format!("{dev}{target}    canned_acl: bucket-owner-full-control\n    approval: true\n    cache_control: max-age=60\n"),
        format!("{dev}{target}    path: site/files\n"),
        format!("{dev}{target}    path: site/files\n    tagged_objects: true\n"),
        format!("{dev}{target}    encryption_key: null\n    extract: false\n    object_key: site.zip\n    tagged_objects: true\norganization: o-exampleorg1\n"),
        format!("{dev}{target}    extract: false\n    object_key: releases/site.zip\n"),
        format!("{dev}{target}organization: o-exampleorg1\n"),
        format!("{dev}  pipeline:\n    name: pipeline-with-long-name\n{target}"),
        format!("{dev}{target}  - name: second\n    account: \"333333333333\"\n    bucket: second-output-bucket\n  - name: third\n    account: \"222222222222\"\n    bucket: third-output-bucket\n"),
        "dev:\n  account: \"111111111111\"\n  region: cn-north-1\ntargets:\n  - name: prod\n    account: \"222222222222\"\n    region: cn-north-1\n".to_owned(),
        "dev:\n  account: \"111111111111\"\n  region: us-gov-west-1\ntargets:\n  - name: prod\n    account: \"222222222222\"\n".to_owned(),
    ];
    for config in &varieties {
        println!("{config}");
        assert_proven(&proven(config));
    }
}

#[test]
fn the_procedure_has_over_grants_and_excess_but_no_errors() {
    let proof = proven(&format!("{SMALLEST}permissions: article\n"));
    assert!(!proof.has_errors(), "{:?}", findings(&proof));
    let over: Vec<&str> = proof
        .attacks_that(AttackResult::OverGranted)
        .map(|attack| attack.call.id.as_str())
        .collect();
    assert!(
        over.contains(&"other-target-role-reads-artifacts"),
        "{over:?}"
    );
    assert!(over.contains(&"other-target-role-decrypts"), "{over:?}");
    assert!(proof.excess.unexplained().count() > 3);
}

/// Returns the attacks with this result that use a bucket of the same name in another account.
fn namesakes(proof: &Proof, result: AttackResult) -> Vec<&str> {
    let attacks = proof.attacks_that(result);
    let mut found: Vec<&str> = attacks
        .map(|attack| attack.call.id.as_str())
        .filter(|id| id.contains("-namesake-of-"))
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn a_bucket_with_the_same_name_in_another_account_receives_and_provides_nothing() {
    let by_service_role = [
        "service-role-lists-namesake-of-source",
        "service-role-looks-at-namesake-of-source",
        "service-role-looks-at-namesake-of-store",
        "service-role-reads-namesake-of-source",
        "service-role-stores-in-namesake-of-store",
    ];
    let by_deploy_role = [
        "deploy-role-lists-namesake-of-output",
        "deploy-role-lists-namesake-of-store",
        "deploy-role-reads-namesake-of-store",
        "deploy-role-writes-namesake-of-output",
    ];
    let proof = proven("");
    let all = [by_deploy_role.as_slice(), by_service_role.as_slice()].concat();
    assert_eq!(namesakes(&proof, AttackResult::Denied), all);
    // The bucket belongs to another account and allows everything. Only the condition stops the
    // attack.
    for attack in &proof.attacks {
        if attack.call.id.contains("-namesake-of-") {
            assert_eq!(attack.call.owner(), "999999999999", "{}", attack.call.id);
        }
    }
    // The deploy role of the procedure has no such condition, and its over-grants are listed.
    let proof = proven(&format!("{SMALLEST}permissions: article\n"));
    assert_eq!(namesakes(&proof, AttackResult::OverGranted), by_deploy_role);
    assert_eq!(namesakes(&proof, AttackResult::Denied), by_service_role);
}

#[test]
fn every_call_says_which_account_owns_its_resource() {
    let fleet = "dev:\n  account: \"111111111111\"\n  key:\n    multi_region: true\ntargets:\n  - name: prod\n    accounts: [\"222222222222\", \"333333333333\"]\n    regions: [us-east-1, eu-west-1]\n    bucket: \"out-{account}-{region}\"\n    tagged_objects: true\n";
    for config in ["", fleet] {
        let mut inputs = inputs_of(&plan_of(config), false);
        inputs.expand = true;
        let proof = prove(&inputs).expect("a proof");
        assert_proven(&proof);
        for (decided, _) in &proof.calls {
            let call = &decided.call;
            let owner = ContextValue::One(call.owner().to_owned());
            let key = call.context.get("aws:ResourceAccount");
            assert_eq!(key, Some(&owner), "{}", call.id);
            // Dev owns the resources of all other steps, no matter which role calls.
            let owner = match call.step {
                Step::Assume | Step::Check | Step::Deploy | Step::Logs => continue,
                _ => "111111111111",
            };
            assert_eq!(call.owner(), owner, "{}", call.id);
        }
        let deploys = proof
            .calls
            .iter()
            .filter(|(decided, _)| decided.call.step == Step::Deploy);
        for (decided, _) in deploys {
            let call = &decided.call;
            assert_eq!(
                call.account.as_deref(),
                call.caller.account(),
                "{}",
                call.id
            );
        }
    }
}

#[test]
fn a_bucket_belongs_to_the_account_of_the_template_that_defines_it() {
    // A user who edits the templates can move a bucket to the other account.
    let mut inputs = inputs_of(&plan_of(""), true);
    let mut templates: Vec<serde_json::Value> = (inputs.stacks.iter())
        .map(|stack| serde_json::from_str(stack.template.text()).expect("JSON"))
        .collect();
    let of_dev = templates[0]["Resources"]
        .as_object_mut()
        .expect("resources");
    let source = of_dev.remove("SourceBucket").expect("a bucket");
    let policy = of_dev.remove("SourceBucketPolicy").expect("a policy");
    let of_prod = templates[1]["Resources"]
        .as_object_mut()
        .expect("resources");
    of_prod.insert("SourceBucket".to_owned(), source);
    of_prod.insert("SourceBucketPolicy".to_owned(), policy);
    for (stack, template) in inputs.stacks.iter_mut().zip(&templates) {
        stack.template = Source::new(stack.template.name(), template.to_string()).into();
    }
    let proof = prove(&inputs).expect("a proof");
    let calls = proof.calls.iter().map(|(decided, _)| decided);
    let source: Vec<_> = calls
        .filter(|decided| decided.call.step == Step::Source)
        .collect();
    assert!(source.len() > 5);
    for decided in source {
        assert_eq!(decided.call.owner(), "222222222222");
        // The policy of the service role requires that dev owns the bucket.
        let wanted = match decided.call.strength {
            Strength::Needed => Verdict::Denied,
            Strength::Documented => Verdict::NotGranted,
        };
        assert_eq!(decided.verdict, wanted, "{}", decided.call.id);
    }
}

#[test]
fn tag_calls_are_proven_for_targets_with_tagged_objects() {
    let tagging = |proof: &Proof| -> Vec<String> {
        let calls = proof.calls.iter().map(|(decided, _)| &decided.call);
        calls
            .filter(|call| call.target.is_some() && call.action.contains("Tagging"))
            .map(|call| call.id.clone())
            .collect()
    };
    assert_eq!(tagging(&proven("")), Vec::<String>::new());
    let tagged = format!("{SMALLEST}    tagged_objects: true\n");
    let wanted = [
        "prod/read/s3:GetObjectTagging",
        "prod/read/s3:GetObjectVersionTagging",
        "prod/deploy/s3:PutObjectTagging",
        "prod/deploy/s3:GetObjectTagging",
        "prod/deploy/s3:GetObjectVersionTagging",
    ];
    assert_eq!(tagging(&proven(&tagged)), wanted);
    let article = format!("{tagged}permissions: article\n");
    let proof = proven(&article);
    assert!(!proof.has_errors(), "{:?}", findings(&proof));
    assert_eq!(tagging(&proof), wanted);
    // The option is set, but the permissions are missing in the older templates. Without two of
    // these permissions, the action fails.
    let mut inputs = inputs_of(&plan_of(&tagged), false);
    let before = inputs_of(&plan_of(""), false);
    for (stack, other) in inputs.stacks.iter_mut().zip(before.stacks) {
        stack.template = other.template;
    }
    let proof = prove(&inputs).expect("a proof");
    let mut missing = with(&proof, Verdict::NotGranted);
    missing.extend(with(&proof, Verdict::Denied));
    missing.sort_unstable();
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    assert_eq!(missing, wanted);
    let needed = [
        "prod/read/s3:GetObjectTagging",
        "prod/deploy/s3:PutObjectTagging",
    ];
    assert_eq!(with(&proof, Verdict::Denied), needed);
}

/// Changes one of the JSON templates.
pub(crate) fn change(inputs: &mut Inputs, stack: usize, edit: impl FnOnce(&mut Json)) {
    let source = &mut inputs.stacks[stack].template;
    let mut template: Json = serde_json::from_str(source.text()).expect("JSON");
    edit(&mut template);
    *source = Source::new(source.name(), format!("{template:#}")).into();
}

/// Returns the IDs of the calls with a verdict, in order.
pub(crate) fn with(proof: &Proof, verdict: Verdict) -> Vec<&str> {
    let calls = proof.calls.iter().map(|(decided, _)| decided);
    calls
        .filter(|decided| decided.verdict == verdict)
        .map(|decided| decided.call.id.as_str())
        .collect()
}

#[test]
fn an_existing_role_is_unproven_without_its_policies() {
    let config = "dev:\n  account: \"111111111111\"\n  pipeline:\n    service_role: arn:aws:iam::111111111111:role/service-role/existing\ntargets:\n  - name: prod\n    account: \"222222222222\"\n";
    let plan = plan_of(config);
    let mut inputs = inputs_of(&plan, false);
    let proof = prove(&inputs).expect("a proof");
    assert!(!proof.has_errors() && proof.has_unproven());
    let missing = proof.calls.iter().flat_map(|(decided, _)| &decided.missing);
    assert!(
        missing
            .clone()
            .any(|missing| missing.option.starts_with("--identity existing="))
    );
    assert!(
        missing
            .clone()
            .any(|missing| missing.option.starts_with("--policy arn:"))
    );
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"codepipeline.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
    inputs.identities.push(none("existing"));
    inputs.policies.push(file(
        "arn:aws:iam::111111111111:role/service-role/existing",
        trust,
    ));
    // The role can still have a permissions boundary.
    let proof = prove(&inputs).expect("a proof");
    assert!(!proof.has_errors() && proof.has_unproven());
    inputs.boundaries.push(none("existing"));
    assert_proven(&prove(&inputs).expect("a proof"));
    let deny =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:*","Resource":"*"}}"#;
    inputs.identities = vec![file("existing", deny)];
    let proof = prove(&inputs).expect("a proof");
    assert!(
        proof
            .denied()
            .all(|(decided, _)| decided.call.step == Step::Encrypt)
    );
    assert_eq!(proof.denied().count(), 2);
    assert_eq!(
        with(&proof, Verdict::NotGranted),
        ["encrypt/kms:DescribeKey"]
    );
}

#[test]
fn existing_buckets_and_keys_are_unproven_without_their_policies() {
    let key = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    let config = format!(
        "dev:\n  account: \"111111111111\"\n  source:\n    create: false\ntargets:\n  - name: prod\n    account: \"222222222222\"\n    create: false\n    encryption_key: {key}\n"
    );
    let mut inputs = inputs_of(&plan_of(&config), false);
    let proof = prove(&inputs).expect("a proof");
    assert!(!proof.has_errors() && proof.has_unproven());
    inputs.policies.push(none("codepipeline-input-bucket"));
    inputs
        .policies
        .push(none("arn:aws:s3:::codepipeline-output-bucket"));
    let root = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"kms:*","Resource":"*"}}"#;
    inputs.policies.push(file(key, root));
    assert_proven(&prove(&inputs).expect("a proof"));
}

#[test]
fn a_merged_bucket_policy_is_read_from_its_file() {
    let config = "dev:\n  account: \"111111111111\"\n  artifacts:\n    create: false\n    existing_policy: p.json\ntargets:\n  - name: prod\n    account: \"222222222222\"\n";
    let plan = plan_of(config);
    let existing = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Other","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444444444444:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::codepipeline-us-east-1-0123456789/other/*"}]}"#;
    let merged = merged_bucket_policy(&plan, &Source::new("p.json", existing)).expect("merged");
    let mut inputs = inputs_of(&plan, false);
    assert!(prove(&inputs).expect("a proof").has_unproven());
    inputs
        .policies
        .push(file(&plan.dev.artifact_bucket.name, &merged));
    assert_proven(&prove(&inputs).expect("a proof"));
}

#[test]
fn boundaries_and_service_control_policies_limit_access() {
    let config = "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    account: \"222222222222\"\n    permissions_boundary: arn:aws:iam::222222222222:policy/limit\n";
    let mut inputs = inputs_of(&plan_of(config), false);
    let proof = prove(&inputs).expect("a proof");
    assert!(!proof.has_errors() && proof.has_unproven());
    let all =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    inputs.boundaries.push(file("prods3role", all));
    inputs.scps.push(Source::new("root.json", all));
    assert_proven(&prove(&inputs).expect("a proof"));
    inputs.boundaries = vec![file(
        "prods3role",
        &all.replace("\"*\",\"R", "\"s3:*\",\"R"),
    )];
    let proof = prove(&inputs).expect("a proof");
    assert!(
        proof
            .denied()
            .all(|(decided, _)| decided.call.step == Step::Decrypt)
    );
    assert_eq!(proof.denied().count(), 1);
    assert_eq!(
        with(&proof, Verdict::NotGranted),
        ["prod/decrypt/kms:DescribeKey"]
    );
    inputs.scps.push(Source::new(
        "unit.json",
        all.replace("\"*\",\"R", "\"s3:*\",\"R"),
    ));
    let proof = prove(&inputs).expect("a proof");
    assert!(
        proof
            .denied()
            .any(|(decided, _)| decided.call.step == Step::Assume)
    );
}

const WRITES: &str =
    "Action: s3:PutObject\n            Resource: arn:aws:s3:::codepipeline-output-bucket/*\n";

/// Returns the proof of the example with a change to one template.
fn changed(stack: usize, from: &str, to: &str) -> Proof {
    let mut inputs = inputs_of(&plan_of(""), false);
    let source = &inputs.stacks[stack].template;
    assert!(source.text().contains(from), "{from}");
    let text = source.text().replacen(from, to, 1);
    inputs.stacks[stack].template = Source::new(source.name(), text).into();
    prove(&inputs).expect("a proof")
}

#[test]
fn long_forms_and_conditions_of_other_tools_resolve() {
    let proof = changed(
        1,
        "Resource: !Sub \"arn:aws:kms:us-east-1:111111111111:key/${DeployKeyId}\"",
        "Resource:\n              Fn::Join:\n                - \":\"\n                - - arn\n                  - Ref: AWS::Partition\n                  - kms\n                  - !Select [0, !Split [\"/\", \"us-east-1/x\"]]\n                  - \"111111111111\"\n                  - Fn::Sub:\n                      - key/${Id}\n                      - Id: {Ref: DeployKeyId}",
    );
    assert_proven(&proof);
    let proof = changed(
        1,
        "Action: s3:PutObject\n            Resource: arn:aws:s3:::codepipeline-output-bucket/*",
        "Action: {\"Fn::If\": [Never, \"s3:DeleteObject\", \"s3:PutObject\"]}\n            Resource: {\"Fn::Sub\": \"${OutputBucket.Arn}/*\"}",
    );
    // The template does not define `Never` yet.
    assert_eq!(
        with(&proof, Verdict::Unproven),
        ["prod/deploy/s3:PutObject"]
    );
    let proof = changed(
        1,
        "Resources:\n",
        "Conditions:\n  Here: !Equals [!Ref AWS::AccountId, \"222222222222\"]\n  Never: !Not [!Or [!Condition Here, !Equals [a, b]]]\nResources:\n",
    );
    assert_proven(&proof);
}

#[test]
fn an_unresolved_value_is_reported_and_proves_nothing() {
    let proof = changed(
        1,
        "Resource: !Sub \"arn:aws:kms:us-east-1:111111111111:key/${DeployKeyId}\"",
        "Resource: !ImportValue dev-key",
    );
    assert_eq!(proof.denied().count(), 0);
    let decrypt = ["prod/decrypt/kms:Decrypt", "prod/decrypt/kms:DescribeKey"];
    assert_eq!(with(&proof, Verdict::Unproven), decrypt);
    let [doubt] = proof.doubts.as_slice() else {
        panic!("{:?}", proof.doubts);
    };
    let source = &proof.files[doubt.place.file];
    let line = source.line(source.position(doubt.place.span.start).line);
    assert_eq!(line.trim(), "Resource: !ImportValue dev-key");
    // In a Deny, the value could match anything.
    let proof = changed(
        0,
        "aws:SecureTransport: false\n          # An upload must request",
        "aws:SecureTransport: !ImportValue transport\n          # An upload must request",
    );
    assert_eq!(proof.denied().count(), 0);
    let unproven = proof
        .calls
        .iter()
        .filter(|(decided, _)| decided.verdict == Verdict::Unproven)
        .count();
    assert!(unproven > 5, "{unproven}");
    assert!(proof.has_unproven());
}

#[test]
fn a_denied_call_names_the_statement_to_add_and_its_position() {
    let proof = changed(1, WRITES, &WRITES.replace("s3:PutObject", "s3:PutObjekt"));
    let (decided, remedies) = proof.denied().next().expect("a denied call");
    assert_eq!(decided.call.id, "prod/deploy/s3:PutObject");
    let [remedy] = remedies.as_slice() else {
        panic!("{remedies:?}");
    };
    assert_eq!(remedy.resource.as_deref(), Some("OutputBucketDeployAccess"));
    assert_eq!(
        remedy.statement,
        "- Effect: Allow\n  Action: s3:PutObject\n  Resource: arn:aws:s3:::codepipeline-output-bucket/*\n  Condition:\n    StringEquals:\n      aws:ResourceAccount: \"222222222222\"\n"
    );
    let [unknown] = proof.excess.unknown.as_slice() else {
        panic!("{:?}", proof.excess.unknown);
    };
    assert_eq!(unknown.near, Some("s3:PutObject"));
}

/// Control policies apply only to the accounts of the stacks.
#[test]
fn control_policies_do_not_bind_other_accounts() {
    let allowed = |inputs: &Inputs, id: &str| {
        let proof = prove(inputs).expect("a proof");
        let mut found = proof.attacks_that(AttackResult::Allowed);
        found.any(|attack| attack.call.id == id)
    };
    let edited = |from: &str, to: &str| {
        let mut inputs = inputs_of(&plan_of(""), false);
        let source = &inputs.stacks[0].template;
        assert!(source.text().contains(from), "{from}");
        let text = source.text().replacen(from, to, 1);
        inputs.stacks[0].template = Source::new(source.name(), text).into();
        inputs
    };
    let deny = |principal: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny",{principal}"Action":"sts:AssumeRole","Resource":"*"}}]}}"#
        )
    };
    let all =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

    // The account of an attacker is not in the organization.
    let attack = "third-account-assumes-service-role";
    let trust = "              Service: codepipeline.amazonaws.com\n";
    let mut inputs = edited(trust, &format!("{trust}              AWS: \"*\"\n"));
    assert!(allowed(&inputs, attack));
    let scp = format!("[{all}, {}]", deny(""));
    inputs.scps.push(Source::new("scp.json", scp));
    assert!(
        allowed(&inputs, attack),
        "the SCP does not apply to the attacker"
    );
    let rcp = deny("\"Principal\":\"*\",");
    inputs.rcps.push(Source::new("rcp.json", &rcp));
    assert!(!allowed(&inputs, attack), "the RCP applies to the role");

    // The same applies to the owner of a role that trusts the service role.
    let attack = "service-role-assumes-namesake";
    let role = "              - arn:aws:iam::222222222222:role/prods3role\n";
    let mut inputs = edited(role, "              - \"*\"\n");
    assert!(allowed(&inputs, attack));
    inputs.rcps.push(Source::new("rcp.json", &rcp));
    assert!(allowed(&inputs, attack));
}

#[test]
fn a_resource_control_policy_with_an_unrelated_deny_changes_nothing() {
    let mut inputs = inputs_of(&plan_of(""), false);
    let rcp = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;
    inputs.rcps.push(Source::new("rcp.json", rcp));
    assert_proven(&prove(&inputs).expect("a proof"));
}

/// A call that AWS could not receive as a request still appears in the proof.
#[test]
fn a_call_without_a_request_is_unproven() {
    let proof = changed(
        0,
        "RoleArn: arn:aws:iam::222222222222:role/prods3role",
        "RoleArn: arn:aws:iam::2222:role/prods3role",
    );
    assert!(proof.has_unproven() || proof.has_errors());
    let mut reads = proof
        .calls
        .iter()
        .filter(|(decided, _)| decided.call.step == Step::Read);
    assert!(reads.any(|(decided, _)| {
        decided.verdict == Verdict::Unproven
            && decided.reason.because.contains("not a valid principal")
    }));
}

/// An empty parameter results in ARNs without a name. AWS accepts the policy.
#[test]
fn an_empty_parameter_is_read() {
    let mut inputs = inputs_of(&plan_of(""), false);
    let source = &inputs.stacks[1].template;
    let text = source
        .text()
        .replace(
            "BucketName: codepipeline-output-bucket\n",
            "BucketName: !Ref Name\n",
        )
        .replace(
            "Resources:\n",
            "  Name: {Type: String, Default: \"\"}\n\nResources:\n",
        )
        .replace(
            "Resource: arn:aws:s3:::codepipeline-output-bucket\n",
            "Resource: !GetAtt OutputBucket.Arn\n",
        );
    assert!(text.contains("!GetAtt OutputBucket.Arn"), "{text}");
    inputs.stacks[1].template = Source::new(source.name(), text).into();
    let proof = prove(&inputs).expect("the policies are read");
    assert!(!proof.calls.is_empty() && proof.has_errors());
}

#[test]
fn excess_names_the_actions() {
    let more = WRITES.replace("s3:PutObject", "[s3:PutObject, s3:DeleteObject]");
    let proof = changed(1, WRITES, &more);
    let found: Vec<_> = proof.excess.unexplained().collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].excess, ["s3:DeleteObject"]);
    let allowed: Vec<&str> = proof
        .attacks_that(AttackResult::Allowed)
        .map(|attack| attack.call.id.as_str())
        .collect();
    assert_eq!(allowed, ["deploy-role-deletes-objects"]);
}

#[test]
fn an_invalid_policy_is_a_problem_with_its_position() {
    let mut inputs = inputs_of(&plan_of(""), false);
    let text = inputs.stacks[1]
        .template
        .text()
        .replace("Effect: Allow", "Effect: Alow");
    inputs.stacks[1].template = Source::new("prod.yaml", text).into();
    let errors = prove(&inputs).expect_err("broken");
    assert_eq!(errors.len(), 1);
    assert!(errors[0].problems().len() >= 5);
}

fn s3ferry(folder: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_s3ferry"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("runs")
}

#[test]
fn the_exit_code_of_the_command_reports_the_result() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    assert_eq!(
        s3ferry(here, &["prove", "--example"]).status.code(),
        Some(0)
    );
    let out = s3ferry(here, &["prove", "--example", "--step", "dev"]);
    assert_eq!(out.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&out.stdout).contains("There is no pipeline after this step"));
    assert_eq!(
        s3ferry(here, &["prove", "--example", "--call", "nothing"])
            .status
            .code(),
        Some(2)
    );
    // A valid step without calls is not an error, but it is reported.
    let out = s3ferry(here, &["prove", "--example", "--call", "copy"]);
    assert_eq!(out.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&out.stdout).starts_with("Proven: "));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("has no step `copy`"), "{said}");
    let out = s3ferry(here, &["prove", "--example", "--call", "read"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!said.contains("has no step"), "{said}");
    assert_eq!(
        s3ferry(here, &["prove", "--example", "--dir", "nowhere"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        s3ferry(here, &["synth", "--example"]).status.code(),
        Some(0)
    );
    let path = here.join("stacks/prod.yaml");
    let text = std::fs::read_to_string(&path).expect("a template");
    std::fs::write(&path, text.replacen("- kms:Decrypt", "- kms:Sign", 1)).expect("written");
    let out = s3ferry(here, &["prove", "--example"]);
    assert_eq!(out.status.code(), Some(1));
    let shown = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        shown.contains("add to DevKmsS3Access, stacks/prod.yaml:"),
        "{shown}"
    );
    let out = s3ferry(here, &["prove", "--example", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_eq!(json["version"], 1);
    assert_eq!(json["proven"], false);
    let out = s3ferry(here, &["prove", "--example", "--format", "sarif"]);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let results = json["runs"][0]["results"].as_array().expect("results");
    assert!(
        results
            .iter()
            .any(|result| result["ruleId"] == "PROVE_CALL_DENIED")
    );
}
