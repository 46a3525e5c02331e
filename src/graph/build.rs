//! Builds a graph from a proof: every call becomes part of an arrow.

use std::collections::HashMap;

use super::{Arrow, Graph, Kind, Node, Side};
use crate::policy::document::Arn;
use crate::policy::evaluation::ContextValue;
use crate::proof::{AttackResult, Decided, Proof, Verdict};
use crate::run::{Call, Caller, KeyState, SECRET_SUFFIX, Step};

const CODEPIPELINE: &str = "codepipeline.amazonaws.com";
const EVENTS: &str = "events.amazonaws.com";
const LOGS: &str = "logging.s3.amazonaws.com";

pub(super) fn graph(proof: &Proof) -> Graph {
    let mut builder = Builder {
        proof,
        graph: Graph::default(),
        sides: HashMap::new(),
        nodes: HashMap::new(),
        arrows: HashMap::new(),
        keys: keys(proof),
    };
    // The dev account is the first side, even if the first call is from another account.
    builder.side(None, String::new);
    for (number, (decided, _)) in proof.calls.iter().enumerate() {
        builder.call(number, decided);
    }
    let mut graph = builder.graph;
    for side in &mut graph.sides {
        side.trouble = trouble(proof, side.target.as_deref());
    }
    graph
}

/// Returns the problems of a side that no arrow shows.
fn trouble(proof: &Proof, target: Option<&str>) -> Vec<String> {
    let attacks = proof.attacks.iter().filter(|attack| {
        attack.call.target.as_deref() == target && attack.result != AttackResult::Denied
    });
    let mut found: Vec<String> = attacks.map(|attack| attack.what.clone()).collect();
    // A template has the name of its target.
    let excess = proof.excess.unexplained().filter(|found| {
        let file = proof.files[found.place.file].name();
        let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
        target.is_some_and(|target| file.split('.').next() == Some(target))
    });
    found.extend(excess.map(|found| {
        let name = found.sid.as_deref().unwrap_or(&found.resource);
        format!("{name} has excess permissions")
    }));
    found
}

struct Builder<'p> {
    proof: &'p Proof,
    graph: Graph,
    /// The index of each side, by target.
    sides: HashMap<Option<String>, usize>,
    /// The index of each node, by identity. Services are also distinguished by side, because every
    /// side has them.
    nodes: HashMap<(Option<usize>, String), usize>,
    /// The index of each arrow, by its ends.
    arrows: HashMap<(usize, usize), usize>,
    /// The keys of the run, by ARN.
    keys: HashMap<&'p str, Key>,
}

/// The properties of a key, from the calls on it.
#[derive(Clone, Copy)]
struct Key {
    kind: Kind,
    /// The reason why the key cannot be used.
    state: Option<KeyState>,
}

/// Returns the kind and state of each key. The key of an artifact store keeps its kind, regardless
/// of its other uses.
fn keys(proof: &Proof) -> HashMap<&str, Key> {
    let mut found: HashMap<&str, Key> = HashMap::new();
    for (decided, _) in &proof.calls {
        let call = &decided.call;
        let (_, kind) = kinds(call);
        if !kind.is_key() || call.step == Step::Administer {
            continue;
        }
        let state = call.rejection().and_then(|rejection| rejection.state);
        let key = found.entry(&call.resource).or_insert(Key { kind, state });
        if kind == Kind::DeployKey {
            key.kind = kind;
        }
        key.state = key.state.or(state);
    }
    found
}

/// An end of an arrow.
struct End {
    /// Its node, unless another end has the same node. The side and instances are set later.
    node: Node,
    account: String,
    /// Whether the node is in the dev account, even if the call belongs to a target.
    in_dev: bool,
}

impl End {
    fn new(kind: Kind, arn: &str, name: &str, account: &str) -> Self {
        Self {
            node: Node {
                kind,
                name: name.to_owned(),
                detail: String::new(),
                arn: arn.to_owned(),
                side: 0,
                instances: 1,
            },
            account: account.to_owned(),
            in_dev: false,
        }
    }
}

