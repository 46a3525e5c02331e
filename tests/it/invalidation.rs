//! The invalidation of a CloudFront distribution after a deployment: its configuration, templates,
//! and proof.

use serde_json::{Value as Json, json};

use crate::support::{Project, SMALL, changed_once, rejected};

const DISTRIBUTION: &str = "arn:aws:cloudfront::222222222222:distribution/EDFDVBD6EXAMPLE";
const MACHINE: &str = "arn:aws:states:us-east-1:222222222222:stateMachine:prods3role-invalidate";
const FLEET: &str = "\
dev:
  account: \"111111111111\"
targets:
  - name: fleet
    accounts_file: accounts.csv
    bucket: site-{account}
    invalidate: {}
";

/// Returns a configuration whose target has more settings.
fn config(target: &str) -> String {
    format!("{SMALL}    invalidate: {{distribution: EDFDVBD6EXAMPLE}}\n{target}")
}

/// Synthesizes a configuration and returns one of its templates.
fn template(project: &Project, name: &str) -> Json {
    project.expect("synth --format json", 0);
    serde_json::from_str(&project.read(&format!("stacks/{name}.json"))).expect("JSON")
}

fn resource<'t>(template: &'t Json, id: &str) -> &'t Json {
    let found = &template["Resources"][id]["Properties"];
    assert!(found.is_object(), "{id}");
    found
}

/// Returns the actions and resources of the statements of a policy.
fn granted(template: &Json, id: &str) -> Vec<(Json, Json)> {
    let statements = &resource(template, id)["PolicyDocument"]["Statement"];
    (statements.as_array().expect("statements").iter())
        .map(|statement| (statement["Action"].clone(), statement["Resource"].clone()))
        .collect()
}

fn stages(template: &Json) -> Vec<Json> {
    let stages = &resource(template, "Pipeline")["Stages"];
    stages.as_array().expect("stages").clone()
}

fn proof(project: &Project, code: i32) -> Json {
    let run = project.expect("prove --format json", code);
    serde_json::from_str(&run.stdout).expect("JSON")
}

#[test]
fn the_invalidation_follows_the_deployment_in_the_target_account() {
    let project = Project::with(&config("    approval: true\n"));
    let dev = template(&project, "dev");
    let deploy = &stages(&dev)[1];
    let actions: Vec<(&str, u64, &str)> = (deploy["Actions"].as_array().expect("actions").iter())
        .map(|action| {
            (
                action["Name"].as_str().expect("text"),
                action["RunOrder"].as_u64().expect("a number"),
                action["ActionTypeId"]["Provider"].as_str().expect("text"),
            )
        })
        .collect();
    assert_eq!(
        actions,
        [
            ("Approve", 1, "Manual"),
            ("Deploy", 2, "S3"),
            ("Invalidate", 3, "StepFunctions"),
        ]
    );
    let invoke = &deploy["Actions"][2];
    assert_eq!(invoke["Configuration"], json!({"StateMachineArn": MACHINE}));
    assert_eq!(invoke["Region"], "us-east-1");
    assert_eq!(
        invoke["RoleArn"],
        "arn:aws:iam::222222222222:role/prods3role-start-invalidation"
    );
    assert_eq!(
        granted(&dev, "AssumeDeployRolesPolicy")[0].1,
        json!([
            "arn:aws:iam::222222222222:role/prods3role",
            "arn:aws:iam::222222222222:role/prods3role-start-invalidation",
        ])
    );
}

