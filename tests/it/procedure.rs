//! Compares the templates with the procedure that the default configuration reproduces: its names,
//! and its policies, statement by statement.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::support::{Project, SMALL};

const DEV: &str = "111111111111";
const SERVICE_ROLE: &str = "arn:aws:iam::111111111111:role/service-role/AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy";
const ARTIFACTS: &str = "arn:aws:s3:::codepipeline-us-east-1-0123456789";
const OUTPUT: &str = "arn:aws:s3:::codepipeline-output-bucket";

/// Returns the dev and prod templates of the smallest configuration, followed by these settings.
fn templates(settings: &str) -> (Json, Json) {
    templates_of(&format!("{SMALL}{settings}"))
}

fn templates_of(config: &str) -> (Json, Json) {
    let project = Project::with(config);
    project.expect("synth --no-lint --format json", 0);
    let read = |name: &str| serde_json::from_str(&project.read(name)).expect("JSON");
    (read("stacks/dev.json"), read("stacks/prod.json"))
}

fn article() -> (Json, Json) {
    templates("permissions: article\n")
}

fn properties<'t>(template: &'t Json, id: &str) -> &'t Json {
    let properties = &template["Resources"][id]["Properties"];
    assert!(properties.is_object(), "{id} is missing");
    properties
}

fn policy<'t>(template: &'t Json, id: &str) -> &'t Json {
    &properties(template, id)["PolicyDocument"]
}

fn get_att(id: &str) -> Json {
    json!({ "Fn::GetAtt": [id, "Arn"] })
}

fn dev_key() -> Json {
    json!({ "Fn::Sub": format!("arn:aws:kms:us-east-1:{DEV}:key/${{DeployKeyId}}") })
}

/// Sorts every list of text: AWS reads actions, resources, and principals as sets.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), sorted(value)))
            .collect(),
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(sorted).collect();
            if items.iter().all(Json::is_string) {
                items.sort_by_key(Json::to_string);
            }
            Json::Array(items)
        }
        other => other.clone(),
    }
}

#[track_caller]
fn assert_same(found: &Json, wanted: &Json) {
    assert_eq!(
        format!("{:#}", sorted(found)),
        format!("{:#}", sorted(wanted))
    );
}

#[test]
fn article_outputbucketdeployaccess() {
    let (_, prod) = article();
    let wanted = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:Put*"],
                "Resource": [format!("{OUTPUT}/*")]
            },
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": [OUTPUT]
            }
        ]
    });
    assert_same(policy(&prod, "OutputBucketDeployAccess"), &wanted);
}

#[test]
fn article_devkmss3access() {
    let (_, prod) = article();
    let wanted = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "kms:DescribeKey",
                    "kms:GenerateDataKey*",
                    "kms:Encrypt",
                    "kms:ReEncrypt*",
                    "kms:Decrypt"
                ],
                "Resource": [dev_key()]
            },
            {
                "Effect": "Allow",
                "Action": ["s3:Get*"],
                "Resource": [format!("{ARTIFACTS}/*")]
            },
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": [ARTIFACTS]
            }
        ]
    });
    assert_same(policy(&prod, "DevKmsS3Access"), &wanted);
}

#[test]
fn article_trust_of_prods3role() {
    let (_, prod) = article();
    let wanted = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": { "AWS": [SERVICE_ROLE] },
                "Action": "sts:AssumeRole",
                "Condition": {}
            }
        ]
    });
    let role = properties(&prod, "DeployRole");
    assert_same(&role["AssumeRolePolicyDocument"], &wanted);
}

