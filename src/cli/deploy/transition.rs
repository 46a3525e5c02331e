//! A change of a live pipeline: what is deployed is read first, the steps are planned and proven, and
//! whatever would be refused on the way is refused before the first of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use s3ferry::deploy::run::Prepared;
use s3ferry::deploy::stack::{self, Deployed as Stack, condition};
use s3ferry::deploy::stack_set::set;
use s3ferry::deploy::{Access, Condition, Observer as _, StackStep};
use s3ferry::lint::embedded;
use s3ferry::stacks::Side;
use s3ferry::syntax::Source;
use s3ferry::transition::sequence::{self, Conflict, Leaving, Sequence, Version};
use s3ferry::transition::{Deployed, Found, Piece, changes_agreement};

use super::flow::CREATE_PIPELINE;
use super::handoff::{self, KEY_ID, Seen};
use super::one::{self, Done};
use super::{Session, existing_policy, stack_set, transition_show as show};
use crate::cli::accounts::Accounts;
use crate::cli::removed::{self, Removed};
use crate::cli::shell::Command;
use crate::cli::{Failure, files, lint as cli_lint, output, reports};

/// How many resources a message names.
const NAMED: usize = 10;

/// What there is before a deployment: every stack of the configuration, as far as it was read.
pub(crate) struct Survey {
    pieces: Vec<Piece>,
    /// The stacks, by number of the piece, where they were read.
    stacks: Vec<Option<Stack>>,
    /// The stacks of the last pieces, which the configuration no longer names.
    removed: Vec<StackStep>,
}

/// Reads the selected stacks, and with them whether each account can be reached.
///
/// # Errors
/// No credentials, another account, AWS refuses, or the template of a stack cannot be read.
pub(super) async fn survey(
    session: &mut Session<'_>,
    selected: &[&StackStep],
) -> Result<Survey, Failure> {
    let steps = session.accounts.steps.clone();
    let mut survey = Survey::of(
        &steps,
        |step| selected.iter().any(|found| found.is(step)),
        session,
    );
    for (number, step) in steps.iter().enumerate() {
        if !survey.pieces[number].is_selected {
            continue;
        }
        let access = session.accounts.access(step).await?;
        session
            .screen
            .begins(&format!("stack {} as it is deployed", step.stack));
        if step.stack_set {
            let plan = &stack_set::target(&session.accounts.project, step)?.stack_set;
            let found = set::describe(&access, plan).await?;
            survey.pieces[number].found = match found {
                Some(found) => read(step, &found.template, found.parameters, BTreeMap::new()),
                None => Found::Absent,
            };
        } else {
            let found = session.deployment(&access, step).settled().await?;
            let state = condition(found.as_ref());
            if matches!(state, Condition::RollbackFailed | Condition::DeletionFailed) {
                // It cannot be deployed in this state, and no other stack changes before it.
                let deployment = session.deployment(&access, step);
                deployment.compare(found.clone(), &[]).await?;
            }
            survey.pieces[number].found = deployed(&access, step, found.as_ref()).await?;
            survey.stacks[number].clone_from(&found);
            session.keep(step, found);
        }
        session.screen.ended();
        // Without a transition, too, a resource keeps the logical ID that it has.
        let renames = survey.pieces[number].renames();
        if !renames.is_empty() {
            let model = Arc::new(step.template.model().renamed(&renames));
            session.accounts.steps[number] = step.with_template(&model);
        }
    }
    Ok(survey)
}

impl Survey {
    fn of(
        steps: &[StackStep],
        is_selected: impl Fn(&StackStep) -> bool,
        session: &Session<'_>,
    ) -> Self {
        let plan = &session.accounts.project.plan;
        let pieces = steps.iter().map(|step| Piece {
            name: step.template.name.clone(),
            side: step.side.clone(),
            instances: match step.side {
                Side::Target(number) if step.stack_set => (plan.targets[number].instances.iter())
                    .map(|one| (one.account.clone(), one.region.clone()))
                    .collect(),
                _ => vec![(step.account.clone(), step.region.clone())],
            },
            is_set: step.stack_set,
            found: Found::Absent,
            new: Arc::clone(step.template.model()),
            is_selected: is_selected(step),
            key: None,
        });
        Self {
            pieces: pieces.collect(),
            stacks: vec![None; steps.len()],
            removed: Vec::new(),
        }
    }

