//! Compares the proof with a second evaluator on every call of many random worlds. The second
//! evaluator is written in Python, only from the AWS documentation (`tests/differential`).
//!
//! Python generates the worlds, requests the decisions of the proof for each world, and compares
//! them. `S3FERRY_WORLDS` is the number of worlds, and `S3FERRY_FIRST_WORLD` is the seed of the
//! first.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;

use s3ferry::config::Document;
use s3ferry::diagnostic::Source;
use s3ferry::plan::Plan;
use s3ferry::proof::{Inputs, NamedFile, Proof, Verdict, prove, resolved};
use s3ferry::run::Caller;
use serde_json::{Value as Json, json};

use crate::support::python;

/// Default number of worlds.
const WORLDS: u64 = 500;

/// Returns a document of a world, as if it were read from a file.
fn source(name: &str, document: &Json) -> Source {
    Source::new(name, document.to_string())
}

/// Returns the policies of an option by name; `null` means `none`.
fn named(option: &Json) -> Vec<NamedFile> {
    let given = option.as_object().expect("an option by name");
    let files = given.iter().map(|(name, document)| NamedFile {
        name: name.clone(),
        source: (!document.is_null()).then(|| source(name, document)),
    });
    files.collect()
}

/// Returns the policies of an organization, one file per level.
fn levels(option: &Json) -> Vec<Source> {
    let levels = option.as_array().expect("levels").iter();
    levels.map(|level| source("level.json", level)).collect()
}

/// Builds the inputs of the proof, as the command line does.
fn inputs(world: &Json) -> Inputs {
    let config = world["config"].as_str().expect("a configuration");
    let document = Document::read(Source::new("s3ferry.yaml", config)).expect("a configuration");
    let plan = Plan::new(&document.config).expect("a plan");
    let stacks = world["stacks"].as_array().expect("stacks");
    let mut inputs = Inputs::new(&plan, false, |name| {
        let stack = stacks.iter().find(|stack| stack["name"] == name);
        stack
            .map(|stack| source(&format!("{name}.json"), &stack["template"]).into())
            .ok_or_else(|| name.to_owned())
    })
    .expect("a template for each stack");
    let options = &world["options"];
    inputs.scps = levels(&options["scps"]);
    inputs.rcps = levels(&options["rcps"]);
    inputs.policies = named(&options["policies"]);
    inputs.identities = named(&options["identities"]);
    inputs.boundaries = named(&options["boundaries"]);
    // A mutation may remove the resource that an option names.
    inputs.allow_unused = true;
    inputs.expand = true;
    inputs.by_region = true;
    inputs
}

/// Returns the stack and the logical ID of each key ARN, because the IDs of keys are made up.
fn keys(inputs: &Inputs) -> Json {
    let names = inputs.stacks.iter();
    let names = names.flat_map(|stack| stack.instances.iter().map(|_| &*stack.name));
    let names: Vec<&str> = names.collect();
    let resources = resolved(inputs).expect("templates that were proven");
    let keys = resources
        .iter()
        .filter(|one| one.kind.starts_with("AWS::KMS::"));
    let keys = keys.filter_map(|key| {
        let arn = key.arn.as_ref()?;
        Some(json!([
            arn,
            names[key.stack],
            key.account,
            key.region,
            key.id
        ]))
    });
    Json::Array(keys.collect())
}

fn decisions(inputs: &Inputs, proof: &Proof) -> Json {
    let calls = proof.calls.iter().map(|(decided, _)| {
        let call = &decided.call;
        let caller = match &call.caller {
            Caller::Role(name) | Caller::Service(name) | Caller::Administrator(name) => {
                name.clone()
            }
            Caller::Root(account) => format!("arn:aws:iam::{account}:root"),
            Caller::Unknown(..) => "?".to_owned(),
        };
        // An unknown resource is described in words.
        let is_known = call.resource.starts_with("arn:");
        let verdict = match decided.verdict {
            Verdict::NotGranted => Verdict::Denied,
            verdict => verdict,
        };
        json!({
            "step": call.step,
            "caller": caller,
            "action": call.action,
            "resource": if is_known { &call.resource } else { "?" },
            "account": call.account,
            "strength": call.strength,
            "decision": verdict,
            "because": decided.reason.because,
        })
    });
    let doubts = proof.doubts.iter();
    let doubts = doubts.map(|doubt| format!("{}: {}", doubt.resource, doubt.reason));
    json!({
        "calls": calls.collect::<Vec<_>>(),
        "doubts": doubts.collect::<Vec<_>>(),
        "keys": keys(inputs),
    })
}

/// Returns the decisions of the proof on every call of a world, or the errors of its files.
fn answer(world: &Json) -> Json {
    let inputs = inputs(world);
    match prove(&inputs) {
        Ok(proof) => decisions(&inputs, &proof),
        Err(errors) => {
            let problems = errors.iter().flat_map(|error| error.problems());
            let messages: Vec<&str> = problems.map(|problem| &*problem.message).collect();
            json!({ "error": messages })
        }
    }
}

/// Compares `count` worlds, starting at a seed. Returns the result and the output.
fn compare(first: u64, count: u64) -> (bool, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/compare.py");
    let mut child = Command::new(python("python"))
        .args(["-B", script, env!("CARGO_BIN_EXE_s3ferry")])
        .args([first.to_string(), count.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut report = String::new();
    for line in stdout.lines() {
        let line = line.expect("text");
        if let Some(world) = line.strip_prefix("world ") {
            let world: Json = serde_json::from_str(world).expect("a world");
            writeln!(stdin, "{}", answer(&world)).expect("Python reads");
        } else {
            report += &line;
            report += "\n";
        }
    }
    (child.wait().expect("an end").success(), report)
}

#[test]
fn a_second_evaluator_makes_the_same_decisions_for_random_worlds() {
    let number = |name: &str, default: u64| {
        let given = env::var(name).ok();
        given.map_or(default, |text| text.parse().expect("a number"))
    };
    let (count, first) = (
        number("S3FERRY_WORLDS", WORLDS),
        number("S3FERRY_FIRST_WORLD", 0),
    );
    assert!(count > 0, "no worlds are compared");
    // Python and this process take turns, so two of each use two cores.
    let half = count / 2;
    let parts = [(first, half), (first + half, count - half)];
    let parts = parts.into_iter().filter(|(_, count)| *count > 0);
    let running: Vec<_> = parts
        .map(|(first, count)| thread::spawn(move || compare(first, count)))
        .collect();
    let mut all_agree = true;
    for part in running {
        let (agrees, report) = part.join().expect("a comparison");
        println!("{report}");
        all_agree &= agrees;
    }
    assert!(
        all_agree,
        "the proof and the second evaluator disagree; see above"
    );
}
