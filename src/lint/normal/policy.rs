//! Policy documents in normal form.
//!
//! Every value is a list, actions and condition keys are in lowercase, and principals are ARNs. A
//! statement has facts under `Derived` that rules cannot find by comparing text.
//!
//! Follows *IAM JSON policy element reference* in the AWS documentation.

use super::confinement::{Loose, Service, To, confined};
use super::nodes::{
    derived, entry, fact, head, is_free, is_open, list, map, plain, text, texts, whole_marker,
};
use crate::aws::log_accounts::delivers_load_balancer_logs;
use crate::diagnostic::{Entry, Node, Source, Span, Value, read};
use crate::policy::document::reference;
use crate::policy::document::{ActionPattern, is_account_id};
use crate::template::parameters;

/// The parameters of a template, which can limit the values of unknown principals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters<'t>(Option<&'t Node>);

impl<'t> Parameters<'t> {
    pub(super) fn of(template: &'t Node) -> Self {
        Self(template.get("Parameters"))
    }

    /// Returns whether the value of a marker can be `*`, as far as it is known.
    pub(super) fn may_be_star(self, name: &str) -> bool {
        let parameter = match name.split_once('.') {
            Some(("Parameter" | "NoEcho", name)) => self.0.and_then(|all| all.get(name)),
            _ => None,
        };
        is_free(name)
            && parameter.is_none_or(|parameter| parameters::refusal(parameter, "*").is_none())
    }

    /// Returns whether an unknown principal can be a whole account. It must be an account if the
    /// parameter does not allow a role.
    fn account(self, principal: &str) -> Account {
        let Some(name) = whole_marker(principal) else {
            return Account::No;
        };
        let is_elsewhere = name.starts_with("Value.")
            || name.starts_with("resolve.")
            || name.contains(".Outputs.");
        let name = name.strip_prefix("Parameter.").unwrap_or(name);
        let parameter = self.0.and_then(|parameters| parameters.get(name));
        if parameter.is_none() && name.contains('.') && !is_elsewhere {
            return Account::No;
        }
        let fits = |value: &str| {
            parameter.is_none_or(|parameter| parameters::refusal(parameter, value).is_none())
        };
        let is_account = fits("111111111111") || fits("arn:aws:iam::111111111111:root");
        match (is_account, fits("arn:aws:iam::111111111111:role/name")) {
            (false, _) => Account::No,
            (true, true) => Account::Maybe,
            (true, false) => Account::Yes,
        }
    }
}

/// Whether a principal is a whole account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    Yes,
    No,
    Maybe,
}

/// The kind of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Identity,
    Trust,
    Bucket,
    Key,
}

/// The actions that rules compare by name. If a pattern covers one of them, the action is added
/// after the pattern.
const NAMED_ACTIONS: [&str; 3] = [
    "codepipeline:startpipelineexecution",
    "iam:passrole",
    "sts:assumerole",
];

/// The end of a service principal with a pseudo parameter.
const URL_SUFFIX: &str = ".@{AWS.URLSuffix}";

/// The name of the fact that a statement may be a Deny.
pub(super) const UNKNOWN_EFFECT: &str = "UnknownEffect";

/// The marker for the template's account in ARNs.
const OWN_ACCOUNT: &str = "@{AWS.AccountId}";

/// Returns a policy document in normal form. Unknown parts are text.
pub(super) fn canonical(document: &Node, kind: Kind, parameters: Parameters<'_>) -> Node {
    let document = from_text(document);
    let Some(entries) = document.entries() else {
        return document;
    };
    let mut written: Vec<Entry> = Vec::with_capacity(entries.len());
    for element in entries {
        let value = match element.key.as_str() {
            "Statement" => {
                let written = element.value.one_or_many();
                list(with_facts(written, kind, parameters), element.value.span)
            }
            _ => element.value.clone(),
        };
        written.push(Entry {
            key: element.key.clone(),
            key_span: element.key_span,
            value,
        });
    }
    map(written, document.span)
}

/// Returns a document, parsed if it is text.
pub(super) fn from_text(document: &Node) -> Node {
    let parsed = document
        .as_str()
        .and_then(|json| parse(json, document.span));
    parsed.unwrap_or_else(|| document.clone())
}

