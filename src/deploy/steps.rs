//! Derives the stacks to deploy from the plan, each with its account, profile, and template.
//! Performs no I/O.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::aws::{AccountId, Region};
use crate::diagnostic::Source;
use crate::plan::Plan;
use crate::stacks::{GUARDED_TYPES, Side, Stack, stacks};
use crate::template::{Template, Value};
use crate::transition::ids::renames;
use crate::transition::with_policy_names;

use super::Comparison;
use super::text::Text;

/// A stack to deploy: a template in one account and region.
#[derive(Debug, Clone)]
pub struct StackStep {
    /// Part of the deployment that the template is for.
    pub side: Side,
    /// Stack name.
    pub stack: String,
    /// Account ID.
    pub account: AccountId,
    /// Region.
    pub region: Region,
    /// Profile that deploys the stack.
    pub profile: String,
    /// Template, which all instances of a target share.
    pub template: Arc<StackTemplate>,
    /// SHA-256 digest of the configured template, in hexadecimal. The configured template is
    /// `template`, unless `template` is transitional.
    pub configured: String,
    /// Whether this is a stack set. If so, the account, region, and profile are those of the
    /// administrator, and the name is that of the stack set.
    pub stack_set: bool,
}

/// A stack template and the information that a deployment needs about it.
#[derive(Debug)]
pub struct StackTemplate {
    /// File name without extension.
    pub name: String,
    /// Text of the template.
    pub text: Text,
    /// Names of the parameters.
    pub parameters: Vec<String>,
    /// Logical IDs that the stack policy protects.
    pub protected: Vec<String>,
    /// Buckets that are retained when the stack is deleted.
    pub buckets: Vec<RetainedBucket>,
    /// Model that the text is generated from.
    model: Arc<Template>,
}

/// A bucket that is retained when its stack is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainedBucket {
    /// Logical ID.
    pub logical_id: String,
    /// Bucket name. Contains pseudo parameters in a template for several accounts or regions.
    name: String,
}

impl RetainedBucket {
    /// Returns whether an intrinsic function computes the name. CloudFormation imports existing
    /// resources only if their names are static (AWS CloudFormation, *Import AWS resources into a
    /// CloudFormation stack automatically*).
    pub(crate) fn has_dynamic_name(&self) -> bool {
        self.name.contains("${")
    }

    /// Returns the name with the placeholders `{account}` and `{region}`, as in the configuration.
    pub(crate) fn pattern(&self) -> String {
        self.name_in("{account}", "{region}")
    }

    /// Returns the name in an account and region.
    pub(crate) fn name_in(&self, account: &str, region: &str) -> String {
        self.name
            .replace("${AWS::AccountId}", account)
            .replace("${AWS::Region}", region)
    }
}

impl StackStep {
    /// Creates a step without a template for a stack that the configuration no longer names.
    pub(crate) fn removed(
        stack: &str,
        account: &str,
        region: &str,
        profile: &str,
        name: &str,
    ) -> Self {
        let side = match name.strip_prefix("dev-") {
            _ if name == "dev" => Side::Dev,
            Some(rest) => match rest.strip_prefix("pipeline-").map(str::parse) {
                Some(Ok(number)) => Side::Pipeline(number),
                _ => Side::Region(Region::new(rest)),
            },
            None => Side::Target(usize::MAX),
        };
        Self {
            side,
            stack: stack.to_owned(),
            account: AccountId::new(account),
            region: Region::new(region),
            profile: profile.to_owned(),
            template: Arc::new(StackTemplate::new(name.to_owned(), Arc::default())),
            configured: String::new(),
            stack_set: false,
        }
    }

    /// Returns whether the stack belongs to a target.
    pub fn is_target(&self) -> bool {
        matches!(self.side, Side::Target(_))
    }

    /// Returns the template with literal names for its retained buckets, so that CloudFormation can
    /// import existing buckets. In this account and region, the result is equivalent to the
    /// template.
    pub(crate) fn with_static_names(&self) -> Text {
        let mut model = (*self.template.model).clone();
        for bucket in &self.template.buckets {
            let resources = &mut model.resources;
            if let Some(found) = resources.iter_mut().find(|one| one.id == bucket.logical_id) {
                let name = bucket.name_in(&self.account, &self.region);
                found.properties.set("BucketName", name.into());
            }
        }
        text(&model)
    }

    /// Returns the same stack with a different template.
    #[must_use]
    pub fn with_template(&self, model: &Arc<Template>) -> Self {
        if Arc::ptr_eq(model, &self.template.model) {
            return self.clone();
        }
        let template = StackTemplate::new(self.template.name.clone(), Arc::clone(model));
        Self {
            template: Arc::new(template),
            ..self.clone()
        }
    }

