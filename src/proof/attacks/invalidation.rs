//! Attacks on the invalidation of a distribution: on the roles and the state machine, by these
//! roles, and by other distributions that read the deployed files.

use super::{AttackSuite, Attacker, Caller, attacker, known, service};
use crate::aws::arn;
use crate::run::landscape::account_of;
use crate::run::pipeline::{Action, Machine, Pipeline};

/// An invalidation whose resources are all known.
#[derive(Clone, Copy)]
struct Parts<'p> {
    pipeline: &'p Pipeline,
    machine: &'p Machine,
    /// ARN of the state machine.
    machine_arn: &'p str,
    machine_role: &'p str,
    start_role: &'p str,
    /// ARN of the distribution.
    distribution: &'p str,
}

impl<'p> Parts<'p> {
    /// Returns the role that starts the state machine, as an attacker.
    fn starter(&self) -> Attacker {
        let role = Caller::Role(self.start_role.to_owned());
        attacker(role, "start-role", "the role that starts the state machine")
    }

    /// Returns the role of the state machine, as an attacker.
    fn invalidator(&self) -> Attacker {
        let role = Caller::Role(self.machine_role.to_owned());
        attacker(role, "machine-role", "the role of the state machine")
    }

    fn account(&self) -> &'p str {
        account_of(self.machine_arn)
    }

    /// Returns a state machine whose name begins with the name of this one, so that the attack
    /// succeeds if a policy ends with a wildcard.
    fn namesake(&self) -> String {
        format!("{}-other", self.machine_arn)
    }
}

