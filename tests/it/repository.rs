//! A repository as the source of the pipeline: its configuration, templates, proof, and `push`.

use serde_json::{Value as Json, json};

use crate::support::{Project, rejected};

const CONNECTION: &str = "arn:aws:codeconnections:us-east-1:111111111111:connection/11111111-2222-3333-4444-555555555555";

/// Returns a configuration with a repository, and more settings under `dev` and `dev.source`.
fn config(dev: &str, source: &str) -> String {
    format!(
        "dev:\n  account: \"111111111111\"\n{dev}  source:\n    connection: {CONNECTION}\n    \
         repository: example/website\n    branch: main\n{source}targets:\n  - name: prod\n    \
         account: \"222222222222\"\n"
    )
}

/// Returns the pipeline in the dev template of a configuration.
fn pipeline(config: &str) -> Json {
    template(config)["Resources"]["Pipeline"]["Properties"].clone()
}

fn template(config: &str) -> Json {
    let project = Project::with(config);
    project.expect("synth --format json", 0);
    serde_json::from_str(&project.read("stacks/dev.json")).expect("JSON")
}

#[test]
fn the_source_action_reads_the_branch_through_the_connection() {
    let pipeline = pipeline(&config("", ""));
    let source = &pipeline["Stages"][0]["Actions"][0];
    assert_eq!(
        source["ActionTypeId"]["Provider"],
        "CodeStarSourceConnection"
    );
    assert_eq!(
        source["Configuration"],
        json!({
            "ConnectionArn": CONNECTION,
            "FullRepositoryId": "example/website",
            "BranchName": "main",
            "OutputArtifactFormat": "CODE_ZIP",
            "DetectChanges": "true",
        })
    );
    assert_eq!(pipeline["Triggers"], Json::Null, "every push to the branch");
}

#[test]
fn nothing_remains_of_a_source_bucket() {
    let template = template(&config("", ""));
    let resources = template["Resources"].as_object().expect("resources");
    for id in [
        "SourceBucket",
        "SourceBucketPolicy",
        "ChangeRule",
        "ChangeRuleRole",
        "ChangeRulePolicy",
    ] {
        assert!(!resources.contains_key(id), "{id}");
    }
    assert_eq!(template["Outputs"]["SourceBucketName"], Json::Null);
    let policy = &resources["SourcePolicy"]["Properties"]["PolicyDocument"];
    assert_eq!(
        policy["Statement"],
        json!([{
            "Sid": "UseConnection",
            "Effect": "Allow",
            "Action": ["codeconnections:UseConnection", "codestar-connections:UseConnection"],
            "Resource": CONNECTION,
        }])
    );
}

#[test]
fn filters_replace_the_detection_of_changes() {
    let of_git = |source: &str| {
        let pipeline = pipeline(&config("", source));
        let action = &pipeline["Stages"][0]["Actions"][0]["Configuration"];
        assert_eq!(action["DetectChanges"], "false");
        let trigger = &pipeline["Triggers"][0];
        assert_eq!(trigger["ProviderType"], "CodeStarSourceConnection");
        assert_eq!(pipeline["Triggers"][1], Json::Null);
        trigger["GitConfiguration"].clone()
    };
    assert_eq!(
        of_git(
            "    trigger: {branches: [main, \"release/*\", \"!release/0\"], paths: [\"a/**\"]}\n"
        ),
        json!({"SourceActionName": "Source", "Push": [{
            "Branches": {"Includes": ["main", "release/*"], "Excludes": ["release/0"]},
            "FilePaths": {"Includes": ["a/**"]},
        }]})
    );
    assert_eq!(
        of_git("    trigger: {paths: [\"a/**\"]}\n"),
        json!({"SourceActionName": "Source", "Push": [{
            "Branches": {"Includes": ["main"]},
            "FilePaths": {"Includes": ["a/**"]},
        }]}),
        "CodePipeline filters paths only together with branches"
    );
    assert_eq!(
        of_git("    trigger: {tags: [\"v*\"]}\n"),
        json!({"SourceActionName": "Source", "Push": [{"Tags": {"Includes": ["v*"]}}]})
    );
}

