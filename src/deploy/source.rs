//! Manages the source object: checks the versioning of its bucket, reads the current version, and
//! uploads new versions.
//!
//! An upload reads the file in parts, so its memory usage does not depend on the file size. An
//! upload that fails or is interrupted is aborted, because S3 charges for incomplete uploads.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::SystemTime;

use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::head_object::builders::HeadObjectFluentBuilder;
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload,
    CompletedPart,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use tokio::task::JoinSet;

use super::{Access, DeployError, Identity};
use crate::plan::DevPlan;
use crate::shell::Command;

/// Part size in bytes. At the limit of 10,000 parts (Amazon S3, *multipart upload limits*), a file
/// can be far larger than CodePipeline accepts.
const PART: u64 = 8 * 1024 * 1024;
/// Maximum size of a file that is uploaded in one request.
const SINGLE: u64 = 2 * PART;
/// Number of parts that are uploaded at the same time. All of them are in memory.
const CONCURRENCY: usize = 4;
/// Object metadata that contains the SHA-256 digest of the object.
const DIGEST: &str = "s3ferry-sha256";
/// Object metadata that CodePipeline shows as the revision summary (AWS CodePipeline,
/// *ArtifactRevision*).
const SUMMARY: &str = "codepipeline-artifact-revision-summary";

/// The object that the pipeline's source action watches.
#[derive(Debug, Clone)]
pub(crate) struct SourceObject {
    pub bucket: String,
    pub key: String,
    /// Account that must own the bucket.
    pub account: String,
}

impl SourceObject {
    /// Returns the source object of the plan, or `None` if the source is a repository.
    pub(crate) fn of(dev: &DevPlan) -> Option<Self> {
        let source = dev.source.object()?;
        Some(Self {
            bucket: source.bucket.name.to_string(),
            key: source.key.clone(),
            account: dev.account.to_string(),
        })
    }
}

/// The current version of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Current {
    pub version: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 digest that the uploader recorded, in hexadecimal.
    pub sha256: Option<String>,
    /// Upload time, in seconds since 1970.
    pub modified: i64,
}

impl Current {
    fn of(answer: HeadObjectOutput) -> Self {
        let digest = answer.metadata().and_then(|all| all.get(DIGEST)).cloned();
        Self {
            size: answer.content_length.unwrap_or_default().unsigned_abs(),
            sha256: digest,
            modified: answer.last_modified.map_or(0, |time| time.secs()),
            version: answer.version_id.unwrap_or_default(),
        }
    }
}

/// The result of reading the object metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// The object exists and has this current version.
    Current(Current),
    Missing,
    /// S3 denies access. The caller lacks `s3:GetObject` or, if the object is missing,
    /// `s3:ListBucket`.
    Forbidden,
}

/// The content to upload.
#[derive(Debug)]
pub(crate) struct Content<'f> {
    pub file: &'f File,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 digest, in hexadecimal.
    pub sha256: &'f str,
    /// Summary that CodePipeline shows, in ASCII.
    pub summary: String,
}

impl SourceObject {
    /// Checks that versioning is enabled for the bucket. CodePipeline requires object versions.
    ///
    /// # Errors
    /// Returns an error if versioning is not enabled, the bucket does not exist, or AWS rejects
    /// the call.
    pub(crate) async fn check_versioning(&self, access: &Access) -> Result<(), DeployError> {
        let bucket = &self.bucket;
        let answer = access
            .s3()
            .get_bucket_versioning()
            .bucket(bucket)
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("NoSuchBucket") => {
                return Err(DeployError::input(
                    format!("source bucket `{bucket}` does not exist"),
                    format!(
                        "run `{}` to create it, or set `dev.source.bucket`",
                        access.command("deploy")
                    ),
                ));
            }
            Err(error) => return Err(access.error("s3:GetBucketVersioning", &error)),
        };
        if answer.status == Some(BucketVersioningStatus::Enabled) {
            return Ok(());
        }
        Err(DeployError::input(
            format!(
                "versioning is not enabled for source bucket `{bucket}`, but CodePipeline requires \
                 versioning"
            ),
            format!(
                "enable versioning: `{}`",
                Command::aws("s3api put-bucket-versioning")
                    .option("--bucket", bucket)
                    .words("--versioning-configuration Status=Enabled")
                    .option("--profile", access.profile())
            ),
        ))
    }

    /// Returns the current version, or `None` if the object is missing or access is denied.
    pub(crate) async fn current(&self, access: &Access) -> Result<Option<Current>, DeployError> {
        match self.look(access).await? {
            Look::Current(current) => Ok(Some(current)),
            Look::Missing | Look::Forbidden => Ok(None),
        }
    }

    /// Returns the metadata of a version, or `None` if the object does not have this version.
    ///
    /// # Errors
    /// Returns an error if AWS rejects the call.
    pub(crate) async fn version(
        &self,
        access: &Access,
        version: &str,
    ) -> Result<Option<Current>, DeployError> {
        let answer = self.head(access).version_id(version).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // S3 rejects a malformed version ID with 400, and a delete marker with 405.
                let status = error.raw_response().map(|raw| raw.status().as_u16());
                return match status {
                    Some(400 | 404 | 405) => Ok(None),
                    _ => Err(access.error("s3:GetObjectVersion", &error)),
                };
            }
        };
        Ok(Some(Current::of(answer)))
    }

    fn head(&self, access: &Access) -> HeadObjectFluentBuilder {
        (access.s3().head_object())
            .bucket(&self.bucket)
            .key(&self.key)
            .expected_bucket_owner(&self.account)
    }

    /// Reads the object metadata (*HeadObject*).
    pub(crate) async fn look(&self, access: &Access) -> Result<Look, DeployError> {
        let answer = self.head(access).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // The response to a HEAD request has no body and therefore no error code.
                let status = error.raw_response().map(|raw| raw.status().as_u16());
                return match status {
                    Some(403) => Ok(Look::Forbidden),
                    Some(404) => Ok(Look::Missing),
                    _ => Err(access.error("s3:HeadObject", &error)),
                };
            }
        };
        Ok(Look::Current(Current::of(answer)))
    }
}

