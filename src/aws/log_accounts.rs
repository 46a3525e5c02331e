//! The accounts that Elastic Load Balancing uses to deliver access logs in older regions.
//!
//! Follows *Enable access logs for your Application Load Balancer* in the AWS documentation.

/// The accounts for the regions in which bucket policies name an account instead of a service.
const LOAD_BALANCING: [&str; 26] = [
    "009996457667", // eu-west-3
    "027434742980", // us-west-1
    "033677994240", // us-east-2
    "037604701340", // cn-northwest-1
    "048591011584", // us-gov-west-1
    "054676820928", // eu-central-1
    "076674570225", // me-south-1
    "098369216593", // af-south-1
    "114774131450", // ap-southeast-1
    "127311923021", // us-east-1
    "156460612806", // eu-west-1
    "190560391635", // us-gov-east-1
    "383597477331", // ap-northeast-3
    "507241528517", // sa-east-1
    "582318560864", // ap-northeast-1
    "589379963580", // ap-southeast-3
    "600734575887", // ap-northeast-2
    "635631232127", // eu-south-1
    "638102146993", // cn-north-1
    "652711504416", // eu-west-2
    "718504428378", // ap-south-1
    "754344448648", // ap-east-1
    "783225319266", // ap-southeast-2
    "797873946194", // us-west-2
    "897822967062", // eu-north-1
    "985666609251", // ca-central-1
];

/// Returns whether Elastic Load Balancing delivers access logs from this account.
pub(crate) fn delivers_load_balancer_logs(account: &str) -> bool {
    LOAD_BALANCING.binary_search(&account).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_are_in_order() {
        assert!(LOAD_BALANCING.is_sorted());
        assert!(delivers_load_balancer_logs("127311923021"));
        assert!(!delivers_load_balancer_logs("111111111111"));
    }
}
