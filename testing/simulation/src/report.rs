//! What many seeds came to, for people and as JSON.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::campaign::{HARNESS, Outcome};

/// Sums over seeds.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that held.
    pub passed: u64,
    /// Seeds that did not.
    pub failed: Vec<u64>,
    /// Of those, the seeds that broke an invariant; the others were no test.
    pub broken: Vec<u64>,
    heights: u64,
    transactions: u64,
    epochs: u64,
    set_changes: u64,
    fired: BTreeMap<String, u64>,
    sizes: BTreeMap<u64, u64>,
    cpu: Duration,
}

/// An outcome as it goes from a worker to the program that started it.
pub fn line(outcome: &Outcome, cpu: Duration) -> Value {
    let violation = outcome.violation.as_ref();
    json!({
        "seed": outcome.seed,
        "validators": outcome.validators,
        "heights": outcome.heights,
        "transactions": outcome.transactions,
        "epochs": outcome.epochs,
        "setChanges": outcome.set_changes,
        "fired": outcome.fired,
        "digest": outcome.digest,
        "cpuMs": u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX),
        "invariant": violation.map(|violation| violation.invariant),
        "detail": violation.map(|violation| violation.detail.as_str()),
        "timeline": violation.map(|_| &outcome.timeline),
    })
}

impl Summary {
    /// Adds the line of one seed.
    pub fn add(&mut self, line: &Value) {
        let number = |name: &str| line[name].as_u64().unwrap_or(0);
        if line["invariant"].is_null() {
            self.passed += 1;
        } else {
            self.failed.push(number("seed"));
            if line["invariant"] != HARNESS {
                self.broken.push(number("seed"));
            }
        }
        self.heights += number("heights");
        self.transactions += number("transactions");
        self.epochs += number("epochs");
        self.set_changes += number("setChanges");
        *self.sizes.entry(number("validators")).or_default() += 1;
        self.cpu += Duration::from_millis(number("cpuMs"));
        for (kind, count) in line["fired"].as_object().into_iter().flatten() {
            *self.fired.entry(kind.clone()).or_default() += count.as_u64().unwrap_or(0);
        }
    }

    fn seeds(&self) -> u64 {
        self.passed + u64::try_from(self.failed.len()).unwrap_or(u64::MAX)
    }

    /// For programs; `wall` is how long it took.
    pub fn json(&self, wall: Duration) -> Value {
        json!({
            "seeds": self.seeds(),
            "passed": self.passed,
            "failedSeeds": self.failed,
            "heights": self.heights,
            "transactions": self.transactions,
            "epochs": self.epochs,
            "setChanges": self.set_changes,
            "faults": self.fired,
            "networks": self.sizes.iter().map(|(size, count)| (size.to_string(), *count))
                .collect::<BTreeMap<_, _>>(),
            "cpuSeconds": self.cpu.as_secs_f64(),
            "wallSeconds": wall.as_secs_f64(),
        })
    }

    /// For people; the last line is `N passed, N failed`.
    pub fn text(&self, wall: Duration) -> String {
        let seeds = self.seeds().max(1);
        let per_seed = self.cpu.as_secs_f64() / f64::from(u32::try_from(seeds).unwrap_or(u32::MAX));
        let mut lines = vec![
            format!("{:<34}{:>12}", "seeds", self.seeds()),
            format!("{:<34}{:>12}", "blocks", self.heights),
            format!("{:<34}{:>12}", "transactions", self.transactions),
            format!("{:<34}{:>12}", "epochs ended", self.epochs),
            format!("{:<34}{:>12}", "with other validators after", self.set_changes),
        ];
        lines.extend(
            self.sizes.iter().map(|(size, count)| format!("networks of {size:<22}{count:>12}")),
        );
        let struck: u64 = self.fired.values().sum();
        lines.push(format!("{:<34}{struck:>12}", "faults that struck"));
        lines.extend(self.fired.iter().map(|(kind, count)| format!("  {kind:<32}{count:>12}")));
        lines.push(format!(
            "{per_seed:.2} s of processor per seed, {:.0} s in all, {:.0} s by the clock",
            self.cpu.as_secs_f64(),
            wall.as_secs_f64()
        ));
        lines.push(format!("{} passed, {} failed", self.passed, self.failed.len()));
        lines.join("\n")
    }
}
