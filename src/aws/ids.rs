//! A type for each kind of ID and name, so that they cannot be confused. The rules for valid values
//! are in [`names`](super::names).

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::Serialize;

/// Declares newtypes for IDs and names.
macro_rules! name_types {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a valid value from the configuration, the plan, or AWS.
            pub(crate) fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<String> for $name {
            fn eq(&self, other: &String) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<$name> for String {
            fn eq(&self, other: &$name) -> bool {
                *self == other.0
            }
        }

        impl PartialEq<$name> for &str {
            fn eq(&self, other: &$name) -> bool {
                *self == other.0
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )+};
}

name_types! {
    /// The 12-digit ID of an AWS account. Follows *View AWS account identifiers* in the AWS
    /// documentation.
    AccountId;
    /// The code of a region, such as `us-east-1`. Follows *Regions and zones* in the AWS
    /// documentation.
    Region;
    /// The name of a bucket. Follows *General purpose bucket naming rules* in the AWS
    /// documentation.
    BucketName;
    /// The name of a role, without its path. Follows *IAM and AWS STS quotas* in the AWS
    /// documentation.
    RoleName;
    /// The name of a pipeline. Follows *Quotas in AWS CodePipeline* in the AWS documentation.
    PipelineName;
}
