//! How a template reaches CloudFormation: inline as it is, inline without its comments, or by a
//! bucket.

use super::text::{Text, meaning};
use super::{Access, DeployError};
use crate::aws::quotas::{TEMPLATE_IN_BUCKET, TEMPLATE_INLINE, grouped};
use crate::checked::Permit;

/// A template on its way to CloudFormation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// The text itself.
    Inline(String),
    /// URL of the object that holds it.
    Uploaded(String),
}

impl Body {
    /// The text, where it goes inline.
    pub(crate) fn inline(&self) -> Option<String> {
        match self {
            Self::Inline(text) => Some(text.clone()),
            Self::Uploaded(_) => None,
        }
    }

    /// The URL of an uploaded text.
    pub(crate) fn url(&self) -> Option<String> {
        match self {
            Self::Inline(_) => None,
            Self::Uploaded(url) => Some(url.clone()),
        }
    }
}

/// Decides how a template goes, and uploads it when it must be.
///
/// # Errors
/// It is too long to go inline and there is no bucket, or the upload fails.
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
                "the template of stack `{stack}` has {} bytes, and CloudFormation allows {}",
                grouped(body.len() as u64),
                grouped(TEMPLATE_IN_BUCKET.value)
            ),
            "split the targets over several pipelines: AWS does not raise this quota",
        ));
    }
    let Some(bucket) = bucket else {
        return Err(DeployError::input(
            format!(
                "the template of stack `{stack}` has {} bytes, more than the {} that go inline",
                grouped(text.json.len() as u64),
                grouped(TEMPLATE_INLINE.value)
            ),
            "name a bucket that it can go by, with --template-bucket",
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

/// Refuses a template that nothing permits.
///
/// # Errors
/// The permission is for another text.
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
/// It does not mean the same as the text that was checked.
fn minified<'t>(stack: &str, text: &'t Text) -> Result<&'t str, DeployError> {
    match meaning(&text.yaml) == meaning(&text.json) {
        true => Ok(&text.json),
        false => Err(not_checked(stack)),
    }
}

fn not_checked(stack: &str) -> DeployError {
    DeployError::failed(
        format!("the template of stack `{stack}` is not the one that was checked"),
        "report this as a defect of s3ferry",
    )
}

/// Has CloudFormation read a template (*ValidateTemplate*).
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
            format!("CloudFormation refuses the template of stack `{stack}`: {error}"),
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
