//! Which conditions of a template can hold together.
//!
//! Conditions compare parameters with texts. So each value that a parameter is compared with is
//! tried, and one value that is none of them; only what a resource uses is combined.
//!
//! Follows the AWS document *CloudFormation template reference guide*, section *Condition
//! functions*.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::diagnostic::{Entry, Node};
use crate::template::{Deployment, Marker, Resolver, function, known_text};

/// Maximum number of combinations that are tried for a resource. Beyond it, each value is tried
/// once while everything else is at its default.
const COMBINATIONS: usize = 512;

/// Maximum number of allowed values of a parameter that are tried.
const ALLOWED_VALUES: usize = 8;

/// Conditions that refer to each other deeper than this are considered circular.
const DEPTH_LIMIT: usize = 32;

/// The conditions of a template.
pub(super) struct Conditions<'t> {
    template: &'t Node,
    tests: HashMap<&'t str, Test>,
    /// The values that decide the tests.
    variables: BTreeMap<String, Variable>,
}

/// A condition as an expression.
#[derive(Debug, Clone)]
enum Test {
    Constant(bool),
    /// The variable has this value.
    Is(String, String),
    /// Another condition of the template.
    Condition(String),
    Not(Box<Test>),
    And(Vec<Test>),
    Or(Vec<Test>),
}

/// A parameter, a pseudo parameter, or a comparison that cannot be taken apart.
#[derive(Debug, Default)]
struct Variable {
    /// The values that it is compared with.
    values: BTreeSet<String>,
    /// Whether it can have another value.
    can_be_other: bool,
    default: Option<String>,
}

/// Values of variables; `None` is a value that no test compares with.
type Values<'v> = HashMap<&'v str, Option<&'v str>>;

/// The value of an opaque comparison that holds.
const HOLDS: &str = "true";

/// One way in which the conditions of a resource can turn out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The outcomes of conditions by name.
    pub(super) conditions: HashMap<String, bool>,
    /// The values of parameters and pseudo parameters that go with them.
    pub(super) parameters: HashMap<String, String>,
    /// The parameters whose defaults do not go with them, so that their values are unknown.
    pub(super) unknown: BTreeSet<String>,
}

/// The outcomes of some conditions.
pub(super) struct Outcomes {
    pub(super) list: Vec<Outcome>,
    /// Whether there are too many combinations to try them all.
    pub(super) is_incomplete: bool,
}

impl<'t> Conditions<'t> {
    pub(super) fn new(template: &'t Node) -> Self {
        let mut new = Self {
            template,
            tests: HashMap::new(),
            variables: BTreeMap::new(),
        };
        let entries = template.get("Conditions").and_then(Node::entries);
        for Entry { key, value, .. } in entries.unwrap_or_default() {
            let test = new.read(value, 0);
            new.tests.insert(key, test);
        }
        new
    }

    fn read(&mut self, node: &Node, depth: usize) -> Test {
        // `Condition` is a function only here.
        let call = match (function(node), node.entries()) {
            (Some(call), _) => Some(call),
            (None, Some([only])) => Some((only.key.as_str(), &only.value)),
            _ => None,
        };
        let Some((name, argument)) = call.filter(|_| depth <= DEPTH_LIMIT) else {
            return self.opaque(node);
        };
        match (name, argument.items()) {
            ("Condition", _) => match argument.scalar_text() {
                Some(name) => Test::Condition(name.to_owned()),
                None => self.opaque(node),
            },
            ("Not", Some([test])) => Test::Not(Box::new(self.read(test, depth + 1))),
            ("And", Some(tests)) => Test::And(
                tests
                    .iter()
                    .map(|test| self.read(test, depth + 1))
                    .collect(),
            ),
            ("Or", Some(tests)) => Test::Or(
                tests
                    .iter()
                    .map(|test| self.read(test, depth + 1))
                    .collect(),
            ),
            ("Equals", Some([left, right])) => self.equals(node, left, right),
            _ => self.opaque(node),
        }
    }

    fn equals(&mut self, node: &Node, left: &Node, right: &Node) -> Test {
        let template = self.template;
        // Without parameters, of which one is compared by its name.
        let resolver = Resolver::new(template, Deployment::default()).with_marker(Marker::Named);
        let constant = |node: &Node| {
            let has_parameter = refers_to_parameter(node, template);
            let value = resolver.resolve(node).filter(|_| !has_parameter)?;
            Some(known_text(&value)?.to_owned())
        };
        let parameter = |node: &Node| match function(node)? {
            ("Ref", name) => {
                let name = name.as_str()?;
                let is_one =
                    name.starts_with("AWS::") || template.at(["Parameters", name]).is_some();
                is_one.then(|| name.to_owned())
            }
            _ => None,
        };
        match (
            (parameter(left), constant(left)),
            (parameter(right), constant(right)),
        ) {
            ((_, Some(left)), (_, Some(right))) => Test::Constant(left == right),
            ((Some(name), _), (_, Some(value))) | ((_, Some(value)), (Some(name), _)) => {
                self.compared(&name, value)
            }
            _ => self.opaque(node),
        }
    }

