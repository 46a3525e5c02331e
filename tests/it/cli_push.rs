//! Tests of `s3ferry push` and `s3ferry sample` with the binary, a bucket in the emulator, and a
//! scripted CodePipeline, which reports the status and the failures that each test needs.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::emulator::{Accounts, Emulator};
use crate::played_pipeline::PlayedPipeline;
use crate::support::{Project, Run, SMALL, ignores_hangups, python};

const ID: &str = "3c2a0f5e-0000-4000-8000-000000000001";

/// A project with a source bucket in the emulator and a simulated pipeline.
pub(crate) struct Stage {
    pub(crate) project: Project,
    pub(crate) pipeline: PlayedPipeline,
    pub(crate) accounts: Accounts,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let stage = Self::without_versions();
        let bucket = format!("source-{}", stage.accounts.dev);
        stage.aws(&format!(
            "s3api put-bucket-versioning --bucket {bucket} --versioning-configuration \
             Status=Enabled"
        ));
        stage
    }

    fn without_versions() -> Self {
        let accounts = Accounts::fresh();
        let pipeline = PlayedPipeline::before(Emulator::shared().address());
        let mut project = Project::with(&accounts.config());
        accounts.log_in(&mut project, &pipeline.endpoint());
        project.write("site/index.html", "<h1>Hello</h1>");
        project.write("site/a/style.css", "h1 { color: teal }");
        project.write("site/.git/config", "secret");
        let stage = Self {
            project,
            pipeline,
            accounts,
        };
        stage.aws(&format!(
            "s3api create-bucket --bucket source-{}",
            stage.accounts.dev
        ));
        stage
    }

    fn aws(&self, arguments: &str) -> Value {
        Emulator::shared().aws(&self.accounts.dev, arguments)
    }

    /// Returns the version IDs of the source object, the newest first.
    pub(crate) fn versions(&self) -> Vec<String> {
        let found = self.aws(&format!(
            "s3api list-object-versions --bucket source-{}",
            self.accounts.dev
        ));
        let versions = found["Versions"].as_array().cloned().unwrap_or_default();
        versions
            .iter()
            .map(|version| version["VersionId"].as_str().expect("an ID").to_owned())
            .collect()
    }

    /// Returns the names and contents of the files in the source object, read with Python's zipfile
    /// module.
    fn uploaded_files(&self) -> Value {
        let path = self.project.path("downloaded.zip");
        self.aws(&format!(
            "s3api get-object --bucket source-{} --key sample-website.zip {}",
            self.accounts.dev,
            path.display()
        ));
        zip_content(&path.display().to_string())
    }

    /// Simulates an execution of the uploaded version that ends with `status`.
    pub(crate) fn plays(&self, status: &str, actions: &[Value]) {
        let summary = |status: &str| {
            json!({"pipelineExecutionSummaries": [{
                "pipelineExecutionId": ID,
                "status": status,
                "startTime": 1.7e9,
                "sourceRevisions": [{"actionName": "Source", "revisionId": "VERSION"}],
            }]})
        };
        let whole = |status: &str| {
            json!({"pipelineExecution": {
                "pipelineName": "crossaccountdeploy",
                "pipelineExecutionId": ID,
                "status": status,
            }})
        };
        let nothing = json!({"pipelineExecutionSummaries": []});
        let running = [action("Source", "Source", "InProgress", "")];
        let details = |actions: &[Value]| json!({"actionExecutionDetails": actions});
        self.pipeline.plays([
            (
                "ListPipelineExecutions",
                vec![nothing, summary("InProgress"), summary(status)],
            ),
            (
                "GetPipelineExecution",
                vec![whole("InProgress"), whole(status)],
            ),
            (
                "ListActionExecutions",
                vec![details(&running), details(actions)],
            ),
            ("GetPipelineState", vec![json!({"stageStates": []})]),
            (
                "StartPipelineExecution",
                vec![json!({"pipelineExecutionId": ID})],
            ),
        ]);
    }
}

pub(crate) fn action(stage: &str, name: &str, status: &str, message: &str) -> Value {
    json!({
        "pipelineExecutionId": ID,
        "stageName": stage,
        "actionName": name,
        "startTime": 1.7e9,
        "lastUpdateTime": 1.7e9 + 12.0,
        "status": status,
        "output": {"executionResult": {"externalExecutionSummary": message}},
    })
}