#[test]
fn the_state_machine_creates_the_invalidation_and_waits_for_it() {
    let project = Project::with(&format!(
        "{SMALL}    invalidate: {{distribution: EDFDVBD6EXAMPLE, paths: [/index.html, /assets/*]}}\n"
    ));
    let prod = template(&project, "prod");
    let machine = resource(&prod, "InvalidationStateMachine");
    assert_eq!(machine["StateMachineType"], "STANDARD");
    assert_eq!(
        machine["RoleArn"],
        json!({"Fn::GetAtt": ["InvalidationRole", "Arn"]})
    );
    // Step Functions replaces the placeholders.
    let id = machine["DefinitionSubstitutions"]["DistributionId"].clone();
    assert_eq!(id, "EDFDVBD6EXAMPLE");
    let states = &machine["Definition"]["States"];
    let create = &states["Invalidate"];
    assert_eq!(
        create["Resource"],
        "arn:aws:states:::aws-sdk:cloudfront:createInvalidation"
    );
    assert_eq!(
        create["Parameters"],
        json!({
            "DistributionId": "${DistributionId}",
            "InvalidationBatch": {
                "CallerReference.$": "$$.Execution.Name",
                "Paths": {"Quantity": 2, "Items": ["/index.html", "/assets/*"]},
            },
        })
    );
    // Follow the states until the end, with an invalidation that is completed at the second check.
    let mut name = machine["Definition"]["StartAt"].as_str().expect("text");
    let mut path = Vec::new();
    let mut checks = 0;
    loop {
        path.push(name);
        let state = &states[name];
        name = match state["Type"].as_str().expect("text") {
            "Succeed" => break,
            "Choice" => {
                let choice = &state["Choices"][0];
                assert_eq!(choice["Variable"], "$.Invalidation.Status");
                assert_eq!(choice["StringEquals"], "Completed");
                match checks {
                    2 => choice["Next"].as_str().expect("text"),
                    _ => state["Default"].as_str().expect("text"),
                }
            }
            _ => {
                checks += usize::from(name == "Check");
                state["Next"].as_str().expect("text")
            }
        };
        assert!(path.len() < 20, "{path:?}");
    }
    assert_eq!(
        path,
        [
            "Invalidate",
            "Wait",
            "Check",
            "IsCompleted",
            "Wait",
            "Check",
            "IsCompleted",
            "Done"
        ]
    );
}

