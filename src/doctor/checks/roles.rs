//! Checks of roles: existence, trust policies, attached policies, and permissions boundaries.

use serde_json::Value as Json;

use super::super::expected::{ExpectedRole, Reference, list};
use super::super::finding::{Fix, Repair, Rule};
use super::super::live::{Policy, Reading, Role};
use super::policies::Subject;
use super::{Block, Checks, Command, last, run};

/// The kind of a role's policy.
#[derive(Clone, Copy)]
enum Kind {
    Managed,
    Inline,
}

impl Kind {
    fn shown(self) -> &'static str {
        match self {
            Self::Managed => "managed policy",
            Self::Inline => "inline policy",
        }
    }
}

impl Checks<'_> {
    pub(super) fn roles(&mut self) {
        for role in &self.expected.roles {
            match self.live.roles.get(&role.arn) {
                _ if self.is_absent(role.stack) => {}
                Some(Reading::Missing) if self.comes_with_pipeline(role) => {}
                Some(Reading::Missing) => self.missing_role(role),
                Some(Reading::Read(found)) => {
                    self.trust(role, found);
                    self.attached(role, found);
                    self.boundary(role, found);
                }
                _ => {}
            }
        }
    }

    /// Returns whether the last step of the deployment creates the role and has not run yet.
    fn comes_with_pipeline(&self, role: &ExpectedRole) -> bool {
        self.unfinished.contains(&role.stack)
            && self.expected.rules().any(|rule| {
                list(&rule.properties["Targets"])
                    .iter()
                    .any(|target| target["RoleArn"] == role.arn.as_str())
            })
    }

    fn missing_role(&mut self, role: &ExpectedRole) {
        let deploy = self.deploy(role);
        let is_unchanged = role.trust.is_some() && self.is_unchanged(role.stack);
        let advice = if role.trust.is_none() {
            "no template creates this role: create it, or specify another role in the configuration"
        } else if self.is_unchanged(role.stack) {
            "CloudFormation does not recreate it while the template is unchanged: change a tag in \
             the configuration and deploy, or create the role manually from the template; then run \
             `s3ferry doctor` again, because other policies may still reference the deleted role"
        } else {
            "recreate it from the deployed template; then run `s3ferry doctor` again, because \
             other policies may still reference the deleted role"
        };
        let cause = self.error(
            Rule::RoleMissing,
            role,
            format!("the role {} does not exist", role.arn),
        );
        cause
            .blocking(Block::Caller(role.arn.clone()))
            .blocking(Block::Resource(role.arn.clone()))
            .named(&role.arn)
            .advise(advice);
        if is_unchanged {
            cause.fix(deploy);
        }
    }

    fn trust(&mut self, role: &ExpectedRole, found: &Role) {
        if found.arn != role.arn {
            self.error(
                Rule::RoleMissing,
                role,
                format!(
                    "its ARN is now {}, but policies reference {}",
                    found.arn, role.arn
                ),
            )
            .blocking(Block::Caller(role.arn.clone()))
            .blocking(Block::Resource(role.arn.clone()))
            .named(&role.arn)
            .advise("its path has changed: recreate it with the path in the template");
        }
        let put = role.trust.as_ref().map(|trust| {
            let command = of_role("iam update-assume-role-policy", role);
            self.aws(role, command.json("--policy-document", trust))
        });
        let subject = Subject {
            rule: Rule::TrustPolicy,
            of: role.into(),
            what: "trust policy".to_owned(),
            block: Block::ResourcePolicy(role.arn.clone()),
            name: &role.arn,
            put: put.into_iter().collect(),
            stack: role.stack,
        };
        let trustees: Vec<String> = role.trust.iter().flat_map(trusted_roles).collect();
        let all_exist = trustees
            .iter()
            .all(|arn| !self.live.roles.get(arn).is_some_and(Reading::is_missing));
        let profile = self.expected.profile(&role.account).to_owned();
        let again = match self.is_unchanged(role.stack) {
            true => "the template is unchanged, so deploying it again has no effect; ",
            false => "",
        };
        let cause = self.policy(&subject, role.trust.as_ref(), &found.trust);
        if let (Some(cause), Some(wanted)) = (cause, &role.trust)
            && all_exist
        {
            cause.repair = Some(Repair {
                account: role.account.clone(),
                role: role.name.clone(),
                live: found.trust.clone(),
                wanted: wanted.clone(),
            });
            let by_hand = std::mem::take(&mut cause.finding.fixes)
                .into_iter()
                .filter(|fix| matches!(fix, Fix::Command(_)));
            let fixes = [
                Fix::Advice(format!("{again}rewrite the trust policy:")),
                run(&["doctor", "--repair-trust", "--profile", &profile]),
                Fix::Advice("or manually:".to_owned()),
            ];
            cause.finding.fixes = fixes.into_iter().chain(by_hand).collect();
        }
    }

    fn attached(&mut self, role: &ExpectedRole, found: &Role) {
        for (kind, live, expected) in [
            (Kind::Managed, &found.attached, &role.managed),
            (Kind::Inline, &found.inline, &role.inline),
        ] {
            let Reading::Read(live) = live else {
                continue;
            };
            for (name, document) in expected {
                match (live.iter().find(|policy| policy.name == *name), kind) {
                    (Some(policy), _) => self.document(role, policy, document, kind),
                    (None, Kind::Managed) => self.detached(role, found, name, document),
                    (None, Kind::Inline) => self.missing_inline(role, name, document),
                }
            }
            self.extra(role, live, expected, kind);
        }
    }

    fn missing_inline(&mut self, role: &ExpectedRole, name: &str, document: &Json) {
        let command = of_role("iam put-role-policy", role)
            .option("--policy-name", name)
            .json("--policy-document", document);
        let fix = self.aws(role, command);
        let message = format!("its inline policy {name} is missing");
        self.warn(Rule::RolePolicy, role, message)
            .blocking(Block::Identity(role.arn.clone()))
            .named(&role.arn)
            .fix(fix);
    }

    fn detached(&mut self, role: &ExpectedRole, found: &Role, arn: &str, document: &Json) {
        let gone = found.detached.get(arn).is_some_and(Reading::is_missing);
        let attach = of_role("iam attach-role-policy", role).option("--policy-arn", arn);
        let attach = self.aws(role, attach);
        let create = Command::aws("iam create-policy").option("--policy-name", last(arn));
        let create = match policy_path(arn) {
            "/" => create,
            path => create.option("--path", path),
        };
        let create = create.json("--policy-document", document);
        let create = self.aws(role, create);
        let message = if gone {
            format!("its managed policy {} no longer exists", last(arn))
        } else {
            format!("its managed policy {} is not attached", last(arn))
        };
        let cause = self.warn(Rule::RolePolicy, role, message);
        cause
            .blocking(Block::Identity(role.arn.clone()))
            .named(&role.arn);
        if gone {
            cause.fix(create);
        }
        cause.fix(attach);
    }

    fn document(&mut self, role: &ExpectedRole, policy: &Policy, expected: &Json, kind: Kind) {
        let Reading::Read(live) = &policy.document else {
            return;
        };
        if expected.is_null() {
            return;
        }
        let command = match kind {
            Kind::Managed => Command::aws("iam create-policy-version --set-as-default")
                .option("--policy-arn", &policy.name),
            Kind::Inline => {
                of_role("iam put-role-policy", role).option("--policy-name", &policy.name)
            }
        };
        let command = command.json("--policy-document", expected);
        let subject = Subject {
            rule: Rule::RolePolicy,
            of: role.into(),
            what: format!("{} {}", kind.shown(), last(&policy.name)),
            block: Block::Identity(role.arn.clone()),
            name: &role.arn,
            put: vec![self.aws(role, command)],
            stack: role.stack,
        };
        self.policy(&subject, Some(expected), live);
    }

    /// Reports the policies that no template attaches. Checks only roles that a template creates.
    fn extra(
        &mut self,
        role: &ExpectedRole,
        live: &[Policy],
        expected: &[(String, Json)],
        kind: Kind,
    ) {
        if role.trust.is_none() {
            return;
        }
        for policy in live {
            if expected.iter().any(|(name, _)| *name == policy.name) {
                continue;
            }
            let name = last(&policy.name);
            let command = match kind {
                Kind::Managed => {
                    of_role("iam detach-role-policy", role).option("--policy-arn", &policy.name)
                }
                Kind::Inline => {
                    of_role("iam delete-role-policy", role).option("--policy-name", name)
                }
            };
            let fix = self.aws(role, command);
            let is_known = self.is_known(&role.account);
            let cause = self
                .warn(
                    Rule::RolePolicy,
                    role,
                    format!(
                        "it has the {} {name}, which no template attaches",
                        kind.shown()
                    ),
                )
                .blocking(Block::Identity(role.arn.clone()));
            // The policy may belong to a template that was not read.
            if is_known {
                cause.advise("unless it is intended, remove it:").fix(fix);
            } else {
                cause.advise(
                    "not every template in this account was read, so another stack may need the \
                     policy: run `s3ferry doctor` again with access to all of them",
                );
            }
        }
    }

    /// Returns whether every stack in an account was compared with its deployed template.
    fn is_known(&self, account: &str) -> bool {
        let places = self.expected.places.iter();
        let mut places = places.filter(|place| place.account == account);
        places.all(|place| place.reference != Reference::Local)
    }

    fn boundary(&mut self, role: &ExpectedRole, found: &Role) {
        if role.trust.is_none() {
            return;
        }
        let live = found.boundary.as_ref().map(|policy| policy.name.as_str());
        if live == role.boundary.as_deref() {
            return;
        }
        let (message, command) = match (&role.boundary, live) {
            (Some(expected), _) => (
                format!(
                    "its permissions boundary is {}, but the template specifies {expected}",
                    live.unwrap_or("none")
                ),
                of_role("iam put-role-permissions-boundary", role)
                    .option("--permissions-boundary", expected),
            ),
            (None, live) => (
                format!(
                    "it has the permissions boundary {}, which no template sets",
                    live.unwrap_or("none")
                ),
                of_role("iam delete-role-permissions-boundary", role),
            ),
        };
        let fix = self.aws(role, command);
        self.warn(Rule::Boundary, role, message)
            .blocking(Block::Boundary(role.arn.clone()))
            .named(&role.arn)
            .advise(
                "if your organization requires the boundary, set `permissions_boundary` in the \
                 configuration, and make sure that it allows the role's calls; otherwise:",
            )
            .fix(fix);
    }
}

fn of_role(operation: &str, role: &ExpectedRole) -> Command {
    Command::aws(operation).option("--role-name", &role.name)
}

/// Returns the path in the ARN of a managed policy.
fn policy_path(arn: &str) -> &str {
    let path = arn.split_once(":policy").map_or("/", |(_, path)| path);
    path.rfind('/').map_or("/", |end| &path[..=end])
}

/// Returns the ARNs of the roles that a trust policy names.
fn trusted_roles(trust: &Json) -> Vec<String> {
    let mut found = Vec::new();
    collect(trust, &mut found);
    found
}

fn collect(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::String(text) if text.contains(":role/") => found.push(text.clone()),
        Json::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Json::Object(members) => members.values().for_each(|member| collect(member, found)),
        _ => {}
    }
}
