//! The way into one account: a profile's credentials, the configured region, and the clients.
//!
//! The region is the configuration's and never the environment's. What a profile may do is
//! AWS's to say; which account it is in is checked before anything is written.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_types::os_shim_internal::{Env, Fs};

use super::{DeployError, ErrorKind, answer};
use crate::config::partition_of;
use crate::shell::Command;

/// How often a call is tried that fails in passing.
const ATTEMPTS: u32 = 6;
const FIRST_ATTEMPTS: u32 = 3;
const POLLING_ATTEMPTS: u32 = 2;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the user says about connections.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The endpoint of every service, for an emulator; `AWS_ENDPOINT_URL` does the same.
    pub endpoint_url: Option<String>,
    /// How long one attempt of a call may take.
    pub read_timeout: Duration,
}

/// One account and region, by one profile.
#[derive(Debug, Clone)]
pub struct Access {
    profile: String,
    /// The option of `deployer-policy` that prints what it needs; empty for a deployer's.
    policy: &'static str,
    config: SdkConfig,
    cloudformation: aws_sdk_cloudformation::Client,
}

/// Who AWS says we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Account ID.
    pub account: String,
    /// ARN of the user or of the role's session.
    pub arn: String,
}

/// What the AWS configuration files say of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileState {
    /// It stands in the configuration or credentials file.
    Known,
    /// It needs a code of a multi-factor device, which the SDK cannot ask for.
    NeedsMfa,
    /// It stands nowhere, but the environment has credentials.
    Environment,
    /// It stands nowhere, and neither does anything else.
    Unknown,
}