    /// The dev stack, if it was read.
    pub(super) fn dev(&self) -> Option<&Stack> {
        self.stacks.first().and_then(Option::as_ref)
    }

    /// Reads the stacks that are not selected, as far as their profiles are at hand, and those that
    /// the configuration no longer names.
    async fn read_others(&mut self, accounts: &mut Accounts<'_>) -> Result<(), Failure> {
        for Removed { step } in removed::recorded(accounts) {
            if let Seen::Read(Some(found)) = handoff::look(accounts, &step).await {
                let access = accounts.access(&step).await?;
                self.add_removed(&access, step, &found).await?;
            }
        }
        let steps = accounts.steps.clone();
        let key = self.dev().and_then(|dev| dev.outputs.get(KEY_ID).cloned());
        for (number, step) in steps.iter().enumerate() {
            if self.pieces[number].is_selected {
                continue;
            }
            // A target that was deployed with another key than dev gives out is not ready.
            let known = &accounts.outputs.known;
            let recorded_key = known.key_of(&step.account, &step.region, &step.stack);
            let has_key = key.is_none() || recorded_key.is_none() || recorded_key == key.as_deref();
            let unknown = Found::Unknown {
                is_recorded: has_key && accounts.is_recorded_for_this_template(step),
            };
            self.pieces[number].found = if step.stack_set {
                match handoff::look_at_set(accounts, step).await {
                    Seen::Read(Some(found)) => {
                        read(step, &found.template, found.parameters, BTreeMap::new())
                    }
                    Seen::Read(None) => Found::Absent,
                    Seen::Unreadable(_) | Seen::NoProfile => unknown,
                }
            } else {
                match handoff::look(accounts, step).await {
                    Seen::Read(found) => {
                        let access = accounts.access(step).await?;
                        let piece = deployed(&access, step, found.as_ref()).await;
                        self.stacks[number] = found;
                        match piece {
                            // It is there, and what it allows cannot be told.
                            Ok(Found::Foreign(_)) | Err(_) => unknown,
                            Ok(found) => found,
                        }
                    }
                    Seen::Unreadable(_) | Seen::NoProfile => unknown,
                }
            };
        }
        Ok(())
    }
}

impl Survey {
    /// Adds a stack that the configuration no longer names.
    async fn add_removed(
        &mut self,
        access: &Access,
        step: StackStep,
        found: &Stack,
    ) -> Result<(), Failure> {
        if let Found::Deployed(deployed) = deployed(access, &step, Some(found)).await? {
            self.pieces.push(Piece {
                name: step.template.name.clone(),
                side: step.side.clone(),
                instances: vec![(step.account.clone(), step.region.clone())],
                is_set: false,
                new: Arc::new(deployed.template.clone()),
                found: Found::Deployed(deployed),
                is_selected: false,
                key: None,
            });
            self.removed.push(step);
        }
        Ok(())
    }
}

async fn deployed(
    access: &Access,
    step: &StackStep,
    found: Option<&Stack>,
) -> Result<Found, Failure> {
    let Some(found) = found else {
        return Ok(Found::Absent);
    };
    match found.condition() {
        Condition::Ready => {}
        Condition::Absent | Condition::Reviewing | Condition::CreationFailed => {
            return Ok(Found::Absent);
        }
        // What it will have is not known: it may be all that the deployed pipeline needs.
        Condition::InProgress | Condition::RollbackFailed | Condition::DeletionFailed => {
            return Ok(Found::Unknown { is_recorded: false });
        }
    }
    let text = stack::template(access, &found.id).await?;
    Ok(read(
        step,
        &text,
        found.parameters.clone(),
        found.outputs.clone(),
    ))
}

fn read(
    step: &StackStep,
    text: &str,
    parameters: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
) -> Found {
    if text.is_empty() {
        return Found::Absent;
    }
    match Deployed::read(&step.stack, text, parameters, outputs) {
        Ok(found) => Found::Deployed(Box::new(found)),
        Err(problem) => Found::Foreign(problem.message),
    }
}

