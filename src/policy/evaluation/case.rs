//! Cases: requests with their policies, in JSON, and their results.

use super::explain::explain;
use super::policies::PolicySet;
use super::reason::{Decision, Reason};
use super::request::{Context, ContextValue, Request, RequestField, resource_policy_kind};
use crate::diagnostic::{Diagnostic, Entry, Node, Source, Span, Value, read};
use crate::policy::document::{Policy, PolicyKind, is_account_id};

/// A request, and the policies that apply to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its ID.
    pub id: String,
    /// The request.
    pub request: Request,
    /// The expected decision, if any.
    pub expect: Option<Decision>,
    identity: Vec<Policy>,
    resource: Option<Policy>,
    scps: Vec<Vec<Policy>>,
    rcps: Vec<Vec<Policy>>,
    boundary: Option<Policy>,
    session: Option<Policy>,
}

/// A case in the input, valid or not.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadCase {
    /// Its ID, if it has one.
    pub id: Option<String>,
    /// The case, or its problems.
    pub case: Result<Case, Vec<Diagnostic>>,
}

/// The outcome of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseOutcome {
    /// Its ID, if it has one.
    pub id: Option<String>,
    /// The result, or the problems of the case, with their positions in the text.
    pub result: Result<CaseResult, Vec<Diagnostic>>,
}

/// The result of a case.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct CaseResult {
    /// ID of the case.
    pub id: String,
    /// Decision.
    pub decision: Decision,
    /// Reason for the decision.
    pub reason: Reason,
    /// The expected decision, if any. Not part of the JSON.
    #[serde(skip)]
    pub expected: Option<Decision>,
}

impl CaseResult {
    /// Returns whether a different decision was expected.
    pub fn is_mismatch(&self) -> bool {
        self.expected
            .is_some_and(|expected| expected != self.decision)
    }
}

impl Case {
    /// Returns the policies that apply to the request.
    pub fn policies(&self) -> PolicySet<'_> {
        fn levels(levels: &[Vec<Policy>]) -> Vec<Vec<&Policy>> {
            levels.iter().map(|level| level.iter().collect()).collect()
        }
        PolicySet {
            identity: self.identity.iter().collect(),
            resource: self.resource.as_ref(),
            scps: levels(&self.scps),
            rcps: levels(&self.rcps),
            boundary: self.boundary.as_ref(),
            session: self.session.as_ref(),
        }
    }

    /// Evaluates the case.
    pub fn evaluate(&self) -> CaseResult {
        let reason = explain(&self.request, &self.policies());
        CaseResult {
            id: self.id.clone(),
            decision: reason.decision,
            reason,
            expected: self.expect,
        }
    }
}

/// Evaluates the cases in the input: a single case, a list, or one case per line.
///
/// An invalid case produces an outcome with its problems. The other cases are still evaluated.
pub fn evaluate_cases(source: &Source) -> Vec<CaseOutcome> {
    read_cases(source)
        .into_iter()
        .map(|read| CaseOutcome {
            id: read.id,
            result: read.case.map(|case| case.evaluate()),
        })
        .collect()
}

/// Reads the cases in the input, each with its ID if it has one.
pub fn read_cases(source: &Source) -> Vec<ReadCase> {
    let text = source.text();
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    // In a single case with several lines, only the first line begins with `{`.
    let is_lines = lines().count() > 1 && lines().all(|line| line.trim_start().starts_with('{'));
    if !is_lines {
        return match read(source) {
            Err(problem) => vec![unreadable(problem)],
            Ok(node) => node.one_or_many().iter().map(named_case).collect(),
        };
    }
    lines()
        .map(|line| {
            let offset = line.as_ptr() as usize - text.as_ptr() as usize;
            match read(&Source::new(source.name(), line)) {
                Err(mut problem) => {
                    shift_span(&mut problem.span, offset);
                    unreadable(problem)
                }
                Ok(mut node) => {
                    shift(&mut node, offset);
                    named_case(&node)
                }
            }
        })
        .collect()
}

fn shift_span(span: &mut Span, by: usize) {
    span.start += by;
    span.end += by;
}

fn shift(node: &mut Node, by: usize) {
    shift_span(&mut node.span, by);
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Value::Mapping(entries) => {
            for entry in entries {
                shift_span(&mut entry.key_span, by);
                shift(&mut entry.value, by);
            }
        }
        _ => {}
    }
}