impl Builder<'_> {
    fn call(&mut self, number: usize, decided: &Decided) {
        let call = &decided.call;
        let known = self.keys.get(call.resource.as_str()).copied();
        let (from, to) = (caller(self.proof, call), resource(decided, known));
        let from = self.node(from, call, decided.instances);
        let to = self.node(to, call, decided.instances);
        let arrows = &mut self.graph.arrows;
        let known = *self.arrows.entry((from, to)).or_insert_with(|| {
            arrows.push(Arrow {
                id: format!("arrow-{}", arrows.len() + 1),
                from,
                to,
                steps: Vec::new(),
                calls: Vec::new(),
                verdict: Verdict::Allowed,
                instances: 1,
            });
            arrows.len() - 1
        });
        let arrow = &mut arrows[known];
        arrow.calls.push(number);
        arrow.instances = arrow.instances.max(decided.instances);
        if !arrow.steps.contains(&call.step) {
            arrow.steps.push(call.step);
        }
        arrow.verdict = arrow.verdict.worse(decided.verdict);
    }

    fn node(&mut self, end: End, call: &Call, instances: usize) -> usize {
        let target = call.target.clone().filter(|_| !end.in_dev);
        let side = self.side(target, || end.account.clone());
        let everywhere = matches!(end.node.kind, Kind::LogDelivery | Kind::Service);
        let key = (everywhere.then_some(side), end.node.arn.clone());
        let number = *self.nodes.entry(key).or_insert_with(|| {
            self.graph.nodes.push(Node { side, ..end.node });
            self.graph.nodes.len() - 1
        });
        let node = &mut self.graph.nodes[number];
        if node.side != 0 {
            node.instances = node.instances.max(instances);
        }
        let side = &mut self.graph.sides[node.side];
        if side.account.is_empty() {
            side.account = end.account;
        }
        // A target's deploy roles are assumed once for each of its instances.
        if node.kind == Kind::DeployRole && call.step == Step::Assume {
            side.instances += instances;
        }
        number
    }

    fn side(&mut self, target: Option<String>, account: impl FnOnce() -> String) -> usize {
        *self.sides.entry(target.clone()).or_insert_with(|| {
            self.graph.sides.push(Side {
                target,
                account: account(),
                instances: 0,
                alike: Vec::new(),
                trouble: Vec::new(),
            });
            self.graph.sides.len() - 1
        })
    }
}

/// Returns the kinds of the caller and of the resource of a call.
fn kinds(call: &Call) -> (Kind, Kind) {
    let by_service = matches!(call.caller, Caller::Service(_));
    let on_key = call.action.starts_with("kms:");
    match call.step {
        Step::Administer => (Kind::Account, Kind::DeployKey),
        Step::Check if by_service => (Kind::Pipeline, Kind::ServiceRole),
        Step::Check if call.target.is_none() => (Kind::ServiceRole, Kind::ActionRole),
        // Only the check of the role that starts a state machine names its action.
        Step::Check if !call.id.ends_with(&*call.action) => (Kind::ServiceRole, Kind::StartRole),
        Step::Check | Step::Assume => (Kind::ServiceRole, Kind::DeployRole),
        Step::Start if by_service => (Kind::EventBridge, Kind::RuleRole),
        Step::Start => (Kind::RuleRole, Kind::Pipeline),
        Step::Source if !call.action.starts_with("s3:") => (Kind::ServiceRole, Kind::Connection),
        Step::Source => (Kind::ServiceRole, Kind::SourceBucket),
        Step::SourceKey => (Kind::ServiceRole, Kind::SourceKey),
        Step::Build if by_service => (Kind::Project, Kind::BuildRole),
        Step::Build if call.action.starts_with("codebuild:") => (Kind::ServiceRole, Kind::Project),
        Step::Build if call.action.starts_with("logs:") => (Kind::BuildRole, Kind::LogGroup),
        Step::Build => (Kind::BuildRole, Kind::Secret),
        Step::Invalidate if by_service => (Kind::StateMachine, Kind::StateMachineRole),
        Step::Invalidate if call.action.starts_with("states:") => {
            (Kind::StartRole, Kind::StateMachine)
        }
        Step::Invalidate if call.action.starts_with("sts:") => (Kind::ServiceRole, Kind::StartRole),
        Step::Invalidate => (Kind::StateMachineRole, Kind::Distribution),
        Step::Serve if on_key => (Kind::Distribution, Kind::OutputKey),
        Step::Serve => (Kind::Distribution, Kind::OutputBucket),
        Step::Condition => (Kind::ServiceRole, Kind::Alarm),
        Step::Notify => (Kind::ServiceRole, Kind::Topic),
        Step::Invoke => (Kind::ServiceRole, Kind::Pipeline),
        Step::Read | Step::Decrypt if on_key => (Kind::DeployRole, Kind::DeployKey),
        Step::Read | Step::Decrypt => (Kind::DeployRole, Kind::ArtifactBucket),
        Step::Deploy => (Kind::DeployRole, Kind::OutputBucket),
        Step::OutputKey => (Kind::DeployRole, Kind::OutputKey),
        Step::Logs => (Kind::LogDelivery, Kind::LogBucket),
        // The other steps store artifacts, in the region of the pipeline or in another region.
        _ if on_key => (Kind::ServiceRole, Kind::DeployKey),
        _ => (Kind::ServiceRole, Kind::ArtifactBucket),
    }
}

