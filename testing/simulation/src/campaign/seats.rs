//! Who sits on each number of the network, and how they come and go.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use commonware_runtime::{Handle, Supervisor as _};
use engine::{channel, quota};
use types::Namespace;

use super::driver::Driver;
use crate::{
    Node,
    byzantine::{Forger, Forgery, Lie, Tampering, start_mock},
    invariants::{Verdict, broken},
    machine::{Machine, take_refusals},
    node::{Starting, identity, public_key},
};

/// Simulated time after which whoever watches over a node starts it again.
const RESTART_AFTER: Duration = Duration::from_millis(600);
/// Name of the invariant that a node dies of nothing but its disk.
const NO_DEATH: &str = "no node dies by itself";

/// What is on a number.
pub(super) enum Seat {
    /// An honest node.
    Up(Node),
    /// An honest node that is not up yet.
    Starting(Starting),
    /// A dead node, to be started at a time if at all.
    Down(Option<SystemTime>),
    /// A real node that lies on its way out.
    Tampered(Node, Tampering),
    /// A mock.
    Mock(Handle<()>, Arc<AtomicU64>),
}

impl Driver<'_> {
    /// Starts whoever sits on a number.
    pub(super) async fn start(&mut self, number: u64) {
        *self.progress.lives.entry(number).or_default() += 1;
        let seat = match self.lie_of(number) {
            None => Seat::Starting(self.network.launch(number, Machine::default(), None).await),
            Some(Lie::Forger(forgery)) => {
                let forger = Arc::new(self.forger(number, forgery));
                self.start_tampered(number, Tampering::Proposals(forger)).await
            }
            Some(Lie::BadSignatures) => self.start_tampered(number, Tampering::Signatures).await,
            Some(lie) => self.start_mock(number, lie).await,
        };
        self.seats.insert(number, seat);
    }

    fn forger(&self, number: u64, forgery: Forgery) -> Forger {
        let (sets, forged) = (self.network.sets.clone(), self.progress.forged.clone());
        Forger::new(forgery, identity(number), self.namespace(), sets, forged)
    }

    async fn start_tampered(&mut self, number: u64, tampering: Tampering) -> Seat {
        let machine = Machine::default();
        let starting = self.network.launch(number, machine, Some(tampering.clone())).await;
        match starting.wait().await {
            Some(node) => Seat::Tampered(node, tampering),
            None => Seat::Down(None),
        }
    }

    async fn start_mock(&self, number: u64, lie: Lie) -> Seat {
        let key = public_key(number);
        let mut ends = Vec::new();
        for name in [channel::VOTES, channel::CERTIFICATES] {
            let control = self.network.oracle.control(key.clone());
            let (sender, receiver) =
                control.register(name, quota(name)).await.expect("the simulated network runs");
            ends.push((sender, self.network.wires.receiver(key.clone(), receiver)));
        }
        let (certificates, votes) = (ends.pop().expect("two"), ends.pop().expect("two"));
        let said = Arc::new(AtomicU64::new(0));
        let context = self.network.context.child("liar").with_attribute("number", number);
        let who = (identity(number), self.namespace(), self.network.sets.clone());
        let task = start_mock(context, lie, who, votes, certificates, Arc::clone(&said));
        Seat::Mock(task, said)
    }

    fn namespace(&self) -> Namespace {
        let genesis = &self.network.genesis;
        let block = genesis.block(state::qmdb::empty_commitment()).expect("a good genesis");
        Namespace {
            chain_id: genesis.chain_id,
            genesis_hash: block.hash(),
            ledger_id: genesis.ledger_id,
            incarnation: 0,
        }
    }

    /// Honest nodes that are up.
    pub(super) fn up(&self) -> Vec<u64> {
        let up = self.seats.iter().filter(|(_, seat)| matches!(seat, Seat::Up(_)));
        up.map(|(number, _)| *number).collect()
    }

    /// Honest numbers, up or not.
    pub(super) fn honest(&self) -> Vec<u64> {
        self.seats.keys().copied().filter(|number| self.lie_of(*number).is_none()).collect()
    }

    /// The machine of a living honest node.
    pub(super) fn machine(&self, number: u64) -> Option<Machine> {
        match self.seats.get(&number) {
            Some(Seat::Up(node)) => Some(node.machine.clone()),
            Some(Seat::Starting(starting)) => Some(starting.machine.clone()),
            _ => None,
        }
    }

    /// Kills an honest node; it stays down until the time, or until somebody starts it.
    pub(super) async fn kill(&mut self, number: u64, until: Option<SystemTime>) {
        match self.seats.insert(number, Seat::Down(until)) {
            Some(Seat::Up(node)) => node.abort().await,
            Some(Seat::Starting(starting)) => starting.kill().await,
            _ => {}
        }
    }

    /// A node that panicked is dead as a whole. Only a failing disk is an excuse.
    pub(super) async fn notice_deaths(&mut self) -> Verdict {
        let now = self.now();
        for number in self.honest() {
            if let Some(Seat::Down(Some(until))) = self.seats.get(&number)
                && now >= *until
            {
                self.note(format!("node {number} is started again"));
                self.start(number).await;
            }
            let Some(machine) = self.machine(number) else {
                continue;
            };
            let Some(reason) = machine.panic() else {
                continue;
            };
            self.note(format!("node {number} stopped: {reason}"));
            if machine.disk_failures() == 0 {
                return Err(broken(NO_DEATH, format!("node {number}: {reason}")));
            }
            self.kill(number, Some(now + RESTART_AFTER)).await;
        }
        Ok(())
    }

    /// Nodes that came up since the last look.
    pub(super) fn notice_starts(&mut self) -> Verdict {
        for number in self.honest() {
            let Some(seat) = self.seats.remove(&number) else {
                continue;
            };
            let seat = match seat {
                Seat::Starting(starting) => match starting.up() {
                    Ok(node) => {
                        self.progress.witness.came_back(number, node.ledger.as_ref())?;
                        Seat::Up(node)
                    }
                    Err(starting) => Seat::Starting(starting),
                },
                other => other,
            };
            self.seats.insert(number, seat);
        }
        Ok(())
    }

    /// Ends everything that runs. A lie struck if an honest node met it: refused the forged block,
    /// broke with who signed badly. Of the library's liars, it is known that they spoke.
    pub(super) async fn stop(&mut self) {
        let blocked = self.network.oracle.blocked().await.unwrap_or_default();
        for (number, seat) in std::mem::take(&mut self.seats) {
            let struck = match seat {
                Seat::Up(node) => {
                    node.abort().await;
                    false
                }
                Seat::Starting(starting) => {
                    starting.kill().await;
                    false
                }
                Seat::Down(_) => false,
                Seat::Tampered(node, Tampering::Proposals(forger)) => {
                    node.abort().await;
                    self.was_refused(number, &forger)
                }
                Seat::Tampered(node, Tampering::Signatures) => {
                    node.abort().await;
                    let key = public_key(number);
                    let by = blocked.iter().filter(|(_, liar)| *liar == key).count();
                    self.note(format!("{by} nodes broke with node {number}"));
                    by > 0
                }
                Seat::Mock(task, said) => {
                    task.abort();
                    let _ = task.await;
                    let said = said.load(Ordering::SeqCst);
                    self.note(format!("node {number} spoke {said} times"));
                    said > 0
                }
            };
            if let Some(lie) = self.lie_of(number).filter(|_| struck) {
                self.note(format!("node {number} lied: {}", lie.name()));
                self.struck(lie.name());
            }
        }
    }

    /// Whether an honest node refused what a forger sent.
    fn was_refused(&mut self, number: u64, forger: &Forger) -> bool {
        self.progress.refusals.extend(take_refusals());
        let forged: BTreeSet<String> =
            forger.forged().iter().map(std::string::ToString::to_string).collect();
        let refusals: Vec<_> = self
            .progress
            .refusals
            .iter()
            .filter(|refusal| self.lie_of(refusal.node).is_none() && forged.contains(&refusal.hash))
            .collect();
        let rules: BTreeSet<String> =
            refusals.iter().map(|refusal| rule_name(&refusal.rule)).collect();
        let count = refusals.len();
        self.note(format!(
            "node {number} forged {} blocks, {count} refusals for {rules:?}",
            forged.len()
        ));
        self.progress.rules.extend(rules);
        count > 0
    }
}

/// A rule without the values that broke it.
fn rule_name(rule: &str) -> String {
    rule.split(|c: char| c == ':' || c.is_ascii_digit()).next().unwrap_or_default().trim().into()
}
