//! Determines which conditions of a template can hold together.
//!
//! Conditions compare parameters with strings. For each parameter, the lint tries every compared
//! value and one other value. Only the conditions that a resource uses are combined.
//!
//! Follows *CloudFormation template reference guide*, section *Condition functions*, in the AWS
//! documentation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::diagnostic::{Entry, Node, Value};
use crate::template::{Deployment, Marker, Resolver, function, known_text};

/// The maximum number of combinations that are tried for a resource. If there are more, each value
/// is tried with the defaults of the others, followed by at most this many pairs of values.
const COMBINATIONS: usize = 128;

/// The maximum length of an `AllowedValues` list whose values are all tried.
const ALLOWED_VALUES: usize = 8;

/// The maximum nesting depth. Conditions that are nested more deeply are considered circular.
const DEPTH_LIMIT: usize = 32;

/// The conditions of a template.
pub(super) struct Conditions<'t> {
    template: &'t Node,
    tests: HashMap<&'t str, Test>,
    /// The variables that the tests depend on.
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

/// A parameter, a pseudo parameter, or a comparison that cannot be decomposed.
#[derive(Debug, Default)]
struct Variable {
    /// The values that it can have; `None` for any value.
    allowed: Option<BTreeSet<String>>,
    default: Option<String>,
}

/// The values that tests compare variables with.
type Compared<'s> = BTreeMap<&'s str, BTreeSet<&'s str>>;

/// Values of variables; `None` is a value that no test uses.
type Values<'v> = HashMap<&'v str, Option<&'v str>>;

/// The value of an opaque comparison that holds.
const HOLDS: &str = "true";

/// A possible outcome of a resource's conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The outcomes of conditions by name.
    pub(super) conditions: HashMap<String, bool>,
    /// The values of parameters and pseudo parameters that match the outcomes.
    pub(super) parameters: HashMap<String, String>,
    /// The parameters whose defaults do not match the outcomes, so that their values are unknown.
    pub(super) unknown: BTreeSet<String>,
}

/// The outcomes of some conditions.
pub(super) struct Outcomes {
    pub(super) list: Vec<Outcome>,
    /// Whether there are too many combinations to try all of them.
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
        // Parameters are not resolved, because they are compared by name.
        let resolver = Resolver::new(template, Deployment::default()).with_marker(Marker::Named);
        let constant = |node: &Node| {
            let has_parameter = refers_to_parameter(node, template);
            let value = resolver.resolve(node).filter(|_| !has_parameter)?;
            Some(known_text(&value)?.to_owned())
        };
        match (constant(left), constant(right)) {
            (Some(left), Some(right)) => Test::Constant(left == right),
            (None, Some(value)) => self.compared(&name_of(left), value),
            (Some(value), None) => self.compared(&name_of(right), value),
            (None, None) => self.opaque(node),
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
        variable.allowed = allowed.map(|allowed| allowed.into_iter().map(str::to_owned).collect());
        Test::Is(name.to_owned(), value)
    }

    /// Returns the test of a comparison whose result is unknown, but the same wherever it occurs.
    fn opaque(&mut self, node: &Node) -> Test {
        let name = node.to_json().to_string();
        self.variables.entry(name.clone()).or_default();
        Test::Is(name, HOLDS.to_owned())
    }

