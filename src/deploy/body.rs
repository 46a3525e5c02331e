//! Sends a template to CloudFormation: inline, inline without comments, or through an S3 bucket.

use super::text::{Text, meaning};
use super::{Access, DeployError};
use crate::aws::quotas::{TEMPLATE_IN_BUCKET, TEMPLATE_INLINE, grouped};
use crate::checked::Permit;

/// A template in the form in which CloudFormation receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// The template text.
    Inline(String),
    /// URL of the object that contains the template.
    Uploaded(String),
}

impl Body {
    /// Returns the text if it is sent inline.
    pub(crate) fn inline(&self) -> Option<String> {
        match self {
            Self::Inline(text) => Some(text.clone()),
            Self::Uploaded(_) => None,
        }
    }

    /// Returns the URL if the template is uploaded.
    pub(crate) fn url(&self) -> Option<String> {
        match self {
            Self::Inline(_) => None,
            Self::Uploaded(url) => Some(url.clone()),
        }
    }
}

/// Determines how to send a template, and uploads it if necessary.
///
/// # Errors
/// Returns an error if the template is too long to send inline and no bucket is given, or if the
/// upload fails.
pub(crate) async fn prepare(
    access: &Access,
    stack: &str,
    text: &Text,
    bucket: Option<&str>,
) -> Result<Body, DeployError> {
    if text.yaml.len() <= TEMPLATE_INLINE.length() {
        return Ok(Body::Inline(text.yaml.clone()));
    }
    let json = minified(stack, text)?;
    if json.len() <= TEMPLATE_INLINE.length() {
        return Ok(Body::Inline(json.to_owned()));
    }
    let body = if text.yaml.len() <= TEMPLATE_IN_BUCKET.length() {
        &text.yaml
    } else {
        json
    };
    if body.len() > TEMPLATE_IN_BUCKET.length() {
        return Err(DeployError::input(
            format!(
                "the template of stack `{stack}` is {} bytes, but CloudFormation allows at most {}",
                grouped(body.len() as u64),
                grouped(TEMPLATE_IN_BUCKET.value)
            ),
            "split the targets across several pipelines: this quota cannot be increased",
        ));
    }
    let Some(bucket) = bucket else {
        return Err(DeployError::input(
            format!(
                "the template of stack `{stack}` is {} bytes, but an inline template can have at \
                 most {}",
                grouped(text.json.len() as u64),
                grouped(TEMPLATE_INLINE.value)
            ),
            "specify a bucket for the template with --template-bucket",
        ));
    };
    let key = format!("s3ferry/{stack}.template");
    access
        .s3()
        .put_object()
        .bucket(bucket)
        .key(&key)
        .body(body.to_owned().into_bytes().into())
        .send()
        .await
        .map_err(|error| access.error("s3:PutObject", &error))?;
    Ok(Body::Uploaded(format!(
        "{}/{key}",
        access.bucket_url(bucket)
    )))
}

/// Rejects a template that the permit does not cover.
///
/// # Errors
/// Returns an error if the permit is for a different text.
pub(crate) fn refuse_other(
    permit: Permit<'_>,
    stack: &str,
    text: &Text,
) -> Result<(), DeployError> {
    match permit.covers(&text.yaml) {
        true => Ok(()),
        false => Err(not_checked(stack)),
    }
}

/// Returns the minified form of a template.
///
/// # Errors
/// Returns an error if the minified form is not equivalent to the checked text.
fn minified<'t>(stack: &str, text: &'t Text) -> Result<&'t str, DeployError> {
    match meaning(&text.yaml) == meaning(&text.json) {
        true => Ok(&text.json),
        false => Err(not_checked(stack)),
    }
}

fn not_checked(stack: &str) -> DeployError {
    DeployError::failed(
        format!("the template of stack `{stack}` differs from the checked template"),
        "report this as a bug in s3ferry",
    )
}

/// Validates a template with CloudFormation (*ValidateTemplate*).
pub(crate) async fn validate(access: &Access, stack: &str, body: &Body) -> Result<(), DeployError> {
    let answer = access
        .cloudformation()
        .validate_template()
        .set_template_body(body.inline())
        .set_template_url(body.url())
        .send()
        .await;
    let answer = answer.map_err(|error| access.error("cloudformation:ValidateTemplate", &error));
    match answer {
        Err(error) if error.has_code("ValidationError") => Err(DeployError::failed(
            format!("CloudFormation rejected the template of stack `{stack}`: {error}"),
            "",
        )),
        answer => answer.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minified_template_that_means_something_else_is_not_sent() {
        let mut text = Text {
            yaml: "Resources:\n  Key:\n    Type: AWS::KMS::Key\n".to_owned(),
            json: r#"{"Resources":{"Key":{"Type":"AWS::KMS::Key"}}}"#.to_owned(),
        };
        assert!(minified("dev", &text).is_ok());
        text.json = text.json.replace("KMS::Key", "KMS::Alias");
        assert!(minified("dev", &text).is_err());
    }
}
