//! The next run completes a stack set deployment that SIGKILL or SIGTERM ended at any of its calls.
//! A running operation can be stopped.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::emulator::FaultProxy;
use crate::emulator::profiles::{log_in, record_dev};
use crate::emulator::stack_sets::StackSets;
use crate::schemas::conforms;
use crate::support::Project;

const ADMIN: &str = "111111111111";
const DEPLOY: &str = "deploy --profile admin --yes \
                      --parameter DeployKeyId=mrk-00000000000000000000000000000000";
const BEFORE: &str = "\"222222222222\", \"333333333333\", \"444444444444\"";
const AFTER: &str = "\"333333333333\", \"444444444444\", \"555555555555\"";
/// The longest time that a test waits. Only a failure takes that long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A stack set service behind a proxy, and a project.
struct Site {
    service: StackSets,
    proxy: FaultProxy,
    project: Project,
}

impl Site {
    fn new() -> Self {
        let service = StackSets::start();
        let proxy = FaultProxy::before(service.address());
        let mut project = Project::empty();
        log_in(&mut project, &proxy.endpoint(), &[("admin", ADMIN)]);
        let site = Self {
            service,
            proxy,
            project,
        };
        site.configure(BEFORE, "");
        site
    }

    fn configure(&self, accounts: &str, more: &str) {
        let config = format!(
            "dev:\n  account: \"{ADMIN}\"\n  source: {{bucket: in-x}}\n  artifacts: {{bucket: \
             art-x}}\ntargets:\n  - name: prod\n    accounts: [{accounts}]\n    bucket: \
             \"out-x-{{account}}\"\n    stack_set: {{profile: admin}}\n{more}"
        );
        self.project.write("s3ferry.yaml", config);
        self.project.expect("synth --no-lint --no-prove", 0);
    }

    /// Deploys the stack set. Then removes an account, adds another one, and adds a tag in the
    /// configuration.
    fn before_update(self) -> Self {
        self.project.expect(DEPLOY, 0);
        self.configure(AFTER, "tags: {team: web}\n");
        // The removed account is deleted from the stack set once the pipeline no longer deploys to
        // it.
        record_dev(&self.project);
        self.proxy.reset();
        self
    }

    /// Returns the accounts whose stacks match the stack set, the number of instances, and the
    /// number of created stacks.
    fn state(&self) -> (Vec<String>, usize, usize) {
        self.service.look(|state| {
            let current = state.current().into_iter();
            let accounts = current.map(|(account, _)| account).collect();
            (accounts, state.instances.len(), state.created)
        })
    }
}

/// A point in a run: the n-th call of an operation, and whether the call is executed.
#[derive(Debug, Clone)]
struct Point {
    action: String,
    nth: usize,
    done: bool,
}

/// Returns the calls of an undisturbed run. A write has two points: before and after its execution.
/// Omits most of the calls that only follow an operation.
fn points(site: &Site) -> Vec<Point> {
    site.project.expect(DEPLOY, 0);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut points = Vec::new();
    for action in site.proxy.actions() {
        let nth = seen.entry(action.clone()).or_default();
        *nth += 1;
        let point = |done| Point {
            action: action.clone(),
            nth: *nth,
            done,
        };
        let is_write = ["Create", "Update", "Delete"]
            .iter()
            .any(|write| action.starts_with(write));
        if is_write {
            points.extend([point(false), point(true)]);
        } else if !action.contains("Operation") || *nth % 3 == 2 {
            points.push(point(false));
        }
    }
    points
}

/// Kills a run at each point, alternately with SIGKILL and SIGTERM. The next run must complete it.
fn killed_at_each(make: impl Fn() -> Site + Sync, least: usize) {
    let undisturbed = make();
    let points = points(&undisturbed);
    let expected = undisturbed.state();
    assert!(points.len() >= least, "{points:?}");
    let waiting = Mutex::new(points.into_iter().enumerate());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("no panic").next();
                    let Some((number, point)) = next else {
                        return;
                    };
                    let site = make();
                    site.proxy
                        .hold_at(Some(&point.action), point.nth, point.done);
                    let run = site.project.spawn(DEPLOY);
                    assert!(site.proxy.wait_until_held(PATIENCE), "{point:?}");
                    let signal = if number % 2 == 0 { "-KILL" } else { "-TERM" };
                    let killed = Command::new("kill")
                        .args([signal, &run.id().to_string()])
                        .status();
                    assert!(killed.expect("kill runs").success());
                    let output = run.wait_with_output().expect("its output");
                    assert_ne!(output.status.code(), Some(0), "{point:?}");
                    site.proxy.reset();
                    let run = site.project.expect(DEPLOY, 0);
                    assert_eq!(
                        site.state(),
                        expected,
                        "{signal} at {point:?}\n{}",
                        run.stderr
                    );
                    let again = site.project.expect(DEPLOY, 0);
                    assert!(
                        again.stderr.contains("No changes: 3 instances"),
                        "{point:?}"
                    );
                }
            });
        }
    });
}

#[test]
fn the_next_run_completes_a_creation_killed_at_any_call() {
    killed_at_each(Site::new, 8);
}

#[test]
fn the_next_run_completes_an_update_killed_at_any_call() {
    killed_at_each(|| Site::new().before_update(), 12);
}

#[test]
fn a_running_operation_is_stopped_after_a_confirmation() {
    let site = Site::new().before_update();
    site.proxy.hold_at(Some("UpdateStackSet"), 1, true);
    let mut run = site.project.spawn(DEPLOY);
    assert!(site.proxy.wait_until_held(PATIENCE));
    run.kill().expect("killed");
    run.wait().expect("its end");
    site.proxy.reset();
    let asked = site.project.expect("rollback --profile admin", 2);
    for part in ["(UPDATE) is running", "then use --yes"] {
        assert!(asked.stderr.contains(part), "{part}\n{}", asked.stderr);
    }
    assert_eq!(site.proxy.done("StopStackSetOperation"), 0);
    let run = site
        .project
        .expect("rollback --profile admin --yes --format json", 0);
    let result = conforms("rollback", &run.stdout);
    assert_eq!(result["stacks"][0]["result"], "stopped");
    for part in [
        "is STOPPED",
        "run `s3ferry deploy --profile admin` to complete the others",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    let status = site
        .service
        .look(|state| state.operations.last().map(|one| one.status));
    assert_eq!(status, Some("STOPPED"));
    let run = site.project.expect("rollback --profile admin --yes", 0);
    assert!(
        run.stderr.contains("no operation is running"),
        "{}",
        run.stderr
    );
    site.project.expect(DEPLOY, 0);
    assert_eq!(
        site.state().0,
        ["333333333333", "444444444444", "555555555555"]
    );
}
