//! The build between the source and the deploy stages: its configuration, templates, and proof.

use serde_json::{Value as Json, json};

use crate::support::{Project, changed_once, rejected};

const COMMANDS: &str = "    commands: [npm ci, npm run build]\n    output: dist/**\n";

/// Returns a configuration with more settings under `dev` and `dev.build`.
fn config(dev: &str, build: &str) -> String {
    format!(
        "dev:\n  account: \"111111111111\"\n{dev}  build:\n{build}targets:\n  - name: prod\n    \
         account: \"222222222222\"\n"
    )
}

fn template(config: &str) -> Json {
    let project = Project::with(config);
    project.expect("synth --format json", 0);
    serde_json::from_str(&project.read("stacks/dev.json")).expect("JSON")
}

fn resource<'t>(template: &'t Json, id: &str) -> &'t Json {
    let found = &template["Resources"][id]["Properties"];
    assert!(found.is_object(), "{id}");
    found
}

fn statements(template: &Json, id: &str) -> Vec<Json> {
    let statements = &resource(template, id)["PolicyDocument"]["Statement"];
    statements.as_array().expect("statements").clone()
}

fn proof(project: &Project, code: i32) -> Json {
    let run = project.expect("prove --format json", code);
    serde_json::from_str(&run.stdout).expect("JSON")
}

#[test]
fn the_deploy_actions_take_the_output_of_the_build() {
    let template = template(&config("", COMMANDS));
    let stages = resource(&template, "Pipeline")["Stages"].clone();
    let names: Vec<&str> = (stages.as_array().expect("stages").iter())
        .filter_map(|stage| stage["Name"].as_str())
        .collect();
    assert_eq!(names, ["Source", "Build", "Deploy"]);
    let action = |stage: usize| &stages[stage]["Actions"][0];
    assert_eq!(action(1)["ActionTypeId"]["Provider"], "CodeBuild");
    assert_eq!(action(1)["RoleArn"], Json::Null);
    assert_eq!(
        action(1)["Configuration"]["ProjectName"],
        json!({"Ref": "BuildProject"})
    );
    assert_eq!(action(1)["InputArtifacts"], action(0)["OutputArtifacts"]);
    assert_eq!(action(2)["InputArtifacts"], action(1)["OutputArtifacts"]);
}

#[test]
fn the_project_runs_the_commands_and_deploys_the_files_of_the_folder() {
    let template = template(&config(
        "",
        &format!("{COMMANDS}    environment: arm\n    compute: medium\n    timeout_minutes: 20\n"),
    ));
    let project = resource(&template, "BuildProject");
    assert_eq!(project["Source"]["Type"], "CODEPIPELINE");
    assert_eq!(project["Artifacts"], json!({"Type": "CODEPIPELINE"}));
    assert_eq!(project["TimeoutInMinutes"], 20);
    assert_eq!(project["Environment"]["Type"], "ARM_CONTAINER");
    assert_eq!(
        project["Environment"]["ComputeType"],
        "BUILD_GENERAL1_MEDIUM"
    );
    let text = project["Source"]["BuildSpec"].as_str().expect("text");
    let specification: Json = serde_yaml::from_str(text).expect("YAML");
    assert_eq!(
        specification,
        json!({
            "version": 0.2,
            "phases": {"build": {"commands": ["npm ci", "npm run build"]}},
            "artifacts": {"base-directory": "dist", "files": ["**/*"]},
        })
    );
}

#[test]
fn odd_commands_and_values_arrive_unchanged() {
    let commands = [
        "echo \"a: b\" # c",
        "printf '%s' \"${X:-!Ref y}\"",
        "- x",
        "yes",
        "a\\b",
    ];
    let listed = serde_json::to_string(&commands).expect("JSON");
    let config = config(
        "",
        &format!(
            "    commands: {listed}\n    output: out/site.zip\n    variables: {{A: '#{{x}}', B: ''}}\n"
        ),
    );
    let template = template(&config);
    let project = resource(&template, "BuildProject");
    let text = project["Source"]["BuildSpec"].as_str().expect("text");
    let specification: Json = serde_yaml::from_str(text).expect("YAML");
    assert_eq!(
        specification["phases"]["build"]["commands"],
        json!(commands)
    );
    assert_eq!(
        specification["artifacts"],
        json!({"base-directory": "out", "files": ["site.zip"]})
    );
    assert_eq!(
        project["Environment"]["EnvironmentVariables"],
        json!([
            {"Name": "A", "Type": "PLAINTEXT", "Value": "#{x}"},
            {"Name": "B", "Type": "PLAINTEXT", "Value": ""},
        ])
    );
    // The YAML template contains the same text.
    let project = Project::with(&config);
    project.expect("synth", 0);
    let yaml = project.read("stacks/dev.yaml");
    let block: String = (yaml.lines())
        .skip_while(|line| !line.ends_with("BuildSpec: |"))
        .skip(1)
        .take_while(|line| line.starts_with("          "))
        .map(|line| format!("{}\n", &line[10..]))
        .collect();
    assert_eq!(block, text);
}

