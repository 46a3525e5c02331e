//! Resolves the source of the credentials for a profile or the environment, in the same way as the
//! AWS CLI.
//!
//! The `source_profile` settings of a profile lead to one source, such as access keys or a process.
//! Starting with these credentials, s3ferry assumes the roles in the chain one after another. The
//! SDK can also resolve profiles, but it limits a process to five seconds, cannot read names with
//! spaces, and panics on an empty endpoint.

use aws_credential_types::Credentials;
use aws_types::os_shim_internal::Env;

use super::files::{AwsFiles, Section, variable};
use crate::deploy::DeployError;

/// The source of the first credentials.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Keys(Credentials),
    Process(String),
    Sso(Sso),
    WebIdentity {
        role_arn: String,
        token_file: String,
        session_name: Option<String>,
    },
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    Environment,
    Container,
    Instance,
    /// The role of the container or instance. It is used if the profile has no source, as in the
    /// AWS CLI.
    Machine,
}

/// A login with IAM Identity Center.
#[derive(Debug, Clone)]
pub(super) struct Sso {
    pub(super) account: String,
    pub(super) role: String,
    pub(super) region: String,
    pub(super) start_url: String,
    /// Name under which the AWS CLI caches the token.
    pub(super) token: String,
}

/// A role that is assumed with the previous credentials.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) external_id: Option<String>,
    pub(super) session_name: Option<String>,
    pub(super) duration: Option<i32>,
}

/// The source of credentials and the roles to assume.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// The requested profile.
    pub(super) profile: String,
    /// The profile that contains the source.
    pub(super) holder: String,
    pub(super) source: Source,
    pub(super) roles: Vec<Role>,
}

/// Returns the environment variable that provides credentials if there is no profile.
pub(super) fn variable_of(env: &Env) -> Option<&'static str> {
    [
        KEY,
        WEB_IDENTITY,
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ]
    .into_iter()
    .find(|name| variable(env, name).is_some())
}

/// Environment variable that contains the access key ID.
pub(super) const KEY: &str = "AWS_ACCESS_KEY_ID";
const WEB_IDENTITY: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

impl Chain {
    /// Creates the chain for an environment variable.
    ///
    /// # Errors
    /// Returns an error if a related variable is missing.
    pub(super) fn of_environment(
        env: &Env,
        profile: &str,
        name: &str,
    ) -> Result<Self, DeployError> {
        let needs = |other: &str| {
            variable(env, other).ok_or_else(|| {
                DeployError::input(
                    format!("{name} is set, but {other} is not"),
                    format!("set {other} too, or unset {name}"),
                )
            })
        };
        let source = match name {
            KEY => {
                needs("AWS_SECRET_ACCESS_KEY")?;
                Source::Environment
            }
            WEB_IDENTITY => Source::WebIdentity {
                role_arn: needs("AWS_ROLE_ARN")?,
                token_file: needs(WEB_IDENTITY)?,
                session_name: variable(env, "AWS_ROLE_SESSION_NAME"),
            },
            _ => Source::Container,
        };
        Ok(Self {
            profile: profile.to_owned(),
            holder: profile.to_owned(),
            source,
            roles: Vec::new(),
        })
    }

    /// Resolves the chain of a profile.
    ///
    /// # Errors
    /// Returns an error if a referenced profile or section does not exist, forms a cycle, or lacks
    /// a setting, or if the profile requires unsupported input such as an MFA code.
    pub(super) fn of_profile(files: &AwsFiles, name: &str) -> Result<Self, DeployError> {
        let mut roles = Vec::new();
        let mut visited: Vec<&str> = Vec::new();
        let mut holder = name;
        let (section, source) = loop {
            let section = files
                .profile(holder)
                .ok_or_else(|| missing(files, holder, &visited))?;
            if visited.contains(&holder) {
                return Err(DeployError::input(
                    format!(
                        "profile `{name}` refers back to profile `{holder}` through \
                         `source_profile`"
                    ),
                    "specify a source profile that has credentials",
                ));
            }
            visited.push(holder);
            let has_keys = section.get("aws_access_key_id").is_some();
            // The access keys of a source profile take precedence over its role.
            if visited.len() > 1 && has_keys {
                break (section, None);
            }
            let Some(role) = role(holder, section)? else {
                break (section, None);
            };
            roles.push(role);
            match (
                section.get("source_profile"),
                section.get("credential_source"),
            ) {
                (Some(next), None) if next == holder => break (section, None),
                (Some(next), None) => holder = next,
                (None, Some(named)) => break (section, Some(named_source(section, named)?)),
                (both, _) => {
                    let problem = match both {
                        Some(_) => "both `source_profile` and `credential_source`",
                        None => "a role, but neither `source_profile` nor `credential_source`",
                    };
                    return Err(DeployError::input(
                        format!("profile `{holder}` has {problem}"),
                        "set exactly one of them in the AWS configuration",
                    ));
                }
            }
        };
        roles.reverse();
        let source = match source {
            Some(source) => source,
            None => source_of(files, holder, section)?,
        };
        if matches!(source, Source::Machine) && visited.len() > 1 {
            return Err(DeployError::input(
                format!("profile `{holder}`, the source of profile `{name}`, has no credentials"),
                format!("add credentials to profile `{holder}`"),
            ));
        }
        Ok(Self {
            profile: name.to_owned(),
            holder: holder.to_owned(),
            source,
            roles,
        })
    }
}

