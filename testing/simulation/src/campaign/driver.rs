//! The loop of a life: events begin and end, accounts send, what nodes show is compared.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use commonware_runtime::{Clock as _, deterministic};
use futures::future::{Either, select};
use tempfile::TempDir;

use super::{Ending, Progress, faults::Active, seats::Seat, sending::ADMIN_ACCOUNT};
use crate::{
    Account, Network,
    byzantine::Lie,
    genesis,
    invariants::{Verdict, Violation, agreement, broken, liveness, pool},
    scenario::{Event, Fault, Scenario, link, tolerated},
    wires::Wires,
    workload,
};

/// Simulated time between two looks at the network.
const TICK: Duration = Duration::from_millis(20);
/// Ticks between two checks of the pools.
const POOL_TICKS: u64 = 25;
/// Simulated time in which a run must have done its work.
const WORK_MAX: Duration = Duration::from_secs(1_200);

/// One life of a network.
pub(super) struct Driver<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) progress: &'a mut Progress,
    pub(super) network: Network,
    pub(super) seats: BTreeMap<u64, Seat>,
    pub(super) active: Vec<Active>,
    /// Nodes whose clock was set back, and until when their timers may stand still for it.
    pub(super) set_back: BTreeMap<u64, SystemTime>,
    pub(super) admin: Account,
    /// When each account last sent or sent again.
    pub(super) last_sent: BTreeMap<u64, SystemTime>,
    ticks: u64,
    quiet_since: SystemTime,
    progressed: (u64, SystemTime),
}

impl<'a> Driver<'a> {
    /// All nodes of the scenario, on their way up.
    pub(super) async fn open(
        context: deterministic::Context,
        scenario: &'a Scenario,
        progress: &'a mut Progress,
        folder: Arc<TempDir>,
    ) -> Self {
        let validators: Vec<u64> = (0..scenario.validators).collect();
        let all: Vec<u64> = (0..scenario.validators + scenario.spares).collect();
        let mut admin = Account::new(ADMIN_ACCOUNT, crate::CHAIN_ID);
        admin.skip(u64::try_from(progress.admin.len()).expect("few"));
        let mut genesis = genesis(&validators, scenario.parameters.clone(), admin.address());
        genesis.allocation = workload::allocation();
        let mut network = Network::over(context, genesis, &all, folder).await;
        network.sets = progress.sets.clone();
        network.files = progress.files.clone();
        network.wires = Wires::new(progress.random.next());
        network.link(&[&all], link(scenario.link_ms)).await;
        let now = network.context.current();
        let mut driver = Self {
            scenario,
            progress,
            network,
            seats: BTreeMap::new(),
            active: Vec::new(),
            set_back: BTreeMap::new(),
            admin,
            last_sent: BTreeMap::new(),
            ticks: 0,
            quiet_since: now,
            progressed: (0, now),
        };
        for number in all {
            driver.start(number).await;
        }
        driver
    }

    pub(super) fn now(&self) -> SystemTime {
        self.network.context.current()
    }

    pub(super) fn note(&mut self, text: impl std::fmt::Display) {
        let since = self.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let height = self.progress.witness.height();
        self.progress
            .timeline
            .push(format!("{:>8.2} s, height {height:>3}: {text}", since.as_secs_f64()));
    }

    /// A fault of this kind struck.
    pub(super) fn struck(&mut self, kind: &'static str) {
        *self.progress.fired.entry(kind).or_default() += 1;
    }

    pub(super) fn lie_of(&self, number: u64) -> Option<Lie> {
        let found = self.scenario.liars.iter().find(|(liar, _)| *liar == number);
        found.map(|(_, lie)| *lie)
    }

