//! Distributes the targets' instances over stages and pipelines.
//!
//! Each target is a wave: one stage, or several stages if one would have too many actions. Waves
//! deploy in order. If a pipeline is full, the next pipeline contains the remaining waves.
//!
//! If one wave needs several pipelines, the pipeline of an instance depends only on its account ID,
//! its region, and the number of pipelines. Adding an instance therefore changes only one pipeline
//! if the number of pipelines stays the same, regardless of the instance's position in the list.

use std::ops::Range;

use super::names::fitted;
use super::{InstancePlan, PipelinePlan, StagePlan, TargetPlan};
use crate::aws::PipelineName;
use crate::aws::quotas::{ACTIONS_PER_PIPELINE, ACTIONS_PER_STAGE, PIPELINE_NAME, Quota, STAGES};
use crate::config::Config;

/// The limits of stages and pipelines.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Actions per stage.
    stage: usize,
    /// Deploy stages per pipeline.
    stages: usize,
    /// Actions in the deploy stages of a pipeline.
    actions: usize,
}

impl Limits {
    fn of(config: &Config) -> Self {
        let within = |planned: u64, quota: Quota| {
            usize::try_from(planned.min(quota.value)).unwrap_or(usize::MAX)
        };
        let build = usize::from(config.dev.build.is_some());
        let invalidation = usize::from(config.invalidates());
        let stage = within(config.quotas.stage_actions(), ACTIONS_PER_STAGE);
        let pipeline = within(config.quotas.pipeline_actions(), ACTIONS_PER_PIPELINE);
        Self {
            stage: stage.max(2 + invalidation),
            // The source stage has one action, and so does a build stage.
            stages: STAGES.length() - 1 - build,
            actions: pipeline.saturating_sub(1 + build).max(3 + invalidation),
        }
    }

    /// Returns the limits for a pipeline that also contains the stage that starts the next
    /// pipeline.
    fn with_a_next(self) -> Self {
        Self {
            stages: self.stages - 1,
            actions: self.actions - 1,
            ..self
        }
    }
}

/// The part of a wave in one pipeline.
struct Part {
    target: usize,
    instances: Vec<usize>,
    approval: bool,
    /// Actions of each instance: the deploy action and, if there is one, the invalidation.
    each: usize,
}

impl Part {
    fn actions(&self) -> usize {
        self.instances.len() * self.each + usize::from(self.approval)
    }

    fn stages(&self, limits: Limits) -> usize {
        self.ranges(limits).len()
    }

    /// Returns the range of instances of each stage.
    fn ranges(&self, limits: Limits) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut start = 0;
        while start < self.instances.len() {
            // The approval is an action of the first stage.
            let room = limits.stage - usize::from(self.approval && start == 0);
            let end = (start + (room / self.each).max(1)).min(self.instances.len());
            found.push(start..end);
            start = end;
        }
        found
    }
}

/// Distributes the instances and sets the pipeline, stage, and action of each.
pub(super) fn pipelines(config: &Config, targets: &mut [TargetPlan]) -> Vec<PipelinePlan> {
    let limits = Limits::of(config);
    let parts: Vec<Part> = targets
        .iter()
        .enumerate()
        .map(|(number, target)| Part {
            target: number,
            instances: (0..target.instances.len()).collect(),
            approval: target.approval,
            each: 1 + usize::from(target.invalidation.is_some()),
        })
        .collect();
    let name = &config.dev.pipeline.name;
    let found: Vec<PipelinePlan> = pack(parts, targets, limits)
        .into_iter()
        .enumerate()
        .map(|(number, parts)| PipelinePlan {
            name: if number == 0 {
                PipelineName::new(name)
            } else {
                PipelineName::new(fitted(
                    name,
                    &format!("-{}", number + 1),
                    PIPELINE_NAME.length(),
                ))
            },
            stages: parts
                .iter()
                .flat_map(|part| stages(part, targets, limits))
                .collect(),
        })
        .collect();
    let only = match targets {
        [target] => !target.is_generic(),
        _ => false,
    };
    for (number, pipeline) in found.iter().enumerate() {
        for stage in &pipeline.stages {
            let target = &mut targets[stage.target];
            for instance in &stage.instances {
                let (end, namespace) = action_names(target, *instance, only);
                let instance = &mut target.instances[*instance];
                if let Some(invalidation) = &mut instance.invalidation {
                    invalidation.action = format!("Invalidate{end}");
                }
                instance.pipeline = number;
                instance.stage.clone_from(&stage.name);
                instance.action = format!("Deploy{end}");
                instance.namespace = namespace;
            }
        }
    }
    found
}

