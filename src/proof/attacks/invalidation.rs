//! Attacks on the invalidation of a distribution: on the roles and the state machine, by these
//! roles, and by other distributions that read the deployed files.

use super::{AttackSuite, Attacker, Caller, attacker, known, service};
use crate::aws::arn::{self, Arn};
use crate::run::artifact_key;
use crate::run::landscape::account_of;
use crate::run::pipeline::{Action, Machine, Pipeline};

/// The parts of an invalidation that the attacks use.
#[derive(Clone, Copy)]
struct Parts<'p> {
    /// ARN of the state machine.
    machine: Arn<'p>,
    machine_arn: &'p str,
    machine_role: &'p str,
    start_role: &'p str,
    /// ARN of the first distribution.
    distribution: &'p str,
}

impl AttackSuite<'_, '_> {
    /// Adds the attacks on a state machine that an action starts.
    pub(super) fn on_machine(&mut self, pipeline: &Pipeline, action: &Action, machine: &Machine) {
        self.target = Some(machine.target.clone());
        self.instance.clone_from(&machine.instance);
        self.which.clear();
        self.place = action.place;
        action.region.clone_into(&mut self.region);
        let distribution = machine.distributions().next();
        let (Ok(machine_arn), Ok(machine_role), Ok(start_role), Some(Ok(distribution))) = (
            &machine.arn,
            &machine.role,
            action.performer(pipeline),
            distribution,
        ) else {
            return self.on_unknown("state-machine", "a state machine", &machine.role);
        };
        let Some(parsed) = Arn::parse(machine_arn) else {
            return;
        };
        let parts = Parts {
            machine: parsed,
            machine_arn,
            machine_role,
            start_role,
            distribution,
        };
        let start = (start_role.as_str(), account_of(start_role));
        let what = (
            "assumes-start-role",
            "the role that starts the state machine",
        );
        self.on_trusting_role(pipeline, start, what);
        self.on_machine_role(pipeline, machine, parts);
        self.starts_machine(pipeline, machine, parts);
        self.by_start_role(pipeline, machine, parts);
        self.by_machine_role(pipeline, machine, parts);
        self.by_distributions(pipeline, machine, parts);
        self.on_siblings(pipeline, machine, parts);
    }

    /// Adds attempts to use the other state machines and distributions of the pipeline in the same
    /// account.
    fn on_siblings(&mut self, pipeline: &Pipeline, machine: &Machine, parts: Parts<'_>) {
        let account = parts.machine.account;
        let is_here = |arn: &str| account_of(arn) == account && arn != parts.machine_arn;
        let others = pipeline.machines().filter_map(|(_, other)| {
            let arn = other.arn.as_deref().ok().filter(|arn| is_here(arn))?;
            Some((arn, other.distributions().next()?.as_deref().ok()?))
        });
        let role = |role: &str| Caller::Role(role.to_owned());
        let start = attacker(
            role(parts.start_role),
            "start-role",
            "the role that starts the state machine",
        );
        let own = attacker(
            role(parts.machine_role),
            "machine-role",
            "the role of the state machine",
        );
        for (number, (other, distribution)) in others.enumerate() {
            self.which = format!("sibling-{}", number + 1);
            let (on, of) = ((other, account), (distribution, account_of(distribution)));
            attacks! { self, &start;
                "starts-another-machine", "starts the state machine of another target",
                    "states:StartExecution", on;
            }
            if distribution != parts.distribution {
                attacks! { self, &own;
                    "invalidates-another-distribution",
                        "invalidates the distribution of another target",
                        "cloudfront:CreateInvalidation", of;
                }
                self.reads_output(pipeline, machine, distribution);
            }
        }
        self.which.clear();
    }

    /// Adds the attempt of another target's distribution to read the deployed files.
    fn reads_output(&mut self, pipeline: &Pipeline, machine: &Machine, distribution: &str) {
        let Some((_, deploy)) = pipeline.deploys_to(machine).next() else {
            return;
        };
        let (Ok(bucket), Some(key)) = (&deploy.bucket, deploy.written_key()) else {
            return;
        };
        let owner = &*self.owner(bucket);
        let object = format!("{}/{key}", self.world.land.bucket_arn(bucket));
        let by = attacker(
            service("cloudfront").caller,
            "another-distribution",
            "the distribution of another target",
        );
        let (name, what) = ("reads-output", "reads deployed objects");
        self.add(&by, name, what, "s3:GetObject", (&*object, owner))
            .with("aws:SourceArn", distribution);
    }