/// Parses a document that is text. All its nodes have the position of the text.
fn parse(json: &str, span: Span) -> Option<Node> {
    if !json.trim_start().starts_with('{') {
        return None;
    }
    let read = read(&Source::new("document", json)).ok()?;
    Some(plain(&read)?.placed(span))
}

fn statement(node: &Node) -> Node {
    let Some(entries) = node.entries() else {
        return node.clone();
    };
    let written = entries.iter().map(|element| {
        let value = &element.value;
        let value = match element.key.as_str() {
            // A statement with an unknown effect counts as an Allow.
            "Effect" if value.as_str().is_some_and(is_open) => text("Allow", value.span),
            "Principal" | "NotPrincipal" => principals(value),
            "Action" | "NotAction" => actions(value),
            "Resource" | "NotResource" => {
                let resources = value.one_or_many().iter();
                list(resources.map(resource).collect(), value.span)
            }
            "Condition" => conditions(value),
            _ => value.clone(),
        };
        Entry {
            key: element.key.clone(),
            key_span: element.key_span,
            value,
        }
    });
    map(written.collect(), node.span)
}

fn principals(node: &Node) -> Node {
    match &node.value {
        Value::String(everyone) if everyone == "*" || is_open(everyone) => map(
            vec![entry("AWS", list(vec![node.clone()], node.span))],
            node.span,
        ),
        Value::Mapping(entries) => {
            let entries = entries.iter().map(|one| {
                let names = one.value.one_or_many().iter();
                let names = names.map(|name| match (one.key.as_str(), name.as_str()) {
                    ("AWS", Some(id)) if is_account_id(id) => {
                        text(format!("arn:@{{AWS.Partition}}:iam::{id}:root"), name.span)
                    }
                    ("AWS", Some(OWN_ACCOUNT)) => text(
                        format!("arn:@{{AWS.Partition}}:iam::{OWN_ACCOUNT}:root"),
                        name.span,
                    ),
                    // Service principals have the same suffix in all partitions.
                    ("Service", Some(service)) if service.ends_with(URL_SUFFIX) => {
                        text(service.replace(URL_SUFFIX, ".amazonaws.com"), name.span)
                    }
                    _ => name.clone(),
                });
                Entry {
                    key: one.key.clone(),
                    key_span: one.key_span,
                    value: list(names.collect(), one.value.span),
                }
            });
            map(entries.collect(), node.span)
        }
        _ => node.clone(),
    }
}

fn actions(node: &Node) -> Node {
    let mut written: Vec<Node> = Vec::new();
    let mut covered: Vec<Node> = Vec::new();
    for action in node.one_or_many() {
        let Some(name) = action.as_str() else {
            written.push(action.clone());
            continue;
        };
        let lower = if is_open(name) {
            name.to_owned()
        } else {
            name.to_ascii_lowercase()
        };
        let short = whole_service(&lower).unwrap_or(lower);
        let is_whole = short == "*" || short.ends_with(":*");
        if let Ok(pattern) = ActionPattern::parse(&short, action.span)
            && short.contains(['*', '?'])
            && !is_whole
        {
            let named = NAMED_ACTIONS
                .into_iter()
                .filter(|named| pattern.covers(named));
            covered.extend(named.map(|named| text(named, action.span)));
        }
        written.push(text(short, action.span));
    }
    written.extend(covered);
    list(written, node.span)
}

/// Returns the short form of a pattern that covers every action of a service, or every action.
fn whole_service(action: &str) -> Option<String> {
    let (service, name) = action.split_once(':').unwrap_or(("*", action));
    let is_everything = |text: &str| text.contains('*') && text.trim_matches('*').is_empty();
    if is_everything(service) && is_everything(name) {
        return Some("*".to_owned());
    }
    let all = || Some(format!("{service}:*"));
    if is_everything(name) {
        return all();
    }
    if !name.contains(['*', '?']) {
        return None;
    }
    let pattern = ActionPattern::parse(action, Span::default()).ok()?;
    let covered = reference::expand(&pattern)?;
    let whole = ActionPattern::parse(&format!("{service}:*"), Span::default()).ok()?;
    match reference::expand(&whole)?.len() == covered.len() {
        true => all(),
        false => None,
    }
}

