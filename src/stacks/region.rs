//! The dev account's stack in another region: a replica of the key and an artifact store.

use crate::plan::{Plan, Store};
use crate::template::{Output, Template, Value};

use super::bucket::log_bucket;
use super::{GENERATED, key, key_parameter, store};

/// Builds the template of a region.
pub(super) fn template(plan: &Plan, here: Store<'_>) -> Template {
    let dev = &plan.dev;
    let mut resources = Vec::from(key::replica(plan, here.region));
    if let Some(name) = here.log_bucket {
        let sources = [Value::from(here.bucket.name.as_str())];
        resources.extend(log_bucket(
            plan,
            dev.account.as_str().into(),
            name.into(),
            &sources,
        ));
    }
    resources.extend(store::store(plan, here));
    let output = |id: &str, description: &str, value: Value| Output {
        id: id.to_owned(),
        description: description.to_owned(),
        value,
        condition: None,
    };
    Template {
        header: format!(
            "{GENERATED}\n\nAccount {}, region {}. Deployed after the first deployment of the dev \
             stack and before the targets. The parameter's value is the `DeployKeyId` output of \
             the dev stack.",
            dev.account, here.region
        ),
        description: format!(
            "Dev side of pipeline {} in {}: the key's replica and an artifact store",
            dev.pipeline, here.region
        ),
        parameters: vec![key_parameter()],
        mappings: Vec::new(),
        conditions: Vec::new(),
        resources,
        outputs: vec![
            output(
                "DeployKeyArn",
                "ARN of the key's replica",
                Value::attribute(key::REPLICA, "Arn"),
            ),
            output(
                "ArtifactBucketName",
                "Name of the artifact bucket",
                Value::reference("ArtifactBucket"),
            ),
        ],
    }
}