/// Age in seconds after which the credentials of an upload have expired, so that the upload can no
/// longer be in progress.
const ABANDONED: i64 = 36 * 60 * 60;

impl SourceObject {
    /// Aborts multipart uploads of the object that interrupted pushes left behind: those of the
    /// same caller, and those that are too old to be in progress. Returns their number.
    pub(crate) async fn abort_leftovers(
        &self,
        access: &Access,
        caller: &Identity,
    ) -> Result<usize, DeployError> {
        let now = DateTime::from(SystemTime::now()).secs();
        let client = access.s3();
        let (mut aborted, mut key, mut id) = (0, None, None);
        loop {
            let page = client
                .list_multipart_uploads()
                .bucket(&self.bucket)
                .expected_bucket_owner(&self.account)
                .prefix(&self.key)
                .set_key_marker(key)
                .set_upload_id_marker(id)
                .send()
                .await
                .map_err(|error| access.error("s3:ListMultipartUploads", &error))?;
            for upload in page.uploads() {
                let initiator = upload.initiator().and_then(|initiator| initiator.id());
                let is_own = initiator.is_some_and(|id| id == caller.arn || id == caller.account);
                let is_old = (upload.initiated()).is_some_and(|at| at.secs() + ABANDONED < now);
                if upload.key() == Some(&self.key) && (is_own || is_old) {
                    abort(access, self, upload.upload_id().unwrap_or_default()).await?;
                    aborted += 1;
                }
            }
            if page.is_truncated != Some(true) || page.next_key_marker.is_none() {
                return Ok(aborted);
            }
            (key, id) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }
}

/// Aborts a multipart upload. Succeeds if it no longer exists.
async fn abort(access: &Access, object: &SourceObject, id: &str) -> Result<(), DeployError> {
    let answer = access
        .s3()
        .abort_multipart_upload()
        .bucket(&object.bucket)
        .key(&object.key)
        .upload_id(id)
        .send()
        .await;
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
        Err(error) => Err(access.error("s3:AbortMultipartUpload", &error)),
    }
}

/// An upload that can be aborted.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    unfinished: RefCell<Option<Unfinished>>,
}

#[derive(Debug, Clone)]
struct Unfinished {
    access: Access,
    object: SourceObject,
    id: String,
}

impl Upload {
    /// Uploads a new version and returns its ID. Calls `progress` with the number of bytes sent.
    ///
    /// # Errors
    /// Returns an error if AWS rejects a call or the file cannot be read. In this case, the upload
    /// is aborted.
    pub(crate) async fn run(
        &self,
        access: &Access,
        object: &SourceObject,
        content: &Content<'_>,
        progress: &dyn Fn(u64),
    ) -> Result<String, DeployError> {
        let done = if content.size <= SINGLE {
            single(access, object, content, progress).await
        } else {
            self.multipart(access, object, content, progress).await
        };
        if done.is_err() {
            // Only the first error is reported.
            let _ = self.abort().await;
        }
        let version = done?;
        version
            .filter(|id| !id.is_empty() && id != "null")
            .ok_or_else(|| {
                DeployError::failed(
                    format!(
                        "bucket `{}` returned no version ID for the upload",
                        object.bucket
                    ),
                    "enable versioning, and push again",
                )
            })
    }

    /// Aborts the multipart upload if it is not complete.
    pub(crate) async fn abort(&self) -> Result<(), DeployError> {
        let Some(unfinished) = self.unfinished.take() else {
            return Ok(());
        };
        abort(&unfinished.access, &unfinished.object, &unfinished.id).await
    }