#[test]
fn the_name_of_the_branch_is_not_a_pattern_that_excludes() {
    let config = config("", "    trigger: {paths: [\"a/**\"]}\n");
    let pipeline = pipeline(&config.replace("branch: main", "branch: \"!main\""));
    let push = &pipeline["Triggers"][0]["GitConfiguration"]["Push"][0];
    assert_eq!(push["Branches"], json!({"Includes": ["!main"]}));
}

#[test]
fn an_additional_pipeline_deploys_the_commit_of_the_first() {
    let project = Project::with(&format!(
        "{}    accounts: [\"222222222222\", \"333333333333\", \"444444444444\", \"555555555555\"]\n    bucket: out-{{account}}\n\
         quotas: {{actions_per_pipeline: 4}}\n",
        config("", "    trigger: {tags: [v*]}\n").replace("    account: \"222222222222\"\n", "")
    ));
    project.expect("synth --format json", 0);
    let read = |name: &str| -> Json {
        let template: Json = serde_json::from_str(&project.read(name)).expect("JSON");
        template["Resources"]["Pipeline"]["Properties"].clone()
    };
    let (first, second) = (read("stacks/dev.json"), read("stacks/dev-pipeline-2.json"));
    let stages = first["Stages"].as_array().expect("stages");
    let next = &stages.last().expect("a stage")["Actions"][0]["Configuration"];
    assert_eq!(
        next["SourceRevisions"],
        "[{\"actionName\":\"Source\",\"revisionType\":\"COMMIT_ID\",\"revisionValue\":\
         \"#{SourceVariables.CommitId}\"}]"
    );
    assert_eq!(second["Triggers"], Json::Null);
    let source = &second["Stages"][0]["Actions"][0]["Configuration"];
    assert_eq!(source["DetectChanges"], "false");
}

#[test]
fn settings_that_do_not_fit_are_rejected_with_their_place() {
    let wrong = |dev: &str, source: &str, message: &str, underlined: &str| {
        let found = rejected(&config(dev, source), message);
        assert!(
            found.underlined.contains(underlined),
            "{}",
            found.underlined
        );
    };
    let both = "cannot be used together";
    wrong("", "    bucket: b-source\n", both, "b-source");
    wrong("", "    detect_changes: polling\n", both, "polling");
    wrong("", "    create: false\n", both, "false");
    wrong("", "    trigger: {}\n", "has no filters", "");
    wrong(
        "",
        "    trigger: {tags: [v1], paths: [a]}\n",
        "cannot be combined",
        "v1",
    );
    wrong(
        "",
        "    trigger: {paths: [\"!a\"]}\n",
        "includes nothing",
        "!a",
    );
    wrong(
        "",
        "    trigger: {branches: [\"\"]}\n",
        "has 0 characters",
        "",
    );
    wrong(
        "",
        "    trigger: {paths: [a, a]}\n",
        "duplicate pattern `a`",
        "a",
    );
    wrong(
        "",
        "    trigger: {paths: [\"{{resolve:ssm:/x}}\"]}\n",
        "contains `{{resolve:`",
        "resolve",
    );
    let nine: Vec<String> = (0..9).map(|n| format!("a{n}")).collect();
    let nine = format!("    trigger: {{branches: [{}]}}\n", nine.join(", "));
    wrong("", &nine, "9 included patterns", "a0");
    wrong(
        "  region: eu-south-2\n",
        "",
        "CodeConnections is not available",
        "connection/",
    );
    wrong(
        "  region: eu-west-1\n",
        "",
        "the connection is in region us-east-1",
        "connection/",
    );
    wrong(
        "  pipeline: {create: false, service_role: \"arn:aws:iam::111111111111:role/r\"}\n",
        "    trigger: {tags: [v1]}\n",
        "the existing pipeline keeps its triggers",
        "tags",
    );
}

