//! The certificate authorities for connections to AWS: those of the machine, or those in the file
//! that `AWS_CA_BUNDLE` or the profile's `ca_bundle` setting names, as in the AWS CLI.

use std::path::PathBuf;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use aws_types::os_shim_internal::Env;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::files::{Section, read, variable};
use crate::deploy::DeployError;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A file with certificates and the setting that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bundle {
    path: PathBuf,
    from: String,
}

impl std::fmt::Display for Bundle {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "`{}` ({})", self.path.display(), self.from)
    }
}

impl Bundle {
    /// Returns the configured file, if any.
    pub(super) fn configured(env: &Env, profile: Option<&Section>) -> Option<Self> {
        const NAME: &str = "AWS_CA_BUNDLE";
        if let Some(path) = variable(env, NAME) {
            return Some(Self {
                path: path.into(),
                from: NAME.to_owned(),
            });
        }
        let setting = profile?.setting("ca_bundle")?;
        Some(Self {
            path: PathBuf::from(&setting.value),
            from: format!("`ca_bundle` in {}", setting.place),
        })
    }

    /// Returns a TLS context that trusts only these certificates.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or has no usable certificate.
    pub(super) fn context(&self) -> Result<TlsContext, DeployError> {
        let invalid = |problem: String| {
            DeployError::input(
                format!("cannot use the CA bundle {self}: {problem}"),
                "specify a file with CA certificates in PEM format, or remove the setting to use \
                 the system certificates",
            )
        };
        let bytes = read(&self.path).map_err(|error| invalid(error.to_string()))?;
        let text = String::from_utf8_lossy(&bytes);
        let mut store = TrustStore::empty();
        for certificate in certificates(&text).map_err(invalid)? {
            store = store.with_pem_certificate(certificate);
        }
        TlsContext::builder()
            .with_trust_store(store)
            .build()
            .map_err(|error| invalid(error.to_string()))
    }
}

/// Returns the certificates in a bundle that can be trust anchors, in PEM format. The SDK panics on
/// other certificates. The AWS CLI accepts bundles that contain unusable certificates.
fn certificates(text: &str) -> Result<Vec<&str>, String> {
    let mut found = Vec::new();
    let mut reason = None;
    for (number, (at, _)) in text.match_indices(BEGIN).enumerate() {
        let number = number + 1;
        let end = text[at..]
            .find(END)
            .ok_or_else(|| format!("certificate {number} is truncated"))?;
        let pem = &text[at..at + end + END.len()];
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| format!("certificate {number} is not valid PEM: {error}"))?;
        match RootCertStore::empty().add(der) {
            Ok(()) => found.push(pem),
            Err(error) => reason = Some(format!("certificate {number} is invalid: {error}")),
        }
    }
    match (found.is_empty(), reason) {
        (false, _) => Ok(found),
        (true, Some(reason)) => Err(reason),
        (true, None) => Err("it contains no certificate in PEM format".to_owned()),
    }
}