/// Returns a pattern for resources with `*` for every part that contains only wildcards and
/// separators.
fn resource(node: &Node) -> Node {
    let Some(written) = node.as_str().filter(|text| text.contains('*')) else {
        return node.clone();
    };
    let is_everything =
        |part: &str| part.contains('*') && part.trim_matches(['*', '?', ':', '/']).is_empty();
    let parts: Vec<&str> = written.splitn(6, ':').collect();
    let short = match parts.as_slice() {
        _ if is_everything(written) => "*".to_owned(),
        ["arn", rest @ ..] if rest.iter().all(|part| is_everything(part)) => "*".to_owned(),
        // A wildcard at the end also covers the following parts.
        ["arn", _, "*"] => "*".to_owned(),
        ["arn", partition, service, rest @ ..]
            if rest.len() < 3 && rest.last().is_some_and(|part| is_everything(part)) =>
        {
            format!("arn:{partition}:{service}:*:*:*")
        }
        [before @ .., last] if before.len() == 5 && is_everything(last) => {
            format!("{}:*", before.join(":"))
        }
        _ => written.to_owned(),
    };
    text(short, node.span)
}

fn conditions(node: &Node) -> Node {
    let Some(blocks) = node.entries() else {
        return node.clone();
    };
    let blocks = blocks.iter().map(|block| {
        let keys = block.value.entries().unwrap_or_default().iter();
        let keys = keys.map(|one| Entry {
            key: one.key.to_ascii_lowercase(),
            key_span: one.key_span,
            value: list(one.value.one_or_many().to_vec(), one.value.span),
        });
        Entry {
            key: block.key.clone(),
            key_span: block.key_span,
            value: map(keys.collect(), block.value.span),
        }
    });
    map(blocks.collect(), node.span)
}

/// Returns the statements in normal form, with their facts.
fn with_facts(written: &[Node], kind: Kind, parameters: Parameters<'_>) -> Vec<Node> {
    let statements: Vec<Node> = written.iter().map(statement).collect();
    let own = own_account(&statements, kind);
    let with_facts = statements
        .into_iter()
        .zip(written)
        .map(|(statement, written)| {
            let place = head(&statement);
            let mut facts = facts(&statement, kind, &own, parameters, place);
            let effect = written.get("Effect").and_then(Node::as_str);
            if effect.is_some_and(is_open) {
                facts.push(fact(UNKNOWN_EFFECT, place));
            }
            let Node { value, span, tag } = statement;
            let value = match value {
                Value::Mapping(mut entries) => {
                    entries.extend(derived(facts, place));
                    Value::Mapping(entries)
                }
                other => other,
            };
            Node { value, span, tag }
        });
    with_facts.collect()
}

/// Returns the account that a key policy belongs to: the template's account, or else the first
/// account that the policy allows to perform every action.
fn own_account(statements: &[Node], kind: Kind) -> String {
    if kind != Kind::Key {
        return OWN_ACCOUNT.to_owned();
    }
    let allowing = statements
        .iter()
        .filter(|statement| statement.get("Effect").and_then(Node::as_str) == Some("Allow"));
    let principals = allowing.flat_map(|statement| {
        let is_whole = texts(statement, "Action")
            .iter()
            .any(|action| matches!(action.as_str(), Some("kms:*" | "*")));
        let principals = statement.get("Principal").map(|who| texts(who, "AWS"));
        principals.filter(|_| is_whole).unwrap_or_default()
    });
    let mut accounts = principals.filter_map(|who| account_of_root(who.as_str()?));
    let first = accounts.next().unwrap_or(OWN_ACCOUNT);
    let is_own = first == OWN_ACCOUNT || accounts.any(|account| account == OWN_ACCOUNT);
    if is_own { OWN_ACCOUNT } else { first }.to_owned()
}

/// Returns the account whose root user an ARN names.
fn account_of_root(principal: &str) -> Option<&str> {
    let mut parts = principal.splitn(6, ':');
    let account = parts.nth(4)?;
    (parts.next()? == "root").then_some(account)
}

