//! Exit codes of the commands that run the proof: each result with each command, with and without
//! `--strict`. `cli_deploy` tests the exit codes of `deploy`.

use s3ferry::proof::{Conclusion, prove};

use crate::prove::{inputs_of, plan_of};
use crate::support::{Project, SMALL};

/// Returns a project with an existing artifact bucket, whose policy is in `p.json`.
fn with_policy(policy: &str) -> Project {
    let artifacts = "  artifacts: {create: false, existing_policy: p.json}\ntargets:";
    let project = Project::with(&SMALL.replace("targets:", artifacts));
    project.write("p.json", policy);
    project
}

fn policy(principal: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {principal},
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::codepipeline-us-east-1-0123456789/*"}}]}}"#
    )
}

/// Asserts the exit codes without and with `--strict`.
fn codes(project: &Project, command: &str, [lenient, strict]: [i32; 2]) {
    project.expect(command, lenient);
    let run = project.expect(&format!("{command} --strict"), strict);
    if strict != 0 {
        assert!(
            !run.stderr.contains("All ") && !run.stdout.contains("\nProven:"),
            "{command}"
        );
    }
}

/// The commands that prove the templates of the configuration.
const ALL: [&str; 5] = [
    "prove",
    "prove --format json",
    "report",
    "synth --no-lint --stdout",
    "synth --no-lint --out made",
];

/// The commands that prove edited templates.
const OF_TEMPLATES: [&str; 4] = [
    "prove",
    "prove --format json",
    "prove --format sarif",
    "report",
];

#[test]
fn templates_of_the_configuration() {
    let unproven = format!("{SMALL}    create: false\n");
    let excess = format!("{SMALL}permissions: article\n");
    for (result, project, expected) in [
        ("proven", Project::with(SMALL), [0, 0]),
        ("unproven", Project::with(&unproven), [0, 1]),
        ("excess", Project::with(&excess), [0, 1]),
        ("allowed attack", with_policy(&policy("\"*\"")), [1, 1]),
        ("unreadable", with_policy("{"), [2, 2]),
    ] {
        println!("{result}");
        for command in ALL {
            codes(&project, command, expected);
        }
        let written = project.exists("made");
        assert_eq!(written, expected[0] == 0, "{result}");
    }
}

#[test]
fn synth_writes_nothing_that_fails() {
    let project = Project::with(&format!("{SMALL}    create: false\n"));
    let run = project.expect("synth --strict", 1);
    assert!(!project.exists("stacks"));
    for part in [
        "--policy codepipeline-output-bucket=FILE",
        "Nothing was written: with --strict",
    ] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    project.expect("synth", 0);
    project.expect("synth --check", 0);
    project.expect("synth --check --strict", 1);
    let project = Project::with(&format!("{SMALL}permissions: article\n"));
    let run = project.expect("synth --strict", 1);
    for part in [
        "in excess",
        "Nothing was written: with --strict, unexplained excess",
    ] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    let run = project.expect("synth --strict --no-prove", 2);
    assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
}

/// The deploy role's permission to write.
const WRITES: &str =
    "Action: s3:PutObject\n            Resource: arn:aws:s3:::codepipeline-output-bucket/*\n";

/// A change to one of the example's templates.
struct Edit {
    result: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    expected: [i32; 2],
    conclusion: Conclusion,
}

#[test]
fn edited_templates() {
    let edits = [
        Edit {
            result: "a denied call",
            file: "stacks/prod.yaml",
            from: "- kms:Decrypt",
            to: "- kms:Sign",
            expected: [1, 1],
            conclusion: Conclusion::Failed,
        },
        Edit {
            result: "an allowed attack",
            file: "stacks/prod.yaml",
            from: WRITES,
            to: "Action: [s3:PutObject, s3:DeleteObject]\n            Resource: arn:aws:s3:::codepipeline-output-bucket/*\n",
            expected: [1, 1],
            conclusion: Conclusion::Failed,
        },
        Edit {
            result: "an unknown action",
            file: "stacks/prod.yaml",
            from: WRITES,
            to: "Action: [s3:PutObject, s3:PutObjekt]\n            Resource: arn:aws:s3:::codepipeline-output-bucket/*\n",
            expected: [1, 1],
            conclusion: Conclusion::Failed,
        },
        Edit {
            result: "no pipeline",
            file: "stacks/dev.yaml",
            from: "Type: AWS::CodePipeline::Pipeline",
            to: "Type: AWS::CodePipeline::CustomActionType",
            expected: [1, 1],
            conclusion: Conclusion::Failed,
        },
        Edit {
            result: "an unresolved value",
            file: "stacks/prod.yaml",
            from: "          - Sid: WriteDeployedFiles\n",
            to: "          - Sid: More
            Effect: Allow
            Action: s3:PutObject
            Resource: !ImportValue bucket
          - Sid: WriteDeployedFiles\n",
            expected: [0, 1],
            conclusion: Conclusion::Unproven,
        },
        Edit {
            result: "unexplained excess",
            file: "stacks/prod.yaml",
            from: WRITES,
            to: "Action: [s3:PutObject, s3:PutObjectRetention]\n            Resource: arn:aws:s3:::codepipeline-output-bucket/*\n",
            expected: [0, 1],
            conclusion: Conclusion::Excess,
        },
    ];
    for edit in edits {
        println!("{}", edit.result);
        let project = Project::with(SMALL);
        project.expect("synth", 0);
        let before = project.read(edit.file);
        assert_eq!(before.matches(edit.from).count(), 1, "{}", edit.result);
        project.write(edit.file, before.replace(edit.from, edit.to));
        for command in OF_TEMPLATES {
            codes(&project, command, edit.expected);
        }
        agree(&project, edit.conclusion);
    }
}

/// Asserts that the text, the JSON, the SARIF log, and the report agree.
fn agree(project: &Project, conclusion: Conclusion) {
    let last = |text: &str| text.lines().last().unwrap_or_default().to_owned();
    let text = project.run("prove").stdout;
    let words = format!("{}: ", conclusion.words());
    assert!(last(&text).starts_with(&words), "{}", last(&text));
    let proven = matches!(conclusion, Conclusion::Proven | Conclusion::Excess);
    let json = project.run("prove --format json").stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["proven"], proven);
    let sarif = project.run("prove --format sarif").stdout;
    let sarif: serde_json::Value = serde_json::from_str(&sarif).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let has_error = results.iter().any(|result| result["level"] == "error");
    assert_eq!(has_error, conclusion == Conclusion::Failed, "{sarif}");
    assert_eq!(
        results.is_empty(),
        conclusion == Conclusion::Proven,
        "{sarif}"
    );
    project.run("report");
    let page = project.read("report.html");
    let looks = match conclusion {
        Conclusion::Failed => "verdict bad",
        Conclusion::Unproven | Conclusion::Excess => "verdict warn",
        Conclusion::Proven => "verdict good",
    };
    assert!(page.contains(looks), "{looks}");
}

#[test]
fn nothing_contradicts_a_proof() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    agree(&project, Conclusion::Proven);
}

#[test]
fn an_execution_that_ends_early_is_an_error() {
    let accounts: Vec<String> = (0..9)
        .map(|number| format!("\"22222222222{number}\""))
        .collect();
    let config = format!(
        "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    accounts: [{}]\n    bucket: \
         \"out-{{account}}\"\nquotas: {{actions_per_pipeline: 5, actions_per_stage: 2}}\n",
        accounts.join(", ")
    );
    let project = Project::with(&config);
    project.expect("synth --format json", 0);
    let dev = project.read("stacks/dev.json");
    let passed = r#"\"value\":\"previous-pipeline\""#;
    assert!(dev.contains(passed), "{dev}");
    project.write(
        "stacks/dev.json",
        dev.replace(passed, r#"\"value\":\"other\""#),
    );
    for command in OF_TEMPLATES {
        codes(&project, command, [1, 1]);
    }
    agree(&project, Conclusion::Failed);
}

#[test]
fn an_empty_proof_fails_and_reports_this() {
    let project = Project::with(SMALL);
    let topic = "Resources: {Topic: {Type: AWS::SNS::Topic}}\n";
    project.write("empty/dev.yaml", topic);
    project.write("empty/prod.yaml", topic);
    let run = project.expect("prove --dir empty", 1);
    for part in [
        "error: no pipeline could be read from the templates, so nothing was checked",
        "Not proven: 0 calls",
    ] {
        assert!(run.stdout.contains(part), "{}", run.stdout);
    }
    let run = project.expect("report --dir empty", 1);
    assert!(
        run.stderr.contains("The report has errors"),
        "{}",
        run.stderr
    );
    let page = project.read("report.html");
    assert!(page.contains("Do not deploy: no pipeline could be read"));
    // The first step has no pipeline, but it has calls.
    let run = project.expect("prove --dir empty --step dev", 1);
    assert!(
        run.stdout
            .contains("error: no calls can be derived from the templates"),
        "{}",
        run.stdout
    );
    let run = project.expect("prove --step dev", 0);
    assert!(
        run.stdout.contains("There is no pipeline after this step"),
        "{}",
        run.stdout
    );
    project.expect("prove --step dev --strict", 0);
}

#[test]
fn unusable_input_is_a_usage_error() {
    let project = Project::with(SMALL);
    project.write("broken.json", "{");
    for command in OF_TEMPLATES {
        for option in [
            "--policy nothing=none",
            "--policy codepipeline-output-bucket=missing.json",
            "--policy codepipeline-output-bucket=broken.json",
            "--identity nobody=none",
            "--parameter Nothing=x",
            "--scp missing.json",
            "--dir nowhere",
        ] {
            codes(&project, &format!("{command} {option}"), [2, 2]);
        }
    }
}

/// The output shows a part of the proof. The exit code, the last line, and `proven` apply to the
/// whole proof.
#[test]
fn a_part_of_a_proof_does_not_contradict_the_whole() {
    let targets = "  - name: other\n    account: \"333333333333\"\n    bucket: other-bucket\n";
    let project = Project::with(&format!("{SMALL}{targets}"));
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    project.write(
        "stacks/prod.yaml",
        prod.replacen("- kms:Decrypt", "- kms:Sign", 1),
    );
    let run = project.expect("prove --account 333333333333", 1);
    assert!(run.stdout.contains("\nNot proven: "), "{}", run.stdout);
    let run = project.expect("prove --account 333333333333 --format json", 1);
    let json: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(json["proven"], false);
    let why = "The whole proof fails";
    let run = project.expect("prove --call read", 1);
    assert!(run.stderr.contains(why), "{}", run.stderr);
    let run = project.expect("prove --call decrypt", 1);
    assert!(!run.stderr.contains(why), "{}", run.stderr);
    let run = project.expect("prove --call read --format sarif", 2);
    assert!(
        run.stderr
            .contains("--call cannot be used with `--format sarif`"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_library_decides_for_all_of_them() {
    let proof = prove(&inputs_of(&plan_of(""), false)).expect("a proof");
    let outcome = proof.outcome();
    assert_eq!(outcome.conclusion(), Conclusion::Proven);
    assert_eq!(outcome.calls, outcome.allowed);
    assert!(!proof.fails(true) && outcome.is_proven());
    for (change, conclusion) in [
        (1, Conclusion::Excess),
        (2, Conclusion::Unproven),
        (3, Conclusion::Failed),
    ] {
        let mut changed = outcome;
        // The worse result decides.
        changed.excess = 1;
        changed.unresolved = usize::from(change > 1);
        changed.denied = usize::from(change > 2);
        assert_eq!(changed.conclusion(), conclusion);
        assert!(changed.fails(true));
        assert_eq!(changed.fails(false), conclusion == Conclusion::Failed);
    }
}
