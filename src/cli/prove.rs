//! `s3ferry prove`: proves that a pipeline execution is allowed, and that nothing else is.

use crate::plan::Plan;
use crate::proof::{Decided, Proof, Verdict, prove};
use crate::run::{self, Call};

use super::output::{self, Text, print};
use super::progress::Progress;
use super::project::Project;
use super::proof::{self, Document, ProofInput, wanted};
use super::{Failure, Global, Outcome};

const EXAMPLES: &str = "\
Examples:
  s3ferry prove               prove the templates in stacks/, or generated ones
  s3ferry prove -v            include the denied attacks and the use of each statement
  s3ferry prove --call read   explain one step, layer by layer
  s3ferry prove --step dev    prove the state after the first dev deployment
  s3ferry prove --account 222222222222
                              show one account of a multi-account target
  s3ferry prove --strict      also fail on unproven calls and excess permissions
  s3ferry prove --policy my-bucket=policy.json --policy other-bucket=none
                              add the policies of existing buckets, keys, and roles
  s3ferry prove --identity pipeline-role=its-policies.json
                              add the policies of an existing role
  s3ferry prove --parameter ServiceRoleArn=arn:aws:iam::111111111111:role/r
                              set a template parameter
  s3ferry prove --scp root.json --scp unit.json --scp account.json
                              add service control policies, one file per level
  s3ferry prove --format sarif > proof.sarif

Steps: check, start, source, source-key, store, encrypt, copy, build, condition, notify, assume,
read, decrypt, deploy, output-key, invalidate, serve (a distribution reads the files), invoke, logs,
action (calls of actions with other providers), and administer (the check that AWS KMS makes when a
key policy is set).

Exit codes (for the whole proof, even with --call or --account):
  0  proven; without --strict, unproven calls, unresolved values, and excess permissions
     are accepted
  1  a denied call, an allowed attack, an unknown action, an execution that ends early, or an empty
     proof; with --strict, also an unproven call, an unresolved value, or excess permissions
  2  an input that is unknown, unreadable, or unused";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ProveOptions {
    /// Show and explain only one step of the execution
    #[arg(long, value_name = "STEP", help_heading = "Selection")]
    call: Option<String>,
    /// Show only one account, with all its instances
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    account: Option<String>,
    #[command(flatten)]
    input: ProofInput,
    /// Prove the state after this deployment step: dev (the first one) or pipeline (the last one)
    #[arg(
        long,
        value_enum,
        value_name = "STEP",
        default_value = "pipeline",
        help_heading = "Checks"
    )]
    step: Step,
    /// Treat unproven calls, unresolved values, and excess permissions as errors
    #[arg(long, help_heading = "Checks")]
    strict: bool,
    /// Show every account and region instead of one for each group with identical results
    #[arg(long, help_heading = "Output")]
    expand: bool,
    /// Set the output format
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    format: Format,
}

/// A step of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// The first deployment of the dev stack, before the targets and the pipeline exist.
    Dev,
    /// The last deployment, with all resources.
    Pipeline,
}

/// The format of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Human-readable text.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code scanning services.
    Sarif,
}

/// Proves the templates.
pub(crate) fn run(global: &Global, options: &ProveOptions) -> Result<Outcome, Failure> {
    let step = |name: &String| {
        run::Step::named(name).ok_or_else(|| {
            Failure::new(
                format!("unknown step `{name}`"),
                format!("the steps are: {}", run::Step::list(&run::Step::ALL)),
            )
        })
    };
    let call = options.call.as_ref().map(step).transpose()?;
    if call.is_some() && options.format == Format::Sarif {
        return Err(Failure::new(
            "--call cannot be used with `--format sarif`: SARIF contains the whole proof",
            "remove --call, or use `--format text` or `--format json`",
        ));
    }
    let project = Project::load_or_example(global, options.input.example)?;
    let mut inputs = options.input.read(&project, options.step == Step::Dev)?;
    inputs.expand = options.expand || options.account.is_some();
    let progress = Progress::start(global, "Proving the templates");
    let mut proof = prove(&inputs)?;
    drop(progress);
    // The exit code is that of the whole proof, even if only a part is shown.
    let outcome = proof.outcome();
    if let Some(account) = &options.account {
        let mut instances = project.plan.instances();
        if instances.all(|(_, instance)| instance.account != *account) {
            return Err(Failure::new(
                format!("no target is in account `{account}`"),
                "see `s3ferry targets`",
            ));
        }
        only(&mut proof, &project.plan, account);
    }
    if let Some(step) = call
        && !proof.calls.iter().any(|(decided, _)| wanted(decided, call))
    {
        let of_what = match (&options.account, options.step) {
            (Some(account), _) => format!(" in account {account}"),
            (None, Step::Dev) => " after the dev stack's first deployment".to_owned(),
            (None, Step::Pipeline) => String::new(),
        };
        output::note(
            global,
            &format!("An execution of this pipeline has no step `{step}`{of_what}."),
        );
    }
    let is_explained =
        |(decided, _): &(Decided, _)| wanted(decided, call) && decided.verdict != Verdict::Allowed;
    if call.is_some() && outcome.fails(options.strict) && !proof.calls.iter().any(is_explained) {
        output::note(
            global,
            "The whole proof fails: run `s3ferry prove` without --call for the reasons.",
        );
    }
    print(match options.format {
        Format::Text => proof::text(&proof, &outcome, call, global.verbose),
        Format::Json => Text::document(&Document::new(&proof, &outcome, call))?,
        Format::Sarif => Text::document(&proof::sarif(&proof))?,
    })?;
    Ok(Outcome::findings(outcome.fails(options.strict)))
}

/// Keeps only the calls and attacks of one account.
fn only(proof: &mut Proof, plan: &Plan, account: &str) {
    let is_here = |call: &Call| match (&call.instance, &call.target) {
        (Some(instance), _) => instance.account == account,
        (None, Some(target)) => plan
            .instances()
            .any(|(plan, instance)| plan.name == *target && instance.account == account),
        (None, None) => false,
    };
    proof.calls.retain(|(decided, _)| is_here(&decided.call));
    proof.attacks.retain(|attack| is_here(&attack.call));
}
