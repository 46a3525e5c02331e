//! The next run completes a deploy that was killed at any of its calls. Nothing is done twice, and
//! nothing is lost.

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread;

use super::{Site, State, states};

const DEPLOY: &str = "--all --yes";

/// A call in a run: the n-th call of its operation.
#[derive(Debug, Clone)]
struct Place {
    action: String,
    nth: usize,
}

/// Returns the calls of an undisturbed deploy, without those that only wait, and the state of the
/// accounts after it.
fn undisturbed() -> (Vec<Place>, String) {
    let site = Site::new();
    site.deploy(DEPLOY, 0);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut places = Vec::new();
    for action in site.proxy.actions() {
        let nth = seen.entry(action.clone()).or_default();
        *nth += 1;
        if action != "DescribeStackEvents" && action != "DescribeChangeSet" {
            places.push(Place { action, nth: *nth });
        }
    }
    (places, site.state().comparable(&site.accounts))
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With a signal that cannot be caught.
    Kill,
    /// With a signal that lets the run clean up.
    #[cfg(unix)]
    Terminate,
}

#[test]
fn killed_before_and_after_each_write_and_before_other_calls() {
    ended_everywhere(End::Kill);
}

#[test]
#[cfg(unix)]
fn terminated_at_any_call_it_leaves_no_unexecuted_change_set() {
    ended_everywhere(End::Terminate);
}

fn ended_everywhere(end: End) {
    let (places, expected) = undisturbed();
    let writes = [
        "CreateChangeSet",
        "ExecuteChangeSet",
        "SetStackPolicy",
        "UpdateTerminationProtection",
    ];
    let (changing, reading): (Vec<Place>, Vec<Place>) = places
        .into_iter()
        .partition(|place| writes.contains(&place.action.as_str()));
    let reading = reading.into_iter().step_by(3);
    let points: Vec<(Place, bool)> = changing
        .into_iter()
        .flat_map(|place| [(place.clone(), false), (place, true)])
        .chain(reading.map(|place| (place, false)))
        .collect();
    assert!(points.len() >= 20, "{points:?}");

    let waiting = Mutex::new(points.into_iter());
    let sites = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("no panic").next();
                    let Some((place, forwarded)) = next else {
                        return;
                    };
                    let site = Site::new();
                    site.proxy
                        .hold_at(Some(&place.action), place.nth, forwarded);
                    match end {
                        End::Kill => site.kill_when_held(DEPLOY),
                        #[cfg(unix)]
                        End::Terminate => site.terminate_when_held(DEPLOY),
                    }
                    site.proxy.reset();
                    let run = site.deploy(DEPLOY, 0);
                    let point = format!("{place:?}, done: {forwarded}\n{}", run.stderr);
                    sites.lock().expect("no panic").push((site.accounts, point));
                }
            });
        }
    });
    // One process reads the state of all accounts.
    let sites = sites.into_inner().expect("no panic");
    let accounts = sites
        .iter()
        .flat_map(|(accounts, _)| [&*accounts.dev, &*accounts.prod])
        .collect::<Vec<_>>();
    let mut found = states(&accounts).into_iter();
    for (accounts, point) in &sites {
        let (Some(dev), Some(prod)) = (found.next(), found.next()) else {
            panic!("a state is missing");
        };
        let state = State { dev, prod };
        assert_eq!(state.comparable(accounts), expected, "{end:?} at {point}");
    }
}