impl AttackSuite<'_, '_> {
    /// Adds the attacks on a state machine that an action starts.
    pub(super) fn on_machine(&mut self, pipeline: &Pipeline, action: &Action, machine: &Machine) {
        self.target = Some(machine.target.clone());
        self.instance.clone_from(&machine.instance);
        self.which.clear();
        self.place = action.place;
        action.region.clone_into(&mut self.region);
        let values = [
            &machine.arn,
            &machine.role,
            action.performer(pipeline),
            &machine.distribution,
        ];
        let [
            Ok(machine_arn),
            Ok(machine_role),
            Ok(start_role),
            Ok(distribution),
        ] = values
        else {
            let unknown = values.into_iter().find(|value| value.is_err());
            return self.on_unknown(
                "state-machine",
                "a state machine",
                unknown.unwrap_or(&machine.arn),
            );
        };
        let parts = Parts {
            pipeline,
            machine,
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
        self.starts_machine(parts);
        self.by_starter(parts);
        self.by_invalidator(parts);
        self.by_distributions(parts);
        self.on_siblings(parts);
    }

    /// Adds attempts to assume the role of the state machine.
    fn on_machine_role(&mut self, parts: Parts<'_>) {
        let third = self.third;
        let (own, account) = (parts.machine_arn, parts.account());
        let role = (parts.machine_role, account_of(parts.machine_role));
        let what = "assumes the role of the state machine";
        let states = |name: &str, who: &str| attacker(service("states").caller, name, who);
        let elsewhere = own.replacen(&self.region, "another-region-1", 1);
        let foreign = own.replacen(account, third, 1);
        for (by, machine, account) in [
            (
                states("another-machine", "another state machine in the account"),
                &*parts.namesake(),
                account,
            ),
            (
                states("another-region", "a state machine in another region"),
                &elsewhere,
                account,
            ),
            (
                states("another-account", "another account's state machine"),
                &foreign,
                third,
            ),
            (service("lambda"), own, account),
            (self.stranger("other"), own, third),
        ] {
            self.add(&by, "assumes-machine-role", what, "sts:AssumeRole", role)
                .with("aws:SourceArn", machine)
                .with("aws:SourceAccount", account);
        }
        let mut roles = self.other_roles(parts);
        roles.push(parts.starter());
        for by in &roles {
            self.add(by, "assumes-machine-role", what, "sts:AssumeRole", role);
        }
    }

    /// Returns the roles of the pipeline, except those of the invalidation, and another role in the
    /// dev account.
    fn other_roles(&self, parts: Parts<'_>) -> Vec<Attacker> {
        let pipeline = parts.pipeline;
        let of = |role: &str| Caller::Role(role.to_owned());
        let mut found = Vec::new();
        if let Some(role) = pipeline.known_role() {
            found.push(attacker(of(role), "service-role", "the service role"));
        }
        for (action, _) in pipeline.deploys_to(parts.machine) {
            if let Ok(role) = action.performer(pipeline) {
                found.push(attacker(of(role), "deploy-role", "the deploy role"));
            }
        }
        let mut builds = pipeline.builds();
        found.extend(builds.find_map(|(_, build)| super::build::build_attacker(build)));
        if parts.account() != pipeline.account {
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
    fn starts_machine(&mut self, parts: Parts<'_>) {
        let on = (parts.machine_arn, parts.account());
        let role = (parts.start_role, account_of(parts.start_role));
        let mut found = self.other_roles(parts);
        found.push(parts.invalidator());
        found.push(self.stranger("other"));
        for by in &found {
            if by.caller == parts.starter().caller {
                continue;
            }
            let (name, what) = ("starts-machine", "starts the state machine");
            self.add(by, name, what, "states:StartExecution", on);
            // The service role assumes this role in every execution, and another role in the dev
            // account already tries to.
            if by.name != "service-role" && by.name != "other-dev-role" {
                let what = "assumes the role that starts the state machine";
                self.add(by, "assumes-start-role", what, "sts:AssumeRole", role);
            }
        }
    }

    /// Adds the calls that the role that starts the state machine must not make.
    fn by_starter(&mut self, parts: Parts<'_>) {
        let by = &parts.starter();
        let account = parts.account();
        let another = parts.namesake();
        let execution = arn::execution_of(&another, "id");
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
        self.on_files(parts, by);
    }

    /// Adds the calls that the role of the state machine must not make.
    fn by_invalidator(&mut self, parts: Parts<'_>) {
        let by = &parts.invalidator();
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
        self.on_files(parts, by);
    }

    /// Adds the calls on files and roles that neither role of the invalidation must make.
    fn on_files(&mut self, parts: Parts<'_>, by: &Attacker) {
        let pipeline = parts.pipeline;
        let deploy_role = (pipeline.deploys_to(parts.machine).next())
            .and_then(|(action, _)| action.performer(pipeline).as_deref().ok());
        if let Some(role) = deploy_role
            && by.caller != Caller::Role(role.to_owned())
        {
            let (name, what) = ("assumes-deploy-role", "assumes the deploy role");
            let role = (role, account_of(role));
            self.add(by, name, what, "sts:AssumeRole", role);
        }
        if let Some((object, owner)) = self.deployed(parts) {
            let object = (&*object, &*owner);
            attacks! { self, by;
                "reads-output", "reads deployed objects", "s3:GetObject", object;
                "writes-output", "writes to the output bucket", "s3:PutObject", object;
            }
        }
        if let Some(store) = pipeline.store(&self.region).and_then(known) {
            let owner = &*self.owner(store.bucket);
            let object = self.artifact(pipeline, store);
            let on = (&*object, owner);
            self.add(by, "reads-artifacts", "reads artifacts", "s3:GetObject", on);
        }
    }

    /// Returns the ARN of a deployed object, and the owner of its bucket.
    fn deployed(&self, parts: Parts<'_>) -> Option<(String, String)> {
        let (_, deploy) = parts.pipeline.deploys_to(parts.machine).next()?;
        let bucket = deploy.bucket.as_deref().ok()?;
        let arn = self.world.land.bucket_arn(bucket);
        Some((
            format!("{arn}/{}", deploy.written_key()?),
            self.owner(bucket),
        ))
    }

    /// Adds the attempts of distributions to access the output bucket.
    fn by_distributions(&mut self, parts: Parts<'_>) {
        let partition = &*self.world.land.partition;
        let another = |account: &str| arn::distribution(partition, account, "ANOTHEREXAMPLE");
        let (sibling, foreign) = (another(parts.account()), another(self.third));
        let who = "another distribution in the account";
        self.reads_deployed(parts, ("another-distribution", who), &sibling);
        let who = "another account's distribution";
        self.reads_deployed(parts, ("another-account", who), &foreign);
        if let Some((object, owner)) = self.deployed(parts) {
            let own = service("cloudfront").caller;
            let own = attacker(own, "distribution", "the distribution");
            let (name, what) = ("writes-output", "writes to the output bucket");
            self.add(&own, name, what, "s3:PutObject", (&object, &owner))
                .with("aws:SourceArn", parts.distribution);
        }
    }

    /// Adds the attempt of another distribution to read the deployed files.
    fn reads_deployed(&mut self, parts: Parts<'_>, (name, who): (&str, &str), distribution: &str) {
        if let Some((object, owner)) = self.deployed(parts) {
            let by = attacker(service("cloudfront").caller, name, who);
            let (name, what) = ("reads-output", "reads deployed objects");
            self.add(&by, name, what, "s3:GetObject", (&object, &owner))
                .with("aws:SourceArn", distribution);
        }
    }

    /// Adds attempts to use the other state machines and distributions of the pipeline in the same
    /// account.
    fn on_siblings(&mut self, parts: Parts<'_>) {
        let account = parts.account();
        let others = parts.pipeline.machines().filter_map(|(_, other)| {
            let arn = other.arn.as_deref().ok()?;
            let is_here = account_of(arn) == account && arn != parts.machine_arn;
            is_here.then_some((arn, other.distribution.as_deref().ok()?))
        });
        let (starter, invalidator) = (parts.starter(), parts.invalidator());
        for (number, (other, distribution)) in others.enumerate() {
            self.which = format!("sibling-{}", number + 1);
            let on = (other, account);
            attacks! { self, &starter;
                "starts-another-machine", "starts the state machine of another target",
                    "states:StartExecution", on;
            }
            if distribution != parts.distribution {
                let on = (distribution, account_of(distribution));
                attacks! { self, &invalidator;
                    "invalidates-another-distribution",
                        "invalidates the distribution of another target",
                        "cloudfront:CreateInvalidation", on;
                }
                let by = ("another-distribution", "the distribution of another target");
                self.reads_deployed(parts, by, distribution);
            }
        }
        self.which.clear();
    }
}