    /// Does the same as [`Self::follow`] for the text of a deployed template.
    pub(crate) fn following(&self, deployed: &str) -> Option<Self> {
        self.follow(&Template::read(&Source::new("deployed", deployed)).ok()?)
    }

    /// Returns the same stack with the logical IDs and policy names that its resources have in a
    /// deployed template, or `None` if they do not differ.
    pub fn follow(&self, deployed: &Template) -> Option<Self> {
        let place = (!self.stack_set).then_some((self.account.as_str(), self.region.as_str()));
        let model = &self.template.model;
        let named = with_policy_names(model, deployed, &self.template.name);
        let model = named.as_ref().unwrap_or(model);
        let renames = renames(deployed, model, place);
        (named.is_some() || !renames.is_empty())
            .then(|| self.with_template(&Arc::new(model.renamed(&renames))))
    }

    /// Compares the text of a deployed template with the generated template. The deployed template
    /// may have other logical IDs, and literal names for imported buckets.
    pub fn comparison(&self, deployed: &str) -> Comparison {
        let same = Comparison::of(deployed, &self.template.text);
        if same.is_same() {
            return same;
        }
        let following = self.following(deployed);
        let own = following.as_ref().unwrap_or(self);
        let found = Comparison::of(deployed, &own.template.text);
        let is_dynamic = || (self.template.buckets.iter()).any(RetainedBucket::has_dynamic_name);
        let is_static = || Comparison::of(deployed, &own.with_static_names()).is_same();
        match found.is_same() || is_dynamic() && is_static() {
            true => Comparison::SameMeaning(found.diff().to_owned()),
            false => found,
        }
    }

    /// Returns whether both are the same stack or stack set in the same account and region.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.stack == other.stack
            && self.account == other.account
            && self.region == other.region
            && self.stack_set == other.stack_set
    }
}

/// Returns all stacks of a plan in the order of a first deployment: the dev stack, the stacks of
/// other regions, the instances or stack set of each target, and additional pipelines.
pub fn stack_steps(plan: &Plan) -> Vec<StackStep> {
    steps_of(plan, &stacks(plan))
}

/// Does the same as [`stack_steps`] for stacks that are already synthesized.
pub(crate) fn steps_of(plan: &Plan, stacks: &[Stack]) -> Vec<StackStep> {
    let dev = &plan.dev;
    let mut found = Vec::new();
    for stack in stacks {
        let name = plan.stack_name(&stack.name);
        let side = stack.side.clone();
        let template = StackTemplate::new(stack.name.clone(), Arc::clone(&stack.template));
        let template = Arc::new(template);
        let configured = digest(&template.text.json);
        let set = match &side {
            Side::Target(number) => Some(&plan.targets[*number]),
            _ => None,
        };
        let set = set.filter(|target| target.by_stack_set);
        let set = set.map(|target| &target.stack_set);
        let mut add = |account: &str, region: &str, profile: &str| {
            found.push(StackStep {
                side: side.clone(),
                stack: set.map_or_else(|| name.clone(), |set| set.name.clone()),
                account: AccountId::new(account),
                region: Region::new(region),
                profile: profile.to_owned(),
                template: Arc::clone(&template),
                configured: configured.clone(),
                stack_set: set.is_some(),
            });
        };
        if let Some(set) = set {
            add(&set.account, &set.region, &set.profile);
            continue;
        }
        match &side {
            Side::Dev | Side::Pipeline(_) => add(&dev.account, &dev.region, &dev.profile),
            Side::Region(region) => add(&dev.account, region, &dev.profile),
            Side::Target(number) => {
                for instance in &plan.targets[*number].instances {
                    add(&instance.account, &instance.region, &instance.profile);
                }
            }
        }
    }
    found
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(template: &Template) -> Text {
    Text {
        yaml: template.to_yaml(),
        json: template.to_json().to_string(),
    }
}

impl StackTemplate {
    /// Returns the model that the text is generated from.
    pub fn model(&self) -> &Arc<Template> {
        &self.model
    }

    /// Creates a template. `name` is its file name without extension.
    pub(crate) fn new(name: String, model: Arc<Template>) -> Self {
        let resources = &model.resources;
        let buckets = resources
            .iter()
            .filter(|resource| resource.retained && resource.kind == "AWS::S3::Bucket")
            .filter_map(|resource| match resource.properties.field("BucketName") {
                Some(Value::String(name) | Value::Sub(name)) => Some(RetainedBucket {
                    logical_id: resource.id.clone(),
                    name: name.clone(),
                }),
                _ => None,
            })
            .collect();
        Self {
            text: text(&model),
            parameters: (model.parameters.iter())
                .map(|parameter| parameter.id.clone())
                .collect(),
            protected: (resources.iter())
                .filter(|resource| GUARDED_TYPES.contains(&resource.kind.as_str()))
                .map(|resource| resource.id.clone())
                .collect(),
            buckets,
            name,
            model,
        }
    }
}