    fn compared(&mut self, name: &str, value: String) -> Test {
        let parameter = self.template.at(["Parameters", name]);
        let allowed = parameter.and_then(|parameter| parameter.get("AllowedValues"));
        let allowed: Option<Vec<&str>> = allowed
            .and_then(Node::items)
            .map(|values| values.iter().filter_map(Node::scalar_text).collect());
        if allowed
            .as_ref()
            .is_some_and(|all| !all.contains(&value.as_str()))
        {
            return Test::Constant(false);
        }
        let variable = self.variables.entry(name.to_owned()).or_default();
        let default = parameter.and_then(|parameter| parameter.get("Default"));
        variable.default = default.and_then(Node::scalar_text).map(str::to_owned);
        variable.values.insert(value.clone());
        variable.can_be_other = allowed.is_none_or(|allowed| {
            let mut allowed = allowed.into_iter();
            allowed.any(|value| !variable.values.contains(value))
        });
        Test::Is(name.to_owned(), value)
    }

    /// Returns the test of a comparison that may or may not hold, and does so everywhere.
    fn opaque(&mut self, node: &Node) -> Test {
        let name = node.to_json().to_string();
        let variable = self.variables.entry(name.clone()).or_default();
        variable.values.insert(HOLDS.to_owned());
        variable.can_be_other = true;
        Test::Is(name, HOLDS.to_owned())
    }