    /// Returns the possible outcomes of conditions without duplicates, starting with the defaults.
    /// Each of the `parameters` that has no default and few allowed values takes each of these
    /// values.
    pub(super) fn outcomes(&self, names: &BTreeSet<&str>, parameters: &BTreeSet<&str>) -> Outcomes {
        let mut used = Compared::new();
        let mut missing = Vec::new();
        for name in names {
            match self.tests.get(name) {
                Some(test) => self.variables_of(test, &mut used, &mut BTreeSet::new()),
                None => missing.push(*name),
            }
        }
        let mut variables: Vec<(&str, Vec<Option<&str>>)> = used
            .iter()
            .filter(|(name, _)| !parameters.contains(*name) || self.allowed(name).is_none())
            .filter_map(|(name, values)| Some((*name, self.variables.get(*name)?.choices(values))))
            .collect();
        variables.extend(
            parameters
                .iter()
                .filter_map(|name| Some((*name, self.allowed(name)?))),
        );
        // A condition that the template does not define may or may not hold.
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
            let named = parameters
                .iter()
                .map(|name| values.get(name).copied().flatten());
            let named: Vec<Option<String>> = named.map(|value| value.map(str::to_owned)).collect();
            if seen.insert((outcome.clone(), named)) {
                list.push(self.outcome(names, &outcome, values, &used));
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
            let singles: Vec<(&str, Option<&str>)> = variables
                .iter()
                .flat_map(|(name, choices)| choices.iter().skip(1).map(|choice| (*name, *choice)))
                .collect();
            for (name, choice) in &singles {
                let mut values = defaults();
                values.insert(name, *choice);
                take(&values);
            }
            let pairs = singles.iter().enumerate().flat_map(|(at, one)| {
                let others = singles.iter().skip(at + 1);
                others.map(move |other| (one, other))
            });
            let pairs = pairs.filter(|((one, _), (other, _))| one != other);
            for ((one, first), (other, second)) in pairs.take(COMBINATIONS) {
                let mut values = defaults();
                values.insert(one, *first);
                values.insert(other, *second);
                take(&values);
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

    /// Returns the allowed values of a parameter that has no default and few allowed values.
    fn allowed(&self, name: &str) -> Option<Vec<Option<&'t str>>> {
        let parameter = self.template.at(["Parameters", name])?;
        let values = parameter.get("AllowedValues")?.items()?;
        let is_open = parameter.get("Default").is_none() && values.len() <= ALLOWED_VALUES;
        is_open.then(|| values.iter().map(Node::scalar_text).collect())
    }

    fn outcome(
        &self,
        names: &BTreeSet<&str>,
        outcome: &[bool],
        values: &Values<'_>,
        used: &Compared<'_>,
    ) -> Outcome {
        let mut new = Outcome::default();
        for (name, holds) in names.iter().zip(outcome) {
            new.conditions.insert((*name).to_owned(), *holds);
        }
        for (name, value) in values {
            let is_default = |variable: &Variable| {
                let default = variable.default.as_deref();
                let compared = used.get(*name);
                default.is_some_and(|default| compared.is_none_or(|all| !all.contains(default)))
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
        into: &mut Compared<'s>,
        seen: &mut BTreeSet<&'s str>,
    ) {
        match test {
            Test::Constant(_) => {}
            Test::Is(name, value) => {
                into.entry(name).or_default().insert(value);
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

    /// Returns whether a condition holds with these values. Each condition is evaluated once.
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
}

impl Outcome {
    /// Returns whether both outcomes can occur together, according to their common conditions and
    /// parameters.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let conditions = self.conditions.iter().all(|(name, holds)| {
            let there = other.conditions.get(name);
            there.is_none_or(|there| there == holds)
        });
        let parameters = self.parameters.iter().all(|(name, value)| {
            let there = other.parameters.get(name);
            !other.unknown.contains(name) && there.is_none_or(|there| there == value)
        });
        conditions && parameters
    }

    /// Returns a resolver for the template with this outcome.
    pub(super) fn resolver<'t>(&'t self, template: &'t Node) -> Resolver<'t> {
        let given = |name: &str| self.parameters.get(name).map(String::as_str);
        let deployment = Deployment {
            account: given("AWS::AccountId"),
            region: given("AWS::Region"),
            partition: given("AWS::Partition"),
            parameters: Arc::new(self.parameters.clone()),
            ..Deployment::default()
        };
        Resolver::new(template, deployment)
            .with_marker(Marker::Named)
            .with_conditions(&self.conditions)
            .without_defaults(&self.unknown)
    }

    /// Returns whether a resource with this condition exists.
    pub(super) fn holds(&self, condition: Option<&str>) -> bool {
        condition.is_none_or(|name| self.conditions.get(name).copied().unwrap_or(true))
    }
}

/// The names that a node depends on.
#[derive(Default)]
pub(super) struct Used<'n> {
    pub(super) conditions: BTreeSet<&'n str>,
    /// Names that the node refers to, such as parameter names.
    pub(super) names: BTreeSet<&'n str>,
}

impl<'n> Used<'n> {
    /// Adds the names in a node.
    pub(super) fn read(&mut self, node: &'n Node) {
        match function(node) {
            Some(("If", argument)) => {
                let condition = argument.items().and_then(|parts| parts.first());
                self.conditions.extend(condition.and_then(Node::as_str));
            }
            Some(("Ref", name)) => self.names.extend(name.as_str()),
            Some(("Sub", argument)) => {
                let text = argument.one_or_many().first().and_then(Node::as_str);
                let variables = text.unwrap_or_default().split("${").skip(1);
                self.names
                    .extend(variables.filter_map(|rest| rest.split('}').next()));
            }
            _ => {}
        }
        match &node.value {
            Value::Sequence(items) => items.iter().for_each(|item| self.read(item)),
            Value::Mapping(entries) => entries.iter().for_each(|entry| self.read(&entry.value)),
            _ => {}
        }
    }
}

impl Variable {
    /// Returns the compared values, starting with the default. `None` is any other value.
    fn choices<'v>(&'v self, compared: &BTreeSet<&'v str>) -> Vec<Option<&'v str>> {
        let mut choices: Vec<Option<&str>> = compared.iter().copied().map(Some).collect();
        let others: Option<Vec<&str>> = self.allowed.as_ref().map(|allowed| {
            let allowed = allowed.iter().map(String::as_str);
            allowed.filter(|value| !compared.contains(value)).collect()
        });
        match others.as_deref() {
            Some([]) => {}
            Some([only]) => choices.insert(0, Some(only)),
            _ => choices.insert(0, None),
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

/// Returns the variable name of an expression: the name of a parameter, or else the expression,
/// which has the same value everywhere.
fn name_of(node: &Node) -> String {
    let parameter = match function(node) {
        Some(("Ref", name)) => name.as_str(),
        Some(("Sub", text)) => text
            .as_str()
            .and_then(|text| text.strip_prefix("${")?.strip_suffix('}'))
            .filter(|name| !name.contains(['$', '!', '.'])),
        _ => None,
    };
    parameter.map_or_else(|| node.to_json().to_string(), str::to_owned)
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
