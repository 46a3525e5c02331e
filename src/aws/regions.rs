//! The regions of the AWS partitions, and the availability of CodePipeline and CodeConnections.
//! Follows *Regions and zones*, *Quotas in AWS CodePipeline*, *AWS CodePipeline endpoints and
//! quotas*, and *CodeConnections endpoints and quotas* in the AWS documentation.

use super::Partition::{self, Aws, AwsCn, AwsEusc, AwsUsGov};

/// The month in which this table was last compared with the AWS documentation.
pub(crate) const AS_OF: &str = "2026-11";

/// A region: its partition, and whether CodePipeline is available there.
#[derive(Debug, Clone, Copy)]
struct RegionFacts {
    name: &'static str,
    partition: Partition,
    has_codepipeline: bool,
}

const fn with(partition: Partition, name: &'static str) -> RegionFacts {
    RegionFacts {
        name,
        partition,
        has_codepipeline: true,
    }
}

const fn without(partition: Partition, name: &'static str) -> RegionFacts {
    RegionFacts {
        name,
        partition,
        has_codepipeline: false,
    }
}

const REGIONS: [RegionFacts; 39] = [
    with(Aws, "us-east-1"),
    with(Aws, "us-east-2"),
    with(Aws, "us-west-1"),
    with(Aws, "us-west-2"),
    with(Aws, "af-south-1"),
    with(Aws, "ap-east-1"),
    without(Aws, "ap-east-2"),
    with(Aws, "ap-northeast-1"),
    with(Aws, "ap-northeast-2"),
    with(Aws, "ap-northeast-3"),
    with(Aws, "ap-south-1"),
    with(Aws, "ap-south-2"),
    with(Aws, "ap-southeast-1"),
    with(Aws, "ap-southeast-2"),
    with(Aws, "ap-southeast-3"),
    with(Aws, "ap-southeast-4"),
    with(Aws, "ap-southeast-5"),
    with(Aws, "ap-southeast-6"),
    without(Aws, "ap-southeast-7"),
    with(Aws, "ca-central-1"),
    without(Aws, "ca-west-1"),
    with(Aws, "eu-central-1"),
    with(Aws, "eu-central-2"),
    with(Aws, "eu-north-1"),
    with(Aws, "eu-south-1"),
    with(Aws, "eu-south-2"),
    with(Aws, "eu-west-1"),
    with(Aws, "eu-west-2"),
    with(Aws, "eu-west-3"),
    with(Aws, "il-central-1"),
    with(Aws, "me-central-1"),
    with(Aws, "me-south-1"),
    without(Aws, "mx-central-1"),
    with(Aws, "sa-east-1"),
    with(AwsCn, "cn-north-1"),
    // The documentation for China does not mention CodePipeline in this region, but the AWS SDKs
    // have an endpoint.
    with(AwsCn, "cn-northwest-1"),
    // Neither the documentation nor any AWS SDK lists a CodePipeline endpoint in this region.
    without(AwsEusc, "eusc-de-east-1"),
    with(AwsUsGov, "us-gov-east-1"),
    with(AwsUsGov, "us-gov-west-1"),
];

/// The regions in which CodeConnections is available.
const WITH_CONNECTIONS: [&str; 18] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-gov-east-1",
];

/// The regions without the account-regional namespace for buckets. Follows *Namespaces for general
/// purpose buckets* in the AWS documentation.
const WITHOUT_ACCOUNT_NAMESPACE: [&str; 2] = ["me-central-1", "me-south-1"];

/// Returns the names of all regions.
pub fn regions() -> impl Iterator<Item = &'static str> {
    REGIONS.iter().map(|region| region.name)
}

/// Returns whether this region exists.
pub fn is_region(region: &str) -> bool {
    REGIONS.iter().any(|known| known.name == region)
}

/// Returns the regions of a partition in which CodePipeline is available.
pub(crate) fn with_codepipeline(partition: Partition) -> Vec<&'static str> {
    REGIONS
        .iter()
        .filter(|known| known.partition == partition && known.has_codepipeline)
        .map(|known| known.name)
        .collect()
}

/// Returns whether CodePipeline is available in a region.
pub fn has_codepipeline(region: &str) -> bool {
    REGIONS
        .iter()
        .any(|known| known.name == region && known.has_codepipeline)
}

/// Returns whether CodeConnections, and therefore a repository source, is available in a region.
pub(crate) fn has_connections(region: &str) -> bool {
    WITH_CONNECTIONS.contains(&region)
}

/// Returns the regions of a partition in which CodeConnections is available.
pub(crate) fn with_connections(partition: Partition) -> Vec<&'static str> {
    let regions = WITH_CONNECTIONS.into_iter();
    regions
        .filter(|region| partition_of(region) == partition)
        .collect()
}

/// Returns whether S3 offers the account-regional namespace for buckets in a region.
pub(crate) fn has_account_namespace(region: &str) -> bool {
    !WITHOUT_ACCOUNT_NAMESPACE.contains(&region)
}

/// Returns the partition of a region, from its name.
pub fn partition_of(region: &str) -> Partition {
    match region {
        _ if region.starts_with("cn-") => AwsCn,
        _ if region.starts_with("eusc-") => AwsEusc,
        _ if region.starts_with("us-gov-") => AwsUsGov,
        _ => Aws,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_the_names() {
        for region in REGIONS {
            assert_eq!(
                region.partition,
                partition_of(region.name),
                "{}",
                region.name
            );
            let partition = region.partition;
            assert_eq!(Partition::of_arns(partition.as_str()), Some(partition));
        }
        assert_eq!(Partition::of_arns("aws-iso"), None);
        for region in WITH_CONNECTIONS {
            assert!(has_codepipeline(region), "{region}");
        }
        assert!(WITHOUT_ACCOUNT_NAMESPACE.into_iter().all(is_region));
    }
}
