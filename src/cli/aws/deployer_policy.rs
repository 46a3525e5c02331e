//! `s3ferry deployer-policy`: the least IAM policy for whoever runs the commands. Nothing of AWS
//! is asked for it.

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
  aws iam create-policy --policy-name s3ferry-deployer --policy-document file://deployer.json
  s3ferry deployer-policy --profile dev --document 2    the second, when one would be too long

  s3ferry deployer-policy --profile prod --role-arn arn:aws:iam::222222222222:role/cfn
                               less for people: CloudFormation acts with that service role
  s3ferry deployer-policy --profile prod --service-role
                               what that role needs

  s3ferry deployer-policy --profile dev --push
                               what `s3ferry push` needs, and no more: for a build server
  s3ferry deployer-policy --profile prod --doctor
                               what `doctor` reads, and nothing else

It covers deploy, diff, status, events and destroy. Without a service role CloudFormation acts
with the caller's permissions, so they are in the policy: on the planned names alone.";

/// The trust policy of a service role of CloudFormation, which is the same for everybody.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudformation.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

const PROFILE: &str = "Named profile of the AWS configuration: the policy is for the stacks that the \
                       configuration gives it";

/// DeployerPolicyOptions of `deployer-policy`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_args(help("profile", PROFILE)))]
pub(crate) struct DeployerPolicyOptions {
    #[command(flatten)]
    example: ExampleOption,
    #[command(flatten)]
    profile: ProfileOption,
    /// The policy of whoever gives CloudFormation this service role (`deploy --role-arn`)
    #[arg(long, value_name = "ARN", value_parser = role_arn)]
    role_arn: Option<String>,
    /// The policy of the service role that CloudFormation acts with
    #[arg(long, conflicts_with = "role_arn")]
    service_role: bool,
    /// The policy of whoever pushes sources, and deploys nothing
    #[arg(long, conflicts_with_all = ["role_arn", "service_role", "template_bucket"])]
    push: bool,
    /// The policy of whoever runs `doctor`, which only reads
    #[arg(long, conflicts_with_all = ["push", "role_arn", "service_role", "template_bucket"])]
    doctor: bool,
    #[command(flatten)]
    bucket: BucketOption,
    /// Print only this one of several documents, from 1
    #[arg(long, value_name = "NUMBER")]
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
            format!("`push` works in the dev account, and profile `{profile}` is not of it"),
            format!("give --profile {}", shell::word(&project.plan.dev.profile)),
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
                    format!("there are {}", all.len()),
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
                "Each becomes a managed policy of its own: --document 1 prints the first.",
            );
        }
        if holder == Holder::ServiceRole {
            output::note(global, &format!("The role's trust policy: {TRUST}"));
        }
    }
    Ok(Outcome::Done)
}
