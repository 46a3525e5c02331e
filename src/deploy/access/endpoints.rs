//! Resolves the endpoint of each service from the command line, the environment, or the AWS
//! configuration files, in the order of precedence of the AWS CLI.
//!
//! The SDK is not used for this, because it treats an empty value as a URL and panics, and it reads
//! the endpoints of individual services even if configured endpoints must be ignored.

use std::collections::BTreeMap;

use aws_types::os_shim_internal::Env;

use super::files::{AwsFiles, Section, is_true, setting, variable};
use crate::deploy::DeployError;

/// A service that s3ferry calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    CloudFormation,
    CodePipeline,
    EventBridge,
    Iam,
    Kms,
    S3,
    Sso,
    SsoOidc,
    Sts,
}

impl Service {
    const ALL: [Self; 9] = [
        Self::CloudFormation,
        Self::CodePipeline,
        Self::EventBridge,
        Self::Iam,
        Self::Kms,
        Self::S3,
        Self::Sso,
        Self::SsoOidc,
        Self::Sts,
    ];

    /// Returns the name of the service in a `services` section. Variable names use it in uppercase.
    fn id(self) -> &'static str {
        match self {
            Self::CloudFormation => "cloudformation",
            Self::CodePipeline => "codepipeline",
            Self::EventBridge => "eventbridge",
            Self::Iam => "iam",
            Self::Kms => "kms",
            Self::S3 => "s3",
            Self::Sso => "sso",
            Self::SsoOidc => "sso_oidc",
            Self::Sts => "sts",
        }
    }
}

/// The endpoints that replace the default endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Endpoints(BTreeMap<Service, String>);

impl Endpoints {
    /// Returns the endpoint of a service without a trailing slash, or `None` for the default.
    pub(super) fn of(&self, service: Service) -> Option<&str> {
        self.0.get(&service).map(String::as_str)
    }

    /// Resolves the endpoints. `given` is the endpoint from the command line.
    ///
    /// # Errors
    /// Returns an error if a configured endpoint is not a URL, or if a `services` section does not
    /// exist.
    pub(super) fn resolve(
        given: Option<&str>,
        env: &Env,
        files: &AwsFiles,
        profile: Option<&Section>,
    ) -> Result<Self, DeployError> {
        let mut found = Self::default();
        if let Some(url) = given.filter(|url| !url.is_empty()) {
            for service in Service::ALL {
                found.0.insert(service, trimmed(url));
            }
            return Ok(found);
        }
        let (name, key) = (
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
            "ignore_configured_endpoint_urls",
        );
        if setting(env, profile, name, key).is_some_and(|value| is_true(&value)) {
            return Ok(found);
        }
        let services = match profile.and_then(|profile| profile.setting("services")) {
            Some(named) => Some(files.services(&named.value).ok_or_else(|| {
                DeployError::input(
                    format!(
                        "the AWS configuration has no section [services {}], which {} refers to",
                        named.value, named.place
                    ),
                    "add the section, or remove the `services` setting",
                )
            })?),
            None => None,
        };
        for service in Service::ALL {
            let Some((url, from)) = configured(service, env, services, profile) else {
                continue;
            };
            check(&url).map_err(|problem| {
                DeployError::input(
                    format!("{from} is not a valid endpoint URL: `{url}` ({problem})"),
                    "use a URL such as https://example.com, or leave it empty for the default \
                     endpoint",
                )
            })?;
            found.0.insert(service, trimmed(&url));
        }
        Ok(found)
    }
}

/// Returns the configured endpoint of a service, and the name of the setting.
fn configured(
    service: Service,
    env: &Env,
    services: Option<&Section>,
    profile: Option<&Section>,
) -> Option<(String, String)> {
    let of_service = format!("AWS_ENDPOINT_URL_{}", service.id().to_uppercase());
    for name in [of_service, "AWS_ENDPOINT_URL".to_owned()] {
        if let Some(url) = variable(env, &name) {
            return Some((url, name));
        }
    }
    let nested = services.and_then(|section| section.nested(service.id(), "endpoint_url"));
    let nested = nested.map(|(url, place)| (url.to_owned(), place));
    let (url, place) = nested.or_else(|| {
        let setting = profile?.setting("endpoint_url")?;
        Some((setting.value.clone(), &setting.place))
    })?;
    Some((url, format!("`endpoint_url` in {place}")))
}

fn trimmed(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

/// Checks that a string is a valid endpoint URL.
pub(crate) fn check(url: &str) -> Result<(), &'static str> {
    let rest = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| {
            let (start, rest) = url.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        })
        .ok_or("it does not start with http:// or https://")?;
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it contains a space or a control character");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("its port is not a number from 0 to 65535");
    }
    let is_address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let is_label = |label: &str| {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !label.is_empty() && label.len() <= 63 && label.chars().all(is_fine)
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    if is_address || name.split('.').all(is_label) {
        Ok(())
    } else {
        Err("its host name is not valid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_are_valid() {
        for url in [
            "http://127.0.0.1:4566",
            "https://[::1]:8443/",
            "HTTP://localhost",
            "https://sts.eu-west-1.amazonaws.com",
            "https://vpce-1.sts.us-east-1.vpce.amazonaws.com/path",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        for url in [
            "localhost:4566",
            "http://",
            "http:///x",
            "http://a b",
            "https://host:99999",
            "https://host:",
            "https://a..b",
            "https://[::1",
            "ftp://host",
            "${ENDPOINT}",
            "é",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_order_is_that_of_the_aws_cli() {
        let of = |variables: &[(&str, &str)], given| {
            let env = Env::from_slice(variables);
            let found = Endpoints::resolve(given, &env, &AwsFiles::default(), None).unwrap();
            let url = |service| found.of(service).map(str::to_owned);
            (url(Service::Sts), url(Service::S3))
        };
        let both = [
            ("AWS_ENDPOINT_URL", "http://all/"),
            ("AWS_ENDPOINT_URL_STS", "http://sts"),
        ];
        let some = |url: &str| Some(url.to_owned());
        assert_eq!(of(&both, None), (some("http://sts"), some("http://all")));
        assert_eq!(
            of(&both, Some("")),
            (some("http://sts"), some("http://all"))
        );
        assert_eq!(
            of(&both, Some("http://x")),
            (some("http://x"), some("http://x"))
        );
        let empty = [
            ("AWS_ENDPOINT_URL", "http://all"),
            ("AWS_ENDPOINT_URL_STS", ""),
        ];
        assert_eq!(of(&empty, None), (some("http://all"), some("http://all")));
        assert_eq!(of(&[("AWS_ENDPOINT_URL", "")], None), (None, None));
        let ignored = [
            both[0],
            both[1],
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True"),
        ];
        assert_eq!(of(&ignored, None), (None, None));
        assert_eq!(of(&ignored, Some("http://x")).0, some("http://x"));
    }
}
