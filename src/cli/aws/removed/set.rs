//! Stack sets that are no longer in the configuration. They are found only in the outputs file.

use std::collections::BTreeMap;

use crate::config::{AccountFilter, AutoDeployment, CallAs, OperationPreferences};
use crate::deploy::stack_set::{Described, Wanted, instances, set};
use crate::deploy::{Access, StackStep};
use crate::diagnostic::Source;
use crate::plan::{SelfManaged, ServiceManaged, StackSetPermissions, StackSetPlan};
use crate::template::{Deployment, Resolver, read_template};

use crate::cli::Failure;
use crate::cli::aws::outputs_file::OutputsFile;

/// The output that stores the name of a stack set. A stack does not have this output.
const NAME: &str = "StackSetName";
/// The output of a stack set that a delegated administrator manages.
const CALL_AS: &str = "CallAs";
const DELEGATED: &str = "DELEGATED_ADMIN";

/// Returns the outputs to record for a stack set.
pub(crate) fn record(plan: &StackSetPlan) -> BTreeMap<String, String> {
    let mut found = BTreeMap::from([(NAME.to_owned(), plan.name.clone())]);
    if let StackSetPermissions::ServiceManaged(own) = &plan.permissions
        && own.call_as == CallAs::DelegatedAdmin
    {
        found.insert(CALL_AS.to_owned(), DELEGATED.to_owned());
    }
    found
}

/// Returns whether recorded outputs belong to a stack set.
pub(crate) fn is_set(outputs: &BTreeMap<String, String>) -> bool {
    outputs.contains_key(NAME)
}

/// Finds a stack set. The result has no configured instances. Returns `None` if the stack set does
/// not exist.
pub(crate) async fn find(
    known: &OutputsFile<'_>,
    access: &Access,
    step: &StackStep,
) -> Result<Option<(Wanted, Described)>, Failure> {
    let is_delegated = known
        .of(step)
        .is_some_and(|outputs| outputs.contains_key(CALL_AS));
    let call_as = match is_delegated {
        true => CallAs::DelegatedAdmin,
        false => CallAs::ItSelf,
    };
    let plan = plan(step, service_managed(Vec::new(), call_as));
    let Some(set) = set::describe(access, &plan).await? else {
        return Ok(None);
    };
    let permissions = match set.service_managed {
        true => service_managed(set.organizational_units.clone(), call_as),
        false => StackSetPermissions::SelfManaged(SelfManaged {
            administration_role_arn: set.administration_role_arn.clone(),
            administration_role: String::new(),
            execution_role: set.execution_role.clone(),
            default_names: false,
        }),
    };
    let wanted = Wanted {
        plan: self::plan(step, permissions),
        instances: Vec::new(),
        text: step.template.text.clone(),
        description: set.description.clone(),
        parameters: Vec::new(),
        tags: Vec::new(),
    };
    Ok(Some((wanted, set)))
}

/// Returns the role ARNs of all instances, without the partition.
pub(crate) async fn roles(
    access: &Access,
    wanted: &Wanted,
    set: &Described,
) -> Result<Vec<String>, Failure> {
    let template = read_template(&Source::new("stack set", set.template.as_str()));
    let mut found = Vec::new();
    for one in instances::list(access, &wanted.plan).await? {
        let Ok(template) = &template else { continue };
        let place = &one.instance;
        let deployment = Deployment {
            account: Some(&place.account),
            region: Some(&place.region),
            ..Deployment::default()
        };
        let resolver = Resolver::new(template, deployment);
        let names = (resolver.of_type("AWS::IAM::Role"))
            .filter_map(|role| resolver.text_property(&role.value, "RoleName"));
        found.extend(names.map(|name| format!(":iam::{}:role/{name}", place.account)));
    }
    Ok(found)
}

fn plan(step: &StackStep, permissions: StackSetPermissions) -> StackSetPlan {
    StackSetPlan {
        name: step.stack.clone(),
        account: step.account.to_string(),
        region: step.region.to_string(),
        profile: step.profile.clone(),
        permissions,
        managed_execution: false,
        preferences: OperationPreferences::default(),
    }
}

fn service_managed(units: Vec<String>, call_as: CallAs) -> StackSetPermissions {
    StackSetPermissions::ServiceManaged(ServiceManaged {
        organizational_units: units,
        filter: AccountFilter::Intersection,
        excluded_accounts: Vec::new(),
        auto_deployment: AutoDeployment {
            enabled: false,
            retain_stacks_on_account_removal: true,
        },
        call_as,
    })
}
