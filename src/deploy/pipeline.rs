//! Reads and writes a pipeline definition as the JSON text of the API, so that members that the SDK
//! does not know are preserved.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use super::{Access, DeployError};

/// Returns the unmodified response of *GetPipeline*.
pub(crate) async fn read(access: &Access, name: &str) -> Result<String, DeployError> {
    let answer = Answer::default();
    let got = access
        .codepipeline()
        .get_pipeline()
        .name(name)
        .customize()
        .interceptor(answer.clone())
        .send()
        .await;
    match got {
        Ok(_) => answer.text().ok_or_else(|| {
            DeployError::failed(
                format!("the definition of pipeline `{name}` is not valid UTF-8"),
                "check the endpoint URL and the proxy",
            )
        }),
        Err(error) if error.code() == Some("PipelineNotFoundException") => Err(DeployError::input(
            format!(
                "pipeline `{name}` does not exist in the account of profile `{}`",
                access.profile()
            ),
            "run `aws codepipeline list-pipelines` in the configured region to list the pipelines",
        )),
        Err(error) => Err(access.error("codepipeline:GetPipeline", &error)),
    }
}

/// Updates a pipeline (*UpdatePipeline*). `definition` is the JSON that replaces the body of the
/// SDK's request. Returns the new version number of the pipeline.
pub(crate) async fn update(access: &Access, definition: &str) -> Result<i32, DeployError> {
    let request = Request(format!("{{\"pipeline\":{definition}}}"));
    let answer = access
        .codepipeline()
        .update_pipeline()
        .customize()
        .interceptor(request)
        .send()
        .await
        .map_err(|error| access.error("codepipeline:UpdatePipeline", &error))?;
    let pipeline = answer.pipeline;
    Ok(pipeline.map_or(0, |pipeline| pipeline.version.unwrap_or_default()))
}

/// Keeps the body of a response.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer(Arc<Mutex<Option<String>>>);

impl Answer {
    pub(super) fn text(&self) -> Option<String> {
        self.0.lock().ok()?.take()
    }
}

impl Intercept for Answer {
    fn name(&self) -> &'static str {
        "Answer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        if let Ok(mut kept) = self.0.lock() {
            *kept = String::from_utf8(bytes.to_vec()).ok();
        }
        Ok(())
    }
}

/// Replaces the body of a request before it is signed.
#[derive(Debug)]
struct Request(String);

impl Intercept for Request {
    fn name(&self) -> &'static str {
        "Request"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request
            .headers_mut()
            .insert("content-length", self.0.len().to_string());
        *request.body_mut() = SdkBody::from(self.0.as_str());
        Ok(())
    }
}