#[test]
fn names_of_repositories_and_branches_are_checked() {
    let message = |from: &str, to: &str| {
        let project = Project::with(&config("", "").replace(from, to));
        project.expect("synth", 2).problems()[0].message.clone()
    };
    for (name, part) in [
        ("website", "it has no owner"),
        ("https://github.com/example/website", "it is a URL"),
        ("example/website.git", "it ends with `.git`"),
        ("example//website", "the owner and the name"),
        ("\"#{variables.a}/b\"", "the owner and the name"),
    ] {
        let text = message("example/website", name);
        assert!(text.contains(part), "{name}: {text}");
    }
    for name in [
        "\"a b\"",
        "refs/heads/main",
        "a..b",
        "\"release/*\"",
        "a.lock",
        "\"#{variables.a}\"",
    ] {
        let text = message("branch: main", &format!("branch: {name}"));
        assert!(
            text.contains("is not a valid branch name"),
            "{name}: {text}"
        );
    }
    for key in ["repository: example/website", "branch: main"] {
        let text = message(&format!("    {key}\n"), "");
        assert!(text.contains("`connection` requires `"), "{text}");
    }
    let text = message(&format!("    connection: {CONNECTION}\n"), "");
    assert!(text.contains("requires `connection`"), "{text}");
    let text = message("connection/1111", "host/1111");
    assert!(text.contains("is not the ARN of a connection"), "{text}");
    let text = message(
        "us-east-1:111111111111:connection",
        "us-east-1:333333333333:connection",
    );
    assert!(text.contains("belongs to account 333333333333"), "{text}");
}

#[test]
fn both_uses_of_the_connection_are_proven_and_nothing_else() {
    let project = Project::with(&config("", ""));
    project.expect("synth", 0);
    let proof: Json =
        serde_json::from_str(&project.expect("prove --format json", 0).stdout).expect("JSON");
    assert_eq!(proof["proven"], true);
    let calls = proof["calls"].as_array().expect("calls");
    let mut actions: Vec<&str> = calls
        .iter()
        .filter(|call| call["step"] == "source")
        .filter_map(|call| call["action"].as_str())
        .collect();
    actions.sort_unstable();
    assert_eq!(
        actions,
        [
            "codeconnections:UseConnection",
            "codestar-connections:UseConnection"
        ]
    );
    let attacks = proof["attacks"].as_array().expect("attacks");
    let verdict = |part: &str| {
        let found = attacks
            .iter()
            .find(|attack| (attack["id"].as_str()).is_some_and(|id| id.contains(part)));
        found.unwrap_or_else(|| panic!("{part}"))["result"].clone()
    };
    for id in [
        "service-role-uses-another-connection",
        "service-role-deletes-connection",
        "deploy-role-uses-connection",
    ] {
        assert_eq!(verdict(id), "Denied", "{id}");
    }
}

#[test]
fn each_fault_of_the_connection_is_found() {
    let project = Project::with(&config("", ""));
    project.expect("synth", 0);
    let right = project.read("stacks/dev.yaml");
    let changed = |from: &str, to: &str, code: i32, part: &str| {
        assert!(right.contains(from), "{from}");
        project.write("stacks/dev.yaml", right.replace(from, to));
        let run = project.run("prove");
        let text = format!("{}{}", run.stdout, run.stderr);
        assert_eq!(run.code, code, "{text}");
        assert!(text.contains(part), "{part}\n{text}");
    };
    changed(
        "              - codestar-connections:UseConnection\n",
        "",
        1,
        "codestar-connections:UseConnection",
    );
    changed(
        &format!("            Resource: {CONNECTION}"),
        "            Resource: \"*\"",
        1,
        "reads repositories through another connection",
    );
    changed(
        &format!("            Resource: {CONNECTION}"),
        &format!(
            "            Resource: {}",
            CONNECTION.replace("-5555", "-6666")
        ),
        1,
        "denied",
    );
    changed(
        &format!("            Resource: {CONNECTION}"),
        &format!(
            "            Resource: {}?",
            CONNECTION.trim_end_matches('5')
        ),
        1,
        "denied",
    );
    let last = format!("{}?", &CONNECTION[..CONNECTION.len() - 1]);
    changed(
        &format!("            Resource: {CONNECTION}"),
        &format!("            Resource: {last}"),
        1,
        "reads repositories through another connection",
    );
    changed(
        &format!("ConnectionArn: {CONNECTION}"),
        &format!(
            "ConnectionArn: {}",
            CONNECTION.replace("connection/", "host/")
        ),
        1,
        "is not a connection in the pipeline's region",
    );
    changed(
        "OutputArtifactFormat: CODE_ZIP",
        "OutputArtifactFormat: CODEBUILD_CLONE_REF",
        1,
        "contains only a reference to the repository",
    );
}