/// The steps of a change of a live pipeline; `None` when nothing is live, or nothing changes.
///
/// # Errors
/// A stack cannot be read, or a step would be refused.
pub(super) async fn plan(
    session: &mut Session<'_>,
    survey: &mut Survey,
) -> Result<Option<Sequence>, Failure> {
    let planned = planned(session, survey).await;
    if planned.is_err() && !session.options.dry_run {
        // A run that was killed may have left them without protection. The refusal is what matters.
        if let Err(failure) = protect(session, survey).await {
            session.screen.says(&format!(
                "The stacks cannot be protected: {}.",
                failure.message()
            ));
        }
    }
    planned
}

/// Puts the protection of the selected stacks in force.
async fn protect(session: &mut Session<'_>, survey: &Survey) -> Result<(), Failure> {
    let steps = session.accounts.steps.clone();
    for ((piece, step), stack) in survey.pieces.iter().zip(&steps).zip(&survey.stacks) {
        if let (Some(stack), Found::Deployed(deployed)) = (stack, &piece.found)
            && piece.is_selected
        {
            // What is protected is what is deployed, not what would be.
            let step = step.with_template(&Arc::new(deployed.template.clone()));
            let access = session.accounts.access(&step).await?;
            let deployment = session.deployment(&access, &step);
            deployment.guard(stack.protected).await?;
        }
    }
    Ok(())
}

async fn planned(
    session: &mut Session<'_>,
    survey: &mut Survey,
) -> Result<Option<Sequence>, Failure> {
    let steps = session.accounts.steps.clone();
    let selects_dev = survey.pieces.first().is_some_and(|dev| dev.is_selected);
    if selects_dev && !super::flow::made_pipeline(survey.dev()) {
        refuse_moved(session)?;
        refuse_adopted(session, survey)?;
        return Ok(None);
    }
    refuse_foreign(session, survey)?;
    set_keys(session, survey).await?;
    let changes = |piece: &Piece| piece.is_selected && piece.changes();
    if !survey.pieces.iter().any(changes) {
        return Ok(None);
    }
    survey.read_others(&mut session.accounts).await?;
    let is_live = match &survey.pieces[0].found {
        Found::Deployed(_) => super::flow::made_pipeline(survey.dev()),
        Found::Absent | Found::Foreign(_) => false,
        Found::Unknown { .. } => true,
    };
    if !is_live {
        return Ok(None);
    }
    let plan = &session.accounts.project.plan;
    let sequence =
        sequence::plan(plan, &survey.pieces, session.options.create_pipeline).map_err(|why| {
            Failure::new(
                format!("the deployed templates cannot be proven: {why}"),
                "",
            )
        })?;
    if sequence.needs_dev {
        let dev = &steps[0];
        return Err(Failure::with_code(
            format!(
                "stack `{}` must be deployed first: it creates the key or the service role that this \
                 change needs; nothing was changed",
                dev.stack
            ),
            format!(
                "run `{}`, then this command again",
                Command::s3ferry("deploy").option("--profile", &dev.profile)
            ),
            1,
        ));
    }
    refuse_conflicts(&steps, survey, &sequence.conflicts)?;
    refuse_leaving(session, &steps, &sequence.leaving)?;
    refuse_breaks(session, &steps, &sequence)?;
    write_steps(session, &steps, &sequence)?;
    lint(session, &steps, &sequence)?;
    Ok(Some(sequence))
}

/// Refuses to deploy the dev stack to another account or region than the live pipeline's: the
/// targets would leave that pipeline.
fn refuse_moved(session: &Session<'_>) -> Result<(), Failure> {
    let accounts = &session.accounts;
    let moved = removed::recorded(accounts).into_iter().find(|left| {
        let step = &left.step;
        let outputs = accounts
            .outputs
            .known
            .of(&step.account, &step.region, &step.stack);
        step.side == Side::Dev
            && outputs.is_some_and(|outputs| outputs.contains_key("PipelineName"))
    });
    match moved {
        Some(Removed { step }) if !session.options.allow_interruption => Err(Failure::with_code(
            format!(
                "the pipeline is deployed in account {}, {} (stack `{}`), and s3ferry does not move \
                 it; nothing was changed",
                step.account, step.region, step.stack
            ),
            "give the new pipeline another name, and its buckets and roles too; or accept with \
             --allow-interruption that the deployed one stops working",
            1,
        )),
        _ => Ok(()),
    }
}

