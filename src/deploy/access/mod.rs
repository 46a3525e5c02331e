//! Access to one account: the credentials of a profile, the configured region, and the clients.
//!
//! The region comes from the configuration, never from the environment. AWS decides which calls a
//! profile can make. s3ferry verifies the account of the profile before it writes anything.

mod chain;
mod credentials;
mod endpoints;
mod files;
mod trust_store;

use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::tls::TlsContext;
use aws_types::os_shim_internal::Env;
use aws_types::sdk_config::{RequestChecksumCalculation, ResponseChecksumValidation};

pub(crate) use endpoints::check as check_endpoint;

use super::error::login;
use super::{DeployError, answer};
use crate::aws::partition_of;
use crate::shell::{Command, word};
use chain::Chain;
use credentials::Provider;
use endpoints::{Endpoints, Service};
use files::{AwsFiles, is_true, setting, variable};
use trust_store::Bundle;

/// Maximum number of attempts for a call that fails temporarily.
const ATTEMPTS: u32 = 6;
const FIRST_ATTEMPTS: u32 = 3;
const POLLING_ATTEMPTS: u32 = 2;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for getting credentials. It is long because a credential process may wait for the
/// user, and the AWS CLI does not limit this wait. Each call that gets credentials has a separate
/// limit.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Settings for connections.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Endpoint of every service, for an emulator. Equivalent to `AWS_ENDPOINT_URL`.
    pub endpoint_url: Option<String>,
    /// Time limit for one attempt of a call.
    pub read_timeout: Duration,
}

/// Access to one account and region with one profile.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    profile: String,
    origin: Origin,
    /// Environment variable that provides the credentials instead of the profile.
    variable: Option<&'static str>,
    /// Option of `deployer-policy` that prints the required policy. Empty for a deployer.
    policy: &'static str,
    /// Connection settings with the endpoint of CloudFormation.
    config: SdkConfig,
    endpoints: Arc<Endpoints>,
    bundle: Option<Bundle>,
    cloudformation: aws_sdk_cloudformation::Client,
}

/// The identity of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub account: String,
    /// ARN of the user or role session.
    pub arn: String,
}

/// The state of a profile in the AWS configuration files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProfileState {
    /// The config or credentials file contains the profile.
    Known,
    /// Neither file contains the profile, but the environment has credentials.
    Environment,
    /// Neither file contains the profile, and the environment has no credentials.
    Unknown,
}

/// The origin of a profile name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An option or the configuration. The profile takes precedence over exported keys.
    Explicit,
    /// `AWS_PROFILE`. Exported keys take precedence, as in the AWS CLI.
    Variable,
}

/// Returns the value of `AWS_PROFILE`, if it is set.
pub(crate) fn profile_variable() -> Option<String> {
    variable(&Env::real(), "AWS_PROFILE")
}

/// Looks up a profile in the AWS configuration files.
pub(crate) async fn profile_state(profile: &str) -> Result<ProfileState, DeployError> {
    let env = Env::real();
    let files = AwsFiles::load(&env)?;
    Ok(match (files.profile(profile), chain::variable_of(&env)) {
        (Some(_), _) => ProfileState::Known,
        (None, Some(_)) => ProfileState::Environment,
        (None, None) => ProfileState::Unknown,
    })
}

impl Access {
    /// Prepares the clients of a profile that an option or the configuration names. Makes no calls.
    ///
    /// If the AWS configuration files do not contain the profile, the credentials come from the
    /// environment, as in CI.
    ///
    /// # Errors
    /// Returns an error if the profile does not exist or cannot be used, or if a configured
    /// endpoint or CA bundle is invalid.
    pub(crate) async fn open(
        profile: &str,
        region: &str,
        settings: &Settings,
    ) -> Result<Self, DeployError> {
        Self::open_as(profile, Origin::Explicit, region, settings).await
    }