    /// Returns the outcomes of conditions that can occur, each once, and with each value of the
    /// `parameters` that must have one of some values; with the defaults first.
    pub(super) fn outcomes(&self, names: &BTreeSet<&str>, parameters: &BTreeSet<&str>) -> Outcomes {
        let mut used = BTreeSet::new();
        let mut missing = Vec::new();
        for name in names {
            match self.tests.get(name) {
                Some(test) => self.variables_of(test, &mut used, &mut BTreeSet::new()),
                None => missing.push(*name),
            }
        }
        let mut variables: Vec<(&str, Vec<Option<&str>>)> = used
            .iter()
            .filter_map(|name| Some((*name, self.variables.get(*name)?.choices())))
            .collect();
        let free = parameters.iter().filter(|name| !used.contains(*name));
        let free: Vec<(&str, Vec<Option<&str>>)> = free
            .filter_map(|name| Some((*name, self.allowed(name)?)))
            .collect();
        variables.extend(free.iter().cloned());
        // A condition that the template does not have may hold or not.
        variables.extend(
            missing
                .into_iter()
                .map(|name| (name, vec![None, Some(HOLDS)])),
        );
        let all = variables
            .iter()
            .try_fold(1_usize, |all, (_, choices)| all.checked_mul(choices.len()));
        let is_incomplete = all.is_none_or(|all| all > COMBINATIONS);
        let mut seen = BTreeSet::new();
        let mut list = Vec::new();
        let mut take = |values: &Values<'_>| {
            let mut known = HashMap::new();
            let outcome: Vec<bool> = names
                .iter()
                .map(|name| self.holds(name, values, &mut known))
                .collect();
            let free = free
                .iter()
                .map(|(name, _)| values.get(name).copied().flatten());
            let free: Vec<Option<String>> = free.map(|value| value.map(str::to_owned)).collect();
            if seen.insert((outcome.clone(), free)) {
                list.push(self.outcome(names, &outcome, values));
            }
        };
        let defaults = || -> Values<'_> {
            let variables = variables.iter();
            variables
                .map(|(name, choices)| (*name, choices.first().copied().flatten()))
                .collect()
        };
        take(&defaults());
        if is_incomplete {
            for (name, choices) in &variables {
                for choice in choices {
                    let mut values = defaults();
                    values.insert(name, *choice);
                    take(&values);
                }
            }
        } else {
            for number in 0..all.unwrap_or(1) {
                let mut rest = number;
                let values = variables.iter().map(|(name, choices)| {
                    let choice = choices.get(rest % choices.len()).copied().flatten();
                    rest /= choices.len();
                    (*name, choice)
                });
                take(&values.collect());
            }
        }
        Outcomes {
            list,
            is_incomplete,
        }
    }

    /// Returns the values of a parameter that has no default, and few allowed values.
    fn allowed(&self, name: &str) -> Option<Vec<Option<&'t str>>> {
        let parameter = self.template.at(["Parameters", name])?;
        let values = parameter.get("AllowedValues")?.items()?;
        let is_open = parameter.get("Default").is_none() && values.len() <= ALLOWED_VALUES;
        is_open.then(|| values.iter().map(Node::scalar_text).collect())
    }

    fn outcome(&self, names: &BTreeSet<&str>, outcome: &[bool], values: &Values<'_>) -> Outcome {
        let mut new = Outcome::default();
        for (name, holds) in names.iter().zip(outcome) {
            new.conditions.insert((*name).to_owned(), *holds);
        }
        for (name, value) in values {
            let is_default = |variable: &Variable| {
                let default = variable.default.as_ref();
                default.is_some_and(|default| !variable.values.contains(default))
            };
            if let Some(value) = value {
                new.parameters
                    .insert((*name).to_owned(), (*value).to_owned());
            } else if !self.variables.get(*name).is_some_and(is_default) {
                new.unknown.insert((*name).to_owned());
            }
        }
        new
    }

    fn variables_of<'s>(
        &'s self,
        test: &'s Test,
        into: &mut BTreeSet<&'s str>,
        seen: &mut BTreeSet<&'s str>,
    ) {
        match test {
            Test::Constant(_) => {}
            Test::Is(name, _) => {
                into.insert(name);
            }
            Test::Condition(name) => {
                if let Some(test) = self.tests.get(name.as_str()).filter(|_| seen.insert(name)) {
                    self.variables_of(test, into, seen);
                }
            }
            Test::Not(test) => self.variables_of(test, into, seen),
            Test::And(tests) | Test::Or(tests) => {
                for test in tests {
                    self.variables_of(test, into, seen);
                }
            }
        }
    }

    /// Whether a condition holds with these values. Each one is evaluated once.
    fn holds<'s>(
        &'s self,
        name: &'s str,
        values: &Values<'_>,
        known: &mut HashMap<&'s str, bool>,
    ) -> bool {
        if let Some(holds) = known.get(name) {
            return *holds;
        }
        // A condition that refers to itself does not hold.
        known.insert(name, false);
        let holds = match self.tests.get(name) {
            Some(test) => self.test_holds(test, values, known),
            None => values.get(name).copied().flatten() == Some(HOLDS),
        };
        known.insert(name, holds);
        holds
    }

    fn test_holds<'s>(
        &'s self,
        test: &'s Test,
        values: &Values<'_>,
        known: &mut HashMap<&'s str, bool>,
    ) -> bool {
        match test {
            Test::Constant(holds) => *holds,
            Test::Is(name, value) => {
                values.get(name.as_str()).copied().flatten() == Some(value.as_str())
            }
            Test::Condition(name) => self.holds(name, values, known),
            Test::Not(test) => !self.test_holds(test, values, known),
            Test::And(tests) => {
                let mut tests = tests.iter();
                tests.all(|test| self.test_holds(test, values, known))
            }
            Test::Or(tests) => {
                let mut tests = tests.iter();
                tests.any(|test| self.test_holds(test, values, known))
            }
        }
    }

    /// Whether one of `others` holds whenever `condition` does; `None` is a condition that always
    /// holds.
    pub(super) fn implies(&self, condition: Option<&str>, others: &[Option<&str>]) -> bool {
        if others
            .iter()
            .any(|other| other.is_none() || *other == condition)
        {
            return true;
        }
        let names = others.iter().chain([&condition]).copied().flatten();
        let outcomes = self.outcomes(&names.collect(), &BTreeSet::new());
        let holds = |outcome: &Outcome, name: Option<&str>| {
            name.is_none_or(|name| outcome.conditions.get(name).copied().unwrap_or(true))
        };
        outcomes
            .list
            .iter()
            .filter(|outcome| holds(outcome, condition))
            .all(|outcome| others.iter().any(|other| holds(outcome, *other)))
    }
}

impl Variable {
    /// Returns its values, the default first; `None` is another value than those that it is
    /// compared with.
    fn choices(&self) -> Vec<Option<&str>> {
        let mut choices: Vec<Option<&str>> = self.values.iter().map(|v| Some(v.as_str())).collect();
        if self.can_be_other {
            choices.insert(0, None);
        }
        let default = self.default.as_deref();
        if let Some(at) = choices
            .iter()
            .position(|choice| choice.is_some() && *choice == default)
        {
            choices.swap(0, at);
        }
        choices
    }
}

fn refers_to_parameter(node: &Node, template: &Node) -> bool {
    let names = |text: &str| template.at(["Parameters", text]).is_some();
    match function(node) {
        Some(("Ref", name)) if name.as_str().is_some_and(names) => return true,
        Some(("Sub", argument)) => {
            let parameters = template.get("Parameters").and_then(Node::entries);
            let mut parameters = parameters.unwrap_or_default().iter();
            let text = argument.one_or_many().first().and_then(Node::scalar_text);
            let text = text.unwrap_or_default();
            if parameters.any(|parameter| text.contains(&format!("${{{}}}", parameter.key))) {
                return true;
            }
        }
        _ => {}
    }
    match (&node.entries(), &node.items()) {
        (Some(entries), _) => {
            let mut entries = entries.iter();
            entries.any(|entry| refers_to_parameter(&entry.value, template))
        }
        (_, Some(items)) => items.iter().any(|item| refers_to_parameter(item, template)),
        _ => false,
    }
}
