//! Validates the regions in a configuration.

use super::near;
use crate::aws::regions::{
    AS_OF, has_codepipeline, is_region, partition_of, regions, with_codepipeline,
};

/// Returns the problem and a fix if the region does not exist or does not offer CodePipeline.
/// `what` describes the resource in the region, such as `the pipeline`.
pub(crate) fn pipeline_region_problem(region: &str, what: &str) -> Option<(String, String)> {
    if let Some(problem) = unknown_region(region) {
        return Some(problem);
    }
    (!has_codepipeline(region)).then(|| {
        let partition = partition_of(region);
        let others = with_codepipeline(partition);
        let help = if others.is_empty() {
            format!(
                "CodePipeline is not available in partition `{}`: choose a region in another \
                 partition",
                partition.as_str()
            )
        } else {
            format!("choose one of: {}", others.join(", "))
        };
        (
            format!(
                "{what} cannot be in `{region}`: CodePipeline is not available there (as of \
                 {AS_OF})"
            ),
            help,
        )
    })
}

/// Returns the problem and a fix if the region does not exist.
pub(super) fn unknown_region(region: &str) -> Option<(String, String)> {
    if is_region(region) {
        return None;
    }
    let partition = partition_of(region).as_str();
    let help = match near(region, regions()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "use a region code, such as `us-east-1`".to_owned(),
    };
    Some((
        format!("partition `{partition}` has no region `{region}` (as of {AS_OF})"),
        help,
    ))
}
