//! Executions of the pipeline that still run: saving a pipeline ends them unfinished.

use aws_sdk_codepipeline::types::PipelineExecutionStatus;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use super::{Access, DeployError};

/// IDs of the pipeline's executions that are in progress.
///
/// # Errors
/// AWS refuses, or cannot be reached. A pipeline that does not exist has none.
pub(crate) async fn running(access: &Access, pipeline: &str) -> Result<Vec<String>, DeployError> {
    let answer = access
        .codepipeline()
        .list_pipeline_executions()
        .pipeline_name(pipeline)
        .max_results(20)
        .send()
        .await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("PipelineNotFoundException") => return Ok(Vec::new()),
        Err(error) => return Err(access.error("codepipeline:ListPipelineExecutions", &error)),
    };
    let executions = answer.pipeline_execution_summaries.unwrap_or_default();
    Ok(executions
        .into_iter()
        .filter(|execution| execution.status == Some(PipelineExecutionStatus::InProgress))
        .filter_map(|execution| execution.pipeline_execution_id)
        .collect())
}
