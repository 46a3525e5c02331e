//! The cases of the rules in other spellings of the same template.
//!
//! CloudFormation treats all spellings in the same way, so the results of the rules must be equal.

use serde_json::{Map, Value, json};

use super::{Case, cases, lint};

/// The name of a spelling, and the function that rewrites a template. It returns `None` if nothing
/// changes.
type Spelling = (&'static str, fn(&Value) -> Option<Value>);

const SPELLINGS: [Spelling; 13] = [
    ("letter case", letter_case),
    ("lists", lists),
    ("single values", single_values),
    ("Join", |template| texts(template, join)),
    ("Join with a delimiter", |template| {
        texts(template, join_with_delimiter)
    }),
    ("Sub", |template| texts(template, sub)),
    ("Select of a Split", |template| texts(template, select)),
    ("FindInMap", find_in_map),
    ("a parameter's default", parameter),
    ("JSON text", json_text),
    ("quoted scalars", |template| scalars(template, quoted)),
    ("unquoted scalars", |template| scalars(template, unquoted)),
    ("a true condition", condition),
];

#[test]
fn other_spellings_give_the_same_result() {
    let mut wrong = Vec::new();
    let mut used = [0; SPELLINGS.len()];
    for case in cases() {
        let expected = notes_and_faults(&case, &case.template);
        for (at, (name, write)) in SPELLINGS.iter().enumerate() {
            let Some(template) = write(&case.template) else {
                continue;
            };
            used[at] += 1;
            let actual = notes_and_faults(&case, &template);
            if actual != expected {
                wrong.push(format!(
                    "{}, {name}: {expected:?}, but {actual:?}\n{template}",
                    case.what()
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for ((name, _), used) in SPELLINGS.iter().zip(used) {
        assert!(used > 50, "{name} applies to {used} cases");
    }
}

/// Returns the number of errors, and whether anything cannot be decided.
fn notes_and_faults(case: &Case, template: &Value) -> (usize, bool) {
    let (faults, notes) = lint(&case.rule, template)
        .unwrap_or_else(|error| panic!("{}: {error}\n{template}", case.what()));
    (faults.len(), !notes.is_empty())
}

#[test]
fn an_error_next_to_a_correct_resource_is_one_finding() {
    let all = cases();
    let mut wrong = Vec::new();
    let mut count = 0;
    for failing in all.iter().filter(|case| case.fails()) {
        let passing = all.iter().filter(|case| {
            case.rule.name == failing.rule.name && case.expected == "PASS" && !case.is_unknown()
        });
        for passing in passing {
            let template = combined(&passing.template, &failing.template);
            let (faults, _) = lint(&failing.rule, &template).expect("checked");
            count += 1;
            if faults.len() != 1 {
                let names = format!("{} with {}", failing.what(), passing.name);
                wrong.push(format!("{names}: {}\n{template}", faults.len()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Joins two templates. Renames everything in the second.
fn combined(first: &Value, second: &Value) -> Value {
    let mut joined = first.clone();
    for section in ["Resources", "Parameters", "Conditions", "Mappings"] {
        for (key, value) in second[section].as_object().into_iter().flatten() {
            joined[section][other(key)] = renamed(value);
        }
    }
    joined
}

/// Returns another name, except for a pseudo parameter.
fn other(name: &str) -> String {
    match name.starts_with("AWS::") {
        true => name.to_owned(),
        false => format!("Other{name}"),
    }
}

fn renamed(value: &Value) -> Value {
    let text = |value: &Value| Value::from(other(value.as_str().unwrap_or_default()));
    match value {
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let value = match (key.as_str(), value) {
                    ("Ref" | "DependsOn" | "Condition", Value::String(_)) => text(value),
                    ("DependsOn", Value::Array(ids)) => ids.iter().map(text).collect(),
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        let rest = parts.iter().skip(1).cloned();
                        std::iter::once(text(&parts[0])).chain(rest).collect()
                    }
                    ("Fn::GetAtt", Value::String(_)) => text(value),
                    ("Fn::If", Value::Array(parts)) => {
                        let rest = parts.iter().skip(1).map(renamed);
                        std::iter::once(text(&parts[0])).chain(rest).collect()
                    }
                    ("Fn::Sub", Value::String(written)) => Value::from(
                        written
                            .replace("${", "${Other")
                            .replace("${OtherAWS::", "${AWS::"),
                    ),
                    // Two buckets with the same name would be one bucket.
                    (
                        "BucketName" | "Bucket" | "S3Bucket" | "DestinationBucketName",
                        Value::String(name),
                    ) if !name.is_empty() => Value::from(format!("other-{name}")),
                    ("Name", Value::String(name)) => Value::from(format!("other-{name}")),
                    ("Resource", _) => arns(value),
                    ("Arn", Value::String(arn)) if arn.contains(":codepipeline:") => {
                        let (before, name) = arn.rsplit_once(':').unwrap_or_default();
                        Value::from(format!("{before}:other-{name}"))
                    }
                    ("Arn", Value::Object(_)) => target(&renamed(value)),
                    _ => renamed(value),
                };
                (key.clone(), value)
            });
            Value::Object(entries.collect())
        }
        Value::Array(items) => items.iter().map(renamed).collect(),
        other => other.clone(),
    }
}

/// Renames the buckets in ARNs.
fn arns(value: &Value) -> Value {
    match value {
        Value::String(arn) => Value::from(arn.replace("arn:aws:s3:::", "arn:aws:s3:::other-")),
        Value::Array(items) => items.iter().map(arns).collect(),
        other => renamed(other),
    }
}

/// Renames a pipeline that the target of a rule names literally.
fn target(arn: &Value) -> Value {
    match arn["Fn::Sub"]
        .as_str()
        .and_then(|text| text.rsplit_once(':'))
    {
        Some((before, name)) if !name.contains("${") => {
            json!({ "Fn::Sub": format!("{before}:other-{name}") })
        }
        _ => arn.clone(),
    }
}

/// The keys of policies that contain statements.
const POLICIES: [&str; 3] = ["PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy"];

/// Returns whether a mapping is a function call.
fn is_call(entries: &Map<String, Value>) -> bool {
    entries.len() == 1
        && entries
            .keys()
            .all(|key| key == "Ref" || key.starts_with("Fn::"))
}

/// Rewrites the properties of all resources.
fn properties(template: &Value, mut write: impl FnMut(&Value) -> Value) -> Option<Value> {
    let mut written = template.clone();
    for resource in written["Resources"].as_object_mut()?.values_mut() {
        if let Some(properties) = resource.get_mut("Properties") {
            *properties = write(properties);
        }
    }
    (written != *template).then_some(written)
}

/// Rewrites every text that is not part of a function.
fn texts(template: &Value, write: fn(&str) -> Option<Value>) -> Option<Value> {
    properties(template, |properties| {
        scalars_in(properties, &mut |value| write(value.as_str()?))
    })
}

fn scalars(template: &Value, write: fn(&Value) -> Option<Value>) -> Option<Value> {
    properties(template, |properties| {
        scalars_in(properties, &mut |value| write(value))
    })
}

fn scalars_in(value: &Value, write: &mut dyn FnMut(&Value) -> Option<Value>) -> Value {
    match value {
        Value::Object(entries) if is_call(entries) => value.clone(),
        Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| (key.clone(), scalars_in(value, write)));
            Value::Object(entries.collect())
        }
        Value::Array(items) => items.iter().map(|item| scalars_in(item, write)).collect(),
        scalar => write(scalar).unwrap_or_else(|| scalar.clone()),
    }
}

fn halves(text: &str) -> Option<(&str, &str)> {
    let middle = text.len() / 2;
    (text.is_ascii() && middle > 0).then(|| text.split_at(middle))
}

fn join(text: &str) -> Option<Value> {
    let (first, second) = halves(text)?;
    Some(json!({ "Fn::Join": ["", [first, second]] }))
}

fn join_with_delimiter(text: &str) -> Option<Value> {
    let delimiter = [":", "/", "-"]
        .into_iter()
        .find(|delimiter| text.contains(delimiter))?;
    let parts: Vec<&str> = text.split(delimiter).collect();
    Some(json!({ "Fn::Join": [delimiter, parts] }))
}

fn sub(text: &str) -> Option<Value> {
    let (first, second) = halves(text).filter(|_| !text.contains("${"))?;
    Some(json!({ "Fn::Sub": [format!("{first}${{Rest}}"), { "Rest": second }] }))
}

fn select(text: &str) -> Option<Value> {
    Some(json!({ "Fn::Select": [1, { "Fn::Split": ["|", format!("x|{text}|y")] }] }))
}

/// Moves every text to a mapping of the template.
fn find_in_map(template: &Value) -> Option<Value> {
    let mut values = Map::new();
    let mut written = properties(template, |properties| {
        scalars_in(properties, &mut |value| {
            let key = format!("v{}", values.len());
            values.insert(key.clone(), Value::from(value.as_str()?));
            Some(json!({ "Fn::FindInMap": ["Texts", "All", key] }))
        })
    })?;
    written["Mappings"]["Texts"] = json!({ "All": values });
    Some(written)
}

/// Moves every text to the default of a parameter.
fn parameter(template: &Value) -> Option<Value> {
    let mut parameters = Map::new();
    let mut written = properties(template, |properties| {
        scalars_in(properties, &mut |value| {
            let name = format!("Given{}", parameters.len());
            parameters.insert(
                name.clone(),
                json!({ "Type": "String", "Default": value.as_str()? }),
            );
            Some(json!({ "Ref": name }))
        })
    })?;
    for (name, parameter) in parameters {
        written["Parameters"][name] = parameter;
    }
    Some(written)
}

/// Adds a condition that is true to every property and resource.
fn condition(template: &Value) -> Option<Value> {
    let mut written = template.clone();
    for resource in written["Resources"].as_object_mut()?.values_mut() {
        for value in resource
            .get_mut("Properties")
            .and_then(Value::as_object_mut)?
            .values_mut()
        {
            *value = json!({ "Fn::If": ["Always", value.take(), { "Ref": "AWS::NoValue" }] });
        }
        if resource.get("Condition").is_none() {
            resource["Condition"] = json!("Always");
        }
    }
    written["Conditions"]["Always"] = json!({ "Fn::Equals": ["a", "a"] });
    written["Conditions"]["Never"] = json!({ "Fn::Not": [{ "Condition": "Always" }] });
    Some(written)
}

fn quoted(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) | Value::Number(_) => Some(Value::from(value.to_string())),
        _ => None,
    }
}

fn unquoted(value: &Value) -> Option<Value> {
    match value.as_str()? {
        "true" => Some(json!(true)),
        "false" => Some(json!(false)),
        text if !text.starts_with('0') => text.parse::<u64>().ok().map(Value::from),
        _ => None,
    }
}

/// Rewrites the policies that are mappings.
fn policies(value: &Value, write: &mut dyn FnMut(&Value) -> Value) -> Value {
    match value {
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let value = match POLICIES.contains(&key.as_str()) && value.is_object() {
                    true => write(value),
                    false => policies(value, write),
                };
                (key.clone(), value)
            });
            Value::Object(entries.collect())
        }
        Value::Array(items) => items.iter().map(|item| policies(item, write)).collect(),
        other => other.clone(),
    }
}

fn json_text(template: &Value) -> Option<Value> {
    let has_call = |policy: &Value| {
        let text = policy.to_string();
        text.contains("\"Ref\":") || text.contains("\"Fn::")
    };
    properties(template, |properties| {
        policies(properties, &mut |policy| match has_call(policy) {
            true => policy.clone(),
            false => Value::from(policy.to_string()),
        })
    })
}

/// Rewrites the elements of all statements.
fn statements(template: &Value, write: fn(&str, &Value) -> Value) -> Option<Value> {
    properties(template, |properties| {
        policies(properties, &mut |policy| {
            let mut policy = policy.clone();
            let one = |statement: &mut Value| {
                for (key, value) in statement.as_object_mut().into_iter().flatten() {
                    *value = write(key, value);
                }
            };
            match policy.get_mut("Statement") {
                Some(Value::Array(statements)) => statements.iter_mut().for_each(one),
                Some(statement) => one(statement),
                None => {}
            }
            policy
        })
    })
}

/// Writes the names of actions in uppercase, and condition keys in lowercase.
fn letter_case(template: &Value) -> Option<Value> {
    fn actions(value: &Value) -> Value {
        match value {
            Value::String(action) => Value::from(action.to_uppercase()),
            Value::Array(items) => items.iter().map(actions).collect(),
            other => other.clone(),
        }
    }
    fn keys(value: &Value) -> Value {
        let blocks = value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(operator, keys)| {
                let keys = keys.as_object().into_iter().flatten();
                let keys = keys.map(|(key, value)| (key.to_uppercase(), value.clone()));
                (operator.clone(), Value::Object(keys.collect()))
            });
        Value::Object(blocks.collect())
    }
    statements(template, |key, value| match key {
        "Action" | "NotAction" => actions(value),
        "Condition" => keys(value),
        _ => value.clone(),
    })
}

