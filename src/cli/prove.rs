//! `s3ferry prove`: what a run of the pipeline will be allowed to do, and what not.

use crate::plan::Plan;
use crate::proof::{Decided, Proof, Verdict, prove};
use crate::run::{self, Call};

use super::output::{self, Text, print};
use super::project::Project;
use super::proof::{self, Document, ProofInput, wanted};
use super::{Failure, Global, Outcome};

const EXAMPLES: &str = "\
Examples:
  s3ferry prove                         the templates in stacks/, or those of the configuration
  s3ferry prove -v                      with every attack and what each statement serves
  s3ferry prove --call read             one step of the run, explained layer by layer
  s3ferry prove --step dev              as it stands after the dev stack's first deployment
  s3ferry prove --account 222222222222  one account of a target with many
  s3ferry prove --strict                fail unless all is proven and nothing is excess
  s3ferry prove --policy my-bucket=policy.json --policy other-bucket=none
                                        policies of buckets, keys (by ARN) and roles that exist
  s3ferry prove --identity pipeline-role=its-policies.json
  s3ferry prove --parameter ServiceRoleArn=arn:aws:iam::111111111111:role/pipeline
                                        the value of a template parameter
  s3ferry prove --scp root.json --scp unit.json --scp account.json
                                        one file a level: a policy, or a list of them
  s3ferry prove --format sarif > proof.sarif

Steps of a run: check, start, source, source-key, store, encrypt, copy, assume, read, decrypt,
deploy, output-key, invoke, logs; action, which is what an action of an unknown provider calls by
itself; and administer, which KMS checks when it takes a key policy.

The exit code is that of the whole proof, also with --call and --account:
  0  proven; without --strict also where something is unproven, unresolved or unexplained excess
  1  a denied call, an allowed attack, an unknown action, a run that ends early, or no run checked;
     with --strict also something unproven, unresolved or unexplained excess
  2  an input that is unknown, unreadable or would not be used";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ProveOptions {
    #[command(flatten)]
    input: ProofInput,
    /// Prove the state after this step of the deployment
    #[arg(
        long,
        value_enum,
        value_name = "STEP",
        default_value = "pipeline",
        help_heading = "Checks"
    )]
    step: Step,
    /// Show one step of the run only, and explain it
    #[arg(long, value_name = "STEP", help_heading = "Checks")]
    call: Option<String>,
    /// Show every account and region, not one for all that are alike
    #[arg(long, help_heading = "Output")]
    expand: bool,
    /// Show one account only, and all of it
    #[arg(long, value_name = "ID", help_heading = "Output")]
    account: Option<String>,
    /// Exit with 1 also for unproven results, unresolved values and unexplained excess
    #[arg(long, help_heading = "Checks")]
    strict: bool,
    /// Format of the answer
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    format: Format,
}

/// A step of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// The dev stack's first: no target, no pipeline.
    Dev,
    /// The last: everything stands.
    Pipeline,
}

/// How the proof is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code-scanning services.
    Sarif,
}

/// Proves the templates.
pub(crate) fn run(global: &Global, options: &ProveOptions) -> Result<Outcome, Failure> {
    let step = |name: &String| {
        run::Step::named(name).ok_or_else(|| {
            Failure::new(
                format!("there is no step `{name}` in a run"),
                format!("the steps are: {}", run::Step::list(&run::Step::ALL)),
            )
        })
    };
    let call = options.call.as_ref().map(step).transpose()?;
    if call.is_some() && options.format == Format::Sarif {
        return Err(Failure::new(
            "SARIF holds the findings of the whole proof, and --call shows one step",
            "leave out --call, or write text or json",
        ));
    }
    let project = Project::load_or_example(global, options.input.example)?;
    let mut inputs = options.input.read(&project, options.step == Step::Dev)?;
    inputs.expand = options.expand || options.account.is_some();
    let mut proof = prove(&inputs)?;
    // What is shown may be a part, and what it comes to is the whole.
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
            &format!("A run of this configuration has no step `{step}`{of_what}."),
        );
    }
    let is_explained =
        |(decided, _): &(Decided, _)| wanted(decided, call) && decided.verdict != Verdict::Allowed;
    if call.is_some() && outcome.fails(options.strict) && !proof.calls.iter().any(is_explained) {
        output::note(
            global,
            "The proof as a whole fails: run `s3ferry prove` without --call to see why.",
        );
    }
    print(match options.format {
        Format::Text => proof::text(&proof, &outcome, call, global.verbose),
        Format::Json => Text::document(&Document::new(&proof, &outcome, call))?,
        Format::Sarif => Text::document(&proof::sarif(&proof))?,
    })?;
    Ok(Outcome::findings(outcome.fails(options.strict)))
}

/// Leaves what is about one account.
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