/// Looks a profile up in the AWS configuration files.
///
/// # Errors
/// The files cannot be read or parsed.
pub async fn profile_state(profile: &str) -> Result<ProfileState, DeployError> {
    let env = Env::real();
    let profiles = aws_config::profile::load(&Fs::real(), &env, &<_>::default(), None)
        .await
        .map_err(|error| {
            DeployError::input(
                format!("the AWS configuration files cannot be read: {error}"),
                "mend ~/.aws/config or ~/.aws/credentials",
            )
        })?;
    let from_environment = [
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    Ok(match profiles.get_profile(profile) {
        Some(found)
            if found.get("mfa_serial").is_some() && found.get("credential_process").is_none() =>
        {
            ProfileState::NeedsMfa
        }
        Some(_) => ProfileState::Known,
        None if from_environment.iter().any(|name| env.get(name).is_ok()) => {
            ProfileState::Environment
        }
        None => ProfileState::Unknown,
    })
}

impl Access {
    /// Prepares the clients of a profile. Nothing is called yet.
    ///
    /// A profile that the AWS configuration files do not have is taken from the environment, as
    /// in CI.
    ///
    /// # Errors
    /// The profile is nowhere, or needs a multi-factor device.
    pub async fn open(
        profile: &str,
        region: &str,
        settings: &Settings,
    ) -> Result<Self, DeployError> {
        let state = profile_state(profile).await?;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .http_client(answer::https_client())
            // Backoff with jitter. The SDK's adaptive mode also limits the rate of a client that was
            // throttled, to one call in two seconds: a deploy of thirty calls would take minutes.
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(settings.read_timeout)
                    .build(),
            );
        match state {
            ProfileState::Known => loader = loader.profile_name(profile),
            ProfileState::Environment => {}
            ProfileState::NeedsMfa => {
                return Err(DeployError::new(
                    ErrorKind::Aws,
                    format!(
                        "profile `{profile}` needs a code of a multi-factor device (mfa_serial)"
                    ),
                    "s3ferry cannot ask for it: get session credentials first (`aws sts \
                     get-session-token` or an SSO profile), and name their profile",
                ));
            }
            ProfileState::Unknown => {
                return Err(DeployError::new(
                    ErrorKind::Aws,
                    format!("there is no profile `{profile}` in the AWS configuration files"),
                    format!(
                        "create it (`{}`), or name another in the configuration (`profile:`)",
                        Command::aws("configure sso").option("--profile", profile)
                    ),
                ));
            }
        }
        if let Some(url) = &settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        Ok(Self {
            profile: profile.to_owned(),
            policy: "",
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            config,
        })
    }

    /// The profile's name.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// The region.
    pub fn region(&self) -> &str {
        self.config.region().map_or("", |region| region.as_ref())
    }

    /// The same for work that needs another policy than a deployer's: `option` is that of
    /// `deployer-policy`, such as `--push`. A refusal names it.
    pub fn needing(mut self, option: &'static str) -> Self {
        self.policy = option;
        self
    }

    /// The CloudFormation client.
    pub fn cloudformation(&self) -> &aws_sdk_cloudformation::Client {
        &self.cloudformation
    }

    /// An IAM client.
    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    /// A KMS client.
    pub fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.config)
    }

    /// An EventBridge client.
    pub fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.config)
    }

    /// A CodePipeline client.
    pub fn codepipeline(&self) -> aws_sdk_codepipeline::Client {
        aws_sdk_codepipeline::Client::new(&self.config)
    }

    /// An S3 client; an emulator is spoken to by paths, since it has no host name for a bucket.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(self.config.endpoint_url().is_some())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// URL of a bucket in the region, as CloudFormation takes a template's.
    pub fn bucket_url(&self, bucket: &str) -> String {
        let region = self.region();
        match self.config.endpoint_url() {
            Some(endpoint) => format!("{endpoint}/{bucket}"),
            None => {
                let suffix = partition_of(region).dns_suffix();
                format!("https://{bucket}.s3.{region}.{suffix}")
            }
        }
    }

    /// The same profile in another region.
    pub fn in_region(&self, region: &str) -> Self {
        let region = Region::new(region.to_owned());
        self.with(self.config.to_builder().region(region).build())
    }

    /// The same for calls that are repeated anyway: each is tried twice at most.
    pub fn polling(&self) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(POLLING_ATTEMPTS);
        self.with(self.config.to_builder().retry_config(retries).build())
    }

    fn with(&self, config: SdkConfig) -> Self {
        Self {
            profile: self.profile.clone(),
            policy: self.policy,
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            config,
        }
    }

    /// Asks AWS who we are (AWS STS, *GetCallerIdentity*).
    ///
    /// # Errors
    /// No credentials, or AWS cannot be reached.
    pub async fn identity(&self) -> Result<Identity, DeployError> {
        // The first call of every command: when there is no network, it is known soon.
        let config = self
            .config
            .to_builder()
            .retry_config(RetryConfig::standard().with_max_attempts(FIRST_ATTEMPTS))
            .build();
        let answer = aws_sdk_sts::Client::new(&config)
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| self.error("sts:GetCallerIdentity", &error))?;
        Ok(Identity {
            account: answer.account.unwrap_or_default(),
            arn: answer.arn.unwrap_or_default(),
        })
    }

    /// Makes sure that the profile is in the configured account.
    ///
    /// # Errors
    /// It is in another one; or as [`identity`](Self::identity).
    pub async fn verify_account(&self, account: &str) -> Result<Identity, DeployError> {
        let identity = self.identity().await?;
        if identity.account == account {
            return Ok(identity);
        }
        Err(DeployError::input(
            format!(
                "profile `{}` is in account {} ({}), and the configuration says {account}",
                self.profile, identity.account, identity.arn
            ),
            "nothing was changed: log in to the right account, or mend the configuration",
        ))
    }

    /// What an SDK call ended with, in words.
    pub fn error<E, R>(
        &self,
        call: &str,
        error: &aws_smithy_runtime_api::client::result::SdkError<E, R>,
    ) -> DeployError
    where
        E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        DeployError::of_call(&self.profile, self.policy, call, error)
    }
}
