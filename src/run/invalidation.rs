//! The calls that invalidate a CloudFront distribution, and the call with which the distribution
//! reads the deployed files.
//!
//! Follows *AWS Step Functions invoke action reference*, *Learning to use AWS service SDK
//! integrations in Step Functions*, *CreateInvalidation*, and *Restrict access to an Amazon S3
//! origin* in the AWS documentation.

use super::actions::known;
use super::landscape::Value;
use super::pipeline::{Deploy, Machine, Pipeline};
use super::{Caller, Needed, On, Run, Scope, Step, artifacts::named, context, encryption};
use crate::aws::arn::{self, Arn};
use crate::policy::evaluation::ContextValue;

/// The name of an execution. CodePipeline uses the ID of the action's execution.
const EXECUTION_ID: &str = "11111111-2222-3333-4444-555555555555";

/// The region that receives the requests to CloudFront, which is a global service
/// (*aws:RequestedRegion* in *AWS global condition context keys*). For other partitions, AWS does
/// not document a region.
const GLOBAL_REGION: &str = "us-east-1";

impl Run<'_> {
    /// Adds the calls that start a state machine, and the calls of the state machine itself.
    pub(super) fn machine(&mut self, machine: &Machine, scope: &Scope<'_>) {
        let parsed = machine.arn.as_deref().ok().and_then(Arn::parse);
        let account = parsed.map(|arn| arn.account);
        let own = |arn: Value| On {
            arn,
            account: account.map(str::to_owned),
        };
        let execution = machine
            .arn
            .clone()
            .map(|machine| match Arn::parse(&machine) {
                Some(arn) => {
                    let name = arn.resource.trim_start_matches("stateMachine:");
                    let id = format_args!("{name}:{EXECUTION_ID}");
                    arn::execution(arn.partition, arn.region, arn.account, id)
                }
                None => machine,
            });
        let starts = context(self.land, scope.caller, parsed.map(|arn| arn.region));
        for (action, on) in [
            ("states:DescribeStateMachine", &machine.arn),
            ("states:StartExecution", &machine.arn),
            ("states:DescribeExecution", &execution),
        ] {
            self.add(
                scope,
                Needed,
                action,
                &own(on.clone()),
                starts.clone(),
                None,
            );
        }
        let service = Caller::Service("states.amazonaws.com".to_owned());
        let mut assume = context(self.land, &service, None);
        assume.set(
            "aws:SourceAccount",
            account.map_or(ContextValue::Present, |account| {
                ContextValue::One(account.to_owned())
            }),
        );
        assume.set("aws:SourceArn", known(&machine.arn));
        let by_service = Scope {
            caller: &service,
            place: machine.place,
            ..*scope
        };
        // The service role also assumes a role in this step, so this call needs its own ID.
        let which = named(scope.which, "machine");
        let by_service = Scope {
            which: &which,
            ..by_service
        };
        self.assume_with(&by_service, &machine.role, assume);
        let role = Caller::of(&machine.role);
        let by_machine = Scope {
            caller: &role,
            place: machine.place,
            ..*scope
        };
        if let Some(what) = &machine.unknown {
            self.not_modelled(&by_machine, "StepFunctions", what);
        }
        let region = (self.land.partition == "aws").then_some(GLOBAL_REGION);
        let calls = context(self.land, &role, region);
        for (number, (action, distribution)) in machine.calls.iter().enumerate() {
            let earlier = machine.calls.iter().take(number);
            let which = match earlier.filter(|(other, _)| other == action).count() {
                0 => by_machine.which.to_owned(),
                count => named(by_machine.which, &(count + 1).to_string()),
            };
            let scope = Scope {
                which: &which,
                ..by_machine
            };
            let on = own(distribution.clone());
            self.add(&scope, Needed, action, &on, calls.clone(), None);
        }
    }

    /// Adds the calls with which the distributions that a state machine invalidates read the
    /// deployed files. Whether a distribution uses origin access control is not in a template. This
    /// is assumed, because a site that CloudFront cannot read does not work.
    pub(super) fn serve(&mut self, pipeline: &Pipeline, machine: &Machine, scope: &Scope<'_>) {
        let service = Caller::Service("cloudfront.amazonaws.com".to_owned());
        for (number, distribution) in machine.distributions().enumerate() {
            for (action, deploy) in pipeline.deploys_to(machine) {
                let which = match number {
                    0 => named(scope.which, &action.name),
                    _ => named(scope.which, &named(&action.name, &(number + 1).to_string())),
                };
                let scope = Scope {
                    step: Step::Serve,
                    which: &which,
                    caller: &service,
                    ..*scope
                };
                self.read_deployed(distribution, deploy, &scope);
            }
        }
    }

    fn read_deployed(&mut self, distribution: &Value, deploy: &Deploy, scope: &Scope<'_>) {
        let bucket = &self.bucket(&deploy.bucket);
        let Some(key) = deploy.written_key() else {
            return;
        };
        let mut request = context(self.land, scope.caller, bucket.region);
        request.set("aws:SourceArn", known(distribution));
        // AWS documents only the ARN.
        request.set("aws:SourceAccount", ContextValue::Unknown);
        let on = (bucket, Some(key.as_str()));
        self.on_s3(scope, Needed, &["s3:GetObject"], on, &request);
        let used = match &deploy.key {
            None => self.default_key(scope, bucket),
            Some(key) => {
                let (on, said) = (bucket.used_by(scope.caller), (scope.place, None));
                Some(encryption::named_key(self.land, key, on, said))
            }
        };
        if let Some(used) = used {
            // AWS does not document which service passes the request to KMS.
            request.set("kms:ViaService", ContextValue::Unknown);
            request.set("kms:EncryptionContext:aws:s3:arn", ContextValue::Unknown);
            self.on_key(scope, Needed, "kms:Decrypt", &used, Some(bucket), request);
        }
    }
}
