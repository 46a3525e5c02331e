//! Whether AWS KMS lets a key be used: its state, whatever the policies say.
//!
//! Follows the AWS document *Key states of AWS KMS keys*.

/// The state of a KMS key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It can be used.
    Enabled,
    /// Somebody disabled it.
    Disabled,
    /// Its deletion is scheduled.
    PendingDeletion,
    /// Its deletion waits for that of its replicas.
    PendingReplicaDeletion,
    /// Its imported key material is missing.
    PendingImport,
    /// Its custom key store is disconnected.
    Unavailable,
    /// It is a replica that is being created.
    Creating,
    /// It is a multi-Region key whose primary Region changes.
    Updating,
    /// A state that is not known here.
    Other,
}

impl KeyState {
    /// The state that KMS calls by this name (AWS KMS API Reference, *KeyMetadata*).
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

    /// What the key is, and how KMS rejects its use; `None`: KMS does not.
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

/// Whether an operation needs the key itself: KMS rejects it unless the key's state allows it. A
/// key can be described and administered in any state.
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
