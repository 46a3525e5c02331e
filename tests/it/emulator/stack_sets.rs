//! StackSets with self-managed permissions, as far as a deployment needs them: one stack set, its
//! instances, and operations, one of which can run at a time (CloudFormation API Reference). Each
//! description of an operation completes one instance.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::answer::{Answer, escaped};
use super::call::Call;
use super::server::{Reply, Server};

/// The service.
#[derive(Debug)]
pub(crate) struct StackSets {
    server: Server,
    state: Arc<Mutex<State>>,
}

/// The state of the service.
#[derive(Debug, Default)]
pub(crate) struct State {
    set: Option<Set>,
    /// The version of the set that each instance has, by account and region, or `None` before its
    /// stack exists.
    pub(crate) instances: BTreeMap<(String, String), Option<usize>>,
    pub(crate) operations: Vec<Operation>,
    /// How many stacks were created.
    pub(crate) created: usize,
}

#[derive(Debug, Default)]
struct Set {
    /// The client token of the creation.
    token: String,
    version: usize,
    fields: Vec<(String, String)>,
}

/// An operation.
#[derive(Debug)]
pub(crate) struct Operation {
    id: String,
    action: &'static str,
    pub(crate) status: &'static str,
    pending: Vec<(String, String)>,
    done: Vec<(String, String)>,
}

impl StackSets {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let of_server = Arc::clone(&state);
        let server = Server::start(move |request| {
            let (call, protocol) = Call::of(request);
            let answer = of_server.lock().expect("no panic").answer(&call);
            Reply::Message(answer.response(&call.action, protocol))
        });
        Self { server, state }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Reads the state.
    pub(crate) fn look<T>(&self, at: impl Fn(&State) -> T) -> T {
        at(&self.state.lock().expect("no panic"))
    }
}

impl State {
    pub(crate) fn has_set(&self) -> bool {
        self.set.is_some()
    }

    /// Returns the accounts and regions whose stacks match the stack set.
    pub(crate) fn current(&self) -> Vec<(String, String)> {
        let version = self.set.as_ref().map(|set| set.version);
        let current = self.instances.iter().filter(|(_, at)| **at == version);
        current.map(|(place, _)| place.clone()).collect()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        let parameter = |name: &str| call.parameter(name).unwrap_or_default().to_owned();
        match call.action.as_str() {
            "GetCallerIdentity" => Answer::identity(&call.access_key_id),
            "ValidateTemplate" => Answer::query(""),
            "DescribeStackSet" => self.describe(),
            "CreateStackSet" => self.create(call),
            "UpdateStackSet" => {
                let all = self.instances.keys().cloned().collect();
                let answer = self.begin(call, "UPDATE", all);
                if let (Answer::Query(_), Some(set)) = (&answer, &mut self.set) {
                    set.version += 1;
                    set.fields = fields(call);
                }
                answer
            }
            "CreateStackInstances" => {
                let places = places(call);
                let answer = self.begin(call, "CREATE", places.clone());
                if matches!(answer, Answer::Query(_)) {
                    for place in places {
                        self.instances.entry(place).or_insert(None);
                    }
                }
                answer
            }
            "DeleteStackSet" if self.instances.is_empty() => {
                self.set = None;
                Answer::query("")
            }
            "UpdateStackInstances" => self.begin(call, "UPDATE", places(call)),
            "DeleteStackInstances" => self.begin(call, "DELETE", places(call)),
            "StopStackSetOperation" => {
                let id = parameter("OperationId");
                let mut all = self.operations.iter_mut();
                match all.find(|one| one.id == id && one.status == "RUNNING") {
                    Some(found) => {
                        found.status = "STOPPED";
                        Answer::query("")
                    }
                    None => Answer::error(400, "InvalidOperationException", "it is not running"),
                }
            }
            "DescribeStackSetOperation" => self.describe_operation(&parameter("OperationId")),
            "ListStackSetOperations" => {
                let members = self.operations.iter().rev().map(|one| {
                    format!(
                        "<member><OperationId>{}</OperationId><Action>{}</Action>\
                         <Status>{}</Status></member>",
                        one.id, one.action, one.status
                    )
                });
                Answer::query(format!(
                    "<Summaries>{}</Summaries>",
                    members.collect::<String>()
                ))
            }
            "ListStackSetOperationResults" => self.results(&parameter("OperationId")),
            "ListStackInstances" => self.list_instances(),
            other => Answer::error(400, "UnknownCall", other),
        }
    }

    fn describe(&self) -> Answer {
        let Some(set) = &self.set else {
            return Answer::error(
                404,
                "StackSetNotFoundException",
                "the stack set does not exist",
            );
        };
        let value = |name: &str| {
            let found = set.fields.iter().find(|(field, _)| field == name);
            escaped(found.map_or("", |(_, value)| value))
        };
        let tags = (1..)
            .map_while(|at| {
                let key = value(&format!("Tags.member.{at}.Key"));
                (!key.is_empty()).then(|| {
                    let value = value(&format!("Tags.member.{at}.Value"));
                    format!("<member><Key>{key}</Key><Value>{value}</Value></member>")
                })
            })
            .collect::<String>();
        Answer::query(format!(
            "<StackSet><StackSetName>{}</StackSetName><StackSetId>s:1</StackSetId>\
             <Status>ACTIVE</Status><Description>{}</Description><TemplateBody>{}</TemplateBody>\
             <Parameters><member><ParameterKey>DeployKeyId</ParameterKey><ParameterValue>{}\
             </ParameterValue></member></Parameters><Tags>{tags}</Tags>\
             <PermissionModel>SELF_MANAGED</PermissionModel><AdministrationRoleARN>{}\
             </AdministrationRoleARN><ExecutionRoleName>{}</ExecutionRoleName></StackSet>",
            value("StackSetName"),
            value("Description"),
            value("TemplateBody"),
            value("Parameters.member.1.ParameterValue"),
            value("AdministrationRoleARN"),
            value("ExecutionRoleName"),
        ))
    }

