//! The buckets: source, artifacts, output and logs, alike in all that is not their purpose.

use crate::cfn::{Resource, Value, list, map};
use crate::plan::Plan;

use super::policy::{Statement, document, tls_only};
use super::tags;

/// What tells one bucket from another.
pub(super) struct BucketOptions<'a> {
    /// Logical ID.
    pub(super) id: &'a str,
    /// Bucket name.
    pub(super) name: &'a str,
    /// What it is for.
    pub(super) comment: &'a str,
    /// Default encryption: a key's ARN for `aws:kms`, nothing for `AES256`.
    pub(super) key: Option<Value>,
    /// Whether it sends its events to EventBridge.
    pub(super) events: bool,
    /// The log bucket in the same stack, if its accesses are logged.
    pub(super) log_bucket: Option<&'a str>,
}

/// A bucket: versioned, encrypted, closed to the public, owned wholly by its owner.
pub(super) fn bucket(plan: &Plan, options: BucketOptions<'_>) -> Resource {
    let encryption = match options.key {
        None => map([("SSEAlgorithm", "AES256")]),
        Some(key) => map([("SSEAlgorithm", "aws:kms")]).with("KMSMasterKeyID", key),
    };
    let with_kms = encryption != map([("SSEAlgorithm", "AES256")]);
    let mut rule = map([("ServerSideEncryptionByDefault", encryption)]);
    if with_kms {
        rule = rule.with("BucketKeyEnabled", true);
    }
    let mut properties = map([("BucketName", options.name)])
        .with(
            "BucketEncryption",
            map([("ServerSideEncryptionConfiguration", list([rule]))]),
        )
        .with("VersioningConfiguration", map([("Status", "Enabled")]))
        .with(
            "OwnershipControls",
            map([(
                "Rules",
                list([map([("ObjectOwnership", "BucketOwnerEnforced")])]),
            )]),
        )
        .with(
            "PublicAccessBlockConfiguration",
            map([
                ("BlockPublicAcls", true),
                ("BlockPublicPolicy", true),
                ("IgnorePublicAcls", true),
                ("RestrictPublicBuckets", true),
            ]),
        );
    if options.events {
        let events = map([("EventBridgeEnabled", true)]);
        properties = properties.with(
            "NotificationConfiguration",
            map([("EventBridgeConfiguration", events)]),
        );
    }
    if options.log_bucket.is_some() {
        let logging = map([("DestinationBucketName", Value::reference("LogBucket"))])
            .with("LogFilePrefix", format!("{}/", options.name));
        properties = properties.with("LoggingConfiguration", logging);
    }
    let properties = properties.with_some("Tags", tags(plan));
    let mut resource =
        Resource::new(options.id, "AWS::S3::Bucket", options.comment, properties).retained();
    if options.log_bucket.is_some() {
        // S3 checks the permission to deliver logs when it is asked to.
        resource.depends_on = vec!["LogBucketPolicy".to_owned()];
    } else {
        let reason = match options.id {
            "LogBucket" => "A log bucket that logs itself would never come to rest.",
            _ => "access_logs is false in the configuration.",
        };
        resource = resource
            .suppress("S3_BUCKET_LOGGED", reason)
            .suppress("S3_BUCKET_LOGGING_ENABLED", reason);
    }
    resource
        .suppress(
            "S3_BUCKET_REPLICATION_ENABLED",
            "What it holds can be made again.",
        )
        .suppress(
            "S3_BUCKET_DEFAULT_LOCK_ENABLED",
            "Files are replaced by every deployment.",
        )
}

/// The policy of a bucket that stands in the same stack.
pub(super) fn bucket_policy(id: &str, bucket_id: &str, statements: &[Statement]) -> Resource {
    let properties =
        map([("Bucket", Value::reference(bucket_id))]).with("PolicyDocument", document(statements));
    Resource::new(id, "AWS::S3::BucketPolicy", "", properties)
}

/// The log bucket of a stack with its policy (Amazon S3, *Enabling Amazon S3 server access
/// logging*): S3's logging service writes, for these buckets of this account only.
pub(super) fn log_bucket(
    plan: &Plan,
    account: &str,
    name: &str,
    sources: &[&str],
) -> [Resource; 2] {
    let options = BucketOptions {
        id: "LogBucket",
        name,
        comment: "Server access logs. S3 cannot deliver them to a bucket that is encrypted with \
                  a KMS key.",
        key: None,
        events: false,
        log_bucket: None,
    };
    let arn = plan.bucket_arn(name);
    let arns: Vec<String> = sources
        .iter()
        .map(|source| plan.bucket_arn(source))
        .collect();
    let condition = map([
        ("ArnLike", map([("aws:SourceArn", list(arns))])),
        ("StringEquals", map([("aws:SourceAccount", account)])),
    ]);
    let delivery = Statement::allow("DeliverLogs", "S3 delivers the logs of these buckets.")
        .service("logging.s3.amazonaws.com")
        .actions(["s3:PutObject"])
        .on(format!("{arn}/*"))
        .when(condition);
    [
        bucket(plan, options),
        bucket_policy("LogBucketPolicy", "LogBucket", &[tls_only(&arn), delivery]),
    ]
}
