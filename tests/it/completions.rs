//! The completion scripts. Bash runs them with the configuration of the folder.

use std::process::Command;

use crate::support::{Project, SMALL};

/// Returns the completions of bash for the last word of a line.
fn completed(project: &Project, line: &str) -> Vec<String> {
    let binary = env!("CARGO_BIN_EXE_s3ferry");
    let folder = std::path::Path::new(binary).parent().expect("a folder");
    // Simulates the key press: sets the words and the current word, and calls the function.
    let script = format!(
        r#"source <(s3ferry completions bash)
        line='{line}'
        read -ra COMP_WORDS <<< "$line"
        [[ $line == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9; COMP_LINE=$line; COMP_POINT=${{#line}}
        function_of() {{ while [[ $1 != -F ]]; do shift; done; echo "$2"; }}
        "$(function_of $(complete -p s3ferry))" s3ferry "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        printf '%s\n' "${{COMPREPLY[@]}}""#
    );
    let output = Command::new("bash")
        .args(["--norc", "-c", &script])
        .current_dir(project.path(""))
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .output()
        .expect("bash runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}

const TWO: &str = "\
dev:
  account: \"111111111111\"
  profile: tools
targets:
  - name: canary
    account: \"222222222222\"
    profile: canary-admin
    bucket: one
  - name: prod
    account: \"333333333333\"
    bucket: two
    role: other
";

#[test]
fn commands_profiles_targets_and_steps() {
    let project = Project::with(TWO);
    let all = |line: &str| completed(&project, line);
    assert_eq!(all("s3ferry dep"), ["deploy", "deployer-policy"]);
    assert_eq!(all("s3ferry man dep"), ["deploy", "deployer-policy"]);
    assert_eq!(
        all("s3ferry deploy --profile "),
        ["canary-admin", "prod", "tools"]
    );
    assert_eq!(all("s3ferry status --profile ca"), ["canary-admin"]);
    assert_eq!(all("s3ferry doctor --target "), ["canary", "prod"]);
    assert_eq!(all("s3ferry targets --target p"), ["prod"]);
    assert_eq!(
        all("s3ferry targets --account "),
        ["222222222222", "333333333333"]
    );
    assert_eq!(all("s3ferry prove --call dec"), ["decrypt"]);
    assert_eq!(all("s3ferry prove --step "), ["dev", "pipeline"]);
}

#[test]
fn the_configuration_in_the_line_is_used() {
    let project = Project::with(TWO);
    project.write("other/small.yaml", SMALL);
    let line = "s3ferry --config other/small.yaml doctor --target ";
    assert_eq!(completed(&project, line), ["prod"]);
}

#[test]
fn an_invalid_configuration_gives_no_completions_and_no_output() {
    let project = Project::with("dev: 1\n");
    assert_eq!(completed(&project, "s3ferry doctor --target "), [""]);
}

#[test]
fn every_shell_has_a_script() {
    for (shell, sign) in [
        ("bash", "complete -o"),
        ("zsh", "#compdef s3ferry"),
        ("fish", "complete --keep-order"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let script = Project::empty()
            .expect(&format!("completions {shell}"), 0)
            .stdout;
        assert!(script.contains(sign), "{shell}: {script}");
        assert!(script.contains("S3FERRY_COMPLETE"), "{shell}: {script}");
    }
}
