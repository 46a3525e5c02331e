//! The source object: whether its bucket keeps versions, which version is current, and uploading
//! a new one.
//!
//! An upload reads its file part by part, so that memory stays the same however large it is; one
//! that fails or is interrupted is aborted, since S3 keeps and charges the parts otherwise.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::SystemTime;

use aws_sdk_s3::config::timeout::TimeoutConfig;
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

/// Bytes of a part. Ten thousand parts of it (Amazon S3, *multipart upload limits*) are far more
/// than CodePipeline takes.
const PART: u64 = 8 * 1024 * 1024;
/// Files up to this size go in one request.
const SINGLE: u64 = 2 * PART;
/// Parts on their way at the same time, all of them in memory.
const CONCURRENCY: usize = 4;
/// The object's metadata that says what is in it.
const DIGEST: &str = "s3ferry-sha256";
/// The object's metadata that CodePipeline shows as the revision's summary (AWS CodePipeline,
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

impl From<&DevPlan> for SourceObject {
    fn from(dev: &DevPlan) -> Self {
        Self {
            bucket: dev.source_bucket.name.to_string(),
            key: dev.source_object_key.clone(),
            account: dev.account.to_string(),
        }
    }
}

/// The version of the object that is current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Current {
    pub version: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 that its uploader noted, in hexadecimal digits.
    pub sha256: Option<String>,
    /// When it was uploaded: seconds since 1970.
    pub modified: i64,
}

/// What a look at the object shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// Its current version.
    Current(Current),
    Missing,
    /// S3 does not say: without `s3:GetObject` or, of a missing object, `s3:ListBucket`.
    Forbidden,
}

/// What is uploaded.
#[derive(Debug)]
pub(crate) struct Content<'f> {
    pub file: &'f File,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: &'f str,
    /// What CodePipeline shows of it: ASCII.
    pub summary: String,
}

impl SourceObject {
    /// Makes sure that the bucket keeps versions: CodePipeline takes a version, and events name
    /// one.
    ///
    /// # Errors
    /// It does not, there is no such bucket, or AWS refuses.
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
                    format!("there is no source bucket `{bucket}`"),
                    format!(
                        "`{}` makes it, or set `dev.source.bucket`",
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
                "the source bucket `{bucket}` does not keep versions, and CodePipeline needs them"
            ),
            format!(
                "turn them on: `{}`",
                Command::aws("s3api put-bucket-versioning")
                    .option("--bucket", bucket)
                    .words("--versioning-configuration Status=Enabled")
                    .option("--profile", access.profile())
            ),
        ))
    }

    /// The current version; nothing where there is none, or where it may not be looked at.
    pub(crate) async fn current(&self, access: &Access) -> Result<Option<Current>, DeployError> {
        match self.look(access).await? {
            Look::Current(current) => Ok(Some(current)),
            Look::Missing | Look::Forbidden => Ok(None),
        }
    }

    /// Looks at the object (*HeadObject*).
    pub(crate) async fn look(&self, access: &Access) -> Result<Look, DeployError> {
        let answer = access
            .s3()
            .head_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .expected_bucket_owner(&self.account)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // The answer to HEAD has no body, so there is no code but the status.
                let status = error.raw_response().map(|raw| raw.status().as_u16());
                return match status {
                    Some(403) => Ok(Look::Forbidden),
                    Some(404) => Ok(Look::Missing),
                    _ => Err(access.error("s3:HeadObject", &error)),
                };
            }
        };
        let digest = answer.metadata().and_then(|all| all.get(DIGEST)).cloned();
        Ok(Look::Current(Current {
            size: answer.content_length.unwrap_or_default().unsigned_abs(),
            sha256: digest,
            modified: answer.last_modified.map_or(0, |time| time.secs()),
            version: answer.version_id.unwrap_or_default(),
        }))
    }
}

/// After so long, no credentials of an upload are valid any more: it is not in progress.
const ABANDONED: i64 = 36 * 60 * 60;

impl SourceObject {
    /// Aborts multipart uploads of the object that earlier pushes left when they were killed: those
    /// of the same caller, and those that are too old to be in progress. Gives their number.
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

/// Aborts a multipart upload; one that is gone is no error.
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

/// One upload, which can be aborted.
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
    /// Uploads a new version; gives its ID. `progress` is told how many bytes have arrived.
    ///
    /// # Errors
    /// AWS refuses, or the file cannot be read; then nothing of it stays at S3.
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
            // The first error is the one to tell.
            let _ = self.abort().await;
        }
        let version = done?;
        version
            .filter(|id| !id.is_empty() && id != "null")
            .ok_or_else(|| {
                DeployError::failed(
                    format!("bucket `{}` gave the upload no version", object.bucket),
                    "turn versioning on, and push again",
                )
            })
    }

    /// Aborts a multipart upload that has not come to its end.
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
            // Completed already, and the answer was lost.
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

/// A part may take its time; the SDK ends one that stands still.
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
                format!("a part of the upload was lost: {error}"),
                "push again",
            )
        })?;
        let answer = answer.map_err(|error| match error.code() {
            Some("NoSuchUpload") => DeployError::failed(
                format!(
                    "the upload of s3://{}/{} was aborted at S3, probably by another push",
                    object.bucket, object.key
                ),
                "push again once the other push has ended",
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
            "the file became shorter while it was uploaded",
            "push again when nothing writes it",
        )),
        Err(error) => Err(DeployError::input(
            format!("the file cannot be read: {error}"),
            "",
        )),
    }
}