fn unreadable(problem: Diagnostic) -> ReadCase {
    ReadCase {
        id: None,
        case: Err(vec![problem]),
    }
}

fn named_case(node: &Node) -> ReadCase {
    ReadCase {
        id: node
            .get("id")
            .and_then(Node::scalar_text)
            .map(str::to_owned),
        case: case(node),
    }
}

const MEMBERS: [&str; 11] = [
    "id",
    "request",
    "identityPolicies",
    "resourcePolicy",
    "scps",
    "rcps",
    "permissionBoundary",
    "sessionPolicy",
    "expect",
    "note",
    "basis",
];

const REQUEST_MEMBERS: [&str; 5] = [
    "principal",
    "action",
    "resource",
    "resourceAccount",
    "context",
];

/// Reads a case. Returns all problems at once, in the order of the text.
fn case(node: &Node) -> Result<Case, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let case = reader.case(node);
    match case {
        Some(case) if reader.problems.is_empty() => Ok(case),
        _ => {
            reader.problems.sort_by_key(|problem| problem.span);
            Err(reader.problems)
        }
    }
}

#[derive(Default)]
struct Reader {
    problems: Vec<Diagnostic>,
}

impl Reader {
    fn fault(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.problems
            .push(Diagnostic::new(span, message).help(help));
    }

    fn case(&mut self, node: &Node) -> Option<Case> {
        let entries = self.members(node, &MEMBERS, "a case")?;
        let id = self.text(node, "id").unwrap_or_default();
        let request = self.request(node);
        let kind = match &request {
            Some(request) => request.resource_policy_kind(),
            None => guessed_kind(node),
        };
        Some(Case {
            id,
            identity: member(entries, "identityPolicies")
                .map(|list| self.policies(list, PolicyKind::Identity))
                .unwrap_or_default(),
            resource: member(entries, "resourcePolicy")
                .and_then(|policy| self.policy(policy, kind)),
            scps: self.levels(entries, "scps", PolicyKind::ServiceControl),
            rcps: self.levels(entries, "rcps", PolicyKind::ResourceControl),
            boundary: member(entries, "permissionBoundary")
                .and_then(|policy| self.policy(policy, PolicyKind::Identity)),
            session: member(entries, "sessionPolicy")
                .and_then(|policy| self.policy(policy, PolicyKind::Session)),
            expect: member(entries, "expect").and_then(|expect| self.expect(expect)),
            request: request?,
        })
    }

    fn request(&mut self, node: &Node) -> Option<Request> {
        let Some(request) = node.get("request") else {
            self.problems
                .push(Diagnostic::new(node.span, "the case has no `request`"));
            return None;
        };
        let entries = self.members(request, &REQUEST_MEMBERS, "a request")?;
        let principal = self.text(request, "principal");
        let action = self.text(request, "action");
        let resource = self.text(request, "resource");
        let account = member(entries, "resourceAccount").map(|node| self.account(node));
        let context = match member(entries, "context") {
            Some(context) => self.context(context)?,
            None => Context::new(),
        };
        let made = Request::new(
            &principal?,
            &action?,
            &resource?,
            match account {
                Some(account) => Some(account?),
                None => None,
            },
            context,
        );
        match made {
            Ok(made) => Some(made),
            Err(problem) => {
                let name = match problem.field {
                    RequestField::Principal => "principal",
                    RequestField::Action => "action",
                    RequestField::Resource => "resource",
                    RequestField::ResourceAccount => "resourceAccount",
                };
                let span = request.get(name).map_or(request.span, |node| node.span);
                let mut found = Diagnostic::new(span, problem.message);
                found.help = Some(problem.help).filter(|help| !help.is_empty());
                self.problems.push(found);
                None
            }
        }
    }