fn caller(proof: &Proof, call: &Call) -> End {
    let (kind, _) = kinds(call);
    let end = |kind, arn, name, account| End {
        in_dev: matches!(kind, Kind::ServiceRole | Kind::ActionRole),
        ..End::new(kind, arn, name, account)
    };
    match &call.caller {
        Caller::Role(arn) | Caller::Administrator(arn) => {
            let account = call.caller.account().unwrap_or_default();
            end(kind, arn, last(arn), account)
        }
        Caller::Root(account) => end(kind, account, account, account),
        Caller::Unknown(who, _) => end(kind, who, who, ""),
        // The pipeline calls as the CodePipeline service. The call ID names an additional pipeline.
        Caller::Service(service) if service == CODEPIPELINE => {
            let name = call.id.split('/').nth(2);
            let name = name.or(proof.pipelines.first().map(String::as_str));
            let name = name.unwrap_or(service);
            end(Kind::Pipeline, name, name, call.owner())
        }
        // These services call on behalf of a resource.
        Caller::Service(service)
            if matches!(
                kind,
                Kind::Project | Kind::StateMachine | Kind::Distribution
            ) =>
        {
            let source = match call.context.get("aws:SourceArn") {
                Some(ContextValue::One(source)) => source.as_str(),
                _ => service,
            };
            end(kind, source, last(machine_name(source)), call.owner())
        }
        Caller::Service(service) => {
            let kind = match service.as_str() {
                EVENTS => Kind::EventBridge,
                LOGS => Kind::LogDelivery,
                _ => Kind::Service,
            };
            end(kind, service, service, call.owner())
        }
    }
}

fn resource(decided: &Decided, known: Option<Key>) -> End {
    let call = &decided.call;
    let (_, kind) = kinds(call);
    let kind = known.map_or(kind, |known| known.kind);
    let state = known.and_then(|known| known.state?.rejection());
    let arn = Arn::parse(&call.resource);
    let rest = arn.map_or(call.resource.as_str(), |arn| arn.resource);
    let (arn, name, detail) = match kind {
        // A pipeline is identified by name, because a call by a service does not contain its ARN.
        Kind::Pipeline => (rest, rest, String::new()),
        kind if kind.is_key() => {
            let logical = decided.resource_policy.as_ref();
            // An AWS managed key has an alias.
            let name = rest.strip_prefix("alias/").unwrap_or_else(|| last(rest));
            let name = logical.map_or(name, |(_, resource)| resource);
            let region = arn.map_or("", |arn| arn.region);
            let detail = match state {
                Some((state, _)) => format!("{region}, {state}"),
                None => region.to_owned(),
            };
            (call.resource.as_str(), name, detail)
        }
        kind if kind.is_store() => {
            let bucket = rest.split('/').next().unwrap_or(rest);
            let object = call.resource.len() - rest.len() + bucket.len();
            // An S3 ARN has no region. The requested region identifies the store.
            let region = match (kind, call.context.get("aws:RequestedRegion")) {
                (Kind::ArtifactBucket | Kind::LogBucket, Some(ContextValue::One(region))) => {
                    region.clone()
                }
                _ => String::new(),
            };
            (&call.resource[..object], bucket, region)
        }
        Kind::LogGroup => {
            let group = call.resource.split(":log-stream:").next();
            let group = group.unwrap_or(&call.resource);
            let name = group
                .split_once(":log-group:")
                .map_or(group, |(_, name)| name);
            (group, name, String::new())
        }
        // Secrets Manager adds six random characters, of which the proof uses a sample.
        Kind::Secret => {
            let id = rest.strip_prefix("secret:").unwrap_or(rest);
            let name = id.strip_suffix(SECRET_SUFFIX).unwrap_or(id);
            (call.resource.as_str(), name, String::new())
        }
        Kind::StateMachine => {
            let arn = match call.resource.split_once(":execution:") {
                // An execution belongs to its state machine.
                Some((place, execution)) => {
                    let name = execution.split(':').next().unwrap_or(execution);
                    return End::new(
                        kind,
                        &format!("{place}:stateMachine:{name}"),
                        name,
                        call.owner(),
                    );
                }
                None => call.resource.as_str(),
            };
            (arn, machine_name(arn), String::new())
        }
        Kind::Alarm => {
            let name = rest.strip_prefix("alarm:").unwrap_or(rest);
            (call.resource.as_str(), name, String::new())
        }
        _ => (call.resource.as_str(), last(rest), String::new()),
    };
    let mut end = End::new(kind, arn, name, call.owner());
    end.node.detail = detail;
    end.in_dev = matches!(call.step, Step::Read | Step::Decrypt);
    end
}

/// Returns the name in the ARN of a state machine. Other ARNs stay unchanged.
fn machine_name(arn: &str) -> &str {
    let name = arn.split_once(":stateMachine:");
    name.map_or(arn, |(_, name)| name)
}

/// Returns the last part of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