    /// Adds attempts to assume the role of the state machine.
    fn on_machine_role(&mut self, pipeline: &Pipeline, machine: &Machine, parts: Parts<'_>) {
        let Arn {
            partition,
            region,
            account,
            resource,
            ..
        } = parts.machine;
        let third = self.third;
        let role = (parts.machine_role, account_of(parts.machine_role));
        let what = "assumes the role of the state machine";
        let states = |name: &str, who: &str| attacker(service("states").caller, name, who);
        // The name begins with the state machine's name, so that the attack succeeds if a policy ends
        // with a wildcard.
        let other = format!("{}-other", resource.trim_start_matches("stateMachine:"));
        let other = |account: &str| arn::state_machine(partition, region, account, &other);
        let elsewhere = parts.machine_arn.replacen(region, "another-region-1", 1);
        for (by, machine, account) in [
            (
                states("another-machine", "another state machine in the account"),
                other(account),
                account,
            ),
            (
                states("another-region", "a state machine in another region"),
                elsewhere,
                account,
            ),
            (
                states("another-account", "another account's state machine"),
                other(third),
                third,
            ),
            (service("lambda"), parts.machine_arn.to_owned(), account),
            (self.stranger("other"), parts.machine_arn.to_owned(), third),
        ] {
            self.add(&by, "assumes-machine-role", what, "sts:AssumeRole", role)
                .with("aws:SourceArn", machine)
                .with("aws:SourceAccount", account);
        }
        let start = Caller::Role(parts.start_role.to_owned());
        let mut roles = self.other_roles(pipeline, machine);
        roles.push(attacker(
            start,
            "start-role",
            "the role that starts the state machine",
        ));
        for by in &roles {
            self.add(by, "assumes-machine-role", what, "sts:AssumeRole", role);
        }
    }

    /// Returns the roles of the pipeline, except those of the invalidation, and another role in the
    /// dev account.
    fn other_roles(&self, pipeline: &Pipeline, machine: &Machine) -> Vec<Attacker> {
        let of = |role: &str| Caller::Role(role.to_owned());
        let mut found = Vec::new();
        if let Some(role) = pipeline.known_role() {
            found.push(attacker(of(role), "service-role", "the service role"));
        }
        for (action, _) in pipeline.deploys_to(machine) {
            if let Ok(role) = action.performer(pipeline) {
                found.push(attacker(of(role), "deploy-role", "the deploy role"));
            }
        }
        let mut builds = pipeline.builds();
        found.extend(builds.find_map(|(_, build)| super::build::build_attacker(build)));
        if machine
            .arn
            .as_deref()
            .is_ok_and(|arn| account_of(arn) != pipeline.account)
        {
            found.push(attacker(
                self.administrator(&pipeline.account, "other-role"),
                "other-dev-role",
                "another role in the dev account",
            ));
        }
        found
    }

    /// Adds attempts by other principals to start the state machine, and to assume the role that
    /// starts it.
    fn starts_machine(&mut self, pipeline: &Pipeline, machine: &Machine, parts: Parts<'_>) {
        let on = (parts.machine_arn, parts.machine.account);
        let role = (parts.start_role, account_of(parts.start_role));
        let own = Caller::Role(parts.machine_role.to_owned());
        let mut found = self.other_roles(pipeline, machine);
        found.push(attacker(
            own,
            "machine-role",
            "the role of the state machine",
        ));
        found.push(self.stranger("other"));
        for by in &found {
            if by.caller == Caller::Role(parts.start_role.to_owned()) {
                continue;
            }
            let (name, what) = ("starts-machine", "starts the state machine");
            self.add(by, name, what, "states:StartExecution", on);
            // The service role assumes this role in every execution.
            if by.name != "service-role" && by.name != "other-dev-role" {
                let what = "assumes the role that starts the state machine";
                self.add(by, "assumes-start-role", what, "sts:AssumeRole", role);
            }
        }
    }

    /// Adds the calls that the role that starts the state machine must not make.
    fn by_start_role(&mut self, pipeline: &Pipeline, machine: &Machine, parts: Parts<'_>) {
        let Arn {
            partition,
            region,
            account,
            ..
        } = parts.machine;
        let role = Caller::Role(parts.start_role.to_owned());
        let by = &attacker(role, "start-role", "the role that starts the state machine");
        // The name begins with the state machine's name, so that the attack succeeds if a policy ends
        // with a wildcard.
        let another = format!("{}-other", parts.machine_arn);
        let name = parts.machine.resource.trim_start_matches("stateMachine:");
        let execution = arn::execution(partition, region, account, format_args!("{name}-other:id"));
        let another = (&*another, account);
        let execution = (&*execution, account);
        let own = (parts.machine_arn, account);
        let distribution = (parts.distribution, account_of(parts.distribution));
        attacks! { self, by;
            "starts-another-machine", "starts another state machine", "states:StartExecution",
                another;
            "watches-another-machine", "reads executions of another state machine",
                "states:DescribeExecution", execution;
            "changes-machine", "changes the state machine", "states:UpdateStateMachine", own;
            "invalidates", "invalidates the distribution directly", "cloudfront:CreateInvalidation",
                distribution;
            "changes-distribution", "changes the distribution", "cloudfront:UpdateDistribution",
                distribution;
        }
        self.on_files(pipeline, machine, by);
    }

