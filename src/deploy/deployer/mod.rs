//! The permissions that are required to run the commands in an account, as statements in policy
//! documents that IAM accepts. Performs no I/O.
//!
//! CloudFormation uses the caller's permissions unless a service role is given (AWS CloudFormation,
//! *AWS CloudFormation service role*). Therefore, the statements allow the [calls](calls) that
//! s3ferry makes directly, and the actions that CloudFormation requires to create, read, update,
//! and delete the [resources](resources) of the templates.

mod calls;
mod doctor;
mod names;
mod resources;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::StackStep;
use crate::aws::quotas::MANAGED_POLICY;
use crate::plan::Plan;

/// Maximum length of a managed policy, in characters without whitespace.
pub(crate) const LONGEST: usize = MANAGED_POLICY.length();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder<'a> {
    /// The principal that runs the commands. CloudFormation uses the same permissions.
    Deployer,
    /// The principal that runs the commands and passes the service role with this ARN to
    /// CloudFormation.
    DeployerWithRole(&'a str),
    /// The service role that CloudFormation assumes.
    ServiceRole,
    /// A principal that uploads sources and follows the pipeline, but does not deploy stacks.
    Pusher,
    /// A principal that runs `doctor`, which only reads.
    Doctor,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Statement {
    sid: String,
    effect: &'static str,
    /// Actions, sorted.
    #[serde(rename = "Action", serialize_with = "one_or_many")]
    actions: Vec<String>,
    #[serde(rename = "Resource", serialize_with = "one_or_many")]
    resources: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

/// Returns the statements of a holder for the given stacks in one account. `template_bucket` is the
/// bucket for templates that are too long to send inline.
pub(crate) fn statements(
    plan: &Plan,
    stacks: &[&StackStep],
    holder: Holder<'_>,
    template_bucket: Option<&str>,
) -> Vec<Statement> {
    if holder == Holder::Pusher {
        return calls::of_a_push(plan);
    }
    if holder == Holder::Doctor {
        return doctor::statements(plan, stacks);
    }
    let mut found = Vec::new();
    if holder != Holder::ServiceRole {
        found.extend(calls::statements(plan, stacks, template_bucket));
    }
    match holder {
        Holder::DeployerWithRole(role) => {
            found.push(pass_role(
                "PassServiceRole",
                &[role.to_owned()],
                "cloudformation.amazonaws.com",
            ));
            found.extend(calls::of_existing_buckets(plan, stacks));
        }
        Holder::Deployer | Holder::ServiceRole | Holder::Pusher | Holder::Doctor => {
            found.extend(resources::statements(plan, stacks));
        }
    }
    found
}

/// Packs statements, in order, into documents that do not exceed the maximum length. A statement
/// with too many resources is split.
pub(crate) fn documents(statements: &[Statement]) -> Vec<Value> {
    let mut found: Vec<Vec<Statement>> = Vec::new();
    for statement in statements.iter().flat_map(divided) {
        let fits = |last: &Vec<Statement>| {
            length(&document(
                &[last.as_slice(), std::slice::from_ref(&statement)].concat(),
            )) <= LONGEST
        };
        match found.last_mut().filter(|last| fits(last)) {
            Some(last) => last.push(statement),
            None => found.push(vec![statement]),
        }
    }
    found.iter().map(|all| document(all)).collect()
}

fn document(statements: &[Statement]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Returns the length of a policy as IAM counts it: in characters without whitespace.
pub(crate) fn length(document: &Value) -> usize {
    let text = document.to_string();
    text.chars().filter(|one| !one.is_whitespace()).count()
}

fn divided(whole: &Statement) -> Vec<Statement> {
    let parts = length(&document(std::slice::from_ref(whole))).div_ceil(LONGEST);
    if parts <= 1 {
        return vec![whole.clone()];
    }
    // Each part repeats everything except the resources, so use twice the required number of parts.
    let most = whole.resources.len().div_ceil(parts * 2).max(1);
    let parts = whole.resources.chunks(most).enumerate();
    parts
        .map(|(index, some)| Statement {
            sid: format!("{}{}", whole.sid, index + 1),
            resources: some.to_vec(),
            ..whole.clone()
        })
        .collect()
}

impl Statement {
    fn new<A: Into<String>>(
        sid: &str,
        actions: impl IntoIterator<Item = A>,
        resources: &[String],
    ) -> Self {
        let actions: Vec<String> = actions.into_iter().map(Into::into).collect();
        Self {
            sid: sid.to_owned(),
            effect: "Allow",
            actions: sorted(&actions),
            resources: sorted(resources),
            condition: None,
        }
    }

    fn when(mut self, condition: Value) -> Self {
        self.condition = Some(condition);
        self
    }
}

fn sorted(all: &[String]) -> Vec<String> {
    let mut all = all.to_vec();
    all.sort();
    all.dedup();
    all
}

fn one_or_many<S: Serializer>(all: &[String], to: S) -> Result<S::Ok, S::Error> {
    match all {
        [only] => only.serialize(to),
        several => several.serialize(to),
    }
}

/// Returns a statement that allows passing roles only to one service.
fn pass_role(sid: &str, roles: &[String], service: &str) -> Statement {
    Statement::new(sid, ["iam:PassRole"], roles)
        .when(json!({ "StringEquals": { "iam:PassedToService": service } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(resources: usize) -> Statement {
        let all: Vec<String> = (0..resources)
            .map(|number| format!("arn:aws:s3:::a-bucket-with-a-name-{number:04}"))
            .collect();
        Statement::new("Buckets", ["s3:CreateBucket"], &all)
    }

    #[test]
    fn what_is_too_long_is_divided_and_nothing_is_lost() {
        let all = [statement(1), statement(400), statement(2)];
        let found = documents(&all);
        assert!(found.len() > 2);
        let mut resources = 0;
        for document in &found {
            assert!(length(document) <= LONGEST);
            for statement in document["Statement"].as_array().unwrap() {
                let resource = &statement["Resource"];
                resources += resource.as_array().map_or(1, Vec::len);
            }
        }
        assert_eq!(resources, 403);
    }

    #[test]
    fn what_fits_stays_one_document() {
        let found = documents(&[statement(1), statement(2)]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0]["Statement"][0]["Resource"],
            "arn:aws:s3:::a-bucket-with-a-name-0000"
        );
    }
}
