//! Determines whether AWS KMS allows the use of a key in its current state, regardless of policies.
//!
//! Follows *Key states of AWS KMS keys* in the AWS documentation.

/// The state of a KMS key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// The key can be used.
    Enabled,
    /// The key is disabled.
    Disabled,
    /// The deletion of the key is scheduled.
    PendingDeletion,
    /// The deletion of the key waits for the deletion of its replicas.
    PendingReplicaDeletion,
    /// The imported key material is missing.
    PendingImport,
    /// The custom key store is disconnected.
    Unavailable,
    /// The key is a replica that is being created.
    Creating,
    /// The key is a multi-Region key whose primary Region is being updated.
    Updating,
    /// A state that this version of s3ferry does not recognize.
    Other,
}

impl KeyState {
    /// Returns the state with this name (AWS KMS API Reference, *KeyMetadata*).
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "Enabled" => Self::Enabled,
            "Disabled" => Self::Disabled,
            "PendingDeletion" => Self::PendingDeletion,
            "PendingReplicaDeletion" => Self::PendingReplicaDeletion,
            "PendingImport" => Self::PendingImport,
            "Unavailable" => Self::Unavailable,
            "Creating" => Self::Creating,
            "Updating" => Self::Updating,
            _ => Self::Other,
        }
    }

    /// Returns the state in words, and the exception with which KMS rejects the use of the key.
    /// Returns `None` if KMS does not reject it.
    pub(crate) fn rejection(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Enabled | Self::Updating => return None,
            Self::Disabled => ("disabled", "DisabledException"),
            Self::PendingDeletion => ("pending deletion", "KMSInvalidStateException"),
            Self::PendingReplicaDeletion => {
                ("pending replica deletion", "KMSInvalidStateException")
            }
            Self::PendingImport => ("pending import", "KMSInvalidStateException"),
            Self::Unavailable => ("unavailable", "KMSInvalidStateException"),
            Self::Creating => ("being created", "KMSInvalidStateException"),
            Self::Other => ("in an unknown state", "KMSInvalidStateException"),
        })
    }
}

/// Returns whether an operation uses the key material. KMS rejects such an operation unless the
/// key's state allows it. A key can be described and administered in any state.
pub(crate) fn is_cryptographic(action: &str) -> bool {
    matches!(
        action.strip_prefix("kms:").unwrap_or_default(),
        "CreateGrant"
            | "Decrypt"
            | "DeriveSharedSecret"
            | "Encrypt"
            | "GenerateDataKey"
            | "GenerateDataKeyPair"
            | "GenerateDataKeyPairWithoutPlaintext"
            | "GenerateDataKeyWithoutPlaintext"
            | "GenerateMac"
            | "ReEncryptFrom"
            | "ReEncryptTo"
            | "Sign"
            | "Verify"
            | "VerifyMac"
    )
}