#[test]
fn the_role_of_the_build_is_limited_to_artifacts_key_logs_and_secrets() {
    let template = template(&config(
        "  artifacts: {bucket: store}\n",
        &format!(
            "{COMMANDS}    secrets: {{TOKEN: 'site/token:id', OTHER: site/token, KEY: key}}\n"
        ),
    ));
    let found = statements(&template, "BuildPolicy");
    let objects = |artifact: &str| format!("arn:aws:s3:::store/crossaccountdeploy/{artifact}/*");
    let secret =
        |name: &str| format!("arn:aws:secretsmanager:us-east-1:111111111111:secret:{name}-??????");
    let logs =
        "arn:aws:logs:us-east-1:111111111111:log-group:/aws/codebuild/crossaccountdeploy-build";
    let granted: Vec<(Json, Json)> = (found.iter())
        .map(|statement| (statement["Action"].clone(), statement["Resource"].clone()))
        .collect();
    assert_eq!(
        granted,
        [
            (
                json!(["s3:GetBucketAcl", "s3:GetBucketLocation"]),
                json!("arn:aws:s3:::store")
            ),
            (
                json!(["s3:GetObject", "s3:GetObjectVersion"]),
                json!(objects("SourceArti"))
            ),
            (json!("s3:PutObject"), json!(objects("BuildArtif"))),
            (
                json!(["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]),
                json!({"Fn::GetAtt": ["DeployKey", "Arn"]})
            ),
            (
                json!([
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:PutLogEvents"
                ]),
                json!([logs, format!("{logs}:*")])
            ),
            (
                json!("secretsmanager:GetSecretValue"),
                json!([secret("key"), secret("site/token")])
            ),
        ]
    );
    let trust = &resource(&template, "BuildRole")["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(
        trust["Condition"],
        json!({
            "ArnEquals": {"aws:SourceArn": "arn:aws:codebuild:us-east-1:111111111111:project/crossaccountdeploy-build"},
            "StringEquals": {"aws:SourceAccount": "111111111111"},
        })
    );
    let start = statements(&template, "StartBuildPolicy");
    assert_eq!(
        start[0]["Action"],
        json!(["codebuild:BatchGetBuilds", "codebuild:StartBuild"])
    );
    assert_eq!(
        start[0]["Resource"],
        trust["Condition"]["ArnEquals"]["aws:SourceArn"]
    );
}

#[test]
fn every_call_of_the_build_is_proven_and_every_attack_by_it_is_denied() {
    let project = Project::with(&config(
        "",
        &format!("{COMMANDS}    secrets: {{TOKEN: token}}\n"),
    ));
    project.expect("synth", 0);
    let proof = proof(&project, 0);
    assert_eq!(proof["proven"], true);
    let calls = proof["calls"].as_array().expect("calls");
    let mut of_build: Vec<&str> = calls
        .iter()
        .filter(|call| call["step"] == "build")
        .filter_map(|call| call["action"].as_str())
        .collect();
    of_build.sort_unstable();
    assert_eq!(
        of_build,
        [
            "codebuild:BatchGetBuilds",
            "codebuild:StartBuild",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "secretsmanager:GetSecretValue",
            "sts:AssumeRole",
        ]
    );
    let attacks = proof["attacks"].as_array().expect("attacks");
    for id in [
        "another-project-assumes-build-role",
        "build-assumes-deploy-role",
        "build-assumes-service-role",
        "build-starts-pipeline",
        "build-writes-other-artifacts",
        "build-replaces-source-artifact",
        "build-reads-output",
        "build-writes-output",
        "build-reads-another-secret",
        "build-overwrites-source",
        "service-role-starts-another-build",
    ] {
        let found = attacks
            .iter()
            .find(|attack| attack["id"].as_str() == Some(id));
        assert_eq!(
            found.unwrap_or_else(|| panic!("{id}"))["result"],
            "Denied",
            "{id}"
        );
    }
}

#[test]
fn each_missing_or_excess_permission_of_the_build_is_found() {
    let project = Project::with(&config(
        "  artifacts: {bucket: store}\n",
        &format!("{COMMANDS}    secrets: {{TOKEN: site/token}}\n"),
    ));
    project.expect("synth", 0);
    let right = project.read("stacks/dev.yaml");
    let changed = |from: &str, to: &str, part: &str| {
        project.write("stacks/dev.yaml", changed_once(&right, from, to));
        project.fails_proof("prove", part);
    };
    let build = "store/crossaccountdeploy/BuildArtif/*";
    let source = "store/crossaccountdeploy/SourceArti/*";
    changed(build, source, "denied");
    changed(
        build,
        "store/crossaccountdeploy/*",
        "replaces the artifact that it reads",
    );
    changed(build, "store/*", "writes another pipeline's artifacts");
    changed(source, "store/*", "reads another pipeline's artifacts");
    changed(
        "              - codebuild:StartBuild\n",
        "",
        "codebuild:StartBuild",
    );
    changed(
        "              - logs:PutLogEvents\n",
        "",
        "logs:PutLogEvents",
    );
    changed(
        "secret:site/token-??????",
        "secret:site/tokens-??????",
        "secretsmanager:GetSecretValue",
    );
    changed(
        "secret:site/token-??????",
        "secret:*",
        "reads another secret",
    );
    changed(
        "secret:site/token-??????",
        "secret:site/token*",
        "reads another secret",
    );
    changed(
        "aws:SourceArn: arn:aws:codebuild:us-east-1:111111111111:project/crossaccountdeploy-build",
        "aws:SourceArn: arn:aws:codebuild:us-east-1:111111111111:project/*",
        "another CodeBuild project",
    );
    changed(
        "              Service: codebuild.amazonaws.com",
        "              Service: lambda.amazonaws.com",
        "sts:AssumeRole",
    );
    changed(
        "            Action: s3:PutObject\n            Resource: arn:aws:s3:::store/crossaccountdeploy/BuildArtif/*",
        "            Action: \"*\"\n            Resource: \"*\"",
        "the build starts the pipeline",
    );
    changed(
        "ServiceRole: !GetAtt BuildRole.Arn",
        "ServiceRole: !GetAtt ServiceRole.Arn",
        "denied",
    );
    changed(
        "      Artifacts:\n        Type: CODEPIPELINE",
        "      Artifacts:\n        Type: NO_ARTIFACTS",
        "cannot succeed",
    );
}

#[test]
fn the_output_is_encrypted_with_the_key_of_the_project() {
    let project = Project::with(&config("", COMMANDS));
    project.expect("synth", 0);
    let right = project.read("stacks/dev.yaml");
    let key = "      EncryptionKey: !GetAtt DeployKey.Arn\n";
    assert_eq!(right.matches(key).count(), 1);
    project.write("stacks/dev.yaml", right.replace(key, ""));
    let run = project.run("prove");
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stdout.contains("kms:Decrypt"), "{}", run.stdout);
    assert!(run.stdout.contains("prods3role"), "{}", run.stdout);
}

#[test]
fn commands_that_yaml_could_misread_are_quoted() {
    let listed = "    commands: ['2020-01-01', 'yes', '1:20', '=', '<<']\n    output: '**'\n";
    let template = template(&config("", listed));
    let text = resource(&template, "BuildProject")["Source"]["BuildSpec"].clone();
    for quoted in ["\"2020-01-01\"", "\"yes\"", "\"1:20\"", "\"=\"", "\"<<\""] {
        assert!(
            text.as_str().is_some_and(|text| text.contains(quoted)),
            "{quoted}\n{text}"
        );
    }
}

#[test]
fn settings_with_other_calls_are_unproven() {
    let project = Project::with(&config("", COMMANDS));
    project.expect("synth", 0);
    let right = project.read("stacks/dev.yaml");
    let unproven = |from: &str, to: &str, part: &str| {
        project.write("stacks/dev.yaml", changed_once(&right, from, to));
        project.fails_proof("prove --strict", part);
    };
    let artifacts = "      Artifacts:\n        Type: CODEPIPELINE\n";
    unproven(
        artifacts,
        &format!("{artifacts}      VpcConfig:\n        VpcId: vpc-1\n"),
        "`VpcConfig`",
    );
    unproven(
        artifacts,
        &format!("{artifacts}      Cache:\n        Type: S3\n        Location: somebodys\n"),
        "`Cache`",
    );
    unproven(
        "          version: 0.2\n",
        "          version: 0.2\n          env: {secrets-manager: {A: b}}\n",
        "`BuildSpec`",
    );
    unproven(
        "        Image: aws/codebuild/",
        "        Image: 111111111111.dkr.ecr.us-east-1.amazonaws.com/",
        "`Image`",
    );
    unproven(
        "        Type: LINUX_CONTAINER\n",
        "        Type: LINUX_CONTAINER\n        RegistryCredential: {}\n",
        "`RegistryCredential`",
    );
    unproven(
        "        Type: LINUX_CONTAINER\n",
        "        Type: LINUX_CONTAINER\n        EnvironmentVariables:\n          - {Name: A, Type: PARAMETER_STORE, Value: b}\n",
        "PARAMETER_STORE",
    );
    unproven(
        "                ProjectName: !Ref BuildProject\n",
        "                ProjectName: !Ref BuildProject\n                BatchEnabled: \"true\"\n",
        "`BatchEnabled`",
    );
    unproven(
        "        Type: LINUX_CONTAINER\n",
        "        Type: !ImportValue type\n",
        "cannot be resolved",
    );
}

#[test]
fn a_project_outside_the_templates_is_known_only_from_the_configuration() {
    let role = "arn:aws:iam::111111111111:role/ci/existing";
    let project = Project::with(&config(
        "",
        &format!("    project: existing\n    role: {role}\n"),
    ));
    let run = project.expect("synth", 0);
    let said: Vec<&str> = run.stderr.split_whitespace().collect();
    let wanted = "CodeBuild project `existing` must have the service role";
    assert!(said.join(" ").contains(wanted), "{}", run.stderr);
    let template = template(&config(
        "",
        &format!("    project: existing\n    role: {role}\n"),
    ));
    assert_eq!(template["Resources"]["BuildProject"], Json::Null);
    assert_eq!(
        resource(&template, "BuildPolicy")["Roles"],
        json!(["existing"])
    );
    // The trust policy and the other policies of the role are not in the templates.
    let found = proof(&project, 0);
    assert_eq!(found["proven"], false);
    project.expect("prove --strict", 1);
    let calls = found["calls"].as_array().expect("calls");
    let start = calls
        .iter()
        .find(|call| call["action"] == "codebuild:StartBuild");
    assert_eq!(start.expect("a call")["decision"], "Allowed");
    // With the policies, only the settings of the project are unknown, and with them the key.
    project.write(
        "trust.json",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole",
            "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:codebuild:us-east-1:111111111111:project/existing"}, "StringEquals": {"aws:SourceAccount": "111111111111"}}}}"#,
    );
    project.write(
        "identity.json",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": "arn:aws:logs:us-east-1:111111111111:log-group:/aws/codebuild/existing"}}"#,
    );
    let run = project.expect(
        &format!(
            "prove --format json --policy {role}=trust.json --identity {role}=identity.json \
             --boundary {role}=none"
        ),
        0,
    );
    let found: Json = serde_json::from_str(&run.stdout).expect("JSON");
    let calls = found["calls"].as_array().expect("calls");
    let mut open: Vec<&str> = (calls.iter())
        .filter(|call| call["decision"] == "Unproven")
        .filter_map(|call| call["action"].as_str())
        .collect();
    open.sort_unstable();
    open.dedup();
    assert_eq!(
        open,
        [
            "CodeBuild",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:GenerateDataKey",
            "s3:PutObject"
        ]
    );
}