    async fn multipart(
        &self,
        access: &Access,
        object: &SourceObject,
        content: &Content<'_>,
        progress: &dyn Fn(u64),
    ) -> Result<Option<String>, DeployError> {
        let client = access.s3();
        let created = client
            .create_multipart_upload()
            .bucket(&object.bucket)
            .key(&object.key)
            .expected_bucket_owner(&object.account)
            .content_type("application/zip")
            .metadata(DIGEST, content.sha256)
            .metadata(SUMMARY, &content.summary)
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .checksum_type(ChecksumType::FullObject)
            .send()
            .await
            .map_err(|error| access.error("s3:CreateMultipartUpload", &error))?;
        let id = created.upload_id.unwrap_or_default();
        *self.unfinished.borrow_mut() = Some(Unfinished {
            access: access.clone(),
            object: object.clone(),
            id: id.clone(),
        });
        let mut parts = send_parts(access, object, &id, content, progress).await?;
        parts.sort_by_key(|part| part.part_number);
        let answer = client
            .complete_multipart_upload()
            .bucket(&object.bucket)
            .key(&object.key)
            .upload_id(&id)
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .send()
            .await;
        let version = match answer {
            Ok(answer) => answer.version_id,
            // The upload was already completed, but the response was lost.
            Err(error) if error.code() == Some("NoSuchUpload") => {
                let current = object.current(access).await?;
                let ours =
                    current.filter(|current| current.sha256.as_deref() == Some(content.sha256));
                match ours {
                    Some(current) => Some(current.version),
                    None => return Err(access.error("s3:CompleteMultipartUpload", &error)),
                }
            }
            Err(error) => return Err(access.error("s3:CompleteMultipartUpload", &error)),
        };
        self.unfinished.take();
        Ok(version)
    }
}

/// Disables the attempt timeout, because uploading a part can take a long time. The SDK aborts
/// stalled uploads.
fn without_attempt_timeout() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .disable_operation_attempt_timeout()
        .build();
    aws_sdk_s3::Config::builder().timeout_config(timeouts)
}

async fn single(
    access: &Access,
    object: &SourceObject,
    content: &Content<'_>,
    progress: &dyn Fn(u64),
) -> Result<Option<String>, DeployError> {
    let body = read_part(content.file, 0, content.size)?;
    let answer = access
        .s3()
        .put_object()
        .bucket(&object.bucket)
        .key(&object.key)
        .expected_bucket_owner(&object.account)
        .content_type("application/zip")
        .metadata(DIGEST, content.sha256)
        .metadata(SUMMARY, &content.summary)
        .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
        .body(body.into())
        .customize()
        .config_override(without_attempt_timeout())
        .send()
        .await
        .map_err(|error| access.error("s3:PutObject", &error))?;
    progress(content.size);
    Ok(answer.version_id)
}

async fn send_parts(
    access: &Access,
    object: &SourceObject,
    id: &str,
    content: &Content<'_>,
    progress: &dyn Fn(u64),
) -> Result<Vec<CompletedPart>, DeployError> {
    let client = access.s3();
    let mut running = JoinSet::new();
    let mut parts = Vec::new();
    let (mut at, mut number, mut arrived) = (0, 0, 0);
    loop {
        while at < content.size && running.len() < CONCURRENCY {
            let length = PART.min(content.size - at);
            let body = read_part(content.file, at, length)?;
            at += length;
            number += 1;
            let request = client
                .upload_part()
                .bucket(&object.bucket)
                .key(&object.key)
                .expected_bucket_owner(&object.account)
                .upload_id(id)
                .part_number(number)
                .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                .body(body.into())
                .customize()
                .config_override(without_attempt_timeout());
            running.spawn(async move { (number, length, request.send().await) });
        }
        let Some(joined) = running.join_next().await else {
            return Ok(parts);
        };
        let (number, length, answer) = joined.map_err(|error| {
            DeployError::failed(
                format!("cannot upload a part of the file: {error}"),
                "push again",
            )
        })?;
        let answer = answer.map_err(|error| match error.code() {
            Some("NoSuchUpload") => DeployError::failed(
                format!(
                    "the upload to s3://{}/{} was aborted, probably by another push",
                    object.bucket, object.key
                ),
                "push again after the other push ends",
            ),
            _ => access.error("s3:UploadPart", &error),
        })?;
        arrived += length;
        progress(arrived);
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(answer.e_tag)
                .set_checksum_crc64_nvme(answer.checksum_crc64_nvme)
                .build(),
        );
    }
}

fn read_part(mut file: &File, at: u64, length: u64) -> Result<Vec<u8>, DeployError> {
    let mut bytes = Vec::new();
    let read = file
        .seek(SeekFrom::Start(at))
        .and_then(|_| file.take(length).read_to_end(&mut bytes));
    match read {
        Ok(count) if count as u64 == length => Ok(bytes),
        Ok(_) => Err(DeployError::input(
            "the file was truncated during the upload",
            "push again when no other process is writing to the file",
        )),
        Err(error) => Err(DeployError::input(
            format!("cannot read the file: {error}"),
            "",
        )),
    }
}