/// Refuses a change that an adopted pipeline must follow: only `adopt` can switch it.
fn refuse_adopted(session: &Session<'_>, survey: &Survey) -> Result<(), Failure> {
    let plan = &session.accounts.project.plan.dev;
    let is_affected = !plan.create_pipeline && survey.pieces.first().is_some_and(changes_agreement);
    if !is_affected || session.options.allow_interruption || session.options.dry_run {
        return Ok(());
    }
    Err(Failure::with_code(
        format!(
            "pipeline `{}` is not in a stack, and it may not be able to deploy between this \
             deployment and `s3ferry adopt --write`; nothing was changed",
            plan.pipeline
        ),
        "to accept the interruption, give --allow-interruption; then run `s3ferry adopt --write` at \
         once",
        1,
    ))
}

/// Refuses to change a stack next to a live pipeline whose template cannot be merged.
fn refuse_foreign(session: &Session<'_>, survey: &Survey) -> Result<(), Failure> {
    let foreign = survey
        .pieces
        .iter()
        .zip(&session.accounts.steps)
        .filter(|(piece, _)| piece.is_selected)
        .find_map(|(piece, step)| match &piece.found {
            Found::Foreign(why) => Some((why, step)),
            _ => None,
        });
    match foreign {
        Some((why, step)) if !session.options.allow_interruption => Err(Failure::with_code(
            format!(
                "the deployed template of stack `{}` was not written by s3ferry: {why}; nothing was \
                 changed",
                step.stack
            ),
            "s3ferry cannot keep what the deployed pipeline needs while it changes this stack; \
             --allow-interruption replaces the template at once",
            1,
        )),
        _ => Ok(()),
    }
}

/// Sets the key that each stack is to have, as far as it is known before the first step.
async fn set_keys(session: &mut Session<'_>, survey: &mut Survey) -> Result<(), Failure> {
    let given = session.options.parameters.clone();
    let takes_key = |piece: &Piece| piece.is_selected && piece.side != Side::Dev;
    if !survey.pieces.iter().any(takes_key) {
        return Ok(());
    }
    let from_dev = survey
        .dev()
        .and_then(|dev| dev.outputs.get(KEY_ID).cloned());
    let is_given = given.iter().any(|(name, _)| name == KEY_ID);
    let key = match from_dev.filter(|_| !is_given) {
        Some(key) => handoff::Key {
            id: key,
            is_recorded: false,
        },
        None => handoff::key(&mut session.accounts, &given).await?,
    };
    let steps = session.accounts.steps.clone();
    for (piece, step) in survey.pieces.iter_mut().zip(&steps) {
        if !takes_key(piece) {
            continue;
        }
        if let Found::Deployed(deployed) = &piece.found
            && let Some(old) = deployed.parameters.get(KEY_ID)
            && *old != key.id
            && key.is_recorded
        {
            return Err(Failure::with_code(
                format!(
                    "stack `{}` uses the key {old}, and .s3ferry/outputs.json has the key {}; \
                     nothing was changed",
                    step.stack, key.id
                ),
                format!(
                    "the dev stack cannot be read from here to tell which one is right: bring \
                     .s3ferry/outputs.json up to date, or confirm the key with --parameter \
                     {KEY_ID}={}",
                    key.id
                ),
                1,
            ));
        }
        piece.key = Some(key.id.clone());
    }
    Ok(())
}

/// Refuses names that another stack of the pipeline has.
fn refuse_conflicts(
    steps: &[StackStep],
    survey: &Survey,
    conflicts: &[Conflict],
) -> Result<(), Failure> {
    let Some(first) = conflicts.first() else {
        return Ok(());
    };
    let owner = match first.owner.checked_sub(steps.len()) {
        Some(removed) => survey.removed.get(removed),
        None => steps.get(first.owner),
    };
    let owner = owner.map_or(String::new(), |owner| {
        format!("stack `{}` in {}", owner.stack, owner.region)
    });
    let new = &steps[first.piece];
    let name = first.name.rsplit('/').next().unwrap_or(&first.name);
    Err(Failure::with_code(
        format!(
            "{} {name} of stack `{}` in {} belongs to {owner}; nothing was changed",
            show::kind(&first.kind),
            new.stack,
            new.region
        ),
        "give the new stack other names (`bucket:` and `role:`); once the pipeline deploys to it, \
         `s3ferry destroy --removed` deletes the old one",
        1,
    ))
}