fn missing(files: &AwsFiles, name: &str, visited: &[&str]) -> DeployError {
    let (searched, hint) = files.why_missing(name);
    DeployError::input(
        format!(
            "profile `{name}`, the `source_profile` of profile `{}`, does not exist in the AWS \
             configuration files ({searched})",
            visited.last().unwrap_or(&name)
        ),
        hint.unwrap_or_else(|| format!("add profile `{name}`, or correct `source_profile`")),
    )
}

/// Returns the role that a profile assumes with the credentials of its source.
fn role(name: &str, section: &Section) -> Result<Option<Role>, DeployError> {
    let Some(arn) = section.get("role_arn") else {
        return Ok(None);
    };
    if section.get("web_identity_token_file").is_some() {
        return Ok(None);
    }
    if section.get("mfa_serial").is_some() {
        return Err(DeployError::aws(
            format!("profile `{name}` requires a multi-factor authentication code (mfa_serial)"),
            "s3ferry cannot prompt for the code: use a profile with session credentials (`aws sts \
             get-session-token`) or an SSO profile",
        ));
    }
    let text = |name| section.get(name).map(str::to_owned);
    Ok(Some(Role {
        arn: arn.to_owned(),
        external_id: text("external_id"),
        session_name: text("role_session_name"),
        duration: section
            .get("duration_seconds")
            .and_then(|text| text.parse().ok()),
    }))
}

fn named_source(section: &Section, named: &str) -> Result<Source, DeployError> {
    match named.to_ascii_lowercase().as_str() {
        "environment" => Ok(Source::Environment),
        "ecscontainer" => Ok(Source::Container),
        "ec2instancemetadata" => Ok(Source::Instance),
        _ => {
            let place = section.setting("credential_source");
            let place = place.map_or_else(String::new, |setting| setting.place.to_string());
            Err(DeployError::input(
                format!("`credential_source` in {place} is not valid: `{named}`"),
                "use Environment, EcsContainer, or Ec2InstanceMetadata",
            ))
        }
    }
}

/// Returns the source in the profile itself, in the order of precedence of the AWS CLI.
fn source_of(files: &AwsFiles, name: &str, section: &Section) -> Result<Source, DeployError> {
    if let (Some(role), Some(file)) = (
        section.get("role_arn"),
        section.get("web_identity_token_file"),
    ) {
        return Ok(Source::WebIdentity {
            role_arn: role.to_owned(),
            token_file: file.to_owned(),
            session_name: section.get("role_session_name").map(str::to_owned),
        });
    }
    if let Some(sso) = sso(files, name, section)? {
        return Ok(Source::Sso(sso));
    }
    let key = section.setting("aws_access_key_id");
    if key.is_some_and(|key| key.is_credentials) {
        return keys(name, section);
    }
    if section.get("login_session").is_some() {
        return Err(DeployError::input(
            format!("profile `{name}` uses `login_session`, which s3ferry does not support"),
            "set `credential_process = aws configure export-credentials --profile NAME` in \
             another profile, and use that profile",
        ));
    }
    if let Some(command) = section.get("credential_process") {
        return Ok(Source::Process(command.to_owned()));
    }
    match key {
        Some(_) => keys(name, section),
        None => Ok(Source::Machine),
    }
}

fn keys(name: &str, section: &Section) -> Result<Source, DeployError> {
    let get = |setting: &str| {
        section.get(setting).ok_or_else(|| {
            DeployError::input(
                format!("profile `{name}` has an access key but no `{setting}`"),
                "complete the profile in the AWS configuration",
            )
        })
    };
    let token = section.get("aws_session_token").map(str::to_owned);
    Ok(Source::Keys(Credentials::new(
        get("aws_access_key_id")?,
        get("aws_secret_access_key")?,
        token,
        None,
        "AwsFiles",
    )))
}

fn sso(files: &AwsFiles, name: &str, section: &Section) -> Result<Option<Sso>, DeployError> {
    if section.get("sso_account_id").is_none() && section.get("sso_role_name").is_none() {
        return Ok(None);
    }
    let session = section.setting("sso_session");
    let login = match session {
        Some(session) => files.sso_session(&session.value).ok_or_else(|| {
            DeployError::input(
                format!(
                    "the AWS configuration has no section [sso-session {}], which {} refers to",
                    session.value, session.place
                ),
                "add the section (`aws configure sso-session`)",
            )
        })?,
        None => section,
    };
    let get = |section: &Section, setting: &str| {
        section.get(setting).map(str::to_owned).ok_or_else(|| {
            DeployError::input(
                format!("the SSO configuration of profile `{name}` has no `{setting}`"),
                "complete the profile in the AWS configuration (`aws configure sso`)",
            )
        })
    };
    let start_url = get(login, "sso_start_url")?;
    Ok(Some(Sso {
        account: get(section, "sso_account_id")?,
        role: get(section, "sso_role_name")?,
        region: get(login, "sso_region")?,
        token: session.map_or_else(|| start_url.clone(), |session| session.value.clone()),
        start_url,
    }))
}