    /// Adds the calls that the role of the state machine must not make.
    fn by_machine_role(&mut self, pipeline: &Pipeline, machine: &Machine, parts: Parts<'_>) {
        let role = Caller::Role(parts.machine_role.to_owned());
        let by = &attacker(role, "machine-role", "the role of the state machine");
        let another = format!("{}OTHER", parts.distribution);
        let owner = account_of(parts.distribution);
        let another = (&*another, owner);
        let own = (parts.distribution, owner);
        attacks! { self, by;
            "invalidates-another-distribution", "invalidates another distribution",
                "cloudfront:CreateInvalidation", another;
            "changes-distribution", "changes the distribution", "cloudfront:UpdateDistribution", own;
            "deletes-distribution", "deletes the distribution", "cloudfront:DeleteDistribution", own;
        }
        self.on_files(pipeline, machine, by);
    }

    /// Adds the calls on files and roles that neither role of the invalidation must make.
    fn on_files(&mut self, pipeline: &Pipeline, machine: &Machine, by: &Attacker) {
        let land = &self.world.land;
        if let Some((action, target)) = pipeline.deploys_to(machine).next() {
            if let Ok(role) = action.performer(pipeline)
                && by.caller != Caller::Role(role.clone())
            {
                let role = (role.as_str(), account_of(role));
                let (name, what) = ("assumes-deploy-role", "assumes the deploy role");
                self.add(by, name, what, "sts:AssumeRole", role);
            }
            if let (Ok(bucket), Some(key)) = (&target.bucket, target.written_key()) {
                let owner = &*self.owner(bucket);
                let object = format!("{}/{key}", land.bucket_arn(bucket));
                let object = (&*object, owner);
                attacks! { self, by;
                    "reads-output", "reads deployed objects", "s3:GetObject", object;
                    "writes-output", "writes to the output bucket", "s3:PutObject", object;
                }
            }
        }
        let store = pipeline.store(&self.region).and_then(known);
        if let Some(store) = store {
            let owner = &*self.owner(store.bucket);
            let object = format!(
                "{}/{}",
                land.bucket_arn(store.bucket),
                artifact_key(pipeline)
            );
            let on = (&*object, owner);
            self.add(by, "reads-artifacts", "reads artifacts", "s3:GetObject", on);
        }
    }

    /// Adds the attempts of distributions to access the output bucket.
    fn by_distributions(&mut self, pipeline: &Pipeline, machine: &Machine, parts: Parts<'_>) {
        let land = &self.world.land;
        let cloudfront = |name: &str, who: &str| attacker(service("cloudfront").caller, name, who);
        let partition = parts.machine.partition;
        let another = |account: &str| arn::distribution(partition, account, "ANOTHEREXAMPLE");
        let Some((_, deploy)) = pipeline.deploys_to(machine).next() else {
            return;
        };
        let (Ok(bucket), Some(key)) = (&deploy.bucket, deploy.written_key()) else {
            return;
        };
        let owner = &*self.owner(bucket);
        let object = format!("{}/{key}", land.bucket_arn(bucket));
        let object = (&*object, owner);
        let own = cloudfront("distribution", "the distribution");
        let (sibling, foreign) = (another(parts.machine.account), another(self.third));
        for (by, name, what, action, source) in [
            (
                cloudfront(
                    "another-distribution",
                    "another distribution in the account",
                ),
                "reads-output",
                "reads deployed objects",
                "s3:GetObject",
                sibling.as_str(),
            ),
            (
                cloudfront("another-account", "another account's distribution"),
                "reads-output",
                "reads deployed objects",
                "s3:GetObject",
                &foreign,
            ),
            (
                own,
                "writes-output",
                "writes to the output bucket",
                "s3:PutObject",
                parts.distribution,
            ),
        ] {
            self.add(&by, name, what, action, object)
                .with("aws:SourceArn", source);
        }
    }
}
