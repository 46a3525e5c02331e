//! Properties of all decisions, tested with random policies.
//!
//! The actions, resources, principals, and conditions of the policies come from small pools, so
//! that statements often match or almost match the request and each other.

use proptest::prelude::*;
use s3ferry::diagnostic::{Source, read};
use s3ferry::policy::document::{Policy, PolicyKind};
use s3ferry::policy::evaluation::{Context, Decision, PolicySet, Request, evaluate, explain};
use serde_json::{Value, json};

const ACTIONS: [&str; 5] = [
    "s3:GetObject",
    "s3:Get*",
    "s3:PutObject",
    "kms:Decrypt",
    "*",
];
const RESOURCES: [&str; 4] = [
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::other/*",
    "*",
];
const PRINCIPALS: [&str; 6] = [
    "arn:aws:iam::111111111111:role/p/app",
    "arn:aws:sts::111111111111:assumed-role/app/s",
    "arn:aws:iam::111111111111:root",
    "arn:aws:iam::111111111111:user/ann",
    "222222222222",
    "*",
];
const CALLERS: [&str; 5] = [
    "arn:aws:sts::111111111111:assumed-role/app/s",
    "arn:aws:iam::111111111111:role/p/app",
    "arn:aws:iam::111111111111:user/ann",
    "arn:aws:iam::111111111111:root",
    "logs.amazonaws.com",
];

fn condition() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => Just(json!({})),
        1 => Just(json!({"StringEquals": {"aws:PrincipalTag/team": "red"}})),
        1 => Just(json!({"StringNotEquals": {"aws:PrincipalTag/team": "red"}})),
        1 => Just(json!({"StringEquals": {"aws:PrincipalTag/team": "${aws:username}"}})),
        1 => Just(json!({"Null": {"aws:PrincipalTag/team": "true"}})),
        1 => Just(json!({"ForAnyValue:StringLike": {"aws:TagKeys": ["a*"]}})),
    ]
}

/// Generates a statement of a resource-based policy with this effect. Other kinds drop the
/// principal.
fn statement(effect: &'static str) -> impl Strategy<Value = Value> {
    (
        prop::sample::select(&ACTIONS[..]),
        prop::sample::select(&RESOURCES[..]),
        prop::sample::select(&PRINCIPALS[..]),
        condition(),
        prop::bool::weighted(0.15),
    )
        .prop_map(move |(action, resource, principal, condition, negated)| {
            let action_element = if negated { "NotAction" } else { "Action" };
            json!({
                "Effect": effect,
                "Principal": {"AWS": principal},
                action_element: action,
                "Resource": resource,
                "Condition": condition,
            })
        })
}

fn statements() -> impl Strategy<Value = Vec<Value>> {
    let any = prop_oneof![4 => statement("Allow"), 1 => statement("Deny")];
    prop::collection::vec(any, 1..5)
}

/// The statements of each layer: identity, resource, scp, rcp, boundary, session.
#[derive(Debug, Clone)]
struct World {
    request: Request,
    layers: Vec<Option<Vec<Value>>>,
}

const KINDS: [PolicyKind; 6] = [
    PolicyKind::Identity,
    PolicyKind::Resource,
    PolicyKind::ServiceControl,
    PolicyKind::ResourceControl,
    PolicyKind::Identity,
    PolicyKind::Identity,
];

fn request() -> impl Strategy<Value = Request> {
    (
        prop::sample::select(&CALLERS[..]),
        prop::sample::select(&["s3:GetObject", "S3:PUTOBJECT"][..]),
        prop::bool::ANY,
        prop::option::of(prop::sample::select(&["red", "ann"][..])),
    )
        .prop_map(|(principal, action, cross, team)| {
            let mut context =
                Context::new().with("aws:PrincipalArn", "arn:aws:iam::111111111111:role/p/app");
            if let Some(team) = team {
                context = context.with("aws:principaltag/Team", team);
            }
            let account = if cross {
                "222222222222"
            } else {
                "111111111111"
            };
            Request::new(
                principal,
                action,
                "arn:aws:s3:::b/k",
                Some(account),
                context,
            )
            .expect("a request")
        })
}

fn world() -> impl Strategy<Value = World> {
    let layer = || prop::option::weighted(0.7, statements());
    let limit = || prop::option::weighted(0.3, statements());
    (
        request(),
        layer(),
        layer(),
        limit(),
        limit(),
        limit(),
        limit(),
    )
        .prop_map(
            |(request, identity, resource, scp, rcp, boundary, session)| World {
                request,
                layers: vec![identity, resource, scp, rcp, boundary, session],
            },
        )
}

fn policy(statements: &[Value], kind: PolicyKind) -> Policy {
    let mut statements = statements.to_vec();
    for statement in &mut statements {
        let members = statement.as_object_mut().expect("a statement");
        match kind {
            PolicyKind::Resource => {}
            PolicyKind::ResourceControl => {
                members.insert("Principal".into(), "*".into());
                if let Some(action) = members.remove("NotAction") {
                    members.insert("Action".into(), action);
                }
            }
            _ => {
                members.remove("Principal");
            }
        }
    }
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let node = read(&Source::new("policy", text)).expect("JSON");
    Policy::parse(&node, kind).expect("a policy")
}

fn decide(world: &World) -> Decision {
    let policies: Vec<Option<Policy>> = world
        .layers
        .iter()
        .zip(KINDS)
        .map(|(layer, kind)| {
            let statements = layer.as_ref().filter(|statements| !statements.is_empty());
            statements.map(|statements| policy(statements, kind))
        })
        .collect();
    let level = |at: usize| match (&world.layers[at], &policies[at]) {
        (None, _) => Vec::new(),
        (Some(_), policy) => vec![policy.iter().collect()],
    };
    // A limit without statements allows nothing.
    let nothing = policy(
        &[json!({"Effect": "Allow", "Action": "none:None", "Resource": "*"})],
        PolicyKind::Identity,
    );
    let limit = |at: usize| {
        world.layers[at]
            .as_ref()
            .map(|_| policies[at].as_ref().unwrap_or(&nothing))
    };
    let set = PolicySet {
        identity: policies[0].iter().collect(),
        resource: policies[1].as_ref(),
        scps: level(2),
        rcps: level(3),
        boundary: limit(4),
        session: limit(5),
    };
    let decision = evaluate(&world.request, &set);
    assert_eq!(
        explain(&world.request, &set).decision,
        decision,
        "the decision and the reason must agree"
    );
    decision
}

fn is_allowed(world: &World) -> bool {
    decide(world) == Decision::Allowed
}

fn effect_of(statement: &Value) -> &str {
    statement["Effect"].as_str().expect("an effect")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn adding_a_deny_never_allows(world in world(), deny in statement("Deny"), at in 0..6usize) {
        let before = is_allowed(&world);
        let mut after = world.clone();
        if let Some(layer) = &mut after.layers[at] {
            layer.push(deny);
            prop_assert!(before || !is_allowed(&after));
        }
    }

    #[test]
    fn removing_an_allow_never_allows(world in world(), at in 0..6usize, pick in any::<prop::sample::Index>()) {
        let before = is_allowed(&world);
        let mut after = world.clone();
        if let Some(layer) = &mut after.layers[at] {
            let index = pick.index(layer.len());
            if effect_of(&layer[index]) == "Allow" {
                layer.remove(index);
                prop_assert!(before || !is_allowed(&after));
            }
        }
    }

    #[test]
    fn removing_a_deny_never_denies(world in world()) {
        let before = is_allowed(&world);
        let mut after = world.clone();
        for layer in after.layers.iter_mut().flatten() {
            layer.retain(|statement| effect_of(statement) == "Allow");
        }
        prop_assert!(!before || is_allowed(&after));
    }

    #[test]
    fn widening_an_allow_never_denies(
        world in world(),
        at in 0..6usize,
        pick in any::<prop::sample::Index>(),
        what in 0..4usize,
    ) {
        let before = is_allowed(&world);
        let mut after = world.clone();
        if let Some(layer) = &mut after.layers[at] {
            let index = pick.index(layer.len());
            if effect_of(&layer[index]) == "Allow" {
                let members = layer[index].as_object_mut().expect("a statement");
                match what {
                    0 => {
                        members.remove("NotAction");
                        members.insert("Action".into(), "*".into());
                    }
                    1 => {
                        members.insert("Resource".into(), "*".into());
                    }
                    2 => {
                        members.insert("Principal".into(), "*".into());
                    }
                    _ => {
                        members.remove("Condition");
                    }
                }
                prop_assert!(!before || is_allowed(&after));
            }
        }
    }

    #[test]
    fn the_order_of_statements_does_not_matter(world in world()) {
        let before = decide(&world);
        let mut after = world.clone();
        for layer in after.layers.iter_mut().flatten() {
            layer.reverse();
        }
        prop_assert_eq!(before, decide(&after));
    }

    #[test]
    fn the_case_of_actions_operators_and_keys_does_not_matter(world in world()) {
        let before = decide(&world);
        let mut after = world.clone();
        for statement in after.layers.iter_mut().flatten().flatten() {
            let members = statement.as_object_mut().expect("a statement");
            for element in ["Action", "NotAction"] {
                if let Some(Value::String(action)) = members.get_mut(element) {
                    *action = action.to_uppercase();
                }
            }
            if let Some(Value::Object(condition)) = members.get_mut("Condition") {
                let upper = std::mem::take(condition).into_iter().map(|(operator, keys)| {
                    let Value::Object(keys) = keys else { unreachable!("a condition") };
                    let keys = keys.into_iter().map(|(key, values)| (key.to_uppercase(), values));
                    (operator.to_uppercase(), Value::Object(keys.collect()))
                });
                *condition = upper.collect();
            }
        }
        prop_assert_eq!(before, decide(&after));
    }

    #[test]
    fn an_explicit_denial_needs_a_deny(world in world()) {
        let denies = world.layers.iter().flatten().flatten().any(|s| effect_of(s) == "Deny");
        prop_assert!(denies || decide(&world) != Decision::ExplicitlyDenied);
    }

    #[test]
    fn nothing_is_allowed_without_an_allow(world in world()) {
        let root = world.request.principal().id().ends_with(":root");
        let mut bare = world.clone();
        bare.layers[0] = None;
        bare.layers[1] = None;
        prop_assert!(root || !is_allowed(&bare));
    }
}

#[test]
fn the_random_policies_decide_in_every_way() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut counts = [0_usize; 3];
    for _ in 0..1000 {
        let world = world().new_tree(&mut runner).expect("a world").current();
        counts[decide(&world) as usize] += 1;
    }
    // Otherwise, no random policy could violate the properties.
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
}