    fn create(&mut self, call: &Call) -> Answer {
        let token = call.parameter("ClientRequestToken").unwrap_or_default();
        match &self.set {
            Some(set) if set.token != token => Answer::error(
                409,
                "NameAlreadyExistsException",
                "the stack set already exists",
            ),
            _ => {
                self.set = Some(Set {
                    token: token.to_owned(),
                    version: 1,
                    fields: fields(call),
                });
                Answer::query("<StackSetId>s:1</StackSetId>")
            }
        }
    }

    fn begin(
        &mut self,
        call: &Call,
        action: &'static str,
        pending: Vec<(String, String)>,
    ) -> Answer {
        let id = call.parameter("OperationId").expect("an operation ID");
        if self.operations.iter().any(|one| one.id == id) {
            return Answer::error(409, "OperationIdAlreadyExistsException", "it exists");
        }
        if self.operations.iter().any(|one| one.status == "RUNNING") {
            let said = "Another Operation on StackSet is in progress";
            return Answer::error(409, "OperationInProgressException", said);
        }
        self.operations.push(Operation {
            id: id.to_owned(),
            action,
            status: "RUNNING",
            pending,
            done: Vec::new(),
        });
        Answer::query(format!("<OperationId>{id}</OperationId>"))
    }

    fn describe_operation(&mut self, id: &str) -> Answer {
        let version = self.set.as_ref().map(|set| set.version);
        let Some(found) = self.operations.iter_mut().find(|one| one.id == id) else {
            return Answer::error(
                404,
                "OperationNotFoundException",
                "the operation does not exist",
            );
        };
        if found.status == "RUNNING" {
            match found.pending.pop() {
                Some(place) => {
                    if found.action == "DELETE" {
                        self.instances.remove(&place);
                    } else if let Some(at) = self.instances.get_mut(&place) {
                        self.created += usize::from(at.is_none());
                        *at = version;
                    }
                    found.done.push(place);
                }
                None => found.status = "SUCCEEDED",
            }
        }
        Answer::query(format!(
            "<StackSetOperation><OperationId>{id}</OperationId><Status>{}</Status>\
             </StackSetOperation>",
            found.status
        ))
    }

    fn results(&self, id: &str) -> Answer {
        let found = self.operations.iter().find(|one| one.id == id);
        let member = |(account, region): &(String, String), status: &str| {
            format!(
                "<member><Account>{account}</Account><Region>{region}</Region>\
                 <Status>{status}</Status></member>"
            )
        };
        let members = found.map(|one| {
            let left = if one.status == "RUNNING" {
                "PENDING"
            } else {
                "CANCELLED"
            };
            let done = one.done.iter().map(|place| member(place, "SUCCEEDED"));
            let pending = one.pending.iter().map(|place| member(place, left));
            done.chain(pending).collect::<String>()
        });
        Answer::query(format!(
            "<Summaries>{}</Summaries>",
            members.unwrap_or_default()
        ))
    }

    fn list_instances(&self) -> Answer {
        let current = self.current();
        let members = self.instances.keys().map(|place| {
            let (account, region) = place;
            let status = if current.contains(place) {
                "CURRENT"
            } else {
                "OUTDATED"
            };
            format!(
                "<member><Account>{account}</Account><Region>{region}</Region>\
                 <Status>{status}</Status></member>"
            )
        });
        Answer::query(format!(
            "<Summaries>{}</Summaries>",
            members.collect::<String>()
        ))
    }
}

/// Returns the stack set properties in a creation or an update.
fn fields(call: &Call) -> Vec<(String, String)> {
    let names = [
        "StackSetName",
        "Description",
        "TemplateBody",
        "Parameters.member.1.ParameterValue",
        "AdministrationRoleARN",
        "ExecutionRoleName",
        "Tags.member.1.Key",
        "Tags.member.1.Value",
    ];
    let value = |name: &str| call.parameter(name).unwrap_or_default().to_owned();
    names.map(|name| (name.to_owned(), value(name))).to_vec()
}

/// Returns the accounts and regions that are the targets of an operation.
fn places(call: &Call) -> Vec<(String, String)> {
    let list = |name: &str| -> Vec<String> {
        (1..)
            .map_while(|at| call.parameter(&format!("{name}.member.{at}")))
            .map(str::to_owned)
            .collect()
    };
    let regions = list("Regions");
    let of = |account: String| {
        let regions = regions.clone().into_iter();
        regions.map(move |region| (account.clone(), region))
    };
    list("Accounts").into_iter().flat_map(of).collect()
}
