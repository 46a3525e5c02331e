//! Compares the definition of a state machine with the only flow that the proof models: create an
//! invalidation, and then wait and read it until it is complete. The paths, times, retries, names of
//! states, and comments can differ. Any other flow could skip or repeat calls, or never end.
//!
//! Follows *Amazon States Language* in the AWS documentation.

use serde_json::Value as Json;

/// The shortest timeout, in seconds, that the proof accepts. With a shorter one, an execution could
/// end before its invalidation is complete.
const SHORTEST_TIMEOUT: u64 = 300;

/// Returns the ID of the distribution in the definition, which can be a placeholder.
///
/// # Errors
/// Returns the part of the definition that differs from the modeled flow.
pub(super) fn distribution(definition: &Json, partition: &str) -> Result<String, String> {
    let whole = || "the definition of the state machine".to_owned();
    let is_known = has_only(
        definition,
        &["StartAt", "States", "TimeoutSeconds", "Version"],
    );
    let timeout = &definition["TimeoutSeconds"];
    let is_long = timeout.is_null() || timeout.as_u64() >= Some(SHORTEST_TIMEOUT);
    let states = definition["States"].as_object().ok_or_else(whole)?;
    if !is_known || !is_long || states.len() != 5 {
        return Err(whole());
    }
    let at = |name: &Json| -> Result<(String, &Json), String> {
        let name = name.as_str().ok_or_else(whole)?;
        let state = states.get(name).ok_or_else(whole)?;
        Ok((name.to_owned(), state))
    };
    let check = |name: &str, is_right: bool| match is_right {
        true => Ok(()),
        false => Err(format!("the state `{name}`")),
    };
    let is_task = |state: &Json, operation: &str| is_task(state, partition, operation);
    let (create, state) = at(&definition["StartAt"])?;
    let id = &state["Parameters"]["DistributionId"];
    let is_create = is_task(state, "createInvalidation") && creates(&state["Parameters"]);
    check(&create, is_create && id.is_string())?;
    let (wait, state) = at(&state["Next"])?;
    let is_wait = has_only(state, &["Type", "Seconds", "Next"])
        && state["Type"] == "Wait"
        && state["Seconds"].as_u64().is_some_and(|seconds| seconds > 0);
    check(&wait, is_wait)?;
    let (read, state) = at(&state["Next"])?;
    let parameters = &state["Parameters"];
    let reads = has_only(parameters, &["DistributionId", "Id.$"])
        && parameters["Id.$"] == "$.Invalidation.Id"
        && parameters["DistributionId"] == *id;
    check(&read, is_task(state, "getInvalidation") && reads)?;
    let (choose, state) = at(&state["Next"])?;
    let choice = &state["Choices"][0];
    let is_choice = has_only(state, &["Type", "Choices", "Default"])
        && state["Type"] == "Choice"
        && state["Choices"]
            .as_array()
            .is_some_and(|all| all.len() == 1)
        && has_only(choice, &["Variable", "StringEquals", "Next"])
        && choice["Variable"] == "$.Invalidation.Status"
        && choice["StringEquals"] == "Completed"
        && state["Default"] == wait.as_str();
    check(&choose, is_choice)?;
    let (end, state) = at(&choice["Next"])?;
    let is_end = has_only(state, &["Type"]) && state["Type"] == "Succeed";
    check(&end, is_end)?;
    Ok(id.as_str().unwrap_or_default().to_owned())
}

/// Returns whether a value is an object with no other keys than these and a comment.
fn has_only(value: &Json, keys: &[&str]) -> bool {
    value.as_object().is_some_and(|members| {
        (members.keys()).all(|key| key == "Comment" || keys.contains(&key.as_str()))
    })
}

fn is_task(state: &Json, partition: &str, operation: &str) -> bool {
    let resource = format!("arn:{partition}:states:::aws-sdk:cloudfront:{operation}");
    has_only(state, &["Type", "Resource", "Parameters", "Retry", "Next"])
        && state["Type"] == "Task"
        && state["Resource"] == resource.as_str()
        && match state.get("Retry") {
            Some(retriers) => (retriers.as_array()).is_some_and(|all| all.iter().all(is_retrier)),
            None => true,
        }
}

fn is_retrier(retrier: &Json) -> bool {
    let number = |key: &str| retrier.get(key).map(Json::as_f64);
    let at_least = |key: &str, least: f64| {
        number(key).is_none_or(|found| found.is_some_and(|found| found >= least))
    };
    let keys = [
        "ErrorEquals",
        "IntervalSeconds",
        "MaxAttempts",
        "BackoffRate",
    ];
    has_only(retrier, &keys)
        && retrier["ErrorEquals"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
        && at_least("IntervalSeconds", 1.0)
        && at_least("MaxAttempts", 0.0)
        && at_least("BackoffRate", 1.0)
}

/// Returns whether the parameters of a task create a new invalidation in each execution.
fn creates(parameters: &Json) -> bool {
    let batch = &parameters["InvalidationBatch"];
    let paths = &batch["Paths"];
    let items = paths["Items"].as_array().map_or(&[][..], Vec::as_slice);
    let is_path = |path: &Json| {
        path.as_str().is_some_and(|path| {
            let body = path.strip_suffix('*').unwrap_or(path);
            path.starts_with('/') && !body.contains('*') && !path.contains("${")
        })
    };
    has_only(parameters, &["DistributionId", "InvalidationBatch"])
        && has_only(batch, &["CallerReference.$", "Paths"])
        && has_only(paths, &["Quantity", "Items"])
        // CloudFront creates no new invalidation for a repeated reference.
        && (batch["CallerReference.$"] == "$$.Execution.Name"
            || batch["CallerReference.$"] == "$$.Execution.Id")
        && paths["Quantity"].as_u64() == Some(items.len() as u64)
        && !items.is_empty()
        && items.iter().all(is_path)
}