#[test]
fn a_trigger_for_pull_requests_is_a_finding() {
    let project = Project::with(&config("", "    trigger: {branches: [main]}\n"));
    project.expect("synth", 0);
    project.expect("lint", 0);
    let right = project.read("stacks/dev.yaml");
    project.write(
        "stacks/dev.yaml",
        right.replace(
            "            Push:\n",
            "            PullRequest:\n              - Branches:\n                  Includes:\n                    \
             - main\n            Push:\n",
        ),
    );
    let run = project.expect("lint", 1);
    let text = format!("{}{}", run.stdout, run.stderr);
    assert!(
        text.contains("CODEPIPELINE_TRIGGER_NO_PULL_REQUESTS"),
        "{text}"
    );
}

#[test]
fn the_deployer_passes_only_this_connection() {
    let project = Project::with(&config("", ""));
    let run = project.expect("deployer-policy --profile dev", 0);
    let policy: Json = serde_json::from_str(&run.stdout).expect("JSON");
    let text = policy.to_string();
    assert!(
        text.contains("codestar-connections:PassConnection"),
        "{text}"
    );
    let statements = policy["Statement"].as_array().expect("statements");
    let found = (statements.iter()).find(|statement| statement["Sid"] == "Connections");
    assert_eq!(
        found.expect("a statement")["Resource"],
        json!(CONNECTION),
        "{text}"
    );
    for action in ["s3:GetObject\"", "s3:ListBucketMultipartUploads"] {
        let run = project.expect("deployer-policy --push --profile dev", 0);
        assert!(!run.stdout.contains(action), "{action}");
    }
}

#[test]
fn push_explains_that_the_repository_is_the_source() {
    let project = Project::with(&config("", "").replace(
        "  source:",
        "  artifacts: {bucket: site-artifacts}\n  source:",
    ));
    project.write(
        "s3ferry.yaml",
        format!("{}    bucket: site-output\n", project.read("s3ferry.yaml")),
    );
    let message = |arguments: &str| {
        let problem = project.expect(arguments, 2).problems().remove(0);
        assert!(problem.help.contains("push"), "{}", problem.help);
        problem.message
    };
    let source = "the source of pipeline `crossaccountdeploy` is repository `example/website`";
    assert_eq!(
        message("push"),
        format!("{source}, so there is nothing to upload")
    );
    assert_eq!(
        message("push site/"),
        format!("{source}, and `site/` is not a commit ID")
    );
    assert!(message("push --watch --strict").contains("require an upload"));
    assert!(message("push --no-watch 4f3c2b1").contains("--no-watch has no effect"));
    let text = project.expect("push --start 4f3c2b1", 2).stderr;
    assert!(text.contains("requires the full commit ID"), "{text}");
}