#[test]
fn each_role_has_only_the_permissions_for_its_part() {
    let project = Project::with(&config("    path: site\n"));
    let prod = template(&project, "prod");
    assert_eq!(
        granted(&prod, "InvalidationPolicy"),
        [(
            json!([
                "cloudfront:CreateInvalidation",
                "cloudfront:GetInvalidation"
            ]),
            json!(DISTRIBUTION)
        )]
    );
    assert_eq!(
        granted(&prod, "StartInvalidationPolicy"),
        [
            (
                json!(["states:DescribeStateMachine", "states:StartExecution"]),
                json!(MACHINE)
            ),
            (
                json!("states:DescribeExecution"),
                json!(MACHINE.replace(":stateMachine:", ":execution:") + ":*")
            ),
        ]
    );
    let trust = |id: &str| resource(&prod, id)["AssumeRolePolicyDocument"]["Statement"].clone();
    assert_eq!(
        trust("InvalidationRole")[0]["Condition"],
        json!({
            "ArnEquals": {"aws:SourceArn": MACHINE},
            "StringEquals": {"aws:SourceAccount": "222222222222"},
        })
    );
    assert_eq!(trust("StartInvalidationRole"), trust("DeployRole"));
    let statements = &resource(&prod, "OutputBucketPolicy")["PolicyDocument"]["Statement"];
    assert_eq!(
        statements[1],
        json!({
            "Sid": "CloudFrontReadsDeployedFiles",
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::codepipeline-output-bucket/site/*",
            "Condition": {"StringEquals": {"aws:SourceArn": DISTRIBUTION}},
        })
    );
    assert_eq!(statements.as_array().map(Vec::len), Some(2));
}

#[test]
fn every_call_of_the_invalidation_is_proven_and_every_attack_is_denied() {
    let project = Project::with(&config("    path: site\n").replace(
        "targets:",
        "  build: {commands: [make], output: dist/**}\ntargets:",
    ));
    project.expect("synth", 0);
    let proof = proof(&project, 0);
    assert_eq!(proof["proven"], true);
    let calls = proof["calls"].as_array().expect("calls");
    let of_step = |step: &str| {
        let mut found: Vec<&str> = (calls.iter())
            .filter(|call| call["step"] == step)
            .filter_map(|call| call["action"].as_str())
            .collect();
        found.sort_unstable();
        found
    };
    assert_eq!(
        of_step("invalidate"),
        [
            "cloudfront:CreateInvalidation",
            "cloudfront:GetInvalidation",
            "states:DescribeExecution",
            "states:DescribeStateMachine",
            "states:StartExecution",
            "sts:AssumeRole",
            "sts:AssumeRole",
        ]
    );
    assert_eq!(of_step("serve"), ["s3:GetObject"]);
    let attacks = proof["attacks"].as_array().expect("attacks");
    for id in [
        "build-starts-machine",
        "deploy-role-starts-machine",
        "machine-role-assumes-deploy-role",
        "machine-role-changes-distribution",
        "machine-role-invalidates-another-distribution",
        "machine-role-starts-machine",
        "machine-role-writes-output",
        "other-dev-role-assumes-start-role",
        "other-dev-role-starts-machine",
        "service-role-starts-machine",
        "start-role-assumes-machine-role",
        "start-role-changes-machine",
        "start-role-invalidates",
        "start-role-reads-artifacts",
        "start-role-starts-another-machine",
        "another-machine-assumes-machine-role",
        "another-distribution-reads-output",
        "another-account-reads-output",
        "distribution-writes-output",
    ] {
        let mut found = attacks.iter();
        let found = found.find(|attack| {
            attack["id"]
                .as_str()
                .is_some_and(|found| found.rsplit('/').next() == Some(id) || found == id)
        });
        let found = found.unwrap_or_else(|| panic!("{id}"));
        assert_eq!(found["result"], "Denied", "{id}");
    }
}

#[test]
fn each_missing_or_excess_permission_of_the_invalidation_is_found() {
    let project = Project::with(&config(""));
    project.expect("synth", 0);
    let right = project.read("stacks/prod.yaml");
    let changed = |from: &str, to: &str, part: &str| {
        project.write("stacks/prod.yaml", changed_once(&right, from, to));
        project.fails_proof("prove", part);
    };
    let own = format!("            Resource: {DISTRIBUTION}\n");
    changed(
        &own,
        "            Resource: arn:aws:cloudfront::222222222222:distribution/*\n",
        "invalidates another distribution",
    );
    changed(
        &own,
        &own.replace("EDFDVBD6EXAMPLE", "E2OTHEREXAMPLE"),
        "cloudfront:CreateInvalidation",
    );
    changed(
        "              - cloudfront:GetInvalidation\n",
        "",
        "cloudfront:GetInvalidation",
    );
    changed(
        "              - states:StartExecution\n",
        "",
        "states:StartExecution",
    );
    changed(
        ":execution:prods3role-invalidate:*",
        ":execution:prods3role:*",
        "states:DescribeExecution",
    );
    changed(
        &format!("            Resource: {MACHINE}\n"),
        &format!("            Resource: {MACHINE}*\n"),
        "starts another state machine",
    );
    changed(
        &format!("aws:SourceArn: {MACHINE}"),
        "aws:SourceArn: arn:aws:states:us-east-1:222222222222:stateMachine:*",
        "another state machine in the account",
    );
    changed(
        "              Service: states.amazonaws.com",
        "              Service: lambda.amazonaws.com",
        "sts:AssumeRole",
    );
    changed(
        &format!("              StringEquals:\n                aws:SourceArn: {DISTRIBUTION}"),
        "              StringLike:\n                aws:SourceArn: arn:aws:cloudfront::*",
        "another account's distribution",
    );
    changed(
        &format!("              StringEquals:\n                aws:SourceArn: {DISTRIBUTION}"),
        "              StringLike:\n                aws:SourceArn: arn:aws:cloudfront::222222222222:*",
        "another distribution in the account",
    );
    changed(
        "              - cloudfront:CreateInvalidation\n",
        "              - cloudfront:*\n",
        "deletes the distribution",
    );
    changed(
        "      RoleArn: !GetAtt InvalidationRole.Arn",
        "      RoleArn: !GetAtt DeployRole.Arn",
        "denied",
    );
    changed(
        &format!("aws:SourceArn: {DISTRIBUTION}"),
        "aws:SourceArn: arn:aws:cloudfront::222222222222:distribution/E2OTHEREXAMPLE",
        "cloudfront.amazonaws.com: s3:GetObject",
    );
    let machine = format!("aws:SourceArn: {MACHINE}");
    changed(
        &machine,
        &format!("{machine}*"),
        "another state machine in the account",
    );
    changed(
        &machine,
        &machine.replace("us-east-1", "*"),
        "a state machine in another region",
    );
    changed(
        ":execution:prods3role-invalidate:*",
        ":execution:prods3role-invalidate*",
        "reads executions of another state machine",
    );
    let start = "          - Sid: StepFunctionsAssumesTheRole\n";
    let extra = |principal: &str| {
        format!(
            "          - {{Effect: Allow, Principal: {{AWS: '{principal}'}}, Action: 'sts:AssumeRole'}}\n{start}"
        )
    };
    let deploy_role = "arn:aws:iam::222222222222:role/prods3role";
    let what = "assumes the role of the state machine";
    changed(
        start,
        &extra(deploy_role),
        &format!("the deploy role {what}"),
    );
    changed(
        start,
        &extra("arn:aws:iam::111111111111:root"),
        &format!("another role in the dev account {what}"),
    );
    let own = "                - arn:aws:iam::111111111111:role/service-role/\
               AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy\n";
    let at = right.rfind(own).expect("the start role's trust");
    let more = format!("{own}                - {deploy_role}\n");
    let wrong = format!("{}{more}{}", &right[..at], &right[at + own.len()..]);
    project.write("stacks/prod.yaml", wrong);
    let run = project.expect("prove", 1);
    let found = "the deploy role assumes the role that starts the state machine";
    assert!(run.stdout.contains(found), "{}", run.stdout);
}

#[test]
fn states_and_settings_with_other_calls_are_unproven() {
    let project = Project::with(&config(""));
    project.expect("synth", 0);
    let right = project.read("stacks/prod.yaml");
    let unproven = |from: &str, to: &str, part: &str| {
        project.write("stacks/prod.yaml", changed_once(&right, from, to));
        project.fails_proof("prove --strict", part);
    };
    let kind = "      StateMachineType: STANDARD\n";
    unproven(
        kind,
        &format!("{kind}      TracingConfiguration: {{Enabled: true}}\n"),
        "`TracingConfiguration`",
    );
    unproven(kind, "      StateMachineType: EXPRESS\n", "not standard");
    // Each of these flows never invalidates, does not wait, never ends, or is invalid.
    let flows = [
        ("StartAt: Invalidate", "StartAt: Done"),
        ("StartAt: Invalidate", "StartAt: Nowhere"),
        ("            Next: Wait\n", "            Next: Done\n"),
        ("            Next: Wait\n", "            End: true\n"),
        ("            Next: IsCompleted\n", ""),
        ("StringEquals: Completed", "StringEquals: completed"),
        (
            "            Default: Wait\n",
            "            Default: Invalidate\n",
        ),
        ("            Seconds: 20\n", ""),
        ("MaxAttempts: 4", "MaxAttempts: -4"),
        (
            "        TimeoutSeconds: 1800\n",
            "        TimeoutSeconds: 1\n",
        ),
        (
            "        TimeoutSeconds: 1800\n",
            "        QueryLanguage: JSONata\n",
        ),
        (
            "cloudfront:createInvalidation",
            "cloudfront:getInvalidation",
        ),
        (
            "            Next: IsCompleted\n",
            "            Next: IsCompleted\n            Catch:\n              - {ErrorEquals: [States.ALL], Next: Done}\n",
        ),
        (
            "                  Quantity: 1\n",
            "                  Quantity: 7\n",
        ),
        (
            "\"CallerReference.$\": \"$$.Execution.Name\"",
            "CallerReference: fixed",
        ),
        ("\"$.Invalidation.Id\"", "\"$.Foo.Id\""),
        (
            "                    - /*\n",
            "                    - '/${Nope}'\n",
        ),
        (
            "            Next: IsCompleted\n",
            "            Next: IsCompleted\n            OutputPath: $.Nothing\n",
        ),
    ];
    for (from, to) in flows {
        unproven(from, to, "unproven");
    }
    let sdk = "Resource: arn:aws:states:::aws-sdk:cloudfront:createInvalidation";
    unproven(
        sdk,
        "Resource: arn:aws:states:::aws-sdk:cloudfront:deleteDistribution",
        "`Invalidate`",
    );
    unproven(
        sdk,
        &format!("Credentials: {{RoleArn: 'arn:aws:iam::333333333333:role/x'}}\n            {sdk}"),
        "`Invalidate`",
    );
    unproven(
        "              DistributionId: \"${DistributionId}\"",
        "              \"DistributionId.$\": $.distribution",
        "`Invalidate`",
    );
    unproven(
        "          Done:\n            Type: Succeed\n",
        "          Done:\n            Type: Parallel\n            End: true\n            Branches: []\n",
        "`Done`",
    );
    unproven(
        "        DistributionId: EDFDVBD6EXAMPLE\n",
        "        DistributionId: !ImportValue distribution\n",
        "the substitution DistributionId",
    );
}

#[test]
fn an_invalidation_that_cannot_follow_the_deployment_is_an_error() {
    let several = config("").replace(
        "account: \"111111111111\"\n",
        "account: \"111111111111\"\n  key: {multi_region: true}\n",
    );
    let other =
        "  - {name: other, account: \"333333333333\", region: eu-west-1, bucket: other-output}\n";
    let project = Project::with(&(several + other));
    project.expect("synth", 0);
    let right = project.read("stacks/dev.yaml");
    let changed = |from: &str, to: &str, part: &str| {
        project.write("stacks/dev.yaml", changed_once(&right, from, to));
        project.fails_proof("prove", part);
    };
    let start = "prods3role-start-invalidation\n              Region: us-east-1\n";
    changed(
        start,
        &start.replace("us-east-1", "eu-west-1"),
        "its state machine is in another region",
    );
    let order = "              RunOrder: 2\n";
    changed(
        order,
        "              RunOrder: 1\n",
        "does not run after the deployment",
    );
}

#[test]
fn the_resources_of_another_target_are_separate() {
    let project = Project::with(&config("").replace(
        "targets:\n",
        "targets:\n  - name: other\n    account: \"222222222222\"\n    bucket: other-output\n    invalidate: \
         {distribution: E2OTHEREXAMPLE}\n",
    ));
    project.expect("synth", 0);
    project.expect("prove", 0);
    let right = project.read("stacks/prod.yaml");
    for (from, to, part) in [
        (
            format!("            Resource: {DISTRIBUTION}\n"),
            format!(
                "            Resource:\n              - {DISTRIBUTION}\n              - {}\n",
                DISTRIBUTION.replace("EDFDVBD6EXAMPLE", "E2OTHEREXAMPLE")
            ),
            "invalidates the distribution of another target",
        ),
        (
            format!("            Resource: {MACHINE}\n"),
            format!(
                "            Resource:\n              - {MACHINE}\n              - {}\n",
                MACHINE.replace("prods3role", "others3role")
            ),
            "starts the state machine of another target",
        ),
        (
            format!("aws:SourceArn: {DISTRIBUTION}"),
            format!(
                "aws:SourceArn: [{DISTRIBUTION}, {}]",
                DISTRIBUTION.replace("EDFDVBD6EXAMPLE", "E2OTHEREXAMPLE")
            ),
            "the distribution of another target reads deployed objects",
        ),
    ] {
        assert!(right.contains(&from), "{from}");
        project.write("stacks/prod.yaml", right.replacen(&from, &to, 1));
        let run = project.expect("prove", 1);
        assert!(run.stdout.contains(part), "{part}\n{}", run.stdout);
    }
}

#[test]
fn each_account_of_a_fleet_has_its_own_distribution() {
    let project = Project::with(FLEET);
    project.write(
        "accounts.csv",
        "account,distribution,name\n222222222222,E1AAAAAAAA,a\n333333333333,E2BBBBBBBB,b\n",
    );
    let fleet = template(&project, "fleet");
    let found = json!({"us-east-1": {"222222222222": "E1AAAAAAAA", "333333333333": "E2BBBBBBBB"}});
    assert_eq!(fleet["Mappings"]["Distributions"], found);
    let proof = proof(&project, 0);
    assert_eq!(proof["proven"], true);
    let calls = proof["calls"].as_array().expect("calls");
    let call = (calls.iter()).find(|call| call["action"] == "cloudfront:CreateInvalidation");
    let call = call.expect("a call");
    let first = "arn:aws:cloudfront::222222222222:distribution/E1AAAAAAAA";
    assert_eq!(
        (&call["resource"], &call["instances"]),
        (&json!(first), &json!(2))
    );
    // The distribution of another account does not serve the bucket of this one.
    let right = project.read("stacks/fleet.json");
    let text = "arn:aws:cloudfront::${AWS::AccountId}:distribution/";
    assert_eq!(right.matches(text).count(), 2);
    let wrong = right.replace(text, "arn:aws:cloudfront::222222222222:distribution/");
    project.write("stacks/fleet.json", wrong);
    let run = project.expect("prove", 1);
    assert!(
        run.stdout.contains("cloudfront:CreateInvalidation"),
        "{}",
        run.stdout
    );
    let dev = template(&project, "dev");
    let actions = stages(&dev)[1]["Actions"].clone();
    let names: Vec<&str> = (actions.as_array().expect("actions").iter())
        .filter_map(|action| action["Name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "Deploy-222222222222",
            "Deploy-333333333333",
            "Invalidate-222222222222",
            "Invalidate-333333333333",
        ]
    );
}

#[test]
fn invalidations_count_towards_the_actions_of_a_stage() {
    let project = Project::with(&format!("{FLEET}quotas: {{actions_per_stage: 5}}\n"));
    let accounts: String = (0..5)
        .map(|number| format!("22222222222{number},E1AAAAAAA{number}\n"))
        .collect();
    project.write("accounts.csv", format!("account,distribution\n{accounts}"));
    let dev = template(&project, "dev");
    let sizes: Vec<usize> = (stages(&dev)[1..].iter())
        .map(|stage| stage["Actions"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(sizes, [4, 4, 2]);
}

#[test]
fn the_columns_of_an_accounts_file_must_match_the_target() {
    let project = Project::with(FLEET);
    let rejects = |config: &str, accounts: &str, message: &str, place: &str| {
        project.write("s3ferry.yaml", config);
        project.write("accounts.csv", accounts);
        let run = project.expect("synth", 2);
        let mut problems = run.problems().into_iter();
        let found = problems.find(|problem| problem.message.contains(message));
        let found = found.unwrap_or_else(|| panic!("{message}\n{}", run.stderr));
        assert_eq!(found.place, place, "{message}");
        assert!(!found.help.is_empty());
    };
    rejects(
        FLEET,
        "account\n222222222222\n",
        "the file has no `distribution` column",
        "accounts.csv:1:1",
    );
    rejects(
        FLEET,
        "account,distribution\n222222222222,d111111abcdef8.cloudfront.net\n",
        "is not the ID of a distribution",
        "accounts.csv:2:14",
    );
    rejects(
        &FLEET.replace("    invalidate: {}\n", ""),
        "account,distribution\n222222222222,E1AAAAAAAA\n",
        "has no `invalidate`",
        "accounts.csv:1:9",
    );
    let many: String = (0..201)
        .map(|number| format!("{:012},E1AAAAAAA{number}\n", 222_222_222_000_u64 + number))
        .collect();
    rejects(
        FLEET,
        &format!("account,distribution\n{many}"),
        "has 201 distributions",
        "s3ferry.yaml:5:20",
    );
}

#[test]
fn settings_that_cannot_work_are_rejected() {
    let of = |invalidate: &str| format!("{SMALL}    invalidate: {invalidate}\n");
    let found = rejected(&of("{distribution: d1.cloudfront.net}"), "is not the ID");
    assert_eq!(found.underlined, "d1.cloudfront.net");
    rejected(&of("{paths: [/*]}"), "has no `distribution`");
    let paths = |paths: &str| {
        of(&format!(
            "{{distribution: EDFDVBD6EXAMPLE, paths: {paths}}}"
        ))
    };
    let found = rejected(&paths("[index.html]"), "does not begin with `/`");
    assert_eq!(found.underlined, "index.html");
    rejected(&paths("['/*.html']"), "`*` is not the last character");
    rejected(&paths("['/a b']"), "must be percent-encoded");
    rejected(
        &paths("['/100%']"),
        "does not begin a percent-encoded character",
    );
    rejected(&paths("['/a#b']"), "must be percent-encoded");
    rejected(&paths("[/a, /a]"), "duplicate path");
    let long: Vec<String> = (0..2_500).map(|number| format!("/{number:0104}")).collect();
    let long = serde_json::to_string(&long).expect("JSON");
    rejected(&paths(&long), "Step Functions can pass at most");
    rejected(
        &format!(
            "{}  - {{name: other, account: \"333333333333\", bucket: other-output, invalidate: {{distribution: \
             EDFDVBD6EXAMPLE}}}}\n",
            config("")
        ),
        "belongs to only one account",
    );
    rejected(&paths("[]"), "no paths");
    let wildcards: Vec<String> = (0..16).map(|number| format!("/{number}/*")).collect();
    let wildcards = serde_json::to_string(&wildcards).expect("JSON");
    rejected(&paths(&wildcards), "16 paths with `*`");
    let many = "dev: {account: \"111111111111\"}\ntargets:\n  - {name: a, accounts: [\"222222222222\"], bucket: \
                'b-{account}', invalidate: {distribution: EDFDVBD6EXAMPLE}}\n";
    let found = rejected(many, "is for a single account and bucket");
    assert!(found.help.contains("accounts_file"), "{}", found.help);
    let project =
        Project::with(&FLEET.replace("invalidate: {}", "invalidate: {}\n    stack_set: {}"));
    project.write(
        "accounts.csv",
        "account,distribution\n222222222222,E1AAAAAAAA\n",
    );
    let run = project.expect("synth", 2);
    assert!(
        run.stderr.contains("`invalidate` and `stack_set`"),
        "{}",
        run.stderr
    );
    let found = rejected(
        &format!("{}quotas: {{actions_per_stage: 2}}\n", config("")),
        "2 actions are not enough",
    );
    assert!(found.help.contains("the minimum is 3"), "{}", found.help);
    rejected(
        &config("    regions: [us-east-1, eu-west-1]\n").replace(
            "account: \"111111111111\"\n",
            "account: \"111111111111\"\n  key: {multi_region: true}\n",
        ),
        "requires a separate distribution for each bucket",
    );
    rejected(
        &config("").replace("targets:", "  pipeline: {create: false}\ntargets:"),
        "the existing pipeline keeps its actions",
    );
    rejected(
        &config("    region: us-gov-west-1\n").replace(
            "account: \"111111111111\"\n",
            "account: \"111111111111\"\n  region: us-gov-west-1\n",
        ),
        "CloudFront is not available in AWS GovCloud",
    );
}

#[test]
fn what_cloudfront_needs_outside_the_templates_is_printed() {
    let key = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    let project = Project::with(&config(&format!(
        "    create: false\n    path: site\n    encryption_key: {key}\n"
    )));
    let run = project.expect("synth", 0);
    for part in [
        "the origin path `/site`",
        "the policy of bucket `codepipeline-output-bucket` must allow cloudfront.amazonaws.com to \
         call s3:GetObject",
        &format!("the policy of key {key} must allow cloudfront.amazonaws.com to call kms:Decrypt"),
        DISTRIBUTION,
    ] {
        let text = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(part), "{part}\n{text}");
    }
    // The policy of the bucket is not in a template.
    let proof = proof(&project, 0);
    let calls = proof["calls"].as_array().expect("calls");
    let serve = calls.iter().find(|call| call["step"] == "serve");
    assert_eq!(serve.expect("a call")["decision"], "Unproven");
}

#[test]
fn init_writes_an_invalidation() {
    let project = Project::empty();
    let init = "init --dev-account 111111111111 --prod-account 222222222222";
    project.expect(&format!("{init} --distribution EDFDVBD6EXAMPLE"), 0);
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    assert!(prod.contains("distribution/EDFDVBD6EXAMPLE"), "{prod}");
    let project = Project::empty();
    let run = project.expect(&format!("{init} --distribution a:b"), 2);
    assert!(
        run.stderr.contains("is not the ID of a distribution"),
        "{}",
        run.stderr
    );
    assert!(!project.exists("s3ferry.yaml"));
}
