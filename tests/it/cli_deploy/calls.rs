//! The number of AWS API calls in a deploy. Calls that only wait are not counted, because AWS
//! determines their number.

use super::Site;
use crate::support::Run;

fn calls(site: &Site) -> usize {
    let polls = ["DescribeChangeSet", "DescribeStackEvents"];
    let actions = site.proxy.actions();
    let own = |action: &&String| !polls.contains(&action.as_str());
    actions.iter().filter(own).count()
}

/// Runs a deploy, and returns the number of its calls.
fn counted(site: &Site, arguments: &str) -> (usize, Run) {
    site.proxy.reset();
    let run = site.deploy(arguments, 0);
    (calls(site), run)
}

/// Returns the last cell of a row of the table in the book.
fn documented(row: &str) -> usize {
    let page = include_str!("../../../docs/src/explanation/live-changes.md");
    let line = page
        .lines()
        .find(|line| line.starts_with(&format!("| {row} |")))
        .unwrap_or_else(|| panic!("no row `{row}`"));
    let cell = line.trim_end_matches([' ', '|']).rsplit('|').next();
    let number = cell.and_then(|cell| cell.trim().parse().ok());
    number.unwrap_or_else(|| panic!("no number in `{line}`"))
}

#[test]
fn a_deployment_makes_as_many_calls_as_documented() {
    let site = Site::new();
    let (dev, _) = counted(&site, "--profile dev --yes");
    let (prod, _) = counted(&site, "--profile prod --yes");
    let (pipeline, _) = counted(&site, "--profile dev --yes");
    assert_eq!(
        pipeline,
        documented("deployment of dev that creates the pipeline, without a source object")
    );
    assert_eq!(dev, documented("first deployment of dev"));
    assert_eq!(prod, documented("first deployment of prod"));
    assert!(dev <= 12 && prod <= 12, "{dev} {prod}");

    let (dev, run) = counted(&site, "--profile dev --yes");
    assert!(run.stderr.contains("No changes."), "{}", run.stderr);
    let (prod, run) = counted(&site, "--profile prod --yes");
    assert!(run.stderr.contains("No changes."), "{}", run.stderr);
    assert_eq!(dev, documented("dev, without changes"));
    assert_eq!(prod, documented("prod, without changes"));
    assert!(dev <= 9 && prod <= 9, "{dev} {prod}");
}

#[test]
fn a_template_for_many_accounts_makes_one_more_call_for_each_bucket() {
    let site = Site::with(|config| {
        let (before, targets) = config.split_once("targets:").expect("targets");
        let account = targets.split('"').nth(1).expect("an account ID");
        format!(
            "{before}targets:\n  - name: prod\n    accounts: [\"{account}\"]\n    bucket: \
             \"output-{{account}}\"\n"
        )
    });
    counted(&site, "--profile dev --yes");
    let (prod, _) = counted(&site, "--profile prod --yes");
    let row = "first deployment of a target with `accounts` or `regions`";
    assert_eq!(prod, documented(row));
}
