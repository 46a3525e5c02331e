//! The permissions that CloudFormation requires for the resources in the templates, based on the
//! [handlers](crate::aws::handlers) of the resource types.

use serde_json::json;

use super::super::StackStep;
use super::names::{self, Place};
use super::{Statement, pass_role, sorted};
use crate::aws::{arn, handlers};
use crate::diagnostic::Node;
use crate::plan::Plan;
use crate::template::function;

/// ARNs of the resources in the templates.
#[derive(Default)]
struct Arns {
    buckets: Vec<String>,
    /// Buckets with lifecycle rules.
    expiring: Vec<String>,
    bucket_policies: Vec<String>,
    /// All keys in the account and region, because AWS assigns key IDs.
    keys: Vec<String>,
    primary_keys: Vec<String>,
    multi_region: bool,
    aliases: Vec<String>,
    roles: Vec<String>,
    boundaries: Vec<String>,
    policies: Vec<String>,
    /// Roles that the policies are attached to.
    attached: Vec<String>,
    rules: Vec<String>,
    pipelines: Vec<String>,
    passed_to_pipelines: Vec<String>,
    passed_to_events: Vec<String>,
    projects: Vec<String>,
    passed_to_projects: Vec<String>,
    machines: Vec<String>,
    passed_to_machines: Vec<String>,
    /// Connections that the pipelines use.
    connections: Vec<String>,
}

pub(super) fn statements(plan: &Plan, stacks: &[&StackStep]) -> Vec<Statement> {
    let mut arns = Arns::default();
    // The execution role of a stack set creates its instances in the target accounts.
    for step in stacks.iter().filter(|step| !step.stack_set) {
        let template = names::template(step);
        arns.add(plan, &Place::new(plan.partition.as_str(), step, &template));
    }
    let anything = |is_needed: bool| match is_needed {
        true => vec!["*".to_owned()],
        false => Vec::new(),
    };
    let (has_keys, has_aliases) = (!arns.keys.is_empty(), !arns.aliases.is_empty());
    let new = |sid, actions: &[&str], resources: &[String]| {
        Statement::new(sid, actions.iter().copied(), resources)
    };
    let mut found = vec![
        new("Buckets", &handlers::BUCKET, &arns.buckets),
        new(
            "BucketLifecycles",
            &handlers::BUCKET_LIFECYCLE,
            &arns.expiring,
        ),
        new(
            "BucketPolicies",
            &handlers::BUCKET_POLICY,
            &arns.bucket_policies,
        ),
        new("NewKeys", &["kms:CreateKey"], &anything(has_keys)),
        new(
            "FindAliases",
            &["kms:ListAliases"],
            &anything(has_keys && has_aliases),
        ),
        new("Keys", &handlers::KEY, &arns.keys),
        new("ReplicaKeys", &["kms:ReplicateKey"], &arns.primary_keys),
    ];
    if has_aliases {
        // Actions on aliases require permission for both the alias and the key.
        let aliased = [arns.aliases.as_slice(), &arns.keys].concat();
        found.push(new("Aliases", &handlers::ALIAS, &aliased));
    }
    if arns.multi_region {
        let account = stacks.first().map_or("", |step| &step.account);
        let service = "mrk.kms.amazonaws.com";
        let name = format!(
            "aws-service-role/{service}/AWSServiceRoleForKeyManagementServiceMultiRegionKeys"
        );
        let role = arn::role(plan.partition, account, name);
        let create = new("MultiRegionKeys", &["iam:CreateServiceLinkedRole"], &[role]);
        found.push(create.when(json!({ "StringEquals": { "iam:AWSServiceName": service } })));
    }
    found.extend(arns.role_statements());
    let outside: Vec<String> = (arns.passed_to_pipelines.iter())
        .filter(|role| !arns.roles.contains(role))
        .cloned()
        .collect();
    found.extend([
        new("Policies", &handlers::MANAGED_POLICY, &arns.policies),
        new("AttachPolicies", &handlers::ATTACHMENT, &arns.attached)
            .when(json!({ "ArnEquals": { "iam:PolicyARN": sorted(&arns.policies) } })),
        new("Rules", &handlers::RULE, &arns.rules),
        new("Pipelines", &handlers::PIPELINE, &arns.pipelines),
        new("Projects", &handlers::PROJECT, &arns.projects),
        new("StateMachines", &handlers::STATE_MACHINE, &arns.machines),
        new("Connections", &handlers::CONNECTION, &arns.connections),
        new("ReadServiceRole", &["iam:GetRole"], &outside),
        pass_role(
            "PassServiceRoleOfPipelines",
            &arns.passed_to_pipelines,
            "codepipeline.amazonaws.com",
        ),
        pass_role(
            "PassRoleOfProjects",
            &arns.passed_to_projects,
            "codebuild.amazonaws.com",
        ),
        pass_role(
            "PassRoleOfStateMachines",
            &arns.passed_to_machines,
            "states.amazonaws.com",
        ),
        pass_role(
            "PassRoleOfRules",
            &arns.passed_to_events,
            "events.amazonaws.com",
        ),
    ]);
    found.retain(|statement| !statement.resources.is_empty());
    found
}

