//! The files that `synth` replaces and keeps, even if it is killed or several runs are concurrent.

use std::fs;

use super::names;
use crate::support::{Project, SMALL};

#[test]
fn the_example_never_replaces_other_templates() {
    let project = Project::with(&format!(
        "{}  - name: other\n    account: \"333333333333\"\n    bucket: other-output\n",
        SMALL.replace("222222222222", "444444444444")
    ));
    project.expect("synth --no-lint", 0);
    let before = project.read("stacks/prod.yaml");
    fs::remove_file(project.path("s3ferry.yaml")).expect("removed");
    let run = project.expect("synth --no-lint --example", 2);
    for file in ["stacks/prod.yaml", "stacks/other.yaml"] {
        assert!(run.stderr.contains(file), "{}", run.stderr);
    }
    assert_eq!(project.read("stacks/prod.yaml"), before);
    assert!(project.exists("stacks/other.yaml"));
    project.expect("synth --no-lint --example --force", 0);
    project.expect("synth --no-lint --example --check", 0);
    project.expect("synth --no-lint --example", 0);
}

#[test]
fn a_file_from_another_source_is_not_replaced() {
    let config = SMALL.replace(
        "targets:",
        "  artifacts: {bucket: site-artifacts, create: false, existing_policy: p.json}\ntargets:",
    );
    let policy = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "111111111111"},
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::site-artifacts/*"}}"#;
    for (format, file, theirs) in [
        (
            "yaml",
            "stacks/dev.yaml",
            "Resources:\n  Topic: {Type: AWS::SNS::Topic}\n",
        ),
        ("json", "stacks/prod.json", "{\"Description\": \"ours\"}\n"),
        ("yaml", "stacks/policies/site-artifacts.json", policy),
    ] {
        let project = Project::with(&config);
        project.write("p.json", policy);
        project.write(file, theirs);
        let synth = format!("synth --no-lint --no-prove --format {format}");
        let run = project.expect(&synth, 2);
        let said = format!("`{file}` was not written by s3ferry");
        assert!(run.stderr.contains(&said), "{}", run.stderr);
        assert!(run.stderr.contains("--force"), "{}", run.stderr);
        assert_eq!(project.read(file), theirs);
        assert!(!project.exists(&format!(
            "stacks/{}.{format}",
            if file.contains("dev") { "prod" } else { "dev" }
        )));
        // The output must not show the content of the file, because it can end up in a log.
        let run = project.expect(&format!("{synth} --check"), 1);
        assert!(
            run.stdout
                .contains(&format!("{file}: not written by s3ferry")),
            "{}",
            run.stdout
        );
        assert!(
            !run.stdout.contains("SNS") && !run.stdout.contains("\"ours\""),
            "{}",
            run.stdout
        );
        project.expect(&format!("{synth} --force"), 0);
        project.expect(&format!("{synth} --check"), 0);
        // Generated files are replaced, even if the user has edited them.
        project.write(
            "s3ferry.yaml",
            config.replace("222222222222", "444444444444"),
        );
        project.expect(&synth, 0);
    }
}

#[test]
fn the_merged_policy_does_not_replace_the_existing_one() {
    let project = Project::with(&SMALL.replace(
        "targets:",
        "  artifacts: {bucket: b-artifacts, create: false, existing_policy: \
         stacks/policies/b-artifacts.json}\ntargets:",
    ));
    let policy = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "111111111111"},
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b-artifacts/*"}}"#;
    project.write("stacks/policies/b-artifacts.json", policy);
    for option in ["", " --force"] {
        let run = project.expect(&format!("synth --no-lint --no-prove{option}"), 2);
        assert!(
            run.stderr.contains("with the merged policy"),
            "{}",
            run.stderr
        );
        assert_eq!(project.read("stacks/policies/b-artifacts.json"), policy);
    }
}

#[test]
fn the_next_synth_removes_the_files_of_a_killed_one() {
    let project = Project::with(SMALL);
    for name in [".s3ferry-aB3dEf", ".s3ferry-abcdef.tmp"] {
        project.write(&format!("stacks/{name}"), "half");
    }
    for name in [".s3ferry-backup", ".s3ferry-notes-of-mine", ".hidden"] {
        project.write(&format!("stacks/{name}"), "mine");
    }
    project.expect("synth --no-lint", 0);
    let kept = [
        ".hidden",
        ".s3ferry-backup",
        ".s3ferry-notes-of-mine",
        "dev.yaml",
        "prod.yaml",
    ];
    assert_eq!(names(&project, "stacks"), kept);
}

/// After a run is killed at any time, the next run leaves only the templates.
#[cfg(unix)]
#[test]
fn killed_runs_leave_no_permanent_files() {
    let project = Project::with(SMALL);
    for round in 0..25_u32 {
        let mut child = project.spawn("synth --no-lint --no-prove");
        for _ in 0..round * 2_000 {
            std::hint::spin_loop();
        }
        if round % 5 > 0 {
            // Kill the process while it writes, if possible.
            while !project.exists("stacks") && child.try_wait().expect("a status").is_none() {}
        }
        let _ = child.kill();
        child.wait().expect("ended");
        project.expect("synth --no-lint --no-prove", 0);
        assert_eq!(names(&project, "stacks"), ["dev.yaml", "prod.yaml"]);
        fs::remove_dir_all(project.path("stacks")).expect("removed");
    }
}

#[test]
fn concurrent_runs_do_not_mix_configurations() {
    let project = Project::empty();
    let configurations: Vec<String> = (0..6)
        .map(|number| {
            let name = format!("c{number}.yaml");
            project.write(
                &name,
                SMALL.replace("222222222222", &format!("22222222222{number}")),
            );
            name
        })
        .collect();
    for round in 0..8 {
        let children: Vec<_> = configurations
            .iter()
            .map(|name| project.spawn(&format!("synth --no-lint --no-prove --config {name}")))
            .collect();
        for child in children {
            let output = child.wait_with_output().expect("ended");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
        }
        let account = |file: &str| {
            let text = project.read(file);
            let at = text.find("22222222222").expect("an account");
            text[at..at + 12].to_owned()
        };
        assert_eq!(
            account("stacks/dev.yaml"),
            account("stacks/prod.yaml"),
            "round {round}"
        );
        assert_eq!(names(&project, "stacks"), ["dev.yaml", "prod.yaml"]);
    }
}