    fn account<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        let account = node.scalar_text().filter(|text| is_account_id(text));
        if account.is_none() {
            self.fault(
                node.span,
                "`resourceAccount` is not a valid account ID",
                "write its 12 digits in quotes",
            );
        }
        account
    }

    fn context(&mut self, node: &Node) -> Option<Context> {
        let Some(entries) = node.entries() else {
            let message = format!("`context` must be a mapping, but this is {}", node.kind());
            self.problems.push(Diagnostic::new(node.span, message));
            return None;
        };
        let mut context = Context::new();
        for entry in entries {
            let value = match &entry.value.value {
                Value::Null => continue,
                Value::Sequence(items) => {
                    ContextValue::Many(items.iter().filter_map(|item| self.value(item)).collect())
                }
                _ => match self.value(&entry.value) {
                    Some(text) => ContextValue::One(text),
                    None => continue,
                },
            };
            if context.get(&entry.key).is_some() {
                self.fault(
                    entry.key_span,
                    format!("duplicate context key `{}`", entry.key),
                    "keep one of them: context keys are case-insensitive",
                );
            }
            context.set(&entry.key, value);
        }
        Some(context)
    }

    fn value(&mut self, node: &Node) -> Option<String> {
        let text = node.scalar_text();
        if text.is_none() {
            self.problems.push(Diagnostic::new(
                node.span,
                format!(
                    "a context value must be a string, but this is {}",
                    node.kind()
                ),
            ));
        }
        text.map(str::to_owned)
    }

    fn levels(&mut self, entries: &[Entry], name: &str, kind: PolicyKind) -> Vec<Vec<Policy>> {
        let Some(list) = member(entries, name) else {
            return Vec::new();
        };
        let Some(levels) = list.items() else {
            self.fault(
                list.span,
                format!("`{name}` must be a list of levels"),
                "write a list of lists of policies, from the root to the account",
            );
            return Vec::new();
        };
        levels
            .iter()
            .map(|level| {
                if level.items().is_none() {
                    self.fault(
                        level.span,
                        format!("a level of `{name}` must be a list"),
                        "write a list of lists of policies",
                    );
                    return Vec::new();
                }
                self.policies(level, kind)
            })
            .collect()
    }

    fn policies(&mut self, node: &Node, kind: PolicyKind) -> Vec<Policy> {
        node.one_or_many()
            .iter()
            .filter_map(|policy| self.policy(policy, kind))
            .collect()
    }

    fn policy(&mut self, node: &Node, kind: PolicyKind) -> Option<Policy> {
        match Policy::parse(node, kind) {
            Ok(policy) => Some(policy),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    fn expect(&mut self, node: &Node) -> Option<Decision> {
        match node.as_str() {
            Some("Allowed") => Some(Decision::Allowed),
            Some("ImplicitlyDenied") => Some(Decision::ImplicitlyDenied),
            Some("ExplicitlyDenied") => Some(Decision::ExplicitlyDenied),
            _ => {
                self.fault(
                    node.span,
                    "`expect` is not a valid decision",
                    "write `Allowed`, `ImplicitlyDenied`, or `ExplicitlyDenied`",
                );
                None
            }
        }
    }

    fn members<'n>(&mut self, node: &'n Node, known: &[&str], what: &str) -> Option<&'n [Entry]> {
        let Some(entries) = node.entries() else {
            let message = format!("{what} must be a mapping, but this is {}", node.kind());
            self.problems.push(Diagnostic::new(node.span, message));
            return None;
        };
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                self.fault(
                    entry.key_span,
                    format!("unknown member of {what}: {}", entry.shown_key()),
                    format!("use one of: {}", known.join(", ")),
                );
            }
        }
        Some(entries)
    }

    fn text(&mut self, node: &Node, name: &str) -> Option<String> {
        let found = node.get(name);
        let text = found.and_then(Node::scalar_text);
        if text.is_none() {
            let message = match found {
                Some(found) => format!("`{name}` must be a string, but this is {}", found.kind()),
                None => format!("missing `{name}`"),
            };
            let span = found.map_or(node.span, |found| found.span);
            self.problems.push(Diagnostic::new(span, message));
        }
        text.map(str::to_owned)
    }
}

/// Returns a member that is not null.
fn member<'e>(entries: &'e [Entry], name: &str) -> Option<&'e Node> {
    entries
        .iter()
        .find(|entry| entry.key == name)
        .map(|entry| &entry.value)
        .filter(|node| node.value != Value::Null)
}

/// Returns the kind of the resource's policy if the request is invalid, so that the policy's
/// problems are also reported.
fn guessed_kind(node: &Node) -> PolicyKind {
    let text = |name| node.at(["request", name]).and_then(Node::as_str);
    match (text("action"), text("resource")) {
        (Some(action), Some(resource)) => {
            resource_policy_kind(&action.to_ascii_lowercase(), resource)
        }
        _ => PolicyKind::Resource,
    }
}
