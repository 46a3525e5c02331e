//! Derives the cause of a failed action from its code and message. AWS does not document the
//! messages. The words in this module occur in errors from S3 and IAM, which CodePipeline repeats.

/// Words in messages from AWS services about a denied call.
const REFUSALS: [&str; 7] = [
    "access denied",
    "accessdenied",
    "not authorized",
    "sufficient permission",
    "insufficient permission",
    "permissionerror",
    "forbidden",
];

/// Actions on object tags.
const TAGGING: [&str; 4] = [
    "s3:GetObjectTagging",
    "s3:GetObjectVersionTagging",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
];

/// Error code of a source action whose object does not exist. Other configuration errors have the
/// same code.
const CONFIGURATION_ERROR: &str = "configurationerror";

/// Words in messages about an object that does not exist.
const NOT_FOUND: [&str; 4] = [
    "status code: 404",
    "not found",
    "does not exist",
    "doesn't exist",
];

/// Words in messages about the bucket of the source action or about a version of the object.
const NOT_THE_OBJECT: [&str; 3] = ["nosuchbucket", "bucket does not exist", "version"];

/// The cause that the code and message of a failed action indicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The source object does not exist.
    MissingSource,
    /// A call on object tags was denied.
    TagsRefused,
    /// Another call was denied.
    Refused,
    /// Any other cause.
    Other,
}

impl Sign {
    /// Classifies the error code and message of an action. Both may be empty. `is_source` is true
    /// for a source action.
    pub(crate) fn of(is_source: bool, code: &str, message: &str) -> Self {
        let said = format!("{code} {message}").to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if says(&REFUSALS) {
            return match TAGGING.iter().any(|action| names_action(&said, action)) {
                true => Self::TagsRefused,
                false => Self::Refused,
            };
        }
        let is_missing = said.contains("nosuchkey")
            || ((says(&NOT_FOUND) || said.starts_with(CONFIGURATION_ERROR))
                && !says(&NOT_THE_OBJECT));
        match is_source && is_missing {
            true => Self::MissingSource,
            false => Self::Other,
        }
    }
}

/// Returns whether a message names an action, either as `s3:PutObject` or as `s3.putObject`.
pub(crate) fn names_action(message: &str, action: &str) -> bool {
    let (said, action) = (message.to_lowercase(), action.to_lowercase());
    let found = |text: &str| {
        said.match_indices(text).any(|(at, _)| {
            // `s3:GetObject` is not `s3:GetObjectVersion`.
            let after = said[at + text.len()..].chars().next();
            !after.is_some_and(char::is_alphanumeric)
        })
    };
    found(&action)
        || found(&action.replace(':', "."))
        // CodePipeline names `sts:AssumeRole` without the service prefix.
        || action == "sts:assumerole" && found("assumerole")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENIED: &str = "User: arn:aws:sts::222222222222:assumed-role/prods3role/1 is not \
                          authorized to perform: s3:GetObjectTagging on resource: \
                          \"arn:aws:s3:::store/site/SourceArti/a\"";

    #[test]
    fn a_missing_source_object_is_no_refusal() {
        for (code, message) in [
            ("ConfigurationError", ""),
            (
                "ConfigurationError",
                "The object site.zip could not be used.",
            ),
            (
                "JobFailed",
                "Amazon S3:NoSuchKey:The specified key does not exist. (Service: Amazon S3; \
                 Status Code: 404; Error Code: NoSuchKey; Request ID: 1)",
            ),
            ("", "The object with key 'site.zip' does not exist."),
        ] {
            let kind = Sign::of(true, code, message);
            assert_eq!(kind, Sign::MissingSource, "{code}: {message}");
            // Only a source action has a source object.
            let kind = Sign::of(false, code, message);
            assert_eq!(kind, Sign::Other, "{code}: {message}");
        }
    }

    #[test]
    fn denied_calls_and_other_missing_resources_are_not_missing_objects() {
        for message in [
            "Amazon S3:AccessDenied:Access Denied (Service: Amazon S3; Status Code: 403; Error \
             Code: AccessDenied; Request ID: 1)",
            "Insufficient permissions: the role or the bucket does not exist",
        ] {
            let kind = Sign::of(true, "ConfigurationError", message);
            assert_eq!(kind, Sign::Refused, "{message}");
        }
        for message in [
            "NoSuchBucket: The specified bucket does not exist",
            "The bucket does not have versioning enabled",
            "NoSuchVersion: The specified version does not exist.",
        ] {
            let kind = Sign::of(true, "ConfigurationError", message);
            assert_eq!(kind, Sign::Other, "{message}");
        }
    }

    #[test]
    fn a_denied_tagging_action_is_distinguished_from_others() {
        let plain = "You do not have sufficient permissions to call s3.putObject for the \
                     deployment bucket, out.";
        let tagging = plain.replace("s3.putObject", "s3.putObjectTagging");
        for (message, kind) in [
            (DENIED, Sign::TagsRefused),
            (&*tagging, Sign::TagsRefused),
            (plain, Sign::Refused),
            ("s3:GetObjectTagging timed out", Sign::Other),
        ] {
            assert_eq!(Sign::of(false, "", message), kind, "{message}");
        }
        assert!(names_action(DENIED, "s3:GetObjectTagging"));
        assert!(!names_action(DENIED, "s3:GetObject"));
    }
}
