//! Compares the tables of facts about AWS with data from AWS, and the documentation with the
//! tables.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use s3ferry::aws::{Partition, has_codepipeline, is_region, partition_of, quotas, regions};
use serde_json::Value as Json;

use crate::support::python;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn regions_are_those_that_aws_lists() {
    let run = Command::new(python("python"))
        .arg("-B")
        .arg(root().join("tests/python/regions.py"))
        .output()
        .expect("Python runs");
    assert!(run.status.success(), "{run:?}");
    let listed: Json = serde_json::from_slice(&run.stdout).expect("JSON");
    let listed = listed.as_object().expect("regions");
    let ours: BTreeSet<&str> = regions().collect();
    for (region, said) in listed {
        let name = said["partition"].as_str().expect("a partition");
        let Some(partition) = Partition::of_arns(name) else {
            // Isolated regions, which are not available to public accounts.
            assert!(name.starts_with("aws-iso"), "{name}");
            assert!(!is_region(region), "{region}");
            continue;
        };
        assert!(ours.contains(region.as_str()), "{region} is missing");
        assert_eq!(partition_of(region), partition, "{region}");
        assert_eq!(said["suffix"], partition.dns_suffix(), "{region}");
        assert_eq!(said["codepipeline"], has_codepipeline(region), "{region}");
    }
    for region in ours {
        assert!(listed.contains_key(region), "AWS does not list {region}");
    }
}

#[test]
fn the_table_of_quotas_is_the_one_in_the_documentation() {
    let path = root().join("docs/src/reference/quotas.md");
    let text = std::fs::read_to_string(&path).expect("the documentation");
    let table = quotas::markdown();
    assert!(
        text.contains(&table),
        "docs/src/reference/quotas.md does not contain this table:\n{table}"
    );
}