    /// Does the same as [`Self::open`] for a profile name from either origin.
    pub(crate) async fn open_as(
        profile: &str,
        origin: Origin,
        region: &str,
        settings: &Settings,
    ) -> Result<Self, DeployError> {
        let env = Env::real();
        let files = AwsFiles::load(&env)?;
        let section = files.profile(profile);
        let exported = chain::variable_of(&env);
        let variable = match (section, origin) {
            (Some(_), Origin::Explicit) => None,
            (Some(_), Origin::Variable) => exported.filter(|name| *name == chain::KEY),
            (None, Origin::Explicit) => exported,
            (None, Origin::Variable) => None,
        };
        let chain = match (variable, section) {
            (Some(name), _) => Chain::of_environment(&env, profile, name)?,
            (None, Some(_)) => Chain::of_profile(&files, profile)?,
            (None, None) => return Err(no_profile(&files, profile, origin)),
        };
        let given = settings.endpoint_url.as_deref();
        let endpoints = Arc::new(Endpoints::resolve(given, &env, &files, section)?);
        let bundle = Bundle::configured(&env, section);
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .time_source(SystemTimeSource::new())
            // Backoff with jitter. The SDK's adaptive mode would limit a throttled client to one
            // call every two seconds, so a deployment with 30 calls would take minutes.
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(settings.read_timeout)
                    .build(),
            );
        let tls = bundle
            .as_ref()
            .map_or_else(|| Ok(TlsContext::default()), Bundle::context)?;
        config.set_http_client(Some(answer::https_client(tls)));
        let setting = |name, key| setting(&env, section, name, key);
        let switch = |name, key| setting(name, key).map(|value| is_true(&value));
        config.set_use_fips(switch("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"));
        config.set_use_dual_stack(switch(
            "AWS_USE_DUALSTACK_ENDPOINT",
            "use_dualstack_endpoint",
        ));
        let is_reduced = |name, key| {
            setting(name, key).is_some_and(|value| value.eq_ignore_ascii_case("when_required"))
        };
        if is_reduced(
            "AWS_REQUEST_CHECKSUM_CALCULATION",
            "request_checksum_calculation",
        ) {
            let when = RequestChecksumCalculation::WhenRequired;
            config.set_request_checksum_calculation(Some(when));
        }
        if is_reduced(
            "AWS_RESPONSE_CHECKSUM_VALIDATION",
            "response_checksum_validation",
        ) {
            let when = ResponseChecksumValidation::WhenRequired;
            config.set_response_checksum_validation(Some(when));
        }
        let config = config.build();
        let provider = Provider::new(chain, config.clone(), Arc::clone(&endpoints));
        let mut config = config.into_builder();
        config.set_credentials_provider(Some(SharedCredentialsProvider::new(provider)));
        config.set_identity_cache(Some(
            IdentityCache::lazy()
                .load_timeout(CREDENTIALS_TIMEOUT)
                .build(),
        ));
        config.set_endpoint_url(endpoints.of(Service::CloudFormation).map(str::to_owned));
        let config = config.build();
        Ok(Self {
            profile: profile.to_owned(),
            origin,
            variable,
            policy: "",
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            config,
            endpoints,
            bundle,
        })
    }

    pub(crate) fn profile(&self) -> &str {
        &self.profile
    }

    pub(crate) fn region(&self) -> &str {
        self.config.region().map_or("", |region| region.as_ref())
    }

    /// Sets the option of `deployer-policy` that prints the required policy, such as `--push`. The
    /// help of access errors includes it.
    pub(crate) fn needing(mut self, option: &'static str) -> Self {
        self.policy = option;
        self
    }

    pub(crate) fn cloudformation(&self) -> &aws_sdk_cloudformation::Client {
        &self.cloudformation
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config(Service::Iam))
    }

    pub(crate) fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.config(Service::Kms))
    }

    pub(crate) fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.config(Service::EventBridge))
    }

    pub(crate) fn codepipeline(&self) -> aws_sdk_codepipeline::Client {
        aws_sdk_codepipeline::Client::new(&self.config(Service::CodePipeline))
    }

    /// Returns an S3 client. It uses path-style requests for an emulator, which has no host names
    /// for buckets.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config(Service::S3))
            .force_path_style(self.endpoints.of(Service::S3).is_some())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// Returns the URL of a bucket in the region, in the form that CloudFormation accepts.
    pub(crate) fn bucket_url(&self, bucket: &str) -> String {
        let region = self.region();
        match self.endpoints.of(Service::S3) {
            Some(endpoint) => format!("{endpoint}/{bucket}"),
            None => {
                let suffix = partition_of(region).dns_suffix();
                format!("https://{bucket}.s3.{region}.{suffix}")
            }
        }
    }

    /// Returns an s3ferry command, such as `deploy`, with this profile.
    pub(crate) fn command(&self, name: &str) -> Command {
        Command::s3ferry(name).option("--profile", &self.profile)
    }

    /// Returns access with the same profile in a different region.
    pub(crate) fn in_region(&self, region: &str) -> Self {
        let region = Region::new(region.to_owned());
        self.with(self.config.to_builder().region(region).build())
    }

    /// Returns access for polling calls, each of which is attempted at most twice.
    pub(crate) fn polling(&self) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(POLLING_ATTEMPTS);
        self.with(self.config.to_builder().retry_config(retries).build())
    }

    fn with(&self, config: SdkConfig) -> Self {
        Self {
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            config,
            ..self.clone()
        }
    }

    /// Gets the identity of the caller (AWS STS, *GetCallerIdentity*).
    pub(crate) async fn identity(&self) -> Result<Identity, DeployError> {
        // This is the first call of every command. Fewer attempts detect a missing network sooner.
        let config = self
            .config(Service::Sts)
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

    /// Verifies that the profile belongs to the configured account.
    ///
    /// # Errors
    /// Returns an error if the profile belongs to a different account, or if
    /// [`identity`](Self::identity) fails.
    pub(crate) async fn verify_account(&self, account: &str) -> Result<Identity, DeployError> {
        let identity = self.identity().await?;
        if identity.account == account {
            return Ok(identity);
        }
        let whose = self.whose();
        let (found, arn) = (&identity.account, &identity.arn);
        Err(DeployError::input(
            format!(
                "{whose} belongs to account {found} ({arn}), but the configuration specifies \
                 {account}"
            ),
            match self.variable {
                Some(_) => format!("nothing was changed: {}", self.not_from_profile()),
                None if self.origin == Origin::Variable => {
                    "nothing was changed: specify a profile for the account with --profile, or \
                     unset AWS_PROFILE"
                        .to_owned()
                }
                None => "nothing was changed: log in to the correct account, or correct the \
                         configuration"
                    .to_owned(),
            },
        ))
    }

    /// Describes the origin of the credentials, for messages.
    fn whose(&self) -> String {
        match (self.variable, self.origin) {
            (Some(name), _) => format!("the identity from {name}"),
            (None, Origin::Explicit) => format!("profile `{}`", self.profile),
            (None, Origin::Variable) => format!("profile `{}` from AWS_PROFILE", self.profile),
        }
    }

    /// Explains that a variable provides the credentials, and how to use the profile.
    fn not_from_profile(&self) -> String {
        let name = self.variable.unwrap_or_default();
        let exists = match self.origin {
            Origin::Explicit => ", which does not exist",
            Origin::Variable => "",
        };
        format!(
            "credentials come from {name}, not from profile `{}`{exists}: unset the variable to \
             use the profile",
            self.profile
        )
    }

    /// Returns the connection settings of a service.
    fn config(&self, service: Service) -> SdkConfig {
        let mut config = self.config.to_builder();
        config.set_endpoint_url(self.endpoints.of(service).map(str::to_owned));
        config.build()
    }

    /// Converts the error of an SDK call.
    pub(crate) fn error<E, R>(
        &self,
        call: &str,
        error: &aws_smithy_runtime_api::client::result::SdkError<E, R>,
    ) -> DeployError
    where
        E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let mut error = DeployError::of_call(&self.profile, self.policy, call, error);
        if self.variable.is_some() {
            let login = login(&self.profile);
            let instead = self.not_from_profile();
            if error.is_denied() {
                error.help = format!("{}; {instead}", error.help);
            } else {
                error.help = error.help.replace(&login, &instead);
            }
        }
        if error.is_untrusted {
            error.help = match &self.bundle {
                Some(bundle) => {
                    format!("add the issuer of this certificate to the CA bundle {bundle}")
                }
                None => {
                    "if a proxy inspects TLS, set AWS_CA_BUNDLE to a file that contains its CA \
                         certificate"
                        .to_owned()
                }
            };
        }
        error
    }
}

fn no_profile(files: &AwsFiles, profile: &str, origin: Origin) -> DeployError {
    let (searched, hint) = files.why_missing(profile);
    let named = match origin {
        Origin::Explicit => "",
        Origin::Variable => " from AWS_PROFILE",
    };
    let create = format!("aws configure sso --profile {}", word(profile));
    DeployError::aws(
        format!(
            "profile `{profile}`{named} does not exist in the AWS configuration files ({searched})"
        ),
        hint.unwrap_or_else(|| {
            format!("create it (`{create}`), or set another `profile` in the configuration")
        }),
    )
}
