//! Gets the credentials that a [`Chain`] describes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::credential_process::CredentialProcessProvider;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sso::SsoTokenProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::token::ProvideToken as _;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_types::os_shim_internal::Env;

use super::chain::{Chain, Role, Source, Sso, variable_of};
use super::endpoints::{Endpoints, Service};
use crate::deploy::DeployError;
use crate::deploy::error::{innermost, login};

/// A provider of the credentials that a chain describes.
#[derive(Debug)]
pub(super) struct Provider {
    chain: Chain,
    /// Connection settings without credentials.
    config: SdkConfig,
    endpoints: Arc<Endpoints>,
}

impl Provider {
    /// Creates the provider of a chain. `config` is used for the provider's calls.
    pub(super) fn new(chain: Chain, config: SdkConfig, endpoints: Arc<Endpoints>) -> Self {
        Self {
            chain,
            config,
            endpoints,
        }
    }

    async fn credentials(&self) -> Result<Credentials, DeployError> {
        let mut credentials = self.first().await?;
        for role in &self.chain.roles {
            credentials = self.assume(role, credentials).await?;
        }
        Ok(credentials)
    }

    /// Returns the credentials of the source.
    async fn first(&self) -> Result<Credentials, DeployError> {
        let holder = &self.chain.holder;
        let from = |what: &str, provided: Result<Credentials, CredentialsError>, help: &str| {
            provided.map_err(|error| {
                let reason = innermost(&error);
                let reason = reason.strip_prefix("Error retrieving credentials: ");
                let reason = reason.map_or_else(|| innermost(&error), str::to_owned);
                DeployError::aws(format!("{what}: {reason}"), help).caused_by(&error)
            })
        };
        match &self.chain.source {
            Source::Keys(credentials) => Ok(credentials.clone()),
            Source::Process(command) => {
                let process = CredentialProcessProvider::new(command.clone());
                from(
                    &format!("the credential_process of profile `{holder}` failed"),
                    process.provide_credentials().await,
                    "run the `credential_process` command separately, and correct it",
                )
            }
            Source::Sso(sso) => self.sso(sso).await,
            Source::WebIdentity {
                role_arn,
                token_file,
                session_name,
            } => {
                self.web_identity(role_arn, token_file, session_name.as_deref())
                    .await
            }
            Source::Environment => {
                let provider = EnvironmentVariableCredentialsProvider::new();
                from(
                    "cannot get credentials from the environment",
                    provider.provide_credentials().await,
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                )
            }
            Source::Container => from(
                "cannot get credentials from the container",
                self.container().await,
                "attach a role to the task or the build",
            ),
            Source::Instance => from(
                "cannot get credentials from the instance",
                self.instance().await,
                "attach a role to the instance",
            ),
            Source::Machine => self.machine().await,
        }
    }

    async fn machine(&self) -> Result<Credentials, DeployError> {
        if let Ok(found) = self.container().await {
            return Ok(found);
        }
        if let Ok(found) = self.instance().await {
            return Ok(found);
        }
        let profile = &self.chain.profile;
        let mut message = format!(
            "cannot get credentials from profile `{profile}`: the AWS configuration has none for it"
        );
        if let Some(name) = variable_of(&Env::real()) {
            message.push_str(&format!(
                ", and {name} is ignored because the profile exists"
            ));
        }
        Err(DeployError::aws(message, login(profile)))
    }

    /// Returns the configuration for the SDK's container and instance providers.
    fn provider_config(&self) -> ProviderConfig {
        let config = ProviderConfig::without_region();
        match self.config.http_client() {
            Some(client) => config.with_http_client(client),
            None => config,
        }
    }

    async fn container(&self) -> Result<Credentials, CredentialsError> {
        let config = self.provider_config();
        let provider = EcsCredentialsProvider::builder().configure(&config).build();
        provider.provide_credentials().await
    }

    async fn instance(&self) -> Result<Credentials, CredentialsError> {
        let config = self.provider_config();
        let provider = ImdsCredentialsProvider::builder()
            .configure(&config)
            .build();
        provider.provide_credentials().await
    }

    /// Returns the connection settings of a service, optionally in a different region.
    fn config(&self, service: Service, region: Option<&str>) -> SdkConfig {
        let mut config = self.config.to_builder();
        config.set_endpoint_url(self.endpoints.of(service).map(str::to_owned));
        if let Some(region) = region {
            config.set_region(Region::new(region.to_owned()));
        }
        config.build()
    }