#[test]
fn settings_that_do_not_fit_are_rejected_with_their_place() {
    let wrong = |dev: &str, build: &str, message: &str, underlined: &str| {
        let found = rejected(&config(dev, build), message);
        assert!(
            found.underlined.contains(underlined),
            "{}",
            found.underlined
        );
    };
    let more = |build: &str| format!("{COMMANDS}{build}");
    wrong("", "    {}\n", "neither `commands` nor `project`", "");
    wrong(
        "",
        &more("    project: p\n"),
        "cannot be used together",
        "p",
    );
    wrong(
        "",
        "    commands: [make]\n",
        "`commands` requires `output`",
        "make",
    );
    let many = vec!["x"; 51].join(", ");
    wrong(
        "",
        &format!("    commands: [{many}]\n    output: a.zip\n"),
        "51 commands",
        "x",
    );
    wrong(
        "",
        "    commands: [\"  \"]\n    output: a.zip\n",
        "command 1 is empty",
        "",
    );
    let long = "x".repeat(1_001);
    wrong(
        "",
        &format!("    commands: [{long}]\n    output: a.zip\n"),
        "is too long",
        "xxx",
    );
    wrong(
        "",
        "    commands: ['echo {{resolve:ssm:/a}}']\n    output: a.zip\n",
        "dynamic reference",
        "resolve",
    );
    for (output, part) in [
        ("/dist/**", "not relative"),
        ("../dist/**", "`..`"),
        ("dist//**", "an empty part"),
        ("dist", "write `dist/**`"),
        ("s3://b/**", "not relative"),
    ] {
        wrong(
            "",
            &format!("    commands: [make]\n    output: '{output}'\n"),
            part,
            output,
        );
    }
    wrong(
        "",
        &more("    timeout_minutes: 4\n"),
        "`timeout_minutes` is out of range",
        "4",
    );
    wrong(
        "",
        &more("    variables: {1A: x}\n"),
        "`1A` is not a valid environment variable",
        "",
    );
    wrong(
        "",
        &more("    variables: {CODEBUILD_X: x}\n"),
        "AWS reserves names",
        "",
    );
    wrong(
        "",
        &more(&format!("    variables: {{A: {long}}}\n")),
        "has 1001 characters",
        "xxx",
    );
    wrong(
        "",
        &more("    variables: {A: '{{resolve:secretsmanager:a}}'}\n"),
        "dynamic reference",
        "resolve",
    );
    wrong(
        "",
        &more("    variables: {A: x}\n    secrets: {A: y}\n"),
        "both `variables` and `secrets`",
        "",
    );
    wrong(
        "",
        &more(
            "    secrets: {A: 'arn:aws:secretsmanager:us-east-1:111111111111:secret:a-AbCdEf'}\n",
        ),
        "it is an ARN",
        "arn:",
    );
    wrong(
        "",
        &more("    secrets: {A: 'a*'}\n"),
        "not the name of a secret",
        "a*",
    );
    wrong(
        "",
        &more("    role: arn:aws:iam::111111111111:role/r\n"),
        "`role` requires `project`",
        "role/r",
    );
    wrong(
        "",
        "    project: existing\n",
        "`project` requires `role`",
        "existing",
    );
    wrong(
        "",
        "    project: 'a b'\n    role: arn:aws:iam::111111111111:role/r\n",
        "not a valid project name",
        "a b",
    );
    wrong(
        "",
        "    project: existing\n    role: arn:aws:iam::333333333333:role/r\n",
        "belongs to account 333333333333",
        "role/r",
    );
    wrong(
        "",
        "    project: existing\n    role: arn:aws:iam::111111111111:role/r\n    compute: large\n",
        "`compute` requires `commands`",
        "large",
    );
    wrong(
        "  pipeline: {create: false, service_role: \"arn:aws:iam::111111111111:role/r\"}\n",
        COMMANDS,
        "the existing pipeline keeps its actions",
        "",
    );
    wrong(
        "",
        "    commands: []\n    output: a.zip\n",
        "the build has no commands",
        "",
    );
    let secrets: Vec<String> = (0..60)
        .map(|number| format!("T{number}: a-rather-long-name-of-a-secret-{number:030}"))
        .collect();
    let secrets = format!("    secrets: {{{}}}\n", secrets.join(", "));
    wrong(
        "",
        &more(&secrets),
        "the managed policy BuildPolicy of `dev` has",
        "",
    );
    let named = config("", COMMANDS).replace("name: prod", "name: Build");
    let run = Project::with(&named).expect("synth", 2);
    assert!(
        run.stderr.contains("the name of the build stage"),
        "{}",
        run.stderr
    );
    let tagged = format!("{}    tagged_objects: true\n", config("", COMMANDS));
    let run = Project::with(&tagged).expect("synth", 2);
    assert!(
        run.stderr
            .contains("the output of a build has no object tags"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_additional_pipeline_checks_its_start_before_it_builds() {
    let config = config("", COMMANDS).replace(
        "    account: \"222222222222\"\n",
        "    accounts: [\"222222222222\", \"333333333333\", \"444444444444\", \"555555555555\"]\n    bucket: out-{account}\n",
    );
    let project = Project::with(&format!("{config}quotas: {{actions_per_pipeline: 5}}\n"));
    project.expect("synth --format json", 0);
    project.expect("prove", 0);
    project.expect("lint", 0);
    let second: Json =
        serde_json::from_str(&project.read("stacks/dev-pipeline-2.json")).expect("JSON");
    let stages = &second["Resources"]["Pipeline"]["Properties"]["Stages"];
    assert_eq!(stages[1]["Name"], "Build");
    assert_eq!(stages[1]["BeforeEntry"]["Conditions"][0]["Result"], "FAIL");
    assert_eq!(
        stages[1]["Actions"][0]["Configuration"]["ProjectName"],
        "crossaccountdeploy-build"
    );
    assert_eq!(stages[2]["BeforeEntry"], Json::Null);
    let dev: Json = serde_json::from_str(&project.read("stacks/dev.json")).expect("JSON");
    let sources = statements(&dev, "BuildPolicy")[1]["Resource"].clone();
    assert_eq!(sources.as_array().map(Vec::len), Some(2), "{sources}");
}

#[test]
fn init_writes_a_build() {
    let project = Project::empty();
    let accounts = "init --dev-account 111111111111 --prod-account 222222222222";
    project.expect(
        &format!("{accounts} --build make --build #x --build-output dist/**"),
        0,
    );
    project.expect("synth --format json", 0);
    let template: Json = serde_json::from_str(&project.read("stacks/dev.json")).expect("JSON");
    let text = resource(&template, "BuildProject")["Source"]["BuildSpec"].clone();
    let specification: Json = serde_yaml::from_str(text.as_str().expect("text")).expect("YAML");
    assert_eq!(
        specification["phases"]["build"]["commands"],
        json!(["make", "#x"])
    );
    project.expect("prove", 0);
    let run = project.expect(&format!("{accounts} --force --build make"), 2);
    assert!(run.stderr.contains("--build-output"), "{}", run.stderr);
    let run = project.expect(
        &format!("{accounts} --force --build make --build-output dist"),
        2,
    );
    assert!(run.stderr.contains("write `dist/**`"), "{}", run.stderr);
}

#[test]
fn the_deployer_passes_the_role_only_to_codebuild() {
    let project = Project::with(&config("", COMMANDS));
    let run = project.expect("deployer-policy --profile dev", 0);
    // The policy can need several documents.
    let documents = serde_json::Deserializer::from_str(&run.stdout).into_iter::<Json>();
    let statements: Vec<Json> = documents
        .map(|document| document.expect("JSON"))
        .flat_map(|document| match document {
            Json::Object(named) if !named.contains_key("Statement") => {
                named.into_iter().map(|(_, document)| document).collect()
            }
            only => vec![only],
        })
        .flat_map(|document| {
            document["Statement"]
                .as_array()
                .expect("statements")
                .clone()
        })
        .collect();
    let of = |sid: &str| {
        let found = statements.iter().find(|statement| statement["Sid"] == sid);
        found
            .unwrap_or_else(|| panic!("{sid}\n{}", run.stdout))
            .clone()
    };
    assert_eq!(
        of("Projects")["Resource"],
        "arn:aws:codebuild:us-east-1:111111111111:project/crossaccountdeploy-build"
    );
    let run = project.expect("deployer-policy --push --profile dev", 0);
    assert!(
        run.stdout.contains("logs:FilterLogEvents"),
        "{}",
        run.stdout
    );
    let pass = of("PassRoleOfProjects");
    assert!(
        pass["Resource"]
            .as_str()
            .is_some_and(|arn| arn.ends_with("-build")),
        "{pass}"
    );
    assert!(
        pass["Condition"]
            .to_string()
            .contains("codebuild.amazonaws.com"),
        "{pass}"
    );
}
