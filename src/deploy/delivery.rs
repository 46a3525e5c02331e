//! Determines which source version a pipeline has deployed, and whether it is the newest. Performs
//! no I/O.

use super::execution::Execution;

/// The result of comparing the deployed version with the newest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    Newest,
    /// The deployed version is older, and an execution with the newest version is running.
    Running,
    /// The deployed version is older, and no execution with the newest version is running.
    Outdated,
    /// No listed execution succeeded, and no execution with the newest version is running.
    Never,
}

/// The version that a pipeline has deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// The last successful execution.
    pub live: Option<Execution>,
    /// The last execution with the newest version, regardless of its status.
    pub newest: Option<Execution>,
    pub freshness: Freshness,
}

impl Delivery {
    /// Compares a pipeline's executions with the newest source version. The newest execution
    /// comes first.
    pub(crate) fn new(executions: &[Execution], version: &str) -> Self {
        let live = executions.iter().find(|one| one.succeeded());
        let newest = executions.iter().find(|one| one.takes(version));
        // An execution has no version until its source action ends. It may be the newest version.
        let runs = executions
            .iter()
            .any(|one| one.is_running() && (one.takes(version) || one.versions.is_empty()));
        let freshness = match live {
            Some(live) if live.takes(version) => Freshness::Newest,
            _ if runs => Freshness::Running,
            Some(_) => Freshness::Outdated,
            None => Freshness::Never,
        };
        Self {
            live: live.cloned(),
            newest: newest.cloned(),
            freshness,
        }
    }

    pub(crate) fn version(&self) -> Option<&str> {
        let live = self.live.as_ref()?;
        live.versions.first().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(status: &str, version: &str) -> Execution {
        Execution {
            id: format!("{status}-{version}"),
            status: status.into(),
            summary: String::new(),
            versions: (!version.is_empty())
                .then(|| version.to_owned())
                .into_iter()
                .collect(),
            started: 0,
            trigger: String::new(),
        }
    }

    #[test]
    fn only_a_succeeded_execution_makes_a_version_live() {
        let of = |executions: &[(&str, &str)]| {
            let executions: Vec<Execution> = (executions.iter())
                .map(|(status, version)| execution(status, version))
                .collect();
            let delivery = Delivery::new(&executions, "v2");
            (
                delivery.freshness,
                delivery.version().map(str::to_owned),
                delivery.newest.map(|newest| newest.status.to_string()),
            )
        };
        let v1 = Some("v1".to_owned());
        let v2 = Some("v2".to_owned());
        let status = |status: &str| Some(status.to_owned());
        let succeeded = ("Succeeded", "v1");
        for (executions, wanted) in [
            (vec![], (Freshness::Never, None, None)),
            (
                vec![("Succeeded", "v2"), succeeded],
                (Freshness::Newest, v2.clone(), status("Succeeded")),
            ),
            (vec![succeeded], (Freshness::Outdated, v1.clone(), None)),
            (
                vec![("Failed", "v2"), succeeded],
                (Freshness::Outdated, v1.clone(), status("Failed")),
            ),
            (
                vec![("InProgress", "v2"), succeeded],
                (Freshness::Running, v1.clone(), status("InProgress")),
            ),
            (
                vec![("InProgress", ""), succeeded],
                (Freshness::Running, v1.clone(), None),
            ),
            (
                vec![("InProgress", "v1"), succeeded],
                (Freshness::Outdated, v1.clone(), None),
            ),
            // The newer execution deployed the older version.
            (
                vec![succeeded, ("Succeeded", "v2")],
                (Freshness::Outdated, v1.clone(), status("Succeeded")),
            ),
            (
                vec![("Failed", "v2")],
                (Freshness::Never, None, status("Failed")),
            ),
        ] {
            assert_eq!(of(&executions), wanted, "{executions:?}");
        }
    }
}