    /// Until the work is done, the power is cut, or an invariant breaks.
    pub(super) async fn run(&mut self) -> Result<Ending, Violation> {
        let begun = self.now();
        loop {
            self.tick().await?;
            self.end_faults(false).await;
            if self.begin_events().await {
                return Ok(Ending::PowerCut);
            }
            self.send().await;
            self.check_liveness()?;
            if self.is_done() {
                break;
            }
            let taken = self.now().duration_since(begun).unwrap_or_default();
            if taken > WORK_MAX {
                let (height, transactions) =
                    (self.progress.witness.height(), self.progress.witness.transactions());
                let detail = format!("only {height} blocks and {transactions} transactions");
                return Err(broken(super::HARNESS, detail));
            }
        }
        self.end_faults(true).await;
        self.settle().await?;
        self.last_checks().await?;
        Ok(Ending::Done)
    }

    /// Time passes; who died is noticed, who is up is looked at.
    pub(super) async fn tick(&mut self) -> Verdict {
        self.network.context.sleep(TICK).await;
        self.ticks += 1;
        self.notice_deaths().await?;
        self.notice_starts()?;
        let now_ms = consensus::pacing::now_ms(&self.network.context);
        for (number, seat) in &self.seats {
            if let Seat::Up(node) = seat {
                let Progress { witness, forged, .. } = &mut *self.progress;
                witness.look(*number, node.ledger.as_ref(), forged, now_ms)?;
            }
        }
        agreement::same_validators(&self.network.sets)?;
        if self.ticks.is_multiple_of(POOL_TICKS) {
            self.check_pools()?;
        }
        Ok(())
    }

    pub(super) fn check_pools(&self) -> Verdict {
        for (number, seat) in &self.seats {
            if let Seat::Up(node) = seat {
                let life = self.progress.lives[number];
                pool::kept(*number, life, node.ledger.as_ref(), &self.progress.witness.accepted)?;
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let witness = &self.progress.witness;
        witness.height() >= self.scenario.heights
            && self.waiting().is_empty()
            && self.progress.next_event == self.scenario.events.len()
            && self.active.is_empty()
            && self.all_sent()
    }

    /// Blocks come unless something stands in the way.
    pub(super) fn check_liveness(&mut self) -> Verdict {
        let (now, height) = (self.now(), self.progress.witness.height());
        if height > self.progressed.0 {
            self.progressed = (height, now);
        }
        if self.is_disturbed() {
            self.quiet_since = now;
        }
        let since = |time: SystemTime| now.duration_since(time).unwrap_or_default();
        liveness::advances(since(self.quiet_since), since(self.progressed.1), height)
    }

    /// Whether the network is bad, or too few validators are right.
    fn is_disturbed(&self) -> bool {
        if self.active.iter().any(Active::is_everywhere) {
            return true;
        }
        let Some(set) = self.network.sets.of(self.network.sets.newest()) else {
            return true;
        };
        let now = self.now();
        let wrong = |number: &u64| {
            let struck = self.active.iter().any(|active| active.victims.contains(number));
            let waits = self.set_back.get(number).is_some_and(|until| now < *until);
            struck || waits || !matches!(self.seats.get(number), Some(Seat::Up(_)))
        };
        let numbers = (0..self.scenario.validators + self.scenario.spares)
            .filter(|number| set.keys().contains(&crate::validator(*number)));
        let faulty = numbers.filter(wrong).count();
        faulty > tolerated(set.keys().len())
    }

    /// Begins what is due; true if the power is cut.
    async fn begin_events(&mut self) -> bool {
        while let Some((height, event)) = self.scenario.events.get(self.progress.next_event) {
            if *height > self.progress.witness.height() {
                return false;
            }
            match event {
                Event::Fault(Fault::PowerCut) => {
                    self.progress.next_event += 1;
                    self.end_faults(true).await;
                    self.note("power cut");
                    self.struck(Fault::PowerCut.name());
                    return true;
                }
                Event::Fault(fault) => {
                    if !self.begin(fault.clone()).await {
                        return false;
                    }
                }
                Event::Validators(change) => self.change_validators(*change),
            }
            self.progress.next_event += 1;
        }
        false
    }
}

/// What a future answers within simulated time, if it answers.
pub(super) async fn within<T>(
    clock: &deterministic::Context,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(work), pin!(clock.sleep(limit))).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(_) => None,
    }
}