#[test]
fn article_artifact_bucket_policy() {
    let (dev, _) = article();
    // The article writes the boolean as text. The operator `Bool` accepts both forms.
    let wanted = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DenyUnEncryptedObjectUploads",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": format!("{ARTIFACTS}/*"),
                "Condition": {
                    "StringNotEquals": { "s3:x-amz-server-side-encryption": "aws:kms" }
                }
            },
            {
                "Sid": "DenyInsecureConnections",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": format!("{ARTIFACTS}/*"),
                "Condition": { "Bool": { "aws:SecureTransport": false } }
            },
            {
                "Sid": "",
                "Effect": "Allow",
                "Principal": { "AWS": "arn:aws:iam::222222222222:root" },
                "Action": ["s3:Get*", "s3:Put*"],
                "Resource": format!("{ARTIFACTS}/*")
            },
            {
                "Sid": "",
                "Effect": "Allow",
                "Principal": { "AWS": "arn:aws:iam::222222222222:root" },
                "Action": "s3:ListBucket",
                "Resource": ARTIFACTS
            }
        ]
    });
    assert_same(policy(&dev, "ArtifactBucketPolicy"), &wanted);
}

#[test]
fn article_assumeprods3role() {
    let (dev, _) = article();
    let wanted = json!({
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": ["arn:aws:iam::222222222222:role/prods3role"]
        }
    });
    assert_same(policy(&dev, "AssumeDeployRolesPolicy"), &wanted);
}

#[test]
fn article_key_users_are_prod_and_the_service_role() {
    let (dev, _) = article();
    let users = json!({ "AWS": [get_att("ServiceRole"), "arn:aws:iam::222222222222:root"] });
    let wanted = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": { "AWS": "arn:aws:iam::111111111111:root" },
                "Action": "kms:*",
                "Resource": "*"
            },
            {
                "Sid": "Allow use of the key",
                "Effect": "Allow",
                "Principal": users,
                "Action": [
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:DescribeKey"
                ],
                "Resource": "*"
            },
            {
                "Sid": "Allow attachment of persistent resources",
                "Effect": "Allow",
                "Principal": users,
                "Action": ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
                "Resource": "*",
                "Condition": { "Bool": { "kms:GrantIsForAWSResource": true } }
            }
        ]
    });
    assert_same(&properties(&dev, "DeployKey")["KeyPolicy"], &wanted);
}

#[test]
fn article_suppresses_the_findings_that_it_causes_with_a_reason() {
    let (dev, prod) = article();
    for (template, id) in [
        (&dev, "DeployKey"),
        (&dev, "ArtifactBucketPolicy"),
        (&prod, "OutputBucketDeployAccess"),
        (&prod, "DevKmsS3Access"),
    ] {
        let guard = &template["Resources"][id]["Metadata"]["guard"];
        let rules = guard["SuppressedRules"].as_array().expect(id);
        let mut because_of_article = 0;
        for rule in rules {
            let reason = guard["Reasons"][rule.as_str().expect("a name")].as_str();
            let reason = reason.expect("every suppression has a reason");
            because_of_article += usize::from(reason.contains("`permissions: article` is set"));
        }
        assert!(because_of_article > 0, "{id}");
    }
}

#[test]
fn the_example_has_the_names_of_the_procedure() {
    let (dev, prod) = templates("");
    let name = |template: &Json, id: &str, key: &str| {
        properties(template, id)[key].as_str().map(str::to_owned)
    };
    for (template, id, key, wanted) in [
        (&dev, "DeployKeyAlias", "AliasName", "alias/s3deploykey"),
        (
            &dev,
            "SourceBucket",
            "BucketName",
            "codepipeline-input-bucket",
        ),
        (
            &dev,
            "ArtifactBucket",
            "BucketName",
            "codepipeline-us-east-1-0123456789",
        ),
        (
            &dev,
            "ServiceRole",
            "RoleName",
            "AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy",
        ),
        (&dev, "ServiceRole", "Path", "/service-role/"),
        (
            &dev,
            "AssumeDeployRolesPolicy",
            "ManagedPolicyName",
            "assumeprods3role",
        ),
        (&dev, "Pipeline", "Name", "crossaccountdeploy"),
        (&dev, "Pipeline", "PipelineType", "V2"),
        (
            &prod,
            "OutputBucket",
            "BucketName",
            "codepipeline-output-bucket",
        ),
        (
            &prod,
            "OutputBucketDeployAccess",
            "ManagedPolicyName",
            "outputbucketdeployaccess",
        ),
        (
            &prod,
            "DevKmsS3Access",
            "ManagedPolicyName",
            "devkmss3access",
        ),
        (&prod, "DeployRole", "RoleName", "prods3role"),
    ] {
        assert_eq!(
            name(template, id, key).as_deref(),
            Some(wanted),
            "{id}.{key}"
        );
    }
    assert_eq!(properties(&prod, "DeployRole")["Path"], Json::Null);
}

#[test]
fn the_pipeline_matches_the_procedure() {
    let (dev, _) = templates("");
    let pipeline = properties(&dev, "Pipeline");
    let wanted = json!({
        "Type": "S3",
        "Location": { "Ref": "ArtifactBucket" },
        // The key has an ARN, because an alias or an ID would be resolved in the other account.
        "EncryptionKey": { "Id": get_att("DeployKey"), "Type": "KMS" }
    });
    assert_same(&pipeline["ArtifactStore"], &wanted);
    assert_eq!(pipeline["RoleArn"], get_att("ServiceRole"));
    let provider = |category: &str| json!({ "Category": category, "Owner": "AWS", "Provider": "S3", "Version": "1" });
    let stages = json!([
        {
            "Name": "Source",
            "Actions": [{
                "Name": "Source",
                "ActionTypeId": provider("Source"),
                "RunOrder": 1,
                "Region": "us-east-1",
                "Namespace": "SourceVariables",
                "Configuration": {
                    "S3Bucket": "codepipeline-input-bucket",
                    "S3ObjectKey": "sample-website.zip",
                    "PollForSourceChanges": "false"
                },
                "OutputArtifacts": [{ "Name": "SourceArtifact" }]
            }]
        },
        {
            "Name": "Deploy",
            "Actions": [{
                "Name": "Deploy",
                "ActionTypeId": provider("Deploy"),
                "RunOrder": 1,
                "RoleArn": "arn:aws:iam::222222222222:role/prods3role",
                "Region": "us-east-1",
                "Namespace": "DeployVariables",
                "Configuration": {
                    "BucketName": "codepipeline-output-bucket",
                    "Extract": "true"
                },
                "InputArtifacts": [{ "Name": "SourceArtifact" }]
            }]
        }
    ]);
    assert_same(&pipeline["Stages"], &stages);
}

#[test]
fn the_pipeline_depends_on_its_targets_and_on_its_policies() {
    let (dev, _) = templates("");
    let resources = dev["Resources"].as_object().expect("resources");
    let conditional: BTreeSet<&str> = resources
        .iter()
        .filter(|(_, resource)| resource["Condition"] == "PipelineCreated")
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(
        conditional,
        BTreeSet::from([
            "Pipeline",
            "ChangeRule",
            "ChangeRuleRole",
            "ChangeRulePolicy"
        ])
    );
    let waits = &resources["Pipeline"]["DependsOn"];
    for id in [
        "SourcePolicy",
        "ArtifactPolicy",
        "AssumeDeployRolesPolicy",
        "ArtifactBucketPolicy",
    ] {
        assert!(
            waits.as_array().expect("a list").contains(&json!(id)),
            "{id}"
        );
    }
    assert_same(
        &dev["Conditions"]["PipelineCreated"],
        &json!({ "Fn::Equals": [{ "Ref": "CreatePipeline" }, "true"] }),
    );
    assert_eq!(dev["Parameters"]["CreatePipeline"]["Default"], "false");
}

#[test]
fn the_key_matches_the_procedure_and_is_retained() {
    let (dev, prod) = templates("");
    let key = properties(&dev, "DeployKey");
    for (property, wanted) in [
        ("KeySpec", json!("SYMMETRIC_DEFAULT")),
        ("KeyUsage", json!("ENCRYPT_DECRYPT")),
        ("Origin", json!("AWS_KMS")),
        ("EnableKeyRotation", json!(true)),
        ("PendingWindowInDays", json!(30)),
        ("MultiRegion", Json::Null),
    ] {
        assert_eq!(key[property], wanted, "{property}");
    }
    let kept = ["AWS::KMS::Key", "AWS::S3::Bucket"];
    for template in [&dev, &prod] {
        for (id, resource) in template["Resources"].as_object().expect("resources") {
            let keeps = kept.contains(&resource["Type"].as_str().expect("a type"));
            let wanted = |policy: &str| if keeps { json!(policy) } else { Json::Null };
            assert_eq!(
                resource["DeletionPolicy"],
                wanted("RetainExceptOnCreate"),
                "{id}"
            );
            assert_eq!(resource["UpdateReplacePolicy"], wanted("Retain"), "{id}");
        }
    }
}

#[test]
fn eventbridge_reports_changes() {
    let (dev, _) = templates("");
    let rule = properties(&dev, "ChangeRule");
    assert_same(
        &rule["EventPattern"],
        &json!({
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {
                "bucket": { "name": ["codepipeline-input-bucket"] },
                "object": { "key": ["sample-website.zip"] }
            }
        }),
    );
    // The version in the event is the source revision (AWS CodePipeline, *Create an EventBridge
    // rule for an Amazon S3 source*). EventBridge itself puts quotes around the text.
    let transformer = &rule["Targets"][0]["InputTransformer"];
    assert_eq!(
        transformer["InputPathsMap"],
        json!({ "revision": "$.detail.object.version-id" })
    );
    let template = transformer["InputTemplate"].as_str().expect("text");
    let input: Json =
        serde_json::from_str(&template.replace("<revision>", "\"v1\"")).expect("JSON");
    let source = &properties(&dev, "Pipeline")["Stages"][0]["Actions"][0];
    assert_eq!(
        input,
        json!({ "sourceRevisions": [{
            "actionName": source["Name"],
            "revisionType": "S3_OBJECT_VERSION_ID",
            "revisionValue": "v1",
        }]})
    );
    assert_eq!(
        properties(&dev, "SourceBucket")["NotificationConfiguration"],
        json!({ "EventBridgeConfiguration": { "EventBridgeEnabled": true } })
    );
    let (dev, _) =
        templates_of(&SMALL.replace("targets:", "  source: {detect_changes: polling}\ntargets:"));
    let source = &properties(&dev, "Pipeline")["Stages"][0]["Actions"][0]["Configuration"];
    assert_eq!(source["PollForSourceChanges"], "true");
    for id in ["ChangeRule", "ChangeRuleRole", "ChangeRulePolicy"] {
        assert_eq!(dev["Resources"][id], Json::Null, "{id}");
    }
}

/// Returns all actions that a document allows, each with its resource.
fn grants(document: &Json) -> BTreeSet<(String, String)> {
    let one_or_many = |value: &Json| -> Vec<Json> {
        value
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![value.clone()])
    };
    let text = |value: &Json| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut found = BTreeSet::new();
    for statement in one_or_many(&document["Statement"]) {
        if statement["Effect"] != "Allow" {
            continue;
        }
        assert!(statement["NotAction"].is_null() && statement["NotResource"].is_null());
        for action in one_or_many(&statement["Action"]) {
            for resource in one_or_many(&statement["Resource"]) {
                found.insert((text(&action), text(&resource)));
            }
        }
    }
    found
}

/// Actions on a resource.
type Grant<'g> = (&'g [&'g str], &'g str);

#[track_caller]
fn assert_grants(document: &Json, wanted: &[Grant<'_>]) {
    let wanted: BTreeSet<(String, String)> = wanted
        .iter()
        .flat_map(|(actions, resource)| {
            actions
                .iter()
                .map(|action| ((*action).to_owned(), (*resource).to_owned()))
        })
        .collect();
    assert_eq!(grants(document), wanted);
}

const BUCKET_READS: [&str; 3] = [
    "s3:GetBucketVersioning",
    "s3:GetBucketAcl",
    "s3:GetBucketLocation",
];

#[test]
fn least_the_service_role_reads_the_source() {
    let (dev, _) = templates("");
    assert_grants(
        policy(&dev, "SourcePolicy"),
        &[
            (&BUCKET_READS, "arn:aws:s3:::codepipeline-input-bucket"),
            (&["s3:ListBucket"], "arn:aws:s3:::codepipeline-input-bucket"),
            (
                &[
                    "s3:GetObject",
                    "s3:GetObjectVersion",
                    "s3:GetObjectTagging",
                    "s3:GetObjectVersionTagging",
                ],
                "arn:aws:s3:::codepipeline-input-bucket/sample-website.zip",
            ),
        ],
    );
}

#[test]
fn least_the_service_role_stores_and_encrypts() {
    let (dev, _) = templates("");
    let objects = format!("{ARTIFACTS}/crossaccountdeploy/*");
    let key = get_att("DeployKey").to_string();
    assert_grants(
        policy(&dev, "ArtifactPolicy"),
        &[
            (&BUCKET_READS, ARTIFACTS),
            (
                &[
                    "s3:PutObject",
                    "s3:PutObjectAcl",
                    "s3:GetObject",
                    "s3:GetObjectVersion",
                    "s3:PutObjectTagging",
                    "s3:GetObjectTagging",
                    "s3:GetObjectVersionTagging",
                ],
                &objects,
            ),
            (
                &["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"],
                &key,
            ),
        ],
    );
}

#[test]
fn least_the_service_role_assumes_the_deploy_role_and_starts_nothing() {
    let (dev, prod) = templates("");
    assert_grants(
        policy(&dev, "AssumeDeployRolesPolicy"),
        &[(
            &["sts:AssumeRole"],
            "arn:aws:iam::222222222222:role/prods3role",
        )],
    );
    let wanted = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "ServiceRoleAssumesTheRole",
            "Effect": "Allow",
            "Principal": { "AWS": [SERVICE_ROLE] },
            "Action": "sts:AssumeRole"
        }]
    });
    let role = properties(&prod, "DeployRole");
    assert_same(&role["AssumeRolePolicyDocument"], &wanted);
    // There is no source condition, because AWS does not document that CodePipeline sends one of
    // its condition keys.
    let wanted = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "CodePipelineAssumesTheRole",
            "Effect": "Allow",
            "Principal": { "Service": "codepipeline.amazonaws.com" },
            "Action": "sts:AssumeRole"
        }]
    });
    let role = properties(&dev, "ServiceRole");
    assert_same(&role["AssumeRolePolicyDocument"], &wanted);
}

#[test]
fn least_the_rule_starts_only_this_pipeline() {
    let (dev, _) = templates("");
    assert_grants(
        policy(&dev, "ChangeRulePolicy"),
        &[(
            &["codepipeline:StartPipelineExecution"],
            "arn:aws:codepipeline:us-east-1:111111111111:crossaccountdeploy",
        )],
    );
    let trust = &properties(&dev, "ChangeRuleRole")["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(
        trust["Principal"],
        json!({ "Service": "events.amazonaws.com" })
    );
    assert_eq!(
        trust["Condition"],
        json!({
            "ArnEquals": {
                "aws:SourceArn":
                    "arn:aws:events:us-east-1:111111111111:rule/crossaccountdeploy-us-east-1-start"
            },
            "StringEquals": { "aws:SourceAccount": DEV }
        })
    );
}

#[test]
fn least_the_deploy_role_reads_and_decrypts_the_artifact() {
    let (dev, prod) = templates("");
    let objects = format!("{ARTIFACTS}/crossaccountdeploy/*");
    let key = dev_key().to_string();
    let reads: &[Grant<'_>] = &[
        (&["s3:GetObject", "s3:GetObjectVersion"], &objects),
        (&["s3:ListBucket"], ARTIFACTS),
    ];
    let mut with_key = reads.to_vec();
    with_key.push((&["kms:Decrypt", "kms:DescribeKey"], &key));
    assert_grants(policy(&prod, "DevKmsS3Access"), &with_key);
    // The bucket policy allows the same, for that role only.
    let bucket = policy(&dev, "ArtifactBucketPolicy");
    assert_grants(bucket, reads);
    let statements = bucket["Statement"].as_array().expect("a list");
    for statement in statements.iter().filter(|one| one["Effect"] == "Allow") {
        assert_eq!(
            statement["Principal"],
            json!({ "AWS": "arn:aws:iam::222222222222:root" })
        );
        assert_eq!(statement["Condition"], only_prods3role());
    }
}

/// Returns the policy and the account for each statement of a role on a bucket. Asserts that every
/// statement on a bucket or its objects has a condition for the account, and that no other
/// statement has a condition.
fn accounts_of_buckets(template: &Json) -> Vec<(String, Json)> {
    let resources = template["Resources"].as_object().expect("resources");
    let policies = resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == "AWS::IAM::ManagedPolicy");
    let mut found = Vec::new();
    for (id, policy) in policies {
        let statements = policy["Properties"]["PolicyDocument"]["Statement"].as_array();
        for statement in statements.expect("a list") {
            let condition = statement["Condition"].as_object();
            if !statement["Resource"].to_string().contains(":s3:::") {
                assert_eq!(condition, None, "{id}");
                continue;
            }
            let operators: Vec<&String> = condition.expect("a condition").keys().collect();
            assert_eq!(operators, ["StringEquals"], "{id}");
            let keys = statement["Condition"]["StringEquals"].as_object();
            let keys = keys.expect("keys");
            assert_eq!(keys.len(), 1, "{id}");
            found.push((id.clone(), keys["aws:ResourceAccount"].clone()));
        }
    }
    found.sort_by_key(|(id, _)| id.clone());
    found
}

fn owned(policies: &[(&str, usize, Json)]) -> Vec<(String, Json)> {
    let policies = policies.iter().flat_map(|(id, statements, account)| {
        std::iter::repeat_n(((*id).to_owned(), account.clone()), *statements)
    });
    policies.collect()
}

#[test]
fn least_every_grant_on_a_bucket_names_the_account_that_owns_it() {
    for settings in ["", "    tagged_objects: true\n"] {
        let (dev, prod) = templates_of(&format!("{SMALL}{settings}"));
        let dev_buckets = owned(&[
            ("ArtifactPolicy", 2, json!(DEV)),
            ("SourcePolicy", 3, json!(DEV)),
        ]);
        assert_eq!(accounts_of_buckets(&dev), dev_buckets);
        let writes = if settings.is_empty() { 2 } else { 3 };
        let prod_buckets = owned(&[
            // The artifacts belong to dev.
            ("DevKmsS3Access", 2, json!(DEV)),
            ("OutputBucketDeployAccess", writes, json!("222222222222")),
        ]);
        assert_eq!(accounts_of_buckets(&prod), prod_buckets);
    }
    let fleet = SMALL.replace(
        "account: \"222222222222\"",
        "accounts: [\"222222222222\", \"333333333333\"]\n    bucket: out-{account}",
    );
    let (_, prod) = templates_of(&fleet);
    let own = json!({ "Fn::Sub": "${AWS::AccountId}" });
    let wanted = owned(&[
        ("DevKmsS3Access", 2, json!(DEV)),
        ("OutputBucketDeployAccess", 2, own),
    ]);
    assert_eq!(accounts_of_buckets(&prod), wanted);
}

#[test]
fn least_the_source_of_an_existing_pipeline_is_listed_too() {
    let existing = "  source: {create: false}\n  pipeline:\n    create: false\n    service_role: \
                    arn:aws:iam::111111111111:role/mine\ntargets:";
    let (dev, _) = templates_of(&SMALL.replace("targets:", existing));
    let source = policy(&dev, "SourcePolicy");
    let lists: Vec<&Json> = (source["Statement"].as_array().expect("a list").iter())
        .filter(|statement| statement["Action"] == "s3:ListBucket")
        .collect();
    assert_eq!(lists.len(), 1);
    assert_eq!(
        lists[0]["Resource"],
        "arn:aws:s3:::codepipeline-input-bucket"
    );
    // S3 does not document an s3:prefix for the check of a missing object.
    let only_account = json!({ "StringEquals": { "aws:ResourceAccount": DEV } });
    assert_eq!(lists[0]["Condition"], only_account);
    assert_eq!(properties(&dev, "SourcePolicy")["Roles"], json!(["mine"]));
}

#[test]
fn article_the_service_role_is_also_limited_to_its_own_account() {
    let (mut dev, _) = article();
    // This policy of the procedure does not apply to a bucket, and its only statement is not in a
    // list.
    let resources = dev["Resources"].as_object_mut().expect("resources");
    resources.remove("AssumeDeployRolesPolicy");
    let wanted = owned(&[
        ("ArtifactPolicy", 2, json!(DEV)),
        ("SourcePolicy", 3, json!(DEV)),
    ]);
    assert_eq!(accounts_of_buckets(&dev), wanted);
}

/// The deploy role reads the tags of the artifact, and writes the tags of the files.
#[test]
fn tagged_objects_grants_the_deploy_role_access_to_tags() {
    let tagged = format!("{SMALL}    tagged_objects: true\n    path: site\n");
    let artifacts = format!("{ARTIFACTS}/crossaccountdeploy/*");
    let reads: &[&str] = &["s3:GetObjectTagging", "s3:GetObjectVersionTagging"];
    let written = format!("{OUTPUT}/site/*");
    let pairs = |actions: &[&str], on: &str| -> BTreeSet<(String, String)> {
        let actions = actions.iter();
        actions
            .map(|action| ((*action).to_owned(), on.to_owned()))
            .collect()
    };
    let (dev, prod) = templates_of(&tagged);
    let (plain_dev, plain_prod) = templates_of(&format!("{SMALL}    path: site\n"));
    let added = |id: &str, now: &Json, before: &Json| -> BTreeSet<(String, String)> {
        let (now, before) = (grants(policy(now, id)), grants(policy(before, id)));
        assert!(before.is_subset(&now), "{id}");
        now.difference(&before).cloned().collect()
    };
    assert_eq!(
        added("DevKmsS3Access", &prod, &plain_prod),
        pairs(reads, &artifacts)
    );
    assert_eq!(
        added("ArtifactBucketPolicy", &dev, &plain_dev),
        pairs(reads, &artifacts)
    );
    let writes = [reads, &["s3:PutObjectTagging"]].concat();
    assert_eq!(
        added("OutputBucketDeployAccess", &prod, &plain_prod),
        pairs(&writes, &written)
    );
    // The wildcards of the procedure also cover the tags of artifacts and the writing of tags.
    let article = "permissions: article\n";
    let (dev, prod) = templates_of(&format!("{tagged}{article}"));
    let (plain_dev, plain_prod) = templates_of(&format!("{SMALL}    path: site\n{article}"));
    assert!(added("DevKmsS3Access", &prod, &plain_prod).is_empty());
    assert!(added("ArtifactBucketPolicy", &dev, &plain_dev).is_empty());
    assert_eq!(
        added("OutputBucketDeployAccess", &prod, &plain_prod),
        pairs(&writes, &written)
    );
}

#[test]
fn tagged_objects_of_one_target_grants_no_access_to_another() {
    let many =
        |tagged: usize, all: usize| {
            let targets: String = (0..all)
            .map(|n| {
                let option = if n < tagged { ", tagged_objects: true" } else { "" };
                format!(
                    "  - {{name: t{n}, account: \"2222222222{n:02}\", bucket: out-{n}{option}}}\n"
                )
            })
            .collect();
            let project = Project::with(&format!(
                "dev:\n  account: \"111111111111\"\ntargets:\n{targets}"
            ));
            project.expect("synth --no-lint --format json", 0);
            serde_json::from_str::<Json>(&project.read("stacks/dev.json")).expect("JSON")
        };
    // A few targets have one statement each. Many targets share one statement, and those with tags
    // share another.
    for (tagged, all) in [(1, 3), (2, 30), (29, 30)] {
        let dev = many(tagged, all);
        let statements = policy(&dev, "ArtifactBucketPolicy")["Statement"].clone();
        let statements = statements.as_array().expect("a list");
        let mut sids = BTreeSet::new();
        let (mut with, mut without) = (BTreeSet::new(), BTreeSet::new());
        for statement in statements {
            assert!(sids.insert(statement["Sid"].to_string()), "{statement:#}");
            let actions = statement["Action"].to_string();
            if statement["Effect"] != "Allow" || !actions.contains("\"s3:GetObject\"") {
                continue;
            }
            let roles = statement["Condition"]["ArnEquals"]["aws:PrincipalArn"].clone();
            let roles = roles.as_array().cloned().unwrap_or_else(|| vec![roles]);
            let roles = roles.iter().map(Json::to_string);
            if actions.contains("GetObjectVersionTagging") {
                with.extend(roles);
            } else {
                without.extend(roles);
            }
        }
        let role = |n: usize| format!("\"arn:aws:iam::2222222222{n:02}:role/t{n}s3role\"");
        assert_eq!(with, (0..tagged).map(role).collect());
        assert_eq!(without, (tagged..all).map(role).collect());
    }
}

fn only_prods3role() -> Json {
    json!({ "ArnEquals": { "aws:PrincipalArn": "arn:aws:iam::222222222222:role/prods3role" } })
}

#[test]
fn least_the_key_policy() {
    let (dev, _) = templates("");
    let wanted = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AccountAdministration",
                "Effect": "Allow",
                "Principal": { "AWS": "arn:aws:iam::111111111111:root" },
                "Action": "kms:*",
                "Resource": "*"
            },
            {
                "Sid": "ServiceRoleEncryptsArtifacts",
                "Effect": "Allow",
                "Principal": { "AWS": get_att("ServiceRole") },
                "Action": ["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"],
                "Resource": "*"
            },
            {
                "Sid": "DeployRoleDecryptsArtifactsProd",
                "Effect": "Allow",
                "Principal": { "AWS": "arn:aws:iam::222222222222:root" },
                "Action": ["kms:Decrypt", "kms:DescribeKey"],
                "Resource": "*",
                "Condition": only_prods3role()
            }
        ]
    });
    assert_same(&properties(&dev, "DeployKey")["KeyPolicy"], &wanted);
}

#[test]
fn least_denies_in_the_artifact_bucket_are_the_documented_ones() {
    let (dev, _) = templates("");
    let document = policy(&dev, "ArtifactBucketPolicy");
    let denials: Vec<Json> = document["Statement"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|statement| statement["Effect"] == "Deny")
        .map(|statement| {
            json!([
                statement["Principal"],
                statement["Action"],
                statement["Resource"],
                statement["Condition"]
            ])
        })
        .collect();
    let objects = format!("{ARTIFACTS}/*");
    let header = "s3:x-amz-server-side-encryption-aws-kms-key-id";
    let wanted = json!([
        ["*", "s3:*", [ARTIFACTS, objects],
            { "Bool": { "aws:SecureTransport": false } }],
        ["*", "s3:PutObject", objects,
            { "StringNotEquals": { "s3:x-amz-server-side-encryption": "aws:kms" } }],
        ["*", "s3:PutObject", objects,
            { "StringNotEquals": { header: get_att("DeployKey") }, "Null": { header: false } }],
    ]);
    assert_eq!(json!(denials), wanted);
}

/// The permissions of the deploy role on the output bucket depend on the target's settings.
#[test]
fn least_the_deploy_role_writes_the_output() {
    let all = format!("{OUTPUT}/*");
    let bucket_reads: Grant<'_> = (
        &[
            "s3:ListBucket",
            "s3:GetBucketVersioning",
            "s3:GetBucketAcl",
            "s3:GetBucketLocation",
        ],
        OUTPUT,
    );
    let key = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    let folder = format!("{OUTPUT}/site/assets/*");
    let object = format!("{OUTPUT}/out/site.zip");
    let acl: &[&str] = &["s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"];
    let put: &[&str] = &["s3:PutObject"];
    let cases: [(&str, Vec<Grant<'_>>); 5] = [
        ("", vec![(put, &all)]),
        (
            "    canned_acl: bucket-owner-full-control\n",
            vec![(acl, &all)],
        ),
        ("    path: site/assets\n", vec![(put, &folder)]),
        (
            "    extract: false\n    object_key: out/site.zip\n",
            vec![(put, &object)],
        ),
        (
            &format!("    encryption_key: {key}\n"),
            vec![(put, &all), (&["kms:GenerateDataKey", "kms:Decrypt"], key)],
        ),
    ];
    for (settings, mut wanted) in cases {
        let (_, prod) = templates_of(&format!("{SMALL}{settings}"));
        wanted.push(bucket_reads);
        assert_grants(policy(&prod, "OutputBucketDeployAccess"), &wanted);
    }
}

#[test]
fn no_other_policy_grants_anything() {
    let (dev, prod) = templates("");
    let mut with_policies = BTreeSet::new();
    for template in [&dev, &prod] {
        for (id, resource) in template["Resources"].as_object().expect("resources") {
            let properties = &resource["Properties"];
            for inline in ["Policies", "ManagedPolicyArns"] {
                assert_eq!(properties[inline], Json::Null, "{id}");
            }
            if !grants(&properties["PolicyDocument"]).is_empty() {
                with_policies.insert(id.as_str());
            }
        }
    }
    // Each policy is compared above, except those of the log buckets, to which S3 itself writes.
    assert_eq!(
        with_policies,
        BTreeSet::from([
            "ArtifactBucketPolicy",
            "ArtifactPolicy",
            "AssumeDeployRolesPolicy",
            "ChangeRulePolicy",
            "DevKmsS3Access",
            "LogBucketPolicy",
            "OutputBucketDeployAccess",
            "SourcePolicy",
        ])
    );
    let logs = policy(&prod, "LogBucketPolicy");
    assert_grants(
        logs,
        &[(
            &["s3:PutObject"],
            "arn:aws:s3:::codepipeline-output-bucket-logs/*",
        )],
    );
    assert_eq!(
        logs["Statement"][1]["Condition"],
        json!({
            "ArnLike": { "aws:SourceArn": [OUTPUT] },
            "StringEquals": { "aws:SourceAccount": "222222222222" }
        })
    );
}

#[test]
fn every_cross_account_statement_contains_the_organization() {
    let (dev, _) = templates("organization: o-exampleorg1\n");
    let documents = [
        policy(&dev, "ArtifactBucketPolicy"),
        &properties(&dev, "DeployKey")["KeyPolicy"],
    ];
    let mut seen = 0;
    for document in documents {
        for statement in document["Statement"].as_array().expect("a list") {
            if statement["Principal"]["AWS"] == "arn:aws:iam::222222222222:root" {
                let condition = &statement["Condition"];
                assert_eq!(
                    condition["StringEquals"],
                    json!({ "aws:PrincipalOrgID": "o-exampleorg1" })
                );
                assert_eq!(condition["ArnEquals"], only_prods3role()["ArnEquals"]);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 3);
}
