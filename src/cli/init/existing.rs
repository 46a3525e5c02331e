//! `s3ferry init --from`: creates a configuration that matches an existing pipeline.

use std::path::Path;

use crate::config::Document;
use crate::definition::{Definition, Draft, DraftTarget};
use crate::diagnostic::{Diagnostic, Kind, Source};
use crate::plan::Plan;

use super::{InitOptions, Question, region, warn_of_one_account};
use crate::cli::{Failure, Global, files, output, shell};

/// Creates the configuration, and asks for values that the definition does not contain.
///
/// # Errors
/// Returns an error if the file is not a pipeline definition, no configuration can describe the
/// pipeline, or an account is missing.
pub(super) fn configuration(
    global: &Global,
    options: &InitOptions,
    path: &Path,
) -> Result<String, Failure> {
    let source = files::read(path, "pipeline definition", Kind::Definition)?;
    let document = |problems| Failure::document(source.clone(), problems);
    let definition = Definition::read(source.clone()).map_err(document)?;
    let mut draft = Draft::of(&definition).map_err(document)?;
    if options.region.is_some() || draft.region.is_none() {
        draft.region = Some(region(options)?);
    }
    for (at, (bucket, _)) in options.bucket_account.iter().enumerate() {
        if options.bucket_account[..at]
            .iter()
            .any(|(other, _)| other == bucket)
        {
            return Err(Failure::new(
                format!("duplicate --bucket-account `{bucket}`"),
                "specify one account for each bucket",
            ));
        }
        if !draft.targets.iter().any(|target| target.bucket == *bucket) {
            let known: Vec<&str> = (draft.targets.iter())
                .map(|target| target.bucket.as_str())
                .collect();
            return Err(Failure::new(
                format!("the pipeline does not deploy to bucket `{bucket}`"),
                format!("it deploys to: {}", known.join(", ")),
            ));
        }
    }
    let is_named = |target: &DraftTarget| {
        let mut named = options.bucket_account.iter();
        named.any(|(bucket, _)| *bucket == target.bucket)
    };
    if options.prod_account.is_some() && draft.targets.iter().all(is_named) {
        return Err(Failure::new(
            "--prod-account has no effect: --bucket-account specifies the owner of every bucket",
            "remove --prod-account",
        ));
    }
    let several = draft.targets.len() > 1;
    let dev_account = draft.account.clone();
    for target in &mut draft.targets {
        let owner = account(options, target, &dev_account, several);
        let owner = owner.map_err(|failure| match failure {
            Refused::Role(problem) => document(vec![problem]),
            Refused::Option(failure) => failure,
        })?;
        for role in &target.roles {
            if role.account() != Some(owner.as_str()) {
                draft.notes.push(format!(
                    "Action {} deploys with role {}, whose account does not own bucket {}. The \
                     configuration creates a new role in account {owner}, and `s3ferry adopt` sets \
                     it in the action.",
                    role.action, role.arn, target.bucket
                ));
            }
        }
        target.account = Some(owner);
    }
    if draft
        .targets
        .iter()
        .any(|target| target.account.as_ref() == Some(&draft.account))
    {
        warn_of_one_account(global, &draft.account);
    }
    for note in &draft.notes {
        output::note(global, note);
    }
    let text = draft.to_yaml();
    check(&draft, &text).map_err(document)?;
    Ok(text)
}

/// Checks the new configuration. Every problem comes from the definition, so the problems are
/// reported at positions in the definition.
fn check(draft: &Draft, text: &str) -> Result<(), Vec<Diagnostic>> {
    let source = Source::new("s3ferry.yaml", text);
    let problems = match Document::read(source.clone()) {
        Ok(document) => match Plan::new(&document.config) {
            Ok(_) => return Ok(()),
            Err(complaints) => document.problems(&complaints),
        },
        Err(problems) => problems,
    };
    let problems = problems.into_iter().map(|mut problem| {
        problem.span = draft.place(&Document::path_at(&source, problem.span.start));
        problem
    });
    Err(problems.collect())
}

/// The reason why the owner of a bucket is unknown.
enum Refused {
    /// The role of an action belongs to another account.
    Role(Diagnostic),
    /// An option is missing or invalid.
    Option(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Option(failure)
    }
}

/// Returns the account that owns a target's bucket.
fn account(
    options: &InitOptions,
    target: &DraftTarget,
    dev_account: &str,
    several: bool,
) -> Result<String, Refused> {
    let bucket = &target.bucket;
    let given = (options.bucket_account.iter()).find(|(name, _)| name == bucket);
    if let Some((_, id)) = given {
        let question = Question::account("--bucket-account", "");
        let id = question.given(Some(id))?;
        return Ok(id.unwrap_or_default());
    }
    let option = if several {
        format!("--bucket-account {}", shell::word(&format!("{bucket}=ID")))
    } else {
        "--prod-account".to_owned()
    };
    let question = format!("ID of the account that owns bucket {bucket} (12 digits)");
    // The role of the action determines the account, unless an option does.
    let question = Question::account(&option, &question);
    let given = question.given(options.prod_account.as_deref())?;
    let id = match (given, &target.account) {
        (Some(id), _) => id,
        (None, Some(id)) => id.clone(),
        (None, None) => question.ask()?,
    };
    // A role in the dev account can write to a bucket in any account that allows it.
    let mut roles = target.roles.iter();
    let other = roles.find_map(|role| {
        let owner = role.account()?;
        (owner != id && owner != dev_account).then_some((role, owner))
    });
    match other {
        Some((role, owner)) => Err(Refused::Role(
            Diagnostic::new(
                role.span,
                format!(
                    "the role of action {} is in account {owner}, but the action's bucket \
                     `{bucket}` is assumed to be in account {id}",
                    role.action
                ),
            )
            .help(format!(
                "specify the account that owns the bucket: `--bucket-account {bucket}={owner}` or \
                 `--bucket-account {bucket}={id}`"
            )),
        )),
        None => Ok(id),
    }
}
