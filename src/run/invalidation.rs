//! The calls that invalidate a CloudFront distribution, and the call with which the distribution
//! reads the deployed files.
//!
//! Follows *AWS Step Functions invoke action reference*, *Learning to use AWS service SDK
//! integrations in Step Functions*, *CreateInvalidation*, and *Restrict access to an Amazon S3
//! origin* in the AWS documentation.

use super::actions::known;
use super::landscape::Value;
use super::pipeline::{Deploy, Machine, Pipeline};
use super::{Caller, Needed, On, Run, Scope, Step, artifacts::named, context};
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
        let execution = (machine.arn.clone()).map(|arn| arn::execution_of(&arn, EXECUTION_ID));
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
        // The service role also assumes a role in this step, so this call needs its own ID.
        let which = named(scope.which, "machine");
        let by_service = Scope {
            which: &which,
            place: machine.place,
            ..*scope
        };
        let source = (&machine.arn, account);
        self.service_assumes(&by_service, "states.amazonaws.com", source, &machine.role);
        let role = Caller::of(&machine.role);
        let by_machine = Scope {
            caller: &role,
            place: machine.place,
            ..*scope
        };
        if let Some(what) = &machine.unknown {
            return self.not_modelled(&by_machine, "StepFunctions", what);
        }
        let region = (self.land.partition == "aws").then_some(GLOBAL_REGION);
        let calls = context(self.land, &role, region);
        for action in [
            "cloudfront:CreateInvalidation",
            "cloudfront:GetInvalidation",
        ] {
            let on = own(machine.distribution.clone());
            self.add(&by_machine, Needed, action, &on, calls.clone(), None);
        }
    }

    /// Adds the calls with which the distribution that a state machine invalidates reads the deployed
    /// files. Whether a distribution uses origin access control is not in a template. This is
    /// assumed, because a site that CloudFront cannot read does not work.
    pub(super) fn serve(&mut self, pipeline: &Pipeline, machine: &Machine, scope: &Scope<'_>) {
        let service = Caller::Service("cloudfront.amazonaws.com".to_owned());
        for (action, deploy) in pipeline.deploys_to(machine) {
            let scope = Scope {
                step: Step::Serve,
                which: &named(scope.which, &action.name),
                caller: &service,
                ..*scope
            };
            self.read_deployed(&machine.distribution, deploy, &scope);
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
        let used = self.output_key(scope, bucket, deploy);
        if let Some(used) = used {
            // AWS does not document which service passes the request to KMS.
            request.set("kms:ViaService", ContextValue::Unknown);
            request.set("kms:EncryptionContext:aws:s3:arn", ContextValue::Unknown);
            self.on_key(scope, Needed, "kms:Decrypt", &used, Some(bucket), request);
        }
    }
}
