//! The parts of a file that an error quotes.

use crate::support::{Project, SMALL};

/// Files that this program does not use, each with a word that no error may show.
const SECRETS: [(&str, &str); 8] = [
    (
        "root:$6$hunter2:19000:0:99999:7:::\ndev:$6$hunter2:19000:0:99999:7:::\n",
        "hunter2",
    ),
    (
        "[default]\naws_access_key_id = hunter2\naws_secret_access_key = hunter2\n",
        "hunter2",
    ),
    (
        "{\"auths\": {\"registry\": {\"auth\": \"hunter2\"}}}",
        "hunter2",
    ),
    ("{\"auths\": {\"registry\": {\"auth\": \"hunter2", "hunter2"),
    (
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        "hunter2",
    ),
    ("hunter2\n", "hunter2"),
    ("password: hunter2\npassword: hunter2\n", "hunter2"),
    ("- hunter2\n- {a: hunter2}\n", "hunter2"),
];

#[test]
fn no_error_quotes_a_file_of_another_kind() {
    let policy = SMALL.replace(
        "targets:",
        "  artifacts: {create: false, existing_policy: secret}\ntargets:",
    );
    let accounts = "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    \
                    accounts_file: secret\n    bucket: out-{account}\n";
    let bucket = "codepipeline-output-bucket";
    let mut runs: Vec<(&str, String)> = vec![
        (&policy, "synth".to_owned()),
        (&policy, "prove".to_owned()),
        (accounts, "synth".to_owned()),
        (accounts, "targets".to_owned()),
        (SMALL, "synth --config secret".to_owned()),
        (SMALL, "lint secret".to_owned()),
        (SMALL, "lint --rules secret".to_owned()),
        (SMALL, "prove --dir secrets".to_owned()),
        (SMALL, "authorize secret".to_owned()),
        (SMALL, "init --from secret --config new.yaml".to_owned()),
        #[cfg(feature = "deploy")]
        (SMALL, "adopt secret".to_owned()),
    ];
    for option in [
        "--scp secret".to_owned(),
        "--rcp secret".to_owned(),
        format!("--policy {bucket}=secret"),
        "--identity prods3role=secret".to_owned(),
        "--boundary prods3role=secret".to_owned(),
    ] {
        runs.push((SMALL, format!("prove {option}")));
    }
    runs.push((SMALL, "graph --scp secret".to_owned()));
    runs.push((SMALL, format!("report --policy {bucket}=secret")));
    for (text, word) in SECRETS {
        for (config, arguments) in &runs {
            let project = Project::with(config);
            project.write("secret", text);
            project.write("secrets/dev.yaml", text);
            project.write("secrets/prod.yaml", text);
            let run = project.expect(arguments, 2);
            assert!(!run.stderr.contains(word), "{arguments}: {}", run.stderr);
            assert!(!run.stdout.contains(word), "{arguments}: {}", run.stdout);
            assert!(run.stderr.contains("secret"), "{arguments}: {}", run.stderr);
            assert!(
                run.stderr.contains("is not a"),
                "{arguments}: {}",
                run.stderr
            );
        }
    }
}

#[test]
fn an_invalid_policy_is_quoted() {
    let config = SMALL.replace(
        "targets:",
        "  artifacts: {create: false, existing_policy: p.json}\ntargets:",
    );
    let project = Project::with(&config);
    for text in [
        "{\"Version\": \"2012-10-17\",\n \"Statement\": [{\"Effect\": \"Alow\"}]}",
        "{\"Version\": \"2012-10-17\",\n \"Statement\": [}",
    ] {
        project.write("p.json", text);
        let run = project.expect("synth", 2);
        assert!(run.stderr.contains(" --> p.json:2:"), "{}", run.stderr);
        assert!(run.stderr.contains("\"Statement\": ["), "{}", run.stderr);
    }
}
