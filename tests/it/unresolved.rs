//! Values in a template that cannot be resolved, and duplicate definitions. The proof ignores none
//! of them.

use s3ferry::diagnostic::Source;
use s3ferry::policy::evaluation::{Layer, Outcome};
use s3ferry::proof::{Inputs, Proof, Verdict, prove};
use serde_json::{Value as Json, json};

use crate::prove::{change, inputs_of, plan_of, with};

/// A change to a template, with its name.
type Edit = (&'static str, fn(&mut Json));

const DEV: usize = 0;
const PROD: usize = 1;

fn changed(stack: usize, edit: impl FnOnce(&mut Json)) -> Inputs {
    let mut inputs = inputs_of(&plan_of(""), true);
    change(&mut inputs, stack, |template| {
        // The result of this condition is unknown.
        template["Parameters"]["Who"] = json!({ "Type": "String" });
        template["Conditions"]["Unknown"] = json!({ "Fn::Equals": [{ "Ref": "Who" }, "x"] });
        edit(template);
    });
    inputs
}

fn proven(stack: usize, edit: impl FnOnce(&mut Json)) -> Proof {
    prove(&changed(stack, edit)).expect("a proof")
}

fn unproven(proof: &Proof) -> Vec<&str> {
    with(proof, Verdict::Unproven)
}

fn deny() -> Json {
    json!({ "Version": "2012-10-17", "Statement":
        { "Effect": "Deny", "Action": "*", "Resource": "*" } })
}

fn role(template: &mut Json) -> &mut Json {
    &mut template["Resources"]["DeployRole"]["Properties"]
}

fn either(value: Json) -> Json {
    json!({ "Fn::If": ["Unknown", value, { "Ref": "AWS::NoValue" }] })
}

/// Edits of prod's template. Each of them could take all permissions from the deploy role.
const OF_THE_ROLE: [Edit; 9] = [
    ("inline policies under a condition", |template| {
        let policy = json!([{ "PolicyName": "p", "PolicyDocument": deny() }]);
        role(template)["Policies"] = either(policy);
    }),
    ("an inline policy under a condition", |template| {
        let policy = json!({ "PolicyName": "p", "PolicyDocument": deny() });
        role(template)["Policies"] = json!([either(policy)]);
    }),
    ("managed policies by a parameter", |template| {
        template["Parameters"]["Arns"] = json!({ "Type": "CommaDelimitedList" });
        role(template)["ManagedPolicyArns"] = json!({ "Ref": "Arns" });
    }),
    ("a policy whose role is a parameter", |template| {
        template["Resources"]["Somebodys"] = json!({ "Type": "AWS::IAM::Policy", "Properties": {
            "PolicyName": "p", "Roles": [{ "Ref": "Who" }], "PolicyDocument": deny() } });
    }),
    ("a policy whose role is a dynamic reference", |template| {
        template["Resources"]["Somebodys"] = json!({ "Type": "AWS::IAM::Policy", "Properties": {
            "PolicyName": "p", "Roles": ["{{resolve:ssm:/role}}"], "PolicyDocument": deny() } });
    }),
    ("a policy resource under a condition", |template| {
        template["Resources"]["Maybe"] = json!({ "Type": "AWS::IAM::Policy", "Condition": "Unknown",
            "Properties": { "PolicyName": "p", "Roles": [{ "Ref": "DeployRole" }],
                "PolicyDocument": deny() } });
    }),
    ("a loop", |template| {
        template["Resources"]["Fn::ForEach::Deny"] = json!(["X", ["A"], { "Deny${X}": {
            "Type": "AWS::IAM::Policy", "Properties": { "PolicyName": "p",
                "Roles": [{ "Ref": "DeployRole" }], "PolicyDocument": deny() } } }]);
    }),
    ("a macro", |template| {
        template["Transform"] = json!(["CompanyGuardrails"])
    }),
    ("a second role resource with the same name", |template| {
        template["Resources"]["Twin"] = template["Resources"]["DeployRole"].clone();
    }),
];

#[test]
fn no_possible_policy_of_a_role_is_ignored() {
    for (name, edit) in OF_THE_ROLE {
        let proof = proven(PROD, edit);
        let unproven = unproven(&proof);
        for id in ["prod/read/s3:GetObject", "prod/deploy/s3:PutObject"] {
            assert!(unproven.contains(&id), "{name}: {id}: {unproven:?}");
        }
        assert!(!proof.has_errors() && proof.has_unproven(), "{name}");
    }
}

#[test]
fn only_the_affected_layer_is_unknown() {
    // The address that CodePipeline sends its requests from is unknown.
    let proof = proven(PROD, |template| {
        let mut policy = deny();
        policy["Statement"]["Condition"] =
            json!({ "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } });
        role(template)["Policies"] = json!([{ "PolicyName": "p", "PolicyDocument": policy }]);
    });
    let id = "prod/read/s3:GetObject";
    let mut calls = proof.calls.iter().map(|(decided, _)| decided);
    let decided = calls.find(|decided| decided.call.id == id).expect(id);
    let says = |asked: Layer| {
        let mut layers = decided.reason.layers.iter();
        layers
            .find(|layer| layer.layer == asked)
            .map(|layer| layer.outcome)
    };
    // The policy of the role could deny the call. The bucket policy, which has no condition, allows
    // it.
    assert_eq!(says(Layer::IdentityPolicies), Some(Outcome::Unknown));
    assert_eq!(says(Layer::ResourcePolicy), Some(Outcome::Allows));
}

#[test]
fn a_parameter_decides_an_unknown_value() {
    let (_, edit) = OF_THE_ROLE[0];
    for (value, fails) in [("x", true), ("y", false)] {
        let mut inputs = changed(PROD, edit);
        inputs.parameters.push(("Who".to_owned(), value.to_owned()));
        let proof = prove(&inputs).expect("a proof");
        assert_eq!(unproven(&proof), Vec::<&str>::new(), "{value}");
        assert_eq!(proof.has_errors(), fails, "{value}");
    }
}

#[test]
fn a_bucket_that_is_defined_twice_or_has_two_policies_is_unproven() {
    let edits: [Edit; 3] = [
        ("two policies", |template| {
            let mut second = template["Resources"]["OutputBucketPolicy"].clone();
            second["Properties"]["PolicyDocument"]["Statement"] = json!([{ "Effect": "Deny",
                "Principal": "*", "Action": "s3:*",
                "Resource": "arn:aws:s3:::codepipeline-output-bucket/*" }]);
            template["Resources"]["AFirst"] = second;
        }),
        ("two buckets", |template| {
            template["Resources"]["Twin"] = template["Resources"]["OutputBucket"].clone();
        }),
        ("a bucket under a condition", |template| {
            template["Resources"]["OutputBucket"]["Condition"] = json!("Unknown");
        }),
    ];
    for (name, edit) in edits {
        let proof = proven(PROD, edit);
        let unproven = unproven(&proof);
        assert!(
            unproven.contains(&"prod/deploy/s3:PutObject"),
            "{name}: {unproven:?}"
        );
    }
}

#[test]
fn settings_with_unknown_values_are_unproven() {
    let edits: [Edit; 3] = [
        ("ObjectKey", |settings| {
            settings["ObjectKey"] = json!("#{SourceVariables.VersionId}")
        }),
        ("BucketName", |settings| {
            settings["BucketName"] = json!("#{variables.bucket}")
        }),
        ("a dynamic reference", |settings| {
            settings["ObjectKey"] = json!("{{resolve:ssm:/path}}")
        }),
    ];
    for (name, edit) in edits {
        let proof = proven(DEV, |template| {
            let stages = &mut template["Resources"]["Pipeline"]["Properties"]["Stages"];
            edit(&mut stages[1]["Actions"][0]["Configuration"]);
        });
        let unproven = unproven(&proof);
        let is_upload = |id: &&str| id.starts_with("prod/deploy/s3:");
        assert!(unproven.iter().any(is_upload), "{name}: {unproven:?}");
    }
}

#[test]
fn resources_of_other_templates_leave_calls_unproven() {
    for kind in [
        "AWS::CloudFormation::Stack",
        "AWS::CloudFormation::CustomResource",
        "Custom::Guardrails",
        "AWS::Organizations::Policy",
    ] {
        let proof = proven(PROD, |template| {
            template["Resources"]["Other"] = json!({ "Type": kind, "Properties": {} });
        });
        assert!(proof.has_unproven() && !proof.has_errors(), "{kind}");
    }
}

#[test]
fn a_pipeline_that_codepipeline_rejects_is_an_error() {
    let edits: [Edit; 8] = [
        ("no stages", |pipeline| pipeline["Stages"] = json!([])),
        ("one stage", |pipeline| {
            pipeline["Stages"]
                .as_array_mut()
                .expect("stages")
                .truncate(1);
        }),
        ("no store in the region", |pipeline| {
            pipeline["Stages"][1]["Actions"][0]["Region"] = json!("eu-west-1");
        }),
        ("an artifact that no action produces", |pipeline| {
            pipeline["Stages"][1]["Actions"][0]["InputArtifacts"][0]["Name"] = json!("Nope");
        }),
        ("no artifact", |pipeline| {
            let action = &mut pipeline["Stages"][1]["Actions"][0];
            action
                .as_object_mut()
                .expect("an action")
                .remove("InputArtifacts");
        }),
        ("no Extract", |pipeline| {
            let settings = &mut pipeline["Stages"][1]["Actions"][0]["Configuration"];
            settings
                .as_object_mut()
                .expect("settings")
                .remove("Extract");
        }),
        ("one object without a key", |pipeline| {
            pipeline["Stages"][1]["Actions"][0]["Configuration"]["Extract"] = json!("false");
        }),
        ("a service role of another account", |pipeline| {
            pipeline["RoleArn"] = json!("arn:aws:iam::222222222222:role/prods3role");
        }),
    ];
    for (name, edit) in edits {
        let proof = proven(DEV, |template| {
            edit(&mut template["Resources"]["Pipeline"]["Properties"]);
        });
        assert!(!proof.obstacles.is_empty() && proof.has_errors(), "{name}");
    }
    let proof = proven(DEV, |template| {
        let bucket = &mut template["Resources"]["SourceBucket"]["Properties"];
        bucket
            .as_object_mut()
            .expect("a bucket")
            .remove("VersioningConfiguration");
    });
    assert!(proof.obstacles[0].reason.contains("versioning"));
}

#[test]
fn a_text_that_grows_exponentially_is_unknown() {
    let proof = proven(DEV, |template| {
        template["Resources"]["B0"] =
            json!({ "Type": "AWS::S3::Bucket", "Properties": { "BucketName": "ab" } });
        for number in 1..40 {
            let before = number - 1;
            template["Resources"][format!("B{number}")] = json!({ "Type": "AWS::S3::Bucket", "Properties": { "BucketName":
                    { "Fn::Sub": format!("${{B{before}}}${{B{before}}}") } } });
        }
    });
    assert!(
        proof
            .doubts
            .iter()
            .any(|doubt| doubt.reason.contains("name is unknown"))
    );
}

#[test]
fn an_organization_can_deny_everything_to_root_users() {
    let mut inputs = inputs_of(&plan_of(""), true);
    inputs.scps.push(Source::new(
        "root.json",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*",
             "Condition": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}}]}"#,
    ));
    let proof = prove(&inputs).expect("a proof");
    assert!(!proof.has_errors() && !proof.has_unproven());
}