/// Refuses to let a bucket, a key or a role leave its stack without consent.
fn refuse_leaving(
    session: &Session<'_>,
    steps: &[StackStep],
    leaving: &[Leaving],
) -> Result<(), Failure> {
    if leaving.is_empty() || session.options.allow_replacement || session.options.dry_run {
        return Ok(());
    }
    let named: Vec<String> = leaving
        .iter()
        .take(NAMED)
        .map(|one| show::leaving(one, &steps[one.piece]))
        .collect();
    let more = match leaving.len() - named.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Err(Failure::with_code(
        format!(
            "this would replace or delete {}{more}; nothing was changed",
            named.join(", ")
        ),
        "buckets and keys that leave a stack stay in the account; roles and pipelines are deleted, \
         once the new ones are in use; to allow it this once, give --allow-replacement",
        1,
    ))
}

/// Refuses steps between which the pipeline would not work.
fn refuse_breaks(
    session: &Session<'_>,
    steps: &[StackStep],
    sequence: &Sequence,
) -> Result<(), Failure> {
    let Some(first) = sequence.breaks.first() else {
        return Ok(());
    };
    if session.options.allow_interruption {
        return Ok(());
    }
    let step = &steps[sequence.moves[first.after].piece];
    let what: Vec<&str> = first
        .faults
        .iter()
        .take(3)
        .map(|fault| fault.what.as_str())
        .collect();
    Err(Failure::with_code(
        format!(
            "after the step on stack `{}` the pipeline could not deploy until the last step: {}; \
             nothing was changed",
            step.stack,
            what.join("; ")
        ),
        "make the change in two deployments, or accept the interruption with --allow-interruption",
        1,
    ))
}

/// Writes the template of each step, where the user asks for it.
fn write_steps(
    session: &Session<'_>,
    steps: &[StackStep],
    sequence: &Sequence,
) -> Result<(), Failure> {
    let Some(folder) = &session.options.write_steps else {
        return Ok(());
    };
    for (number, one) in sequence.moves.iter().enumerate() {
        let stack = &steps[one.piece].stack;
        let path = folder.join(format!("{}-{stack}.yaml", number + 1));
        files::write(&path, &one.template.to_yaml())?;
    }
    Ok(())
}

/// Lints the transitional templates as all others are linted.
///
/// # Errors
/// One of them has an error: CloudFormation would refuse it, or a reviewer.
fn lint(session: &Session<'_>, steps: &[StackStep], sequence: &Sequence) -> Result<(), Failure> {
    let transitional = sequence
        .moves
        .iter()
        .filter(|one| one.version == Version::Both);
    // The instances of a target share their template.
    let mut sources: Vec<Source> = Vec::new();
    for one in transitional {
        let text = one.template.to_yaml();
        if !sources.iter().any(|known| known.text() == text) {
            let name = format!("transitional template of {}", steps[one.piece].stack);
            sources.push(Source::new(name, text));
        }
    }
    if sources.is_empty() {
        return Ok(());
    }
    let quotas = &session.accounts.project.plan.quotas;
    let reports = cli_lint::check(&embedded(), &sources, quotas)?;
    if !reports.iter().any(|(_, report)| report.has_errors()) {
        return Ok(());
    }
    output::note(
        session.global,
        reports::text(&reports, session.global.verbose).trim_end(),
    );
    Err(Failure::with_code(
        "a template between the deployed configuration and the new one has errors; nothing was \
         changed",
        "make the change in smaller parts; --write-steps writes the templates of all steps",
        1,
    ))
}

/// The change sets that can be created before the first step: those of the first step of each stack.
///
/// # Errors
/// CloudFormation or s3ferry refuses one of them. None of them is left behind then.
pub(super) async fn look_ahead(
    session: &mut Session<'_>,
    sequence: &Sequence,
) -> Result<(), Failure> {
    match prepare_all(session, sequence).await {
        Ok(()) => Ok(()),
        Err(failure) => {
            session.discard_prepared().await;
            Err(failure)
        }
    }
}

