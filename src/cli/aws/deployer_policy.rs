//! `s3ferry deployer-policy`: prints the least-privilege IAM policy for the user who runs the
//! commands. Does not call AWS.

use crate::aws::names::is_iam_name_character;
use crate::deploy::StackStep;
use crate::deploy::deployer::{Holder, LONGEST, documents, length, statements};
use crate::deploy::stack_steps;
use crate::stacks::Side;
use serde_json::{Map, Value};

use crate::cli::aws::options::{BucketOption, ProfileOption, help, of_profile, role_arn};
use crate::cli::locate::ExampleOption;
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome, output, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry deployer-policy --profile prod > deployer.json
  aws iam create-policy --policy-name s3ferry-deployer \\
    --policy-document file://deployer.json
  s3ferry deployer-policy --profile dev --document 2    print the second of several documents

  s3ferry deployer-policy --profile prod \\
    --role-arn arn:aws:iam::222222222222:role/cfn
                               fewer permissions: CloudFormation uses this service role
  s3ferry deployer-policy --profile prod --service-role
                               the permissions of that service role

  s3ferry deployer-policy --profile dev --push
                               only the permissions for `s3ferry push`, for a build server
  s3ferry deployer-policy --profile prod --doctor
                               only the permissions for `s3ferry doctor`

The policy covers deploy, diff, status, events, and destroy. Without a service role, CloudFormation
uses the caller's permissions. The policy then includes the permissions that CloudFormation needs,
but only for resources with the planned names.";

/// The trust policy of a CloudFormation service role.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudformation.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

const PROFILE: &str = "Print the policy for the stacks assigned to this AWS profile";

/// Options of `s3ferry deployer-policy`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_args(help("profile", PROFILE)))]
pub(crate) struct DeployerPolicyOptions {
    #[command(flatten)]
    profile: ProfileOption,
    /// Print the policy for the CloudFormation service role
    #[arg(long, conflicts_with = "role_arn", help_heading = "Selection")]
    service_role: bool,
    /// Print the policy for a user who only runs `push`
    #[arg(long, conflicts_with_all = ["role_arn", "service_role", "template_bucket"], help_heading = "Selection")]
    push: bool,
    /// Print the read-only policy for a user who only runs `doctor`
    #[arg(long, conflicts_with_all = ["push", "role_arn", "service_role", "template_bucket"], help_heading = "Selection")]
    doctor: bool,
    #[command(flatten)]
    example: ExampleOption,
    /// Print the policy for a user who passes this service role (`deploy --role-arn`)
    #[arg(long, value_name = "ARN", value_parser = role_arn, help_heading = "Behavior")]
    role_arn: Option<String>,
    #[command(flatten)]
    bucket: BucketOption,
    /// Print only the document with this number; numbers start at 1
    #[arg(long, value_name = "NUMBER", help_heading = "Output")]
    document: Option<usize>,
}

/// Prints the policy.
pub(crate) fn run(global: &Global, options: &DeployerPolicyOptions) -> Result<Outcome, Failure> {
    let profile = options.profile.required("deployer-policy")?;
    let project = Project::load_or_example(global, options.example)?;
    let all = stack_steps(&project.plan);
    let stacks: Vec<&StackStep> = of_profile(&all, profile)?;
    if options.push && !stacks.iter().any(|step| step.side == Side::Dev) {
        return Err(Failure::new(
            format!(
                "`push` requires access to the dev account, but profile `{profile}` is not the dev \
                 profile"
            ),
            format!("use --profile {}", shell::word(&project.plan.dev.profile)),
        ));
    }
    let holder = match &options.role_arn {
        Some(role) => Holder::DeployerWithRole(role),
        None if options.doctor => Holder::Doctor,
        None if options.service_role => Holder::ServiceRole,
        None if options.push => Holder::Pusher,
        None => Holder::Deployer,
    };
    let bucket = options.bucket.template_bucket.as_deref();
    let found = documents(&statements(&project.plan, &stacks, holder, bucket));
    let name = |index: usize| {
        let whose = match holder {
            Holder::ServiceRole => "cloudformation",
            Holder::Pusher => "pusher",
            Holder::Doctor => "doctor",
            _ => "deployer",
        };
        let profile = profile.replace(|c| !is_iam_name_character(c), "-");
        format!("s3ferry-{whose}-{profile}-{}", index + 1)
    };
    let printed = match (options.document, found.as_slice()) {
        (Some(number), all) => match number.checked_sub(1).and_then(|index| all.get(index)) {
            Some(one) => one.clone(),
            None => {
                return Err(Failure::new(
                    format!("there is no document {number}"),
                    format!("use a number from 1 to {}", all.len()),
                ));
            }
        },
        (None, [only]) => only.clone(),
        (None, several) => {
            let named = several.iter().enumerate();
            let named: Map<String, Value> = named
                .map(|(index, one)| (name(index), one.clone()))
                .collect();
            Value::Object(named)
        }
    };
    output::print(output::Text::json_value(&printed))?;
    if options.document.is_none() {
        let sizes: Vec<String> = found
            .iter()
            .map(|one| output::thousands(length(one)))
            .collect();
        output::note(
            global,
            &format!(
                "{} policy document{}: {} of {} characters.",
                found.len(),
                if found.len() == 1 { "" } else { "s" },
                sizes.join(", "),
                output::thousands(LONGEST)
            ),
        );
        if found.len() > 1 {
            output::note(
                global,
                "Create a managed policy from each. To print the first, use --document 1.",
            );
        }
        if holder == Holder::ServiceRole {
            output::note(global, &format!("Trust policy of the role: {TRUST}"));
        }
    }
    Ok(Outcome::Done)
}
