//! The accounts of a test, and a project with AWS profiles for them.

use std::sync::atomic::{AtomicU32, Ordering};

use s3ferry::config::Document;
use s3ferry::deploy::stack_steps;
use s3ferry::deploy::{Outputs, StackOutputs};
use s3ferry::diagnostic::Source;
use s3ferry::plan::Plan;

use crate::support::Project;

/// The secret key of every profile. No output may contain it.
pub(crate) const SECRET: &str = "SecretOfTheTests/0123456789abcdefghijklm";
/// The session token of every profile. No output may contain it.
pub(crate) const TOKEN: &str = "TokenOfTheTests//////////0123456789==";

/// A dev account and a prod account that no other test uses.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    pub(crate) dev: String,
    pub(crate) prod: String,
}

impl Accounts {
    /// Returns the next two accounts.
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            dev: format!("11111111{number:04}"),
            prod: format!("22222222{number:04}"),
        }
    }

    /// Returns a configuration with both accounts and unique bucket names.
    pub(crate) fn config(&self) -> String {
        let (dev, prod) = (&self.dev, &self.prod);
        format!(
            "\
dev:
  account: \"{dev}\"
  source:
    bucket: source-{dev}
  artifacts:
    bucket: artifacts-{dev}
targets:
  - name: prod
    account: \"{prod}\"
    bucket: output-{prod}
"
        )
    }

    /// Returns a project with that configuration, its templates, and the profiles `dev` and `prod`.
    pub(crate) fn project(&self, endpoint: &str) -> Project {
        let mut project = Project::with(&self.config());
        project.expect("synth --no-lint", 0);
        self.log_in(&mut project, endpoint);
        project
    }

    /// Adds the profiles `dev` and `prod` to a project, with an endpoint.
    pub(crate) fn log_in(&self, project: &mut Project, endpoint: &str) {
        log_in(
            project,
            endpoint,
            &[("dev", &self.dev), ("prod", &self.prod)],
        );
    }
}

/// Adds AWS profiles to a project, each with a name and an access key ID.
pub(crate) fn log_in(project: &mut Project, endpoint: &str, profiles: &[(&str, &str)]) {
    let (mut config, mut credentials) = (String::new(), String::new());
    for (name, access_key_id) in profiles {
        config += &format!("[profile {name}]\nregion = eu-north-1\n");
        credentials += &format!(
            "[{name}]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {SECRET}\n\
             aws_session_token = {TOKEN}\n"
        );
    }
    for (file, text, variable) in [
        ("aws/config", config, "AWS_CONFIG_FILE"),
        (
            "aws/credentials",
            credentials,
            "AWS_SHARED_CREDENTIALS_FILE",
        ),
    ] {
        project.write(file, text);
        let path = project.path(file).display().to_string();
        project.set(variable, &path);
    }
    project.set("AWS_EC2_METADATA_DISABLED", "true");
    project.set("AWS_ENDPOINT_URL", endpoint);
}

/// Records a deployment of the dev stack from the project's configuration, like a deploy does.
pub(crate) fn record_dev(project: &Project) {
    let config = project.read("s3ferry.yaml");
    let document = Document::read(Source::new("s3ferry.yaml", config)).expect("a configuration");
    let plan = Plan::new(&document.config).expect("a plan");
    let dev = stack_steps(&plan).remove(0);
    let mut outputs = Outputs::default();
    outputs.put(StackOutputs {
        account: dev.account.into(),
        region: dev.region.into(),
        stack: dev.stack,
        outputs: [("PipelineName".to_owned(), plan.dev.pipeline.into())].into(),
        template: Some(dev.configured),
        key: None,
    });
    project.write(".s3ferry/outputs.json", outputs.to_json());
}
