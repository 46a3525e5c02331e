//! A deploy that is killed at any of its calls is completed by the next run: nothing twice,
//! nothing lost.

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread;

use super::{Site, State, states};

const DEPLOY: &str = "--all --yes";

/// A call of a run: the n-th of its operation.
#[derive(Debug, Clone)]
struct Place {
    action: String,
    nth: usize,
}

/// The calls of a deploy that nothing disturbs, without those that only wait, and what stands
/// afterwards.
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

/// How a run is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By a signal that nothing can catch.
    Kill,
    /// By one that lets it tidy up.
    #[cfg(unix)]
    Terminate,
}

#[test]
fn at_every_call_that_changes_something_and_others_before_and_after_it() {
    ended_everywhere(End::Kill);
}

#[test]
#[cfg(unix)]
fn terminated_at_every_call_it_leaves_nothing_that_is_not_executed() {
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
    // One process reads them all.
    let sites = sites.into_inner().expect("no panic");
    let accounts = sites
        .iter()
        .flat_map(|(accounts, _)| [&*accounts.dev, &*accounts.prod])
        .collect::<Vec<_>>();
    let mut found = states(&accounts).into_iter();
    for (accounts, point) in &sites {
        let (Some(dev), Some(prod)) = (found.next(), found.next()) else {
            panic!("a state for each account");
        };
        let state = State { dev, prod };
        assert_eq!(state.comparable(accounts), expected, "{end:?} at {point}");
    }
}