fn facts(
    statement: &Node,
    kind: Kind,
    own: &str,
    parameters: Parameters<'_>,
    place: Span,
) -> Vec<Entry> {
    // Rules detect the normal form by this fact.
    let mut facts = vec![fact("NormalForm", place)];
    if statement.get("Effect").and_then(Node::as_str) != Some("Allow") {
        return facts;
    }
    let is_wide = |resource: &&Node| resource.as_str().is_some_and(|text| text.ends_with('*'));
    if texts(statement, "Resource").iter().any(is_wide) && !needs_star(statement) {
        facts.push(fact("SupportsNames", place));
    }
    let service = match kind {
        Kind::Bucket => Service::S3,
        Kind::Key => Service::Kms,
        Kind::Identity | Kind::Trust => Service::Iam,
    };
    let is_loose = |to| confined(statement, to, service, parameters, place).err();
    // An unknown condition value makes the fact unknown.
    let loose_fact = |name: &str, loose: Loose| match loose.open {
        Some(open) => entry(name, open),
        None => fact(name, loose.span),
    };
    let Some(who) = statement.get("Principal") else {
        if let Some(negated) = statement.entry("NotPrincipal") {
            if let Some(loose) = is_loose(To::Known) {
                let span = negated.key_span;
                facts.push(loose_fact("Everyone", Loose { span, ..loose }));
            }
            let everyone = text("*", negated.key_span);
            facts.push(entry(
                "OtherPrincipals",
                list(vec![everyone], negated.key_span),
            ));
        }
        return facts;
    };
    let named = texts(who, "AWS");
    if named.iter().any(|name| name.as_str() == Some("*"))
        && let Some(loose) = is_loose(To::Known)
    {
        facts.push(loose_fact("Everyone", loose));
    }
    let (mut others, mut open) = (Vec::new(), None);
    let actions = texts(statement, "Action");
    let is_put = |action: &&Node| action.as_str() == Some("s3:putobject");
    let puts_logs = kind == Kind::Bucket && !actions.is_empty() && actions.iter().all(is_put);
    for name in &named {
        let written = name.as_str().unwrap_or_default();
        let account = match account_of_root(written) {
            Some(account) if account == own => Account::No,
            Some(account) if puts_logs && delivers_load_balancer_logs(account) => Account::No,
            // An unknown account may be the account of the policy.
            Some(account) if is_open(account) => Account::Maybe,
            Some(_) => Account::Yes,
            None => parameters.account(written),
        };
        match account {
            Account::Yes => others.push((*name).clone()),
            Account::Maybe => open = open.or(Some(*name)),
            Account::No => {}
        }
    }
    if let Some(loose) = is_loose(To::Principals) {
        if let Some(unknown) = loose.open.filter(|_| !others.is_empty()) {
            facts.push(entry("WholeAccounts", unknown));
        } else if !others.is_empty() {
            facts.push(entry("WholeAccounts", list(others, loose.span)));
        } else if let Some(open) = open {
            facts.push(entry("OpenPrincipal", open.clone()));
        }
    }
    if kind == Kind::Key {
        let names = who.entries().unwrap_or_default().iter();
        let names = names.flat_map(|kind| kind.value.one_or_many());
        let (owner, others): (Vec<&Node>, Vec<&Node>) =
            names.partition(|name| name.as_str().and_then(account_of_root) == Some(own));
        if let Some(owner) = owner.first() {
            facts.push(fact("OwnAccount", owner.span));
        }
        let may_be_own = |name: &&Node| {
            let account = parameters.account(name.as_str().unwrap_or_default());
            account != Account::No
        };
        let (open, others): (Vec<&Node>, Vec<&Node>) = others.into_iter().partition(may_be_own);
        if let Some(first) = others.first() {
            let place = first.span;
            let others = others.into_iter().cloned().collect();
            facts.push(entry("OtherPrincipals", list(others, place)));
        } else if let Some(open) = open.first() {
            facts.push(entry("OtherPrincipals", (*open).clone()));
        }
    }
    if who.get("Service").is_some() {
        for (name, to) in [
            ("NoSource", To::Source),
            ("NoSourceAccount", To::SourceAccount),
            ("NoSourceArn", To::SourceArn),
        ] {
            facts.extend(is_loose(to).map(|loose| loose_fact(name, loose)));
        }
    }
    facts
}

/// Returns whether all actions of a statement support only the resource `*`.
fn needs_star(statement: &Node) -> bool {
    let actions = texts(statement, "Action");
    !actions.is_empty()
        && actions.iter().all(|action| {
            let action = action.as_str().unwrap_or_default();
            let pattern = ActionPattern::parse(action, Span::default());
            pattern.is_ok_and(|pattern| reference::supports_only_star(&pattern))
        })
}
