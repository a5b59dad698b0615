//! Faults as they begin and end, and whether they struck.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use consensus::PublicKey;

use super::driver::Driver;
use crate::{
    machine::Machine,
    node::public_key,
    scenario::{Fault, link},
    wires::{Quality, Traffic},
};

/// A fault that has begun.
pub(super) struct Active {
    pub(super) fault: Fault,
    pub(super) victims: Vec<u64>,
    until: SystemTime,
    machines: Vec<Machine>,
    traffic: Traffic,
}

impl Active {
    /// Whether it leaves no right quorum, or may.
    pub(super) const fn is_everywhere(&self) -> bool {
        matches!(
            self.fault,
            Fault::CrashAll { .. }
                | Fault::Halves { .. }
                | Fault::Wires { .. }
                | Fault::Delay { .. }
        )
    }

    const fn is_of_the_network(&self) -> bool {
        is_of_the_network(&self.fault)
    }
}

const fn is_of_the_network(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Isolation { .. }
            | Fault::Halves { .. }
            | Fault::Mute { .. }
            | Fault::Wires { .. }
            | Fault::Delay { .. }
    )
}

/// Numbers that a fault strikes at most; 0 for faults without victims.
const fn wanted(fault: &Fault) -> usize {
    match fault {
        Fault::Crash { count, .. }
        | Fault::Isolation { count, .. }
        | Fault::Mute { count, .. }
        | Fault::Disk { count, .. }
        | Fault::SlowDisk { count, .. }
        | Fault::Clock { count, .. } => *count,
        _ => 0,
    }
}

impl Driver<'_> {
    /// Begins a fault; false if it must wait for another to end.
    pub(super) async fn begin(&mut self, fault: Fault) -> bool {
        let network = is_of_the_network(&fault);
        if network && self.active.iter().any(Active::is_of_the_network) {
            return false;
        }
        let busy: BTreeSet<u64> =
            self.active.iter().flat_map(|active| active.victims.iter().copied()).collect();
        let free: Vec<u64> = self.up().into_iter().filter(|node| !busy.contains(node)).collect();
        let count = wanted(&fault);
        let all = matches!(fault, Fault::CrashAll { .. });
        if free.is_empty() || (all && !busy.is_empty()) {
            return false;
        }
        let victims = if all { free } else { self.progress.random.sample(&free, count) };
        self.note(format!("{fault:?} strikes {victims:?}"));
        let machines = victims.iter().filter_map(|number| self.machine(*number)).collect();
        let until = self.now() + fault.lasts();
        let traffic = self.network.wires.traffic();
        self.strike(&fault, &victims).await;
        self.active.push(Active { fault, victims, until, machines, traffic });
        true
    }

    async fn strike(&mut self, fault: &Fault, victims: &[u64]) {
        let wires = self.network.wires.clone();
        match fault {
            Fault::Crash { .. } | Fault::CrashAll { .. } => {
                for number in victims {
                    self.kill(*number, None).await;
                }
            }
            Fault::PowerCut => {}
            Fault::Isolation { .. } => {
                wires.set_cut(self.cut(|from, to| victims.contains(&from) || victims.contains(&to)))
            }
            Fault::Mute { .. } => wires.set_cut(self.cut(|from, _| victims.contains(&from))),
            Fault::Halves { .. } => {
                let all: Vec<u64> = self.seats.keys().copied().collect();
                let half = self.progress.random.sample(&all, all.len() / 2);
                wires.set_cut(self.cut(|from, to| half.contains(&from) != half.contains(&to)));
            }
            Fault::Wires { quality, .. } => wires.set_quality(*quality),
            Fault::Delay { latency_ms, jitter_ms, .. } => {
                self.relink((*latency_ms, *jitter_ms)).await;
            }
            Fault::Disk { operation, after, .. } => {
                self.on_machines(victims, |machine| machine.fail_disk(*operation, *after));
            }
            Fault::SlowDisk { sync_ms, .. } => {
                self.on_machines(victims, |machine| machine.set_sync_delay_ms(*sync_ms));
            }
            Fault::Clock { offset_ms, .. } => {
                self.on_machines(victims, |machine| machine.set_clock_offset_ms(*offset_ms));
            }
        }
    }

    fn on_machines(&self, victims: &[u64], act: impl Fn(&Machine)) {
        victims.iter().filter_map(|number| self.machine(*number)).for_each(|machine| act(&machine));
    }

    fn cut(&self, parts: impl Fn(u64, u64) -> bool) -> BTreeSet<(PublicKey, PublicKey)> {
        let mut pairs = BTreeSet::new();
        for from in self.seats.keys() {
            for to in self.seats.keys().filter(|to| *to != from && parts(*from, **to)) {
                pairs.insert((public_key(*from), public_key(*to)));
            }
        }
        pairs
    }

    async fn relink(&mut self, link_ms: (u64, u64)) {
        let all: Vec<u64> = self.seats.keys().copied().collect();
        self.network.link(&[&all], link(link_ms)).await;
    }

    /// Ends what has lasted long enough, or everything.
    pub(super) async fn end_faults(&mut self, all: bool) {
        let now = self.now();
        let (over, still) = std::mem::take(&mut self.active)
            .into_iter()
            .partition(|active| all || now >= active.until);
        self.active = still;
        for active in over {
            let struck = self.heal(&active).await;
            if let Fault::Clock { offset_ms, .. } = active.fault {
                self.note_set_back(&active.victims, offset_ms);
            }
            let name = active.fault.name();
            self.note(format!("{name} ends, struck: {struck}"));
            if struck {
                self.struck(name);
            }
        }
    }

    /// A clock that was ahead and is set right leaves deadlines as far in the future: the library
    /// keeps them as times of the clock, so the node may wait for so long.
    fn note_set_back(&mut self, victims: &[u64], offset_ms: i64) {
        let until = self.now() + Duration::from_millis(u64::try_from(offset_ms).unwrap_or(0));
        self.set_back.extend(victims.iter().map(|victim| (*victim, until)));
    }

    /// Puts right what a fault did; whether it struck anything.
    async fn heal(&mut self, active: &Active) -> bool {
        let (wires, before) = (self.network.wires.clone(), active.traffic);
        let now = wires.traffic();
        match active.fault {
            Fault::Crash { .. } | Fault::CrashAll { .. } => {
                for number in &active.victims {
                    self.start(*number).await;
                }
                !active.victims.is_empty()
            }
            Fault::PowerCut => true,
            Fault::Isolation { .. } | Fault::Mute { .. } | Fault::Halves { .. } => {
                wires.set_cut(BTreeSet::new());
                now.cut > before.cut
            }
            Fault::Wires { .. } => {
                wires.set_quality(Quality::default());
                (now.lost, now.duplicated, now.reordered)
                    != (before.lost, before.duplicated, before.reordered)
            }
            Fault::Delay { .. } => {
                self.relink(self.scenario.link_ms).await;
                now.delivered > before.delivered
            }
            Fault::Disk { .. } => {
                let struck = active.machines.iter().any(|machine| machine.disk_failures() > 0);
                active.machines.iter().for_each(Machine::spare_disk);
                struck
            }
            Fault::SlowDisk { .. } => {
                active.machines.iter().for_each(|machine| machine.set_sync_delay_ms(0));
                active.machines.iter().any(|machine| machine.delayed_syncs() > 0)
            }
            Fault::Clock { .. } => {
                active.machines.iter().for_each(|machine| machine.set_clock_offset_ms(0));
                active.machines.iter().any(|machine| machine.skewed_readings() > 0)
            }
        }
    }
}
