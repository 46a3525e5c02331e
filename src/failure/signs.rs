//! What the code and message of a failed action say about its cause. The documents give no list
//! of messages: the words here are those of S3's and IAM's own errors, which CodePipeline repeats.

/// Words by which AWS's services say that a call was refused.
const REFUSALS: [&str; 7] = [
    "access denied",
    "accessdenied",
    "not authorized",
    "sufficient permission",
    "insufficient permission",
    "permissionerror",
    "forbidden",
];

/// The actions on the tags of objects.
const TAGGING: [&str; 4] = [
    "s3:GetObjectTagging",
    "s3:GetObjectVersionTagging",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
];

/// The code of a source action whose object does not exist, among other faults of its
/// configuration.
const CONFIGURATION_ERROR: &str = "configurationerror";

/// Words about an object that does not exist.
const NOT_FOUND: [&str; 4] = [
    "status code: 404",
    "not found",
    "does not exist",
    "doesn't exist",
];

/// Words about something else of the source action: its bucket, or one version of the object.
const NOT_THE_OBJECT: [&str; 3] = ["nosuchbucket", "bucket does not exist", "version"];

/// What AWS's words about a failed action are a sign of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The source object does not exist.
    MissingSource,
    /// A call on the tags of an object was refused.
    TagsRefused,
    /// Another call was refused.
    Refused,
    /// Anything else.
    Other,
}

impl Sign {
    /// Reads the error code and message of an action, which may be empty. `is_source` says that
    /// it is a source action.
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

/// Whether a message names an action: as `s3:PutObject`, or as `s3.putObject`.
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
        // CodePipeline says so about `sts:AssumeRole`, without the service.
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
    fn what_is_forbidden_or_about_something_else_is_no_missing_object() {
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
    fn a_refused_tagging_action_is_told_from_another() {
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
