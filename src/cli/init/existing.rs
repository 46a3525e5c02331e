//! `s3ferry init --from`: a configuration that matches a pipeline that exists.

use std::path::Path;

use s3ferry::definition::{Definition, Draft, DraftTarget};

use super::{Options, check_account, region, value};
use crate::cli::{Failure, Global, files, output, shell};

/// Makes the configuration; asks for what the definition does not say.
///
/// # Errors
/// The file is no definition, or of a pipeline that no configuration describes; an account is
/// missing.
pub(super) fn configuration(
    global: &Global,
    options: &Options,
    path: &Path,
) -> Result<String, Failure> {
    let source = files::read(path, "pipeline definition")?;
    let document = |problems| Failure::document(source.clone(), problems);
    let definition = Definition::read(source.clone()).map_err(document)?;
    let mut draft = Draft::of(&definition).map_err(document)?;
    if options.region.is_some() || draft.region.is_none() {
        draft.region = Some(region(options)?);
    }
    for (bucket, _) in &options.bucket_account {
        if !draft.targets.iter().any(|target| target.bucket == *bucket) {
            let known: Vec<&str> = (draft.targets.iter())
                .map(|target| target.bucket.as_str())
                .collect();
            return Err(Failure::new(
                format!("the pipeline deploys to no bucket `{bucket}`"),
                format!("it deploys to: {}", known.join(", ")),
            ));
        }
    }
    let several = draft.targets.len() > 1;
    for target in &mut draft.targets {
        target.account = Some(account(options, target, several)?);
    }
    for note in &draft.notes {
        output::note(global, note);
    }
    Ok(draft.to_yaml())
}

/// The account that owns a target's bucket.
fn account(options: &Options, target: &DraftTarget, several: bool) -> Result<String, Failure> {
    let bucket = &target.bucket;
    let given = (options.bucket_account.iter()).find(|(name, _)| name == bucket);
    if let Some((_, id)) = given {
        check_account("--bucket-account", id)?;
        return Ok(id.clone());
    }
    // The role of the action that exists says it best, unless the user knows better.
    if let (None, Some(id)) = (&options.prod_account, &target.account) {
        return Ok(id.clone());
    }
    let option = if several {
        format!("--bucket-account {}", shell::word(&format!("{bucket}=ID")))
    } else {
        "--prod-account".to_owned()
    };
    let question = format!("ID of the account that owns bucket {bucket} (12 digits)");
    let id = value(&options.prod_account, &option, &question, None)?;
    check_account(&option, &id)?;
    Ok(id)
}
