//! AWS partitions. Follows *IAM ARNs* and *Regions and zones* in the AWS documentation.

/// A group of regions with its own account IDs and ARNs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Partition {
    /// The commercial regions.
    Aws,
    /// China.
    AwsCn,
    /// AWS European Sovereign Cloud.
    AwsEusc,
    /// AWS GovCloud (US).
    AwsUsGov,
}

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Partition {
    /// Returns the name of the partition in ARNs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsEusc => "aws-eusc",
            Self::AwsUsGov => "aws-us-gov",
        }
    }

    /// Returns the partition with this name in ARNs.
    pub fn of_arns(name: &str) -> Option<Self> {
        [Self::Aws, Self::AwsCn, Self::AwsEusc, Self::AwsUsGov]
            .into_iter()
            .find(|partition| partition.as_str() == name)
    }

    /// Returns the domain of the service endpoints. Values of `kms:ViaService` contain the same
    /// domain.
    ///
    /// The names of service principals end in `amazonaws.com` in every partition.
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::AwsUsGov => "amazonaws.com",
            Self::AwsCn => "amazonaws.com.cn",
            Self::AwsEusc => "amazonaws.eu",
        }
    }

    /// Returns the domain of the console, without the region.
    pub(crate) fn console_domain(self) -> &'static str {
        match self {
            Self::Aws => "console.aws.amazon.com",
            Self::AwsCn => "console.amazonaws.cn",
            Self::AwsEusc => "console.amazonaws-eusc.eu",
            Self::AwsUsGov => "console.amazonaws-us-gov.com",
        }
    }
}