/// Returns the actions with the newest first, as AWS lists them.
fn good_actions() -> [Value; 2] {
    [
        action("Deploy", "Deploy", "Succeeded", ""),
        action("Source", "Source", "Succeeded", ""),
    ]
}

fn zip_content(path: &str) -> Value {
    let script = "import json, sys, zipfile\n\
                  z = zipfile.ZipFile(sys.argv[1])\n\
                  assert z.testzip() is None\n\
                  print(json.dumps([[i.filename, z.read(i).decode(), i.external_attr >> 16, \
                  i.date_time[0]] for i in z.infolist()]))";
    run_python(&["-c", script, path])
}

pub(crate) fn run_python(arguments: &[&str]) -> Value {
    let output = Command::new(python("python"))
        .args(arguments)
        .output()
        .expect("Python runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

pub(crate) fn result(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

#[test]
fn a_folder_is_uploaded_once_and_its_execution_is_followed() {
    let stage = Stage::new();
    stage.plays("Succeeded", &good_actions());
    let run = stage.project.expect("push site --format json", 0);
    crate::schemas::conforms("push", &run.stdout);
    let versions = stage.versions();
    assert_eq!(versions.len(), 1);
    let found = result(&run);
    assert_eq!(found["source"]["versionId"], versions[0].as_str());
    assert_eq!(found["source"]["uploaded"], true);
    assert_eq!(found["source"]["files"], 2);
    assert_eq!(found["execution"]["status"], "Succeeded");
    assert_eq!(found["execution"]["actions"][0]["action"], "Source");
    assert_eq!(found["execution"]["actions"][1]["seconds"], 12.0);
    assert!(
        run.stderr.contains(&format!("Version {}", versions[0])),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains(".git"),
        "the skipped folder is not reported: {}",
        run.stderr
    );
    assert_eq!(
        stage.uploaded_files(),
        json!([
            ["a/style.css", "h1 { color: teal }", 0o100_644, 1980],
            ["index.html", "<h1>Hello</h1>", 0o100_644, 1980]
        ])
    );
    let run = stage.project.expect("push site --format json", 0);
    crate::schemas::conforms("push", &run.stdout);
    assert_eq!(result(&run)["source"]["uploaded"], false);
    assert!(
        run.stderr.contains("already has this content"),
        "{}",
        run.stderr
    );
    assert_eq!(stage.versions(), versions);
    assert_eq!(stage.pipeline.count("StartPipelineExecution"), 0);
    let run = stage.project.expect("push site --start", 0);
    assert_eq!(run.stdout, format!("{}\n", versions[0]));
    assert_eq!(stage.versions(), versions);
    let started = stage.pipeline.bodies("StartPipelineExecution");
    assert_eq!(started.len(), 1);
    assert_eq!(started[0]["name"], "crossaccountdeploy");
    assert!(started[0]["clientRequestToken"].is_string());
    assert_eq!(
        started[0]["sourceRevisions"],
        json!([{
            "actionName": "Source",
            "revisionType": "S3_OBJECT_VERSION_ID",
            "revisionValue": versions[0],
        }])
    );
}

#[test]
fn the_version_is_the_result_and_quiet_does_not_hide_it() {
    let stage = Stage::new();
    let run = stage.project.expect("push site --no-watch -q", 0);
    let versions = stage.versions();
    assert_eq!(run.stdout, format!("{}\n", versions[0]));
    assert_eq!(run.stderr, "");
    // The result is the same if the object already exists, and if the pipeline fails.
    stage.plays("Failed", &[action("Deploy", "Deploy", "Failed", "no")]);
    let run = stage.project.expect("push site", 1);
    assert_eq!(run.stdout, format!("{}\n", versions[0]));
    assert_eq!(stage.versions(), versions);
}

#[test]
fn an_earlier_version_is_deployed_again_without_an_upload() {
    let stage = Stage::new();
    stage.plays("Succeeded", &good_actions());
    stage.project.expect("push site --no-watch", 0);
    stage.project.write("site/index.html", "<h1>Broken</h1>");
    stage.project.expect("push site --no-watch", 0);
    let versions = stage.versions();
    assert_eq!(versions.len(), 2);
    let older = &versions[1];
    let run = stage
        .project
        .expect(&format!("push --version {older} --format json"), 0);
    crate::schemas::conforms("push", &run.stdout);
    let found = result(&run);
    assert_eq!(found["source"]["versionId"], *older);
    assert_eq!(found["source"]["uploaded"], false);
    assert_eq!(found["execution"]["status"], "Succeeded");
    let started = stage.pipeline.bodies("StartPipelineExecution");
    assert_eq!(
        started[0]["sourceRevisions"],
        json!([{
            "actionName": "Source",
            "revisionType": "S3_OBJECT_VERSION_ID",
            "revisionValue": older,
        }])
    );
    assert_eq!(stage.versions(), versions, "nothing is uploaded");
    let run = stage.project.expect("push --version nothing", 2);
    assert!(
        run.stderr.contains("has no version `nothing`"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("list-object-versions"),
        "{}",
        run.stderr
    );
    stage
        .project
        .expect(&format!("push site --version {older}"), 2);
    assert_eq!(stage.pipeline.count("StartPipelineExecution"), 1);
}

#[test]
fn the_policy_for_a_push_allows_only_the_calls_of_a_push() {
    let stage = Stage::new();
    stage.plays("Succeeded", &good_actions());
    stage.project.expect("push site", 0);
    stage.project.expect("push site --start", 0);
    let version = stage.versions()[0].clone();
    let by_version = format!("push --version {version} --no-watch");
    stage.project.expect(&by_version, 0);
    let noise = vec![b'x'; 17 << 20];
    stage.project.write("noise.bin", noise);
    let script = "import sys, zipfile\n\
                  with zipfile.ZipFile(sys.argv[1], 'w') as z: z.write(sys.argv[2], 'noise.bin')";
    let path = |name: &str| stage.project.path(name).display().to_string();
    run_python(&["-c", script, &path("site.zip"), &path("noise.bin")]);
    stage.pipeline.refuses("CompleteMultipartUpload");
    stage.project.expect("push site.zip", 3);
    let mut called: Vec<String> = (stage.pipeline.iam_names().into_iter())
        .filter(|name| name != "sts:GetCallerIdentity")
        // These calls have no action of the same name (*Service Authorization Reference*).
        .map(|name| match name.as_str() {
            "s3:ListMultipartUploads" => "s3:ListBucketMultipartUploads".to_owned(),
            "s3:CreateMultipartUpload" | "s3:UploadPart" | "s3:CompleteMultipartUpload" => {
                "s3:PutObject".to_owned()
            }
            _ => name,
        })
        .collect();
    // Without this permission, S3 reports a missing object as forbidden.
    called.push("s3:ListBucket".to_owned());
    called.sort();
    called.dedup();
    let run = stage
        .project
        .expect("deployer-policy --profile dev --push", 0);
    let mut allowed: Vec<String> = result(&run)["Statement"]
        .as_array()
        .expect("statements")
        .iter()
        .flat_map(|statement| statement["Action"].as_array().expect("a list").clone())
        .map(|action| action.as_str().expect("text").to_owned())
        .collect();
    allowed.sort();
    assert_eq!(called, allowed);
}

#[test]
fn a_denied_action_is_explained_by_the_denied_call() {
    let stage = Stage::new();
    let said = "User: arn:aws:sts::222222222222:assumed-role/prods3role/1 is not authorized to \
                perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:111111111111:key/1";
    stage.plays(
        "Failed",
        &[
            action("Deploy", "Deploy", "Failed", said),
            action("Source", "Source", "Succeeded", ""),
        ],
    );
    let run = stage.project.expect("push site --format json", 1);
    crate::schemas::conforms("push", &run.stdout);
    assert!(
        run.stderr.contains("perform: kms:Decrypt"),
        "{}",
        run.stderr
    );
    let explained = &result(&run)["explanation"];
    assert_eq!(explained["exact"], true);
    let calls = explained["calls"].as_array().expect("calls");
    assert!(!calls.is_empty());
    for call in calls {
        assert_eq!(call["action"], "kms:Decrypt");
        assert_eq!(call["step"], "decrypt");
        assert_eq!(call["caller"], "prods3role");
    }
    // The output shows the deciding statements with their lines.
    assert!(
        run.stderr.contains("DecryptArtifacts stacks/prod.yaml:"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("s3ferry prove --call decrypt"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("s3ferry doctor"), "{}", run.stderr);
    // A second push does not upload, and reports the same failure.
    let run = stage.project.expect("push site", 1);
    assert!(run.stderr.contains("Not uploaded"), "{}", run.stderr);
    assert!(
        run.stderr.contains("perform: kms:Decrypt"),
        "{}",
        run.stderr
    );
}

#[test]
fn denied_tags_suggest_the_option_of_the_target() {
    let said = "You do not have sufficient permissions to call s3.putObjectTagging for the \
                deployment bucket, out.";
    let denied = "User: arn:aws:sts::222222222222:assumed-role/prods3role/1 is not authorized to \
                  perform: s3:GetObjectTagging on resource: arn:aws:s3:::artifacts/site/a";
    for said in [said, denied] {
        let stage = Stage::new();
        stage.plays("Failed", &[action("Deploy", "Deploy", "Failed", said)]);
        let run = stage.project.expect("push site --format json", 1);
        crate::schemas::conforms("push", &run.stdout);
        assert_eq!(result(&run)["explanation"]["failure"], "object-tags");
        let help = &run.problems()[0].help;
        assert!(
            help.contains("`tagged_objects: true` in target `prod`"),
            "{help}"
        );
        assert!(help.contains("s3ferry deploy --all"), "{help}");
        // With the option, the failure is an ordinary denial, because the deployed stack is older.
        let config = stage.project.read("s3ferry.yaml");
        let config = config.replacen(
            "  - name: prod\n",
            "  - name: prod\n    tagged_objects: true\n",
            1,
        );
        stage.project.write("s3ferry.yaml", config);
        let run = stage.project.expect("push site --format json", 1);
        crate::schemas::conforms("push", &run.stdout);
        let explained = &result(&run)["explanation"];
        assert_eq!(explained["failure"], Value::Null);
        assert_eq!(explained["exact"], true);
        let calls = explained["calls"].as_array().expect("calls");
        assert!(
            !calls.is_empty()
                && calls.iter().all(|call| {
                    call["verdict"] == "Allowed"
                        && call["action"]
                            .as_str()
                            .is_some_and(|it| it.ends_with("Tagging"))
                }),
            "{calls:?}"
        );
    }
}

#[test]
fn missing_and_forbidden_source_objects_are_distinguished() {
    let missing = "Amazon S3:NoSuchKey:The specified key does not exist. (Service: Amazon S3; \
                   Status Code: 404; Error Code: NoSuchKey; Request ID: 1)";
    let forbidden = "Amazon S3:AccessDenied:Access Denied (Service: Amazon S3; Status Code: 403; \
                     Error Code: AccessDenied; Request ID: 1)";
    for (said, cause) in [(missing, json!("source-missing")), (forbidden, Value::Null)] {
        let stage = Stage::new();
        stage.plays("Failed", &[action("Source", "Source", "Failed", said)]);
        let run = stage.project.expect("push site --format json", 1);
        crate::schemas::conforms("push", &run.stdout);
        let explained = &result(&run)["explanation"];
        assert_eq!(explained["failure"], cause, "{}", run.stderr);
        let object = format!(
            "The source object is s3://source-{}/sample-website.zip.",
            stage.accounts.dev
        );
        let is_missing = cause == "source-missing";
        assert_eq!(run.stderr.contains(&object), is_missing, "{}", run.stderr);
        let help = &run.problems()[0].help;
        assert_eq!(help.contains("without --start"), is_missing, "{help}");
        // The role may lack permissions for a forbidden source, so the calls are shown.
        let calls = explained["calls"].as_array().expect("calls");
        assert_eq!(calls.is_empty(), is_missing);
    }
}

#[test]
fn a_failure_other_than_a_denial_is_not_explained_by_policies() {
    let stage = Stage::new();
    let said = "The action timed out";
    stage.plays("Failed", &[action("Deploy", "Deploy", "Failed", said)]);
    let run = stage.project.expect("push site --format json", 1);
    crate::schemas::conforms("push", &run.stdout);
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert_eq!(result(&run).get("explanation"), None);
}

#[test]
fn a_superseded_execution_is_reported_with_its_successor() {
    let stage = Stage::new();
    stage.plays("Superseded", &[action("Source", "Source", "Succeeded", "")]);
    let execution = |id: &str, status: &str, version: &str| {
        json!({
            "pipelineExecutionId": id,
            "status": status,
            "startTime": 1.7e9,
            "sourceRevisions": [{"actionName": "Source", "revisionId": version}],
        })
    };
    stage.pipeline.plays([(
        "ListPipelineExecutions",
        vec![json!({"pipelineExecutionSummaries": [
            execution("newest", "InProgress", "version-4"),
            execution("newer", "Succeeded", "version-3"),
            execution("also-superseded", "Superseded", "version-2"),
            execution(ID, "Superseded", "VERSION"),
            execution("older", "Succeeded", "version-0"),
        ]})],
    )]);
    let run = stage.project.expect("push site --format json", 1);
    crate::schemas::conforms("push", &run.stdout);
    let found = result(&run);
    assert_eq!(found["execution"]["status"], "Superseded");
    assert_eq!(
        found["supersededBy"],
        json!({"id": "newer", "status": "Succeeded", "versionId": "version-3"})
    );
    let said = format!(
        "execution {ID} with version {} was superseded by execution newer with version version-3 \
         (Succeeded)",
        stage.versions()[0]
    );
    assert!(run.stderr.contains(&said), "{said}\n{}", run.stderr);
    assert!(run.stderr.contains("--start"), "{}", run.stderr);
}

#[test]
fn a_stopped_execution_is_reported() {
    let stage = Stage::new();
    stage.plays("Stopped", &[action("Source", "Source", "Succeeded", "")]);
    let run = stage.project.expect("push site", 1);
    assert!(run.stderr.contains("Stopped"), "{}", run.stderr);
    assert!(run.stderr.contains("a user stopped it"), "{}", run.stderr);
    assert!(run.stderr.contains("--start"), "{}", run.stderr);
}

#[test]
fn an_execution_of_a_different_version_is_not_a_success() {
    let stage = Stage::new();
    stage.plays("Succeeded", &good_actions());
    stage.pipeline.plays([(
        "GetPipelineExecution",
        vec![json!({"pipelineExecution": {
            "pipelineName": "crossaccountdeploy",
            "pipelineExecutionId": ID,
            "status": "Succeeded",
            "artifactRevisions": [{"name": "SourceArtifact", "revisionId": "another-version"}],
        }})],
    )]);
    stage.project.expect("push site --no-watch", 0);
    let run = stage.project.expect("push site --start", 1);
    let said = format!(
        "execution {ID} deployed version another-version instead of version {}",
        stage.versions()[0]
    );
    assert!(run.stderr.contains(&said), "{said}\n{}", run.stderr);
}

#[test]
fn an_adopted_pipeline_is_started_with_the_name_of_its_source_action() {
    let stage = Stage::new();
    let config = stage.accounts.config().replace(
        "  source:\n",
        "  pipeline:\n    create: false\n    service_role: \
         arn:aws:iam::111111111111:role/own\n  source:\n",
    );
    let config = config.replace("111111111111", &stage.accounts.dev);
    stage.project.write("s3ferry.yaml", config);
    stage.plays("Succeeded", &good_actions());
    let definition = |kind: &str| {
        let source = json!({
            "name": "Fetch",
            "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
            "configuration": {
                "S3Bucket": format!("source-{}", stage.accounts.dev),
                "S3ObjectKey": "sample-website.zip",
            },
        });
        json!({"pipeline": {
            "name": "crossaccountdeploy",
            "roleArn": format!("arn:aws:iam::{}:role/own", stage.accounts.dev),
            "artifactStore": {"type": "S3", "location": "store"},
            "stages": [{"name": "In", "actions": [source]}],
            "version": 1,
            "pipelineType": kind,
        }})
    };
    stage.project.expect("push site --no-watch", 0);
    // A pipeline of type V1 does not support source revisions.
    for (kind, action) in [("V2", json!("Fetch")), ("V1", Value::Null)] {
        stage
            .pipeline
            .plays([("GetPipeline", vec![definition(kind)])]);
        stage.project.expect("push site --start", 0);
        let started = stage.pipeline.bodies("StartPipelineExecution");
        let last = started.last().expect("a started execution");
        assert_eq!(last["sourceRevisions"][0]["actionName"], action, "{last}");
    }
    let allowed = stage
        .project
        .expect("deployer-policy --profile dev --push", 0);
    assert!(allowed.stdout.contains("codepipeline:GetPipeline\""));
}

#[test]
fn a_pending_approval_is_reported_with_its_command() {
    let stage = Stage::new();
    stage.plays("Succeeded", &good_actions());
    stage.pipeline.plays([(
        "GetPipelineState",
        vec![json!({"stageStates": [{
            "stageName": "Deploy",
            "latestExecution": {"pipelineExecutionId": ID, "status": "InProgress"},
            "actionStates": [{
                "actionName": "Approve",
                "latestExecution": {"status": "InProgress", "token": "t-0-k-e-n"},
            }],
        }]})],
    )]);
    let run = stage.project.expect("push site", 0);
    let wanted = "put-approval-result --pipeline-name crossaccountdeploy --stage-name Deploy \
                  --action-name Approve --token t-0-k-e-n";
    assert_eq!(run.stderr.matches(wanted).count(), 1, "{}", run.stderr);
}

#[test]
fn a_missing_execution_is_an_error_that_names_the_version() {
    let stage = Stage::new();
    stage.pipeline.plays([(
        "ListPipelineExecutions",
        vec![json!({"pipelineExecutionSummaries": []})],
    )]);
    let run = stage.project.expect("push site --wait-timeout 1s", 1);
    assert!(run.stderr.contains(&stage.versions()[0]), "{}", run.stderr);
    assert!(
        run.stderr.contains("aws events describe-rule"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--start"), "{}", run.stderr);
}

#[test]
fn a_large_file_is_uploaded_in_parts() {
    let stage = Stage::new();
    // Random data, which deflate cannot compress.
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    })
    .take(17 << 20)
    .collect();
    stage.project.write("site/noise.bin", &noise);
    stage.project.expect("push site --no-watch", 0);
    assert_eq!(stage.pipeline.count("UploadPart"), 3);
    assert_eq!(stage.pipeline.count("CompleteMultipartUpload"), 1);
    let path = stage.project.path("downloaded.zip");
    stage.aws(&format!(
        "s3api get-object --bucket source-{} --key sample-website.zip {}",
        stage.accounts.dev,
        path.display()
    ));
    let script = "import sys, zipfile\n\
                  z = zipfile.ZipFile(sys.argv[1])\n\
                  assert z.read('noise.bin') == open(sys.argv[2], 'rb').read()";
    let original = stage.project.path("site/noise.bin");
    run_python(&[
        "-c",
        script,
        &path.display().to_string(),
        &original.display().to_string(),
    ]);
    // The second push recognizes the same content.
    let run = stage.project.expect("push site --no-watch", 0);
    assert!(run.stderr.contains("Not uploaded"), "{}", run.stderr);
    // A failed part does not leave an unfinished upload.
    stage.project.write("site/more.txt", "other content");
    stage.pipeline.refuses("UploadPart");
    let run = stage.project.expect("push site --no-watch", 3);
    assert!(run.stderr.contains("s3:UploadPart"), "{}", run.stderr);
    let policy = "`s3ferry deployer-policy --profile dev --push` prints";
    assert!(run.stderr.contains(policy), "{}", run.stderr);
    assert_eq!(stage.pipeline.count("AbortMultipartUpload"), 1);
    let left = stage.aws(&format!(
        "s3api list-multipart-uploads --bucket source-{}",
        stage.accounts.dev
    ));
    assert!(
        left["Uploads"].as_array().is_none_or(Vec::is_empty),
        "{left}"
    );
    assert_eq!(stage.versions().len(), 1);
}

/// Writes a zip file that is uploaded in several parts.
#[cfg(unix)]
fn write_large_zip(stage: &Stage, name: &str) {
    let noise: Vec<u8> = (0..17u64 << 20)
        .map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8)
        .collect();
    stage.project.write("site/noise.bin", &noise);
    // Stored without compression, so that the file is large.
    let script = "import sys, zipfile\n\
                  with zipfile.ZipFile(sys.argv[1], 'w') as z: z.write(sys.argv[2], 'noise.bin')";
    let zip = stage.project.path(name).display().to_string();
    run_python(&[
        "-c",
        script,
        &zip,
        &stage.project.path("site/noise.bin").display().to_string(),
    ]);
}

/// Pushes a file and sends a signal after the upload of a part has started.
#[cfg(unix)]
fn push_until_signal(stage: &Stage, arguments: &str, signal: &str) -> std::process::Output {
    stage.pipeline.holds("UploadPart");
    let child = stage.project.spawn(arguments);
    let until = Instant::now() + Duration::from_secs(60);
    while stage.pipeline.count("UploadPart") == 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    let killed = Command::new("kill")
        .args([&format!("-{signal}"), &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    child.wait_with_output().expect("ended")
}

#[test]
#[cfg(unix)]
fn an_upload_that_a_signal_stops_is_aborted() {
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        if signal == "HUP" && ignores_hangups() {
            continue;
        }
        let stage = Stage::new();
        write_large_zip(&stage, "large.zip");
        let output = push_until_signal(&stage, "push large.zip --no-watch", signal);
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(stage.pipeline.count("AbortMultipartUpload"), 1);
        assert_eq!(unfinished_uploads(&stage), 0);
    }
}

#[test]
#[cfg(unix)]
fn an_upload_that_was_killed_is_aborted_by_the_next_push() {
    let stage = Stage::new();
    write_large_zip(&stage, "large.zip");
    push_until_signal(&stage, "push large.zip --no-watch", "KILL");
    // An upload of a different object whose key has the same prefix.
    let other = format!("source-{} --key sample-website.zip.old", stage.accounts.dev);
    stage.aws(&format!("s3api create-multipart-upload --bucket {other}"));
    assert_eq!(unfinished_uploads(&stage), 2);
    let endpoint = Emulator::shared().endpoint();
    let run = stage.project.expect(
        &format!("push site --no-watch --endpoint-url {endpoint}"),
        0,
    );
    let aborted = "Aborted an incomplete upload of this object";
    assert!(run.stderr.contains(aborted), "{}", run.stderr);
    assert_eq!(unfinished_uploads(&stage), 1);
}

#[cfg(unix)]
fn unfinished_uploads(stage: &Stage) -> usize {
    let left = stage.aws(&format!(
        "s3api list-multipart-uploads --bucket source-{}",
        stage.accounts.dev
    ));
    left["Uploads"].as_array().map_or(0, Vec::len)
}

#[test]
#[cfg(unix)]
fn an_interrupted_upload_is_aborted() {
    let stage = Stage::new();
    write_large_zip(&stage, "it's.zip");
    let endpoint = stage.pipeline.endpoint();
    let output = push_until_signal(
        &stage,
        &format!(
            "push it's.zip --no-watch --start --profile dev --config ./s3ferry.yaml \
             --endpoint-url {endpoint}"
        ),
        "INT",
    );
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let resume = format!(
        "run `s3ferry push 'it'\\''s.zip' --start --no-watch --profile dev --endpoint-url \
         {endpoint} --config ./s3ferry.yaml` to start again"
    );
    assert!(said.contains(&resume), "{resume}\n{said}");
    assert_eq!(stage.pipeline.count("AbortMultipartUpload"), 1);
}

#[test]
#[cfg(unix)]
fn a_started_execution_is_followed_and_not_started_again() {
    let stage = Stage::new();
    stage.project.expect("push site --no-watch", 0);
    stage.plays("Succeeded", &good_actions());
    stage.pipeline.holds("GetPipelineExecution");
    let child = stage.project.spawn("push site --start");
    let until = Instant::now() + Duration::from_secs(60);
    while stage.pipeline.count("GetPipelineExecution") == 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(20));
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("run `s3ferry push site` to resume"), "{said}");
    assert_eq!(stage.pipeline.count("StartPipelineExecution"), 1);
}

#[test]
fn an_unversioned_bucket_is_rejected_before_the_upload() {
    let stage = Stage::without_versions();
    let run = stage.project.expect("push site", 2);
    assert!(
        run.stderr.contains("versioning is not enabled"),
        "{}",
        run.stderr
    );
    let fix = format!(
        "put-bucket-versioning --bucket source-{}",
        stage.accounts.dev
    );
    assert!(run.stderr.contains(&fix), "{}", run.stderr);
    assert_eq!(stage.pipeline.count("PutObject"), 0);
}

#[test]
fn nothing_is_uploaded_from_the_wrong_account() {
    let stage = Stage::new();
    let run = stage.project.expect("push site --profile prod", 2);
    assert!(
        run.stderr.contains("but the configuration specifies"),
        "{}",
        run.stderr
    );
    assert_eq!(stage.versions().len(), 0);
}

#[test]
#[cfg(unix)]
fn invalid_folder_contents_are_rejected() {
    let accounts = Accounts::fresh();
    let case = |name: &str, prepare: &dyn Fn(&Project), message: &str| {
        let project = Project::with(&accounts.config());
        project.write("site/index.html", "x");
        prepare(&project);
        let run = project.expect("push site", 2);
        assert!(run.stderr.contains(message), "{name}: {}", run.stderr);
    };
    let link = |project: &Project, to: &str| {
        std::os::unix::fs::symlink(to, project.path("site/link")).expect("a link");
    };
    case(
        "outside",
        &|p| link(p, "/etc/hostname"),
        "`link` is a symbolic link to a file outside",
    );
    case(
        "nowhere",
        &|p| link(p, "gone"),
        "`link` is a symbolic link with a missing target",
    );
    case(
        "folder",
        &|p| {
            p.write("site/a/b", "x");
            link(p, "a");
        },
        "`link` is a symbolic link to a folder",
    );
    case(
        "long",
        &|p| {
            p.write(
                &format!("site/{}", ["d".repeat(200).as_str(); 6].join("/")),
                "x",
            )
        },
        "its object key is 1205 bytes long, but the S3 limit is 1024",
    );
    let odd = Project::with(&accounts.config());
    // No process writes to the pipe, so opening it would block forever.
    let made = Command::new("mkfifo").arg(odd.path("pipe")).status();
    assert!(made.expect("mkfifo runs").success());
    let run = odd.expect("push pipe", 2);
    assert!(
        run.stderr.contains("`pipe` is neither a file nor a folder"),
        "{}",
        run.stderr
    );
    let empty = Project::with(&accounts.config());
    empty.write("site/.hidden", "x");
    let run = empty.expect("push site", 2);
    assert!(run.stderr.contains("no files to deploy"), "{}", run.stderr);
    assert!(run.stderr.contains("--hidden"), "{}", run.stderr);
    let run = empty.expect("push nothing-here", 2);
    assert!(
        run.stderr.contains("cannot read `nothing-here`"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_example_is_not_pushed() {
    let project = Project::with(SMALL);
    project.write("site/index.html", "x");
    let run = project.expect("push site", 2);
    assert!(
        run.stderr.contains("a bucket name from the example"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_sample_is_a_reproducible_web_site() {
    let project = Project::empty();
    project.expect("sample", 0);
    project.expect("sample --out other.zip", 0);
    let bytes = |name: &str| std::fs::read(project.path(name)).expect("written");
    assert_eq!(bytes("sample-website.zip"), bytes("other.zip"));
    let content = zip_content(&project.path("other.zip").display().to_string());
    let names: Vec<&str> = content
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry[0].as_str())
        .collect();
    assert_eq!(names, ["error.html", "index.html", "style.css"]);
    let index = content[1][1].as_str().expect("text");
    assert!(index.contains("style.css") && index.contains("<!doctype html>"));
    let style = content[2][1].as_str().expect("text");
    assert!(style.contains("prefers-color-scheme: dark"));
    let run = project.expect("sample", 2);
    assert!(run.stderr.contains("already exists"), "{}", run.stderr);
    project.expect("sample --force", 0);
}

#[test]
fn an_execution_is_followed_by_its_status_if_its_actions_cannot_be_read() {
    let stage = Stage::new();
    stage.plays("Succeeded", &good_actions());
    stage.pipeline.refuses("ListActionExecutions");
    let run = stage.project.expect("push site", 0);
    let note = "following only its status";
    assert_eq!(run.stderr.matches(note).count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("deployed version"), "{}", run.stderr);
}

#[test]
fn an_execution_continues_when_push_stops_following_it() {
    let stage = Stage::new();
    stage.plays("Succeeded", &good_actions());
    stage.pipeline.refuses("GetPipelineExecution");
    let run = stage.project.expect("push site", 3);
    let note = format!(
        "note: execution {ID} of pipeline crossaccountdeploy continues in CodePipeline; run \
         `s3ferry push site` to resume"
    );
    assert!(run.stderr.contains(&note), "{note}\n{}", run.stderr);
}
