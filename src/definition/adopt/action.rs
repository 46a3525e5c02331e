//! Checks that the policies of a target allow the calls of its deploy action.

use crate::config::CannedAcl;
use crate::diagnostic::Diagnostic;
use crate::plan::TargetPlan;

use super::super::Action;
use super::Adoption;

impl Adoption<'_> {
    /// Checks that the policies of the deploy role allow the calls of the action.
    pub(super) fn check_action(&mut self, action: &Action, target: &TargetPlan, place: &str) {
        let key = action.setting("ObjectKey").unwrap_or_default();
        let extracts = action.setting("Extract") != Some("false");
        let (wanted, setting) = match &target.object_key {
            None => (target.path.as_str(), "path"),
            Some(key) => (key.as_str(), "object_key"),
        };
        let shown = |key: &str| match key {
            "" => "the bucket's root".to_owned(),
            key => format!("`{key}`"),
        };
        // A setting that is right for one action may be wrong for another.
        let is_shared = (self.definition.actions.iter())
            .filter(|other| other.output_bucket() == action.output_bucket())
            .count()
            > 1;
        let own_bucket = "deploy to a separate bucket with a separate target: another action for \
                          this bucket requires the current settings of the target";
        if extracts == target.object_key.is_some() {
            let (does, says) = if extracts {
                ("extracts the artifact", "does not")
            } else {
                ("uploads the artifact as one object", "extracts it")
            };
            self.contradicts(
                action,
                format!("it {does}, but target `{}` {says}", target.name),
                if is_shared {
                    own_bucket.to_owned()
                } else {
                    format!("set `extract: {extracts}` for the target and deploy it again")
                },
            );
        } else if !extracts && key.trim_matches('/') != wanted
            || extracts && !is_within(key.trim_matches('/'), wanted)
        {
            let help = if key.contains("#{") {
                format!(
                    "policies cannot contain pipeline variables: use an `ObjectKey` without \
                     variables in the action{}",
                    if extracts {
                        ", or set the target's `path` to a parent folder and deploy it again"
                    } else {
                        ""
                    }
                )
            } else if !is_shared {
                format!("set the target's `{setting}` and deploy it again")
            } else if extracts {
                "set the target's `path` to a folder that contains the paths of all its actions, \
                 or remove it to use the bucket's root, and deploy it again"
                    .to_owned()
            } else {
                own_bucket.to_owned()
            };
            self.contradicts(
                action,
                format!(
                    "it deploys to {}, but target `{}` deploys to {}",
                    shown(key),
                    target.name,
                    shown(wanted)
                ),
                help,
            );
        } else if extracts && key.trim_matches('/') != wanted {
            // The policies allow everything below the target's path.
            self.notes.push(format!(
                "{place} deploys only to {}; the deploy role can write to all of {}.",
                shown(key),
                if wanted.is_empty() {
                    "the bucket".to_owned()
                } else {
                    shown(wanted)
                }
            ));
        }
        let acl = target.canned_acl.map(CannedAcl::as_str);
        if let Some(found) = action.setting("CannedACL")
            && acl != Some(found)
        {
            self.contradicts(
                action,
                format!(
                    "it sets the canned ACL `{found}`, but its target does not specify this ACL"
                ),
                format!("set `canned_acl: {found}` for the target and deploy it again"),
            );
        }
        if let Some(found) = action.setting("KMSEncryptionKeyARN")
            && target.encryption_key.as_deref() != Some(found)
        {
            self.contradicts(
                action,
                format!(
                    "it encrypts with key `{found}`, but the deploy role is not allowed to use \
                     this key"
                ),
                "set the target's `encryption_key` and deploy it again".to_owned(),
            );
        }
    }

    fn contradicts(&mut self, action: &Action, what: String, help: String) {
        let problem = Diagnostic::new(
            action.span,
            format!("action `{}` does not match its target: {what}", action.name),
        );
        self.problems.push(problem.help(help));
    }
}

/// Returns whether the path of a deploy action is the target's path or below it, regardless of the
/// values of its variables.
fn is_within(path: &str, target: &str) -> bool {
    let known = match path.split_once("#{") {
        Some((known, _)) => known.rsplit_once('/').map_or("", |(folder, _)| folder),
        None => path,
    };
    target.is_empty()
        || known
            .strip_prefix(target)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