async fn prepare_all(session: &mut Session<'_>, sequence: &Sequence) -> Result<(), Failure> {
    let steps = session.accounts.steps.clone();
    if sequence
        .moves
        .iter()
        .any(|one| steps[one.piece].side == Side::Dev)
    {
        let access = session.accounts.access(&steps[0]).await?;
        existing_policy::refuse_changed(session, &steps[0], &access).await?;
    }
    let mut seen = Vec::new();
    let mut key_is_new = false;
    for step in &sequence.moves {
        let first = !seen.contains(&step.piece);
        seen.push(step.piece);
        let stack = steps[step.piece].with_template(&step.template);
        key_is_new |= step.adds_key;
        // What a stack set would change is only known to StackSets, and the ID of a new key only
        // after the dev stack has it.
        if !first || stack.stack_set || (key_is_new && stack.side != Side::Dev) {
            continue;
        }
        let parameters = parameters(session, &stack).await?;
        let access = session.accounts.access(&stack).await?;
        let found = match session.kept(&stack) {
            Some(found) => found,
            None => session.deployment(&access, &stack).settled().await?,
        };
        session.renew_token();
        let prepared = session
            .deployment(&access, &stack)
            .compare(found, &parameters)
            .await?;
        session.screen.ended();
        if let Prepared::Changes(pending) = &prepared {
            let changes = pending.change_set.changes.clone();
            session.keep_prepared(&stack, prepared);
            one::refuse_dangerous(session, &changes)?;
        } else {
            session.keep_prepared(&stack, prepared);
        }
    }
    Ok(())
}

/// The parameters of a stack of a live pipeline.
async fn parameters(
    session: &mut Session<'_>,
    step: &StackStep,
) -> Result<Vec<(String, String)>, Failure> {
    if step.side == Side::Dev {
        return Ok(vec![(CREATE_PIPELINE.to_owned(), true.to_string())]);
    }
    let given = session.options.parameters.clone();
    let key = handoff::key(&mut session.accounts, &given).await?;
    Ok(vec![(KEY_ID.to_owned(), key.id)])
}

/// Takes the steps; `false`: the user said no.
///
/// # Errors
/// A stack failed, or AWS refuses; what was done until then is deployed, the pipeline works, and a
/// second run continues.
pub(super) async fn run(session: &mut Session<'_>, sequence: &Sequence) -> Result<bool, Failure> {
    let done = take(session, sequence).await;
    if !matches!(done, Ok(true)) {
        session.discard_prepared().await;
    }
    done
}

async fn take(session: &mut Session<'_>, sequence: &Sequence) -> Result<bool, Failure> {
    let steps = session.accounts.steps.clone();
    show::steps(session, &steps, sequence);
    for (number, one) in sequence.moves.iter().enumerate() {
        let mut step = steps[one.piece].with_template(&one.template);
        let is_dev = step.side == Side::Dev;
        if is_dev && one.version == Version::Both {
            // It is not the dev stack of the new configuration yet.
            step.configured.clear();
        }
        if session.options.dry_run
            && number > 0
            && sequence.moves[..number]
                .iter()
                .any(|earlier| earlier.piece == one.piece)
        {
            // What a second step changes is known only once the first is deployed.
            continue;
        }
        if is_dev && one.version == Version::New {
            // It has the old statements, too, so it can precede the switch.
            let access = session.accounts.access(&step).await?;
            existing_policy::put(session, &step, &access).await?;
        }
        let parameters = parameters(session, &step).await?;
        let done = if step.stack_set {
            stack_set::deploy(session, &step, &parameters).await?
        } else {
            one::deploy(session, &step, &parameters).await?
        };
        if done == Done::Declined {
            return Ok(false);
        }
        if is_dev {
            session.accounts.key_id = None;
            let is_switched = one.version == Version::New && !session.options.dry_run;
            if is_switched && number + 1 < sequence.moves.len() {
                one::wait_for_old_executions(session, &step).await?;
            }
        }
    }
    Ok(true)
}
