//! Which configuration a command uses, and when it uses the example.

use std::fs;

use super::names;
use crate::support::{Project, SMALL, finish};

/// Commands that use the configuration, or the example on request.
const COMMANDS: [&str; 7] = [
    "synth --no-lint --no-prove",
    "lint",
    "prove",
    "graph",
    "report",
    "targets",
    "deployer-policy --profile dev",
];

#[test]
fn the_example_is_used_only_on_request() {
    for command in COMMANDS {
        let project = Project::empty();
        let run = project.expect(command, 2);
        assert!(
            run.stderr.contains("s3ferry.yaml not found"),
            "{command}: {}",
            run.stderr
        );
        assert!(
            run.stderr.contains("s3ferry init"),
            "{command}: {}",
            run.stderr
        );
        assert!(
            run.stderr.contains("--example"),
            "{command}: {}",
            run.stderr
        );
        assert_eq!(run.stdout, "", "{command}");
        assert!(names(&project, "").is_empty(), "{command} wrote something");
        project.expect(&format!("{command} --example"), 0);
        // The two options contradict each other, in any order.
        project.write("s3ferry.yaml", SMALL);
        for arguments in [
            format!("{command} --example --config s3ferry.yaml"),
            format!("--config s3ferry.yaml {command} --example"),
        ] {
            project.expect(&arguments, 2);
        }
    }
    // Commands that call AWS need accounts, and the example has none.
    for command in [
        "status",
        "diff --profile dev",
        "deploy --all",
        "doctor",
        "destroy --all",
    ] {
        let run = Project::empty().expect(command, 2);
        assert!(
            run.stderr.contains("s3ferry.yaml not found"),
            "{command}: {}",
            run.stderr
        );
        assert!(
            !run.stderr.contains("--example"),
            "{command}: {}",
            run.stderr
        );
    }
}

#[test]
fn a_near_miss_is_named() {
    for name in [
        "s3ferry.yml",
        "S3Ferry.yaml",
        "s3ferry.yaml.txt",
        ".s3ferry.yaml",
        "s3fery.yaml",
        "s3ferry-prod.yaml",
        "s3ferry.yaml~",
    ] {
        let project = Project::empty();
        project.write(name, SMALL);
        let run = project.expect("synth", 2);
        assert!(
            run.stderr.contains(&format!("(found `{name}`)")),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains("--config "), "{}", run.stderr);
        assert_eq!(names(&project, ""), [name]);
    }
    let project = Project::empty();
    project.write("s3ferry.yaml", SMALL);
    project.write("deep/er/x", "");
    let mut command = project.command();
    command.current_dir(project.path("deep/er")).arg("targets");
    let run = finish(command);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("(found `../../s3ferry.yaml`)"),
        "{}",
        run.stderr
    );
    // Files with other names are not suggested.
    let project = Project::empty();
    project.write("serverless.yml", "");
    project.write("README.md", "");
    let run = project.expect("targets", 2);
    assert!(!run.stderr.contains("(found"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn a_broken_link_is_named_and_kept() {
    use std::os::unix::fs::symlink;
    for (target, said) in [
        (
            "nowhere",
            "symbolic link to `nowhere`, which does not exist",
        ),
        ("s3ferry.yaml", "points to itself"),
    ] {
        let project = Project::empty();
        let link = project.path("s3ferry.yaml");
        symlink(target, &link).expect("a link");
        for command in ["synth", "targets", "lint other.yaml", "status"] {
            let run = project.expect(command, 2);
            assert!(run.stderr.contains(said), "{command}: {}", run.stderr);
        }
        let init = "init --dev-account 111111111111 --prod-account 222222222222";
        let run = project.expect(init, 2);
        assert!(run.stderr.contains("already exists"), "{}", run.stderr);
        assert_eq!(
            fs::read_link(&link).expect("still a link").to_str(),
            Some(target)
        );
        assert_eq!(names(&project, ""), ["s3ferry.yaml"]);
    }
}