    async fn assume(&self, role: &Role, with: Credentials) -> Result<Credentials, DeployError> {
        let config = self.config(Service::Sts, None).to_builder();
        let config = config.credentials_provider(SharedCredentialsProvider::new(with));
        let answer = aws_sdk_sts::Client::new(&config.build())
            .assume_role()
            .role_arn(&role.arn)
            .set_external_id(role.external_id.clone())
            .set_duration_seconds(role.duration)
            .role_session_name(session_name(role.session_name.as_deref()))
            .send()
            .await
            .map_err(|error| {
                let profile = &self.chain.profile;
                let mut error = DeployError::of_call(profile, "", "sts:AssumeRole", &error);
                if error.is_denied() {
                    error.help = format!(
                        "allow the principal in the trust policy of {}, and allow sts:AssumeRole \
                         in the principal's policies",
                        role.arn
                    );
                }
                error
            })?;
        of_sts(answer.credentials, "sts:AssumeRole")
    }

    async fn web_identity(
        &self,
        role_arn: &str,
        token_file: &str,
        session: Option<&str>,
    ) -> Result<Credentials, DeployError> {
        let token = std::fs::read_to_string(token_file).map_err(|error| {
            DeployError::input(
                format!("cannot read the web identity token `{token_file}`: {error}"),
                "check the path of the token file",
            )
        })?;
        let call = "sts:AssumeRoleWithWebIdentity";
        let answer = aws_sdk_sts::Client::new(&self.config(Service::Sts, None))
            .assume_role_with_web_identity()
            .role_arn(role_arn)
            .role_session_name(session_name(session))
            .web_identity_token(token.trim())
            .send()
            .await
            .map_err(|error| {
                let mut error = DeployError::of_call(&self.chain.profile, "", call, &error);
                error.help = format!("check the token and the trust policy of {role_arn}");
                error
            })?;
        of_sts(answer.credentials, call)
    }

    async fn sso(&self, sso: &Sso) -> Result<Credentials, DeployError> {
        let profile = &self.chain.holder;
        let none = |reason: &str| {
            DeployError::aws(
                format!("cannot get credentials from profile `{profile}`: {reason}"),
                login(profile),
            )
        };
        let token = SsoTokenProvider::builder()
            .configure(&self.config(Service::SsoOidc, Some(&sso.region)))
            .region(Region::new(sso.region.clone()))
            .session_name(&sso.token)
            .start_url(&sso.start_url)
            .build()
            .await
            .provide_token()
            .await
            .map_err(|error| none(&innermost(&error)).caused_by(&error))?;
        let answer = aws_sdk_sso::Client::new(&self.config(Service::Sso, Some(&sso.region)))
            .get_role_credentials()
            .role_name(&sso.role)
            .account_id(&sso.account)
            .access_token(token.token())
            .send()
            .await
            .map_err(|error| {
                let error = DeployError::of_call(profile, "", "sso:GetRoleCredentials", &error);
                let help = match error.code {
                    Some(_) => login(profile),
                    None => error.help.clone(),
                };
                DeployError { help, ..error }
            })?;
        let found = answer
            .role_credentials
            .ok_or_else(|| none("the response has no credentials"))?;
        let expiry = u64::try_from(found.expiration).unwrap_or_default();
        Ok(Credentials::new(
            found.access_key_id.unwrap_or_default(),
            found.secret_access_key.unwrap_or_default(),
            found.session_token,
            Some(SystemTime::UNIX_EPOCH + Duration::from_millis(expiry)),
            "Sso",
        ))
    }
}

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        // `DeployError::of_call` extracts this error from the error of the call.
        future::ProvideCredentials::new(async {
            let found = self.credentials().await;
            found.map_err(CredentialsError::provider_error)
        })
    }
}

fn of_sts(
    found: Option<aws_sdk_sts::types::Credentials>,
    call: &str,
) -> Result<Credentials, DeployError> {
    let found = found.ok_or_else(|| {
        DeployError::aws(
            format!("{call} returned no credentials"),
            "check the endpoint URL",
        )
    })?;
    let expiry = SystemTime::try_from(found.expiration).ok();
    let (key, secret) = (found.access_key_id, found.secret_access_key);
    Ok(Credentials::new(
        key,
        secret,
        Some(found.session_token),
        expiry,
        "Sts",
    ))
}

/// Returns the configured name of a role session, or a new name.
fn session_name(configured: Option<&str>) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_millis());
    configured.map_or_else(|| format!("s3ferry-{now}"), str::to_owned)
}