impl Arns {
    fn add(&mut self, plan: &Plan, place: &Place<'_>) {
        self.buckets.extend(place.all("AWS::S3::Bucket", "Arn"));
        let buckets = place.of_type("AWS::S3::Bucket");
        let expiring = buckets.filter(|bucket| {
            let rules = bucket.value.at(["Properties", "LifecycleConfiguration"]);
            rules.is_some()
        });
        self.expiring
            .extend(expiring.map(|bucket| place.attribute(&bucket.key, "Arn")));
        for policy in place.of_type("AWS::S3::BucketPolicy") {
            let bucket = place.property(policy, "Bucket");
            self.bucket_policies.push(plan.bucket_arn(&bucket));
        }
        self.add_keys(place);
        self.roles.extend(place.all("AWS::IAM::Role", "Arn"));
        for role in place.of_type("AWS::IAM::Role") {
            let boundary = role.value.at(["Properties", "PermissionsBoundary"]);
            self.boundaries
                .extend(boundary.map(|boundary| place.text(boundary)));
        }
        let policies = "AWS::IAM::ManagedPolicy";
        self.policies.extend(place.all(policies, "PolicyArn"));
        for policy in place.of_type(policies) {
            let roles = policy.value.at(["Properties", "Roles"]);
            let roles = roles.and_then(Node::items).unwrap_or_default().iter();
            self.attached
                .extend(roles.map(|role| attached(plan, place, role)));
        }
        self.rules.extend(place.all("AWS::Events::Rule", "Arn"));
        for rule in place.of_type("AWS::Events::Rule") {
            let targets = rule.value.at(["Properties", "Targets"]);
            let targets = targets.and_then(Node::items).unwrap_or_default().iter();
            let roles = targets.filter_map(|target| target.get("RoleArn"));
            self.passed_to_events
                .extend(roles.map(|role| place.text(role)));
        }
        let projects = "AWS::CodeBuild::Project";
        self.projects.extend(place.all(projects, "Arn"));
        for project in place.of_type(projects) {
            let role = place.property(project, "ServiceRole");
            self.passed_to_projects.push(role);
        }
        let machines = "AWS::StepFunctions::StateMachine";
        self.machines.extend(place.all(machines, "Arn"));
        for machine in place.of_type(machines) {
            let role = place.property(machine, "RoleArn");
            self.passed_to_machines.push(role);
        }
        for pipeline in place.of_type("AWS::CodePipeline::Pipeline") {
            let name = place.attribute(&pipeline.key, "");
            self.pipelines.push(place.regional("codepipeline", &name));
            let role = place.property(pipeline, "RoleArn");
            self.passed_to_pipelines.push(role);
            let stages = pipeline.value.at(["Properties", "Stages"]);
            let stages = stages.and_then(Node::items).unwrap_or_default().iter();
            let actions = stages
                .filter_map(|stage| stage.get("Actions").and_then(Node::items))
                .flatten();
            let connections =
                actions.filter_map(|action| action.at(["Configuration", "ConnectionArn"]));
            self.connections
                .extend(connections.map(|connection| place.text(connection)));
        }
    }

    fn add_keys(&mut self, place: &Place<'_>) {
        let mut replicas = place.of_type("AWS::KMS::ReplicaKey").peekable();
        let mut keys = place.of_type("AWS::KMS::Key").peekable();
        if keys.peek().is_some() || replicas.peek().is_some() {
            self.keys.push(place.regional("kms", "key/*"));
        }
        self.multi_region |= keys.any(|key| place.property(key, "MultiRegion") == "true");
        let primary_keys = replicas.map(|replica| place.property(replica, "PrimaryKeyArn"));
        self.primary_keys.extend(primary_keys);
        let aliases = place.all("AWS::KMS::Alias", "");
        self.aliases
            .extend(aliases.map(|name| place.regional("kms", &name)));
    }

    /// Returns statements that allow creating a role only with the configured boundary, and that
    /// do not allow removing the boundary.
    fn role_statements(&self) -> Vec<Statement> {
        let roles = |sid, creation: &[&'static str]| {
            Statement::new(
                sid,
                handlers::ROLE.iter().chain(creation).copied(),
                &self.roles,
            )
        };
        if self.boundaries.is_empty() {
            return vec![roles("Roles", &[handlers::CREATE_ROLE])];
        }
        let bounded = [handlers::CREATE_ROLE, "iam:PutRolePermissionsBoundary"];
        vec![
            roles("Roles", &[]),
            Statement::new("RolesWithBoundary", bounded, &self.roles).when(
                json!({ "StringEquals": { "iam:PermissionsBoundary": sorted(&self.boundaries) } }),
            ),
        ]
    }
}

/// Returns the ARN of a role that a policy is attached to. The role is declared in the template or
/// already exists.
fn attached(plan: &Plan, place: &Place<'_>, role: &Node) -> String {
    if let Some(("Ref", id)) = function(role) {
        return place.attribute(id.as_str().unwrap_or_default(), "Arn");
    }
    let name = place.text(role);
    let build = plan.dev.build.as_ref().map(|build| &build.role);
    let mut existing = std::iter::once(&plan.dev.service_role).chain(build);
    match existing.find(|role| role.name == name) {
        Some(role) => role.arn.clone(),
        None => plan.role_arn(place.account(), &name),
    }
}