fn lists(template: &Value) -> Option<Value> {
    fn list(value: &Value) -> Value {
        match value {
            Value::Array(_) => value.clone(),
            one => json!([one]),
        }
    }
    fn values(value: &Value, depth: usize) -> Value {
        match value {
            Value::Object(entries) if depth > 0 && !is_call(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), values(value, depth - 1)));
                Value::Object(entries.collect())
            }
            Value::String(text) if text == "*" && depth > 0 => value.clone(),
            one => list(one),
        }
    }
    statements(template, |key, value| match key {
        "Action" | "NotAction" | "Resource" | "NotResource" => list(value),
        "Principal" => values(value, 1),
        "Condition" => values(value, 2),
        _ => value.clone(),
    })
}

fn single_values(template: &Value) -> Option<Value> {
    fn single(value: &Value) -> Value {
        match value {
            Value::Array(items) if items.len() == 1 => items[0].clone(),
            Value::Object(entries) if !is_call(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), single(value)));
                Value::Object(entries.collect())
            }
            other => other.clone(),
        }
    }
    let written = statements(template, |key, value| match key {
        "Action" | "NotAction" | "Resource" | "NotResource" | "Principal" | "Condition" => {
            single(value)
        }
        _ => value.clone(),
    });
    let template = written.as_ref().unwrap_or(template);
    let one = properties(template, |properties| {
        policies(properties, &mut |policy| {
            let mut policy = policy.clone();
            if let Some([only]) = policy["Statement"].as_array().map(Vec::as_slice) {
                policy["Statement"] = only.clone();
            }
            policy
        })
    });
    one.or(written)
}
