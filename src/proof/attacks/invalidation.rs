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
        self.on_machine_role(parts);
        self.starts_machine(pipeline, machine, parts);
        self.by_start_role(pipeline, machine, parts);
        self.by_machine_role(pipeline, machine, parts);
        self.by_distributions(pipeline, machine, parts);
    }

    /// Adds attempts to assume the role of the state machine.
    fn on_machine_role(&mut self, parts: Parts<'_>) {
        let Arn {
            partition,
            region,
            account,
            ..
        } = parts.machine;
        let third = self.third;
        let role = (parts.machine_role, account_of(parts.machine_role));
        let states = |name: &str, who: &str| attacker(service("states").caller, name, who);
        let another = |account: &str| arn::state_machine(partition, region, account, "another");
        let start = Caller::Role(parts.start_role.to_owned());
        for (by, machine, account) in [
            (
                states("another-machine", "another state machine in the account"),
                another(account),
                account,
            ),
            (
                states("another-account", "another account's state machine"),
                another(third),
                third,
            ),
            (service("lambda"), parts.machine_arn.to_owned(), account),
            (self.stranger("other"), parts.machine_arn.to_owned(), third),
            (
                attacker(
                    start,
                    "start-role",
                    "the role that starts the state machine",
                ),
                parts.machine_arn.to_owned(),
                account,
            ),
        ] {
            let what = "assumes the role of the state machine";
            self.add(&by, "assumes-machine-role", what, "sts:AssumeRole", role)
                .with("aws:SourceArn", machine)
                .with("aws:SourceAccount", account);
        }
    }

    /// Adds attempts by other principals to start the state machine.
    fn starts_machine(&mut self, pipeline: &Pipeline, machine: &Machine, parts: Parts<'_>) {
        let own = parts.machine.account;
        let dev = pipeline.account.as_str();
        let mut found = vec![
            self.stranger("other"),
            attacker(
                Caller::Role(parts.machine_role.to_owned()),
                "machine-role",
                "the role of the state machine",
            ),
        ];
        if dev != own {
            found.push(attacker(
                self.administrator(dev, "other-role"),
                "other-dev-role",
                "another role in the dev account",
            ));
        }
        if let Some(role) = pipeline.known_role() {
            let role = Caller::Role(role.to_owned());
            found.push(attacker(role, "service-role", "the service role"));
        }
        for (action, _) in pipeline.deploys_to(machine) {
            if let Ok(role) = action.performer(pipeline) {
                let role = Caller::Role(role.clone());
                found.push(attacker(role, "deploy-role", "the deploy role"));
            }
        }
        if let Some(by) = pipeline
            .builds()
            .find_map(|(_, build)| super::build::build_attacker(build))
        {
            found.push(by);
        }
        for by in &found {
            if by.caller == Caller::Role(parts.start_role.to_owned()) {
                continue;
            }
            let on = (parts.machine_arn, own);
            let (name, what) = ("starts-machine", "starts the state machine");
            self.add(by, name, what, "states:StartExecution", on);
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
        // The name begins like the state machine's, so that a wildcard is found.
        let another = format!("{}-other", parts.machine_arn);
        let execution = arn::execution(partition, region, account, "another:id");
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