#[test]
fn init_writes_a_configuration_for_a_repository() {
    let project = Project::empty();
    project.expect(
        &format!(
            "init --prod-account 222222222222 --connection {} --repository example/website",
            CONNECTION.replace("us-east-1", "eu-west-1")
        ),
        0,
    );
    let text = project.read("s3ferry.yaml");
    for part in [
        "account: \"111111111111\"",
        "region: eu-west-1\n",
        "repository: \"example/website\"",
        "branch: \"main\"",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("tagged_objects"), "{text}");
    project.expect("synth", 0);
    project.expect("prove --strict", 0);
    let run = project.expect(&format!("init --force --connection {CONNECTION}"), 2);
    assert!(run.stderr.contains("--repository"), "{}", run.stderr);
    let run = project.expect(
        "init --force --dev-account 111111111111 --prod-account 222222222222 --connection nothing \
         --repository example/website",
        2,
    );
    assert!(
        run.stderr.contains("is not the ARN of a connection"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_existing_pipeline_with_a_repository_is_described_and_adopted() {
    let project = Project::empty();
    let source = json!({
        "ConnectionArn": CONNECTION,
        "FullRepositoryId": "example/website",
        "BranchName": "main",
        "OutputArtifactFormat": "CODE_ZIP",
    });
    let action = |name: &str, category: &str, provider: &str, configuration: &Json| {
        json!({
            "name": name,
            "actionTypeId": {
                "category": category, "owner": "AWS", "provider": provider, "version": "1",
            },
            "configuration": configuration,
        })
    };
    let deploy = json!({"BucketName": "site-output", "Extract": "true"});
    let definition = json!({"pipeline": {
        "name": "site",
        "roleArn": "arn:aws:iam::111111111111:role/service-role/site",
        "artifactStore": {"type": "S3", "location": "site-artifacts"},
        "stages": [
            {"name": "Source",
                "actions": [action("Git", "Source", "CodeStarSourceConnection", &source)]},
            {"name": "Deploy", "actions": [action("Deploy", "Deploy", "S3", &deploy)]},
        ],
        "triggers": [{
            "providerType": "CodeStarSourceConnection",
            "gitConfiguration": {
                "sourceActionName": "Git",
                "pullRequest": [{"events": ["OPEN"]}],
            },
        }],
    }});
    project.write("site.json", definition.to_string());
    let run = project.expect(
        "init --from site.json --prod-account 222222222222 --region us-east-1",
        0,
    );
    let note = "A trigger starts the pipeline for pull requests";
    assert!(run.stderr.contains(note), "{}", run.stderr);
    project.expect("synth", 0);
    let key = "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555";
    let run = project.expect(&format!("adopt site.json --key-arn {key}"), 0);
    assert!(run.stderr.contains(note), "{}", run.stderr);
    assert!(!run.stderr.contains("still reads"), "{}", run.stderr);
    let text = project.read("s3ferry.yaml");
    project.write(
        "s3ferry.yaml",
        text.replace("branch: \"main\"", "branch: next"),
    );
    let run = project.expect(&format!("adopt site.json --key-arn {key}"), 0);
    assert!(
        run.stderr
            .contains("still reads its current source instead of example/website (branch next)"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_unknown_connection_is_unproven() {
    let project = Project::with(&config("", ""));
    project.expect("synth", 0);
    let right = project.read("stacks/dev.yaml");
    project.write(
        "stacks/dev.yaml",
        right
            .replace(
                "Parameters:\n",
                "Parameters:\n  Connection:\n    Type: String\n",
            )
            .replace(
                &format!("ConnectionArn: {CONNECTION}"),
                "ConnectionArn: !Ref Connection",
            ),
    );
    let run = project.expect("prove --strict", 1);
    let text = format!("{}{}", run.stdout, run.stderr);
    assert!(text.contains("codeconnections:UseConnection"), "{text}");
    assert!(text.contains("unproven"), "{text}");
    // An unknown format or a missing setting also leaves the calls unproven.
    for (from, to) in [
        (
            "OutputArtifactFormat: CODE_ZIP",
            "OutputArtifactFormat: !Ref Unknown",
        ),
        ("                FullRepositoryId: example/website\n", ""),
        ("                BranchName: main\n", ""),
    ] {
        assert!(right.contains(from), "{from}");
        project.write("stacks/dev.yaml", right.replace(from, to));
        project.expect("prove --strict", 1);
    }
}

#[test]
fn a_condition_on_the_repository_is_unproven_with_either_prefix() {
    let project = Project::with(&config("", ""));
    project.expect("synth", 0);
    project.expect("prove --strict", 0);
    let right = project.read("stacks/dev.yaml");
    let resource = format!("            Resource: {CONNECTION}\n");
    for prefix in ["codeconnections", "codestar-connections"] {
        for operator in ["StringEquals", "StringNotEquals"] {
            let condition = format!(
                "{resource}            Condition:\n              {operator}:\n                \
                 {prefix}:FullRepositoryId: example/website\n"
            );
            project.write("stacks/dev.yaml", right.replace(&resource, &condition));
            let proof = project.expect("prove --strict --format json", 1).stdout;
            let proof: Json = serde_json::from_str(&proof).expect("JSON");
            let calls = proof["calls"].as_array().expect("calls");
            let found: Vec<&Json> = calls
                .iter()
                .filter(|call| call["step"] == "source")
                .map(|call| &call["decision"])
                .collect();
            assert_eq!(found, ["Unproven", "Unproven"], "{prefix} {operator}");
        }
    }
}