/// Returns the end of the names of an instance's actions and the namespace of the variables of its
/// deploy action. The actions of a target with several instances have no namespace, because variables
/// do not identify an account.
fn action_names(target: &TargetPlan, instance: usize, only: bool) -> (String, Option<String>) {
    if only {
        return (String::new(), Some("DeployVariables".to_owned()));
    }
    let name = &target.name;
    let InstancePlan {
        account, region, ..
    } = &target.instances[instance];
    let place = match (target.many_accounts, target.many_regions) {
        (false, false) => {
            return (String::new(), Some(format!("DeployVariables-{name}")));
        }
        (true, false) => account.to_string(),
        (false, true) => region.to_string(),
        (true, true) => format!("{account}-{region}"),
    };
    (format!("-{place}"), None)
}

fn stages(part: &Part, targets: &[TargetPlan], limits: Limits) -> Vec<StagePlan> {
    let target = &targets[part.target];
    let ranges = part.ranges(limits);
    let several = ranges.len() > 1 || part.instances.len() < target.instances.len();
    let only = targets.len() == 1 && !target.is_generic();
    ranges
        .into_iter()
        .enumerate()
        .map(|(number, range)| StagePlan {
            name: if only {
                "Deploy".to_owned()
            } else if several {
                format!("{}-{}", target.name, number + 1)
            } else {
                target.name.clone()
            },
            target: part.target,
            approval: part.approval && number == 0,
            instances: part.instances[range].to_vec(),
        })
        .collect()
}

/// Returns the parts of each pipeline.
fn pack(parts: Vec<Part>, targets: &[TargetPlan], limits: Limits) -> Vec<Vec<Part>> {
    let fits = |parts: &[Part], limits: Limits| {
        parts.iter().map(Part::actions).sum::<usize>() <= limits.actions
            && parts.iter().map(|part| part.stages(limits)).sum::<usize>() <= limits.stages
    };
    if fits(&parts, limits) {
        return vec![parts];
    }
    let limits = limits.with_a_next();
    let mut found: Vec<Vec<Part>> = Vec::new();
    let mut open = false;
    for part in parts {
        if !fits(std::slice::from_ref(&part), limits) {
            found.extend(split(&part, &targets[part.target], limits).map(|part| vec![part]));
            open = false;
            continue;
        }
        match found.last_mut().filter(|_| open) {
            Some(last) => {
                last.push(part);
                if !fits(last, limits)
                    && let Some(part) = last.pop()
                {
                    found.push(vec![part]);
                }
            }
            None => found.push(vec![part]),
        }
        open = true;
    }
    found
}

/// Splits a wave among as few pipelines as possible.
fn split(part: &Part, target: &TargetPlan, limits: Limits) -> impl Iterator<Item = Part> {
    // A stage can contain only complete pairs of a deploy action and an invalidation.
    let in_stages = limits.stages * (limits.stage / part.each) * part.each;
    let room = (limits.actions.min(in_stages))
        .saturating_sub(usize::from(part.approval))
        .max(1);
    let room = (room / part.each).max(1);
    let hashes: Vec<u64> = target
        .instances
        .iter()
        .map(|instance| hash(&instance.account, &instance.region))
        .collect();
    let mut count = part.instances.len().div_ceil(room);
    let shares = loop {
        let mut shares: Vec<Vec<usize>> = vec![Vec::new(); count];
        for instance in &part.instances {
            shares[bucket(hashes[*instance], count)].push(*instance);
        }
        if shares.iter().all(|share| share.len() <= room) {
            break shares;
        }
        count += 1;
    };
    let (target, approval, each) = (part.target, part.approval, part.each);
    // The approval applies to the whole wave, so it precedes the wave's first action.
    let shares = shares.into_iter().filter(|share| !share.is_empty());
    shares.enumerate().map(move |(number, instances)| Part {
        target,
        instances,
        approval: approval && number == 0,
        each,
    })
}

/// Returns the FNV-1a hash of an account and a region, with a final mixing step. The hash is the
/// same on all machines and in all versions.
fn hash(account: &str, region: &str) -> u64 {
    let bytes = account.bytes().chain([b'/']).chain(region.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// Returns the bucket of a key, determined by jump consistent hashing (Lamping and Veach, 2014).
/// Adding a bucket moves only the keys that belong in the new bucket.
fn bucket(mut key: u64, count: usize) -> usize {
    let (mut last, mut next) = (0_usize, 0_u64);
    while next < count as u64 {
        last = usize::try_from(next).unwrap_or(usize::MAX);
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        // Integers avoid rounding differences between machines.
        let scaled = (u128::from(next) + 1) << 31;
        next = u64::try_from(scaled / u128::from((key >> 33) + 1)).unwrap_or(u64::MAX);
    }
    last
}
