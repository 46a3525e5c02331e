//! Keys: their states, their additional policies, and the keys of existing buckets.

use super::*;
use crate::plan::Plan;

const OWN: &str = "arn:aws:kms:us-east-1:111111111111:key/99999999-2222-4333-8444-555555555555";
const THEIRS: &str = "arn:aws:kms:us-east-1:222222222222:key/99999999-2222-4333-8444-555555555555";

fn shared(site: &mut Site, policy: Json) {
    site.key().others = Reading::Read(vec![Policy {
        name: "AWS_RAM".to_owned(),
        document: Reading::Read(policy),
    }]);
}

fn policy(statements: Json) -> Json {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[test]
fn outsiders_are_reported_by_the_name_of_the_policy_that_lets_them_in() {
    let outsider = json!({
        "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
        "Principal": { "AWS": ["arn:aws:iam::999999999999:root", "arn:aws:iam::222222222222:root"] },
    });
    let mut site = Site::new();
    shared(&mut site, policy(json!([outsider])));
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_KEY_POLICY");
    // The proof treats an outsider as an attacker.
    let consequences = finding.consequences.join("\n");
    assert!(
        consequences.contains("an attack is allowed: ")
            && consequences.contains("decrypts artifacts"),
        "{consequences}"
    );
    assert_eq!(
        finding.message,
        "its policy `AWS_RAM` allows principals outside this deployment: \
         `arn:aws:iam::999999999999:root`"
    );
    let mut site = Site::new();
    let live = read(&mut site.key().policy);
    statements(live).push(outsider);
    let diagnosis = site.diagnosis();
    let named = diagnosis.findings.iter();
    let named = named.filter(|finding| finding.message.starts_with("its policy `default` allows"));
    assert_eq!(named.count(), 1, "{:#?}", diagnosis.findings);
}

#[test]
fn both_policies_of_a_key_decide_together() {
    // A Deny in the second policy overrides the Allow in the first.
    let mut site = Site::new();
    let deny = json!({
        "Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
        "Condition": { "ArnEquals": { "aws:PrincipalArn": DEPLOY } },
    });
    shared(&mut site, policy(json!([deny])));
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_CALL_DENIED");
    assert!(
        finding.consequences[0].contains("step decrypt"),
        "{finding:#?}"
    );
    // The second policy can allow a call that the first does not allow.
    let mut site = Site::new();
    let live = read(&mut site.key().policy);
    let mut kept = statements(live).clone();
    let at = kept
        .iter()
        .position(|statement| statement["Sid"] == "DeployRoleDecryptsArtifactsProd");
    let moved = kept.remove(at.expect("the statement"));
    *statements(live) = kept;
    let error = site.only();
    assert_eq!(error.severity, Severity::Error);
    shared(&mut site, policy(moved));
    let warning = site.only();
    assert_eq!(warning.severity, Severity::Warning, "{warning:#?}");
    assert!(warning.consequences.is_empty());
}

#[test]
fn a_key_whose_policies_may_not_be_listed_leaves_its_use_undecided() {
    let mut site = Site::new();
    site.key().others = refused("kms:ListKeyPolicies");
    let diagnosis = site.diagnosis();
    assert_eq!(diagnosis.findings, []);
    let [unread] = diagnosis.unread.as_slice() else {
        panic!("{:?}", diagnosis.unread);
    };
    assert_eq!(unread.refusal.action, "kms:ListKeyPolicies");
    assert!(PERMISSIONS.contains(&"kms:ListKeyPolicies"));
    assert!(unread.what.starts_with("policy names"), "{}", unread.what);
    let (what, count) = diagnosis.undecided.first_key_value().expect("undecided");
    assert!(what.contains("the other policies of the key"), "{what}");
    // The calls by both roles that encrypt with, decrypt with, or describe the key, and the
    // administration of the key.
    assert_eq!(*count, 6, "{:?}", diagnosis.undecided);
    // The same applies if a listed policy cannot be read.
    let mut site = Site::new();
    site.key().others = Reading::Read(vec![Policy {
        name: "AWS_RAM".to_owned(),
        document: refused("kms:GetKeyPolicy"),
    }]);
    let diagnosis = site.diagnosis();
    assert_eq!(diagnosis.findings, []);
    assert!(
        diagnosis.unread[0]
            .what
            .starts_with("policy AWS_RAM of key")
    );
    assert_eq!(diagnosis.undecided.values().sum::<usize>(), 6);
}

#[test]
fn a_variable_of_the_older_language_stays_what_it_says() {
    let mut site = Site::new();
    let deny = json!({
        "Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
        "Condition": { "StringEquals": { "kms:CallerAccount": "${aws:PrincipalAccount}" } },
    });
    // Without a version, a variable is literal text, which matches no account.
    shared(&mut site, json!({ "Statement": [deny.clone()] }));
    assert_eq!(site.diagnosis().findings, []);
    shared(&mut site, policy(json!([deny])));
    assert!(!site.diagnosis().findings.is_empty());
}

#[test]
fn every_state_but_two_keeps_a_key_from_being_used() {
    for state in [
        "Disabled",
        "PendingDeletion",
        "PendingReplicaDeletion",
        "PendingImport",
        "Unavailable",
        "Creating",
        "SomethingNew",
    ] {
        let mut site = Site::new();
        site.key().state = state.to_owned();
        let finding = site.only();
        assert_eq!(finding.rule.code(), "DOCTOR_KEY_STATE", "{state}");
        let lines = finding.consequences.join("\n");
        assert!(
            lines.contains("cannot call kms:GenerateDataKey, kms:Decrypt"),
            "{lines}"
        );
        assert!(!lines.contains("DescribeKey"), "{lines}");
        // A grant does not change the result.
        site.key().grants = Reading::Read(vec![Grant {
            id: "1".to_owned(),
            grantee: DEPLOY.to_owned(),
            operations: vec!["Decrypt".to_owned()],
            is_constrained: false,
        }]);
        assert_eq!(site.only().consequences, finding.consequences);
    }
    let mut site = Site::new();
    site.key().state = "Updating".to_owned();
    assert_eq!(site.diagnosis().calls, 40);
}

/// Returns a site with existing buckets and the keys that the configuration names for them.
fn existing(source: &str, output: &str) -> Site {
    Site::of(&format!(
        "dev:\n  account: \"111111111111\"\n  source: {{create: false{source}}}\ntargets:\n  - name: \
         prod\n    account: \"222222222222\"\n    create: false\n{output}"
    ))
}

/// Sets the default encryption of a bucket to a key that delegates access to its account.
fn encrypt(site: &mut Site, bucket: &str, arn: &str) {
    site.bucket(bucket).encryption = Reading::Read(Encryption {
        algorithm: "aws:kms".to_owned(),
        key: Some(arn.to_owned()),
        bucket_key: true,
    });
    let account = arn.split(':').nth(4).unwrap();
    let mut key = site.key().clone();
    key.arn = arn.to_owned();
    key.aliases = Reading::Read(Vec::new());
    key.policy = Reading::Read(policy(json!([{
        "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": { "AWS": format!("arn:aws:iam::{account}:root") },
    }])));
    site.live.keys.insert(arn.to_owned(), Reading::Read(key));
}

#[test]
fn the_key_of_an_existing_bucket_must_be_in_the_configuration() {
    let mut site = existing("", "");
    encrypt(&mut site, SOURCE, OWN);
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_BUCKET_KEY");
    assert_eq!(finding.severity, Severity::Error);
    assert!(finding.message.contains(OWN), "{}", finding.message);
    assert!(
        finding.consequences[0].contains("step source-key") && finding.consequences.len() == 1,
        "{:?}",
        finding.consequences
    );
    let advice = format!("{:?}", finding.fixes);
    assert!(
        advice.contains("`encryption_key` under `dev.source`"),
        "{advice}"
    );

    let mut site = existing(&format!(", encryption_key: \"{OWN}\""), "");
    encrypt(&mut site, SOURCE, OWN);
    assert_eq!(site.diagnosis().findings, []);

    let mut site = existing("", "");
    encrypt(&mut site, OUTPUT, THEIRS);
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_BUCKET_KEY");
    assert!(
        finding.consequences[0].contains("step output-key"),
        "{finding:#?}"
    );
    let advice = format!("{:?}", finding.fixes);
    assert!(
        advice.contains("`encryption_key` of target `prod`"),
        "{advice}"
    );

    let mut site = existing("", &format!("    encryption_key: {THEIRS}\n"));
    encrypt(&mut site, OUTPUT, THEIRS);
    assert_eq!(site.diagnosis().findings, []);
}

#[test]
fn a_key_that_is_named_and_not_used_is_a_difference_only() {
    let mut site = existing(&format!(", encryption_key: \"{OWN}\""), "");
    let finding = site.only();
    assert_eq!(
        (finding.rule.code(), finding.severity),
        ("DOCTOR_BUCKET_KEY", Severity::Warning)
    );
    assert!(finding.message.contains("AES256"), "{}", finding.message);
    // The AWS managed key needs no permission, and the configuration does not name it.
    let mut managed = existing("", "");
    encrypt(&mut managed, SOURCE, OWN);
    read(managed.live.keys.get_mut(OWN).unwrap()).is_aws_managed = true;
    assert_eq!(managed.diagnosis().findings, []);
    // The default encryption of an artifact bucket does not matter: CodePipeline names the key.
    site = Site::of(
        "dev:\n  account: \"111111111111\"\n  artifacts: {create: false}\ntargets:\n  - name: \
         prod\n    account: \"222222222222\"\n",
    );
    encrypt(&mut site, ARTIFACTS, OWN);
    assert_eq!(site.diagnosis().findings, []);
}

#[test]
fn the_policy_of_an_existing_key_decides_as_well() {
    let config = format!(", encryption_key: \"{OWN}\"");
    let mut site = existing(&config, "");
    encrypt(&mut site, SOURCE, OWN);
    let key = read(site.live.keys.get_mut(OWN).unwrap());
    key.policy = Reading::Read(policy(json!([{
        "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Principal": { "AWS": "arn:aws:iam::111111111111:role/admin" },
    }])));
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_CALL_DENIED");
    assert!(
        finding.consequences[0].contains("step source-key"),
        "{finding:#?}"
    );
    // The key policy lacks the statement that `synth` prints.
    let document = Document::read(Source::new(
        "s3ferry.yaml",
        format!(
            "dev:\n  account: \"111111111111\"\n  source: {{create: false{config}}}\ntargets:\n  - \
             name: prod\n    account: \"222222222222\"\n"
        ),
    ));
    let plan = Plan::new(&document.unwrap().config).unwrap();
    let grant = crate::stacks::key_grants(&plan).pop().unwrap();
    let key = read(site.live.keys.get_mut(OWN).unwrap());
    let live = read(&mut key.policy);
    statements(live).push(grant.statement);
    assert_eq!(site.diagnosis().findings, []);
    // A policy that cannot be read leaves the call undecided.
    read(site.live.keys.get_mut(OWN).unwrap()).policy = refused("kms:GetKeyPolicy");
    let diagnosis = site.diagnosis();
    assert_eq!(diagnosis.findings, []);
    assert_eq!(
        diagnosis.undecided.values().sum::<usize>(),
        1,
        "{:?}",
        diagnosis.undecided
    );
}
