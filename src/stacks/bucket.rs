//! The source, artifact, output, and log buckets, which share most of their settings.

use crate::config::BucketNamespace;
use crate::plan::Plan;
use crate::template::{Resource, Value, list, map};

use super::lifecycle::{self, Contents};
use super::policy::{Statement, document, tls_only};
use super::tags;

/// The settings that differ between buckets.
pub(super) struct BucketOptions<'a> {
    /// Logical ID.
    pub(super) id: &'a str,
    /// Bucket name.
    pub(super) name: Value,
    /// Purpose of the bucket.
    pub(super) comment: &'a str,
    /// The objects in the bucket.
    pub(super) contents: Contents,
    /// Default encryption: the ARN of a key for `aws:kms`, `None` for `AES256`.
    pub(super) key: Option<Value>,
    /// Whether the bucket sends its events to EventBridge.
    pub(super) events: bool,
    /// Whether access is logged to the log bucket in the same stack.
    pub(super) log_bucket: bool,
}

/// Builds a bucket: versioned, encrypted, with public access blocked and ACLs disabled.
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
    let namespace = match plan.bucket_namespace {
        BucketNamespace::Global => None,
        BucketNamespace::Account => Some("account-regional"),
    };
    let mut properties = map([("BucketName", options.name.clone())])
        .with_some("BucketNamespace", namespace)
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
    if options.log_bucket {
        let logging = map([("DestinationBucketName", Value::reference("LogBucket"))])
            .with("LogFilePrefix", options.name.suffixed("/"));
        properties = properties.with("LoggingConfiguration", logging);
    }
    let properties = properties
        .with_some(
            "LifecycleConfiguration",
            lifecycle::configuration(&plan.lifecycle, options.contents),
        )
        .with_some("Tags", tags(plan));
    let mut resource =
        Resource::new(options.id, "AWS::S3::Bucket", options.comment, properties).retained();
    if options.log_bucket {
        // S3 checks the permission to deliver logs when logging is enabled.
        resource.depends_on = vec!["LogBucketPolicy".to_owned()];
    } else {
        let reason = match options.id {
            "LogBucket" => "A log bucket that logs to itself grows indefinitely.",
            _ => "access_logs is false in the configuration.",
        };
        resource = resource
            .suppress("S3_BUCKET_LOGGED", reason)
            .suppress("S3_BUCKET_LOGGING_ENABLED", reason);
    }
    resource
        .suppress(
            "S3_BUCKET_REPLICATION_ENABLED",
            "The contents of the bucket can be recreated.",
        )
        .suppress(
            "S3_BUCKET_DEFAULT_LOCK_ENABLED",
            "Every deployment replaces files.",
        )
        .suppress(
            "S3_BUCKET_NO_PUBLIC_RW_ACL",
            "BucketOwnerEnforced disables ACLs.",
        )
}

/// Builds the policy of a bucket, which `bucket` identifies by name or reference.
pub(super) fn bucket_policy(id: &str, bucket: Value, statements: &[Statement]) -> Resource {
    let properties = map([("Bucket", bucket)]).with("PolicyDocument", document(statements));
    Resource::new(id, "AWS::S3::BucketPolicy", "", properties)
}

/// Builds the log bucket of a stack and the bucket policy. The policy allows the S3 logging service
/// to write logs only for these buckets in this account. Follows *Enabling Amazon S3 server access
/// logging* in the AWS documentation.
pub(super) fn log_bucket(
    plan: &Plan,
    account: Value,
    name: Value,
    sources: &[Value],
) -> [Resource; 2] {
    let arn = bucket_arn(plan, &name);
    let options = BucketOptions {
        id: "LogBucket",
        name,
        comment: "Server access logs. S3 cannot deliver them to a bucket that is encrypted with a \
                  KMS key.",
        contents: Contents::Logs,
        key: None,
        events: false,
        log_bucket: false,
    };
    let arns = sources.iter().map(|source| bucket_arn(plan, source));
    let condition = map([
        ("ArnLike", map([("aws:SourceArn", list(arns))])),
        ("StringEquals", map([("aws:SourceAccount", account)])),
    ]);
    let delivery = Statement::allow(
        "DeliverLogs",
        "S3 delivers the access logs of these buckets.",
    )
    .service("logging.s3.amazonaws.com")
    .actions(["s3:PutObject"])
    .on(arn.suffixed("/*"))
    .when(condition);
    [
        bucket(plan, options),
        bucket_policy(
            "LogBucketPolicy",
            Value::reference("LogBucket"),
            &[tls_only(&arn), delivery],
        ),
    ]
}

/// Returns the ARN of a bucket, whose name can be a `!Sub`.
pub(super) fn bucket_arn(plan: &Plan, name: &Value) -> Value {
    name.prefixed(&plan.bucket_arn(""))
}
