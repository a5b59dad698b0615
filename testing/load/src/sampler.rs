//! Processor time and memory of the nodes over time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{task::JoinHandle, time::sleep};

use crate::{
    board::Board,
    network::NodeEntry,
    process::{processor_micros, resident_bytes},
};

/// What all nodes used up to one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Since the start of the phase (µs).
    pub at_us: u64,
    /// Processor time so far, by node (µs); nothing where it is unknown.
    pub processor_us: Vec<Option<u64>>,
    /// Resident memory by node (bytes).
    pub resident_bytes: Vec<Option<u64>>,
}

/// Takes readings until it is stopped.
pub struct Sampler {
    readings: Arc<Mutex<Vec<Reading>>>,
    task: JoinHandle<()>,
}

impl Sampler {
    /// Begins with a reading now.
    pub fn start(nodes: Vec<NodeEntry>, board: Arc<Board>, period: Duration) -> Self {
        let readings = Arc::new(Mutex::new(vec![read(&nodes, &board)]));
        let kept = readings.clone();
        let task = tokio::spawn(async move {
            loop {
                sleep(period).await;
                let reading = read(&nodes, &board);
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(reading);
            }
        });
        Self { readings, task }
    }

    /// Everything that was read.
    pub fn stop(self) -> Vec<Reading> {
        self.task.abort();
        std::mem::take(&mut *self.readings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read(nodes: &[NodeEntry], board: &Board) -> Reading {
    let of = |what: fn(u32) -> eyre::Result<u64>| {
        nodes.iter().map(|node| node.pid.and_then(|pid| what(pid).ok())).collect()
    };
    Reading {
        at_us: board.elapsed().as_micros() as u64,
        processor_us: of(processor_micros),
        resident_bytes: of(resident_bytes),
    }
}

/// Processor time of one node at a moment, between two readings on a straight line.
pub fn processor_at(readings: &[Reading], node: usize, at_us: u64) -> Option<f64> {
    let after = readings.partition_point(|reading| reading.at_us < at_us);
    let value = |index: usize| -> Option<(f64, f64)> {
        let reading = readings.get(index)?;
        let used = (*reading.processor_us.get(node)?)?;
        Some((reading.at_us as f64, used as f64))
    };
    match (after.checked_sub(1).and_then(value), value(after)) {
        (Some((from, low)), Some((to, high))) if to > from => {
            Some(low + (high - low) * (at_us as f64 - from) / (to - from))
        }
        (None, Some((_, used))) | (Some((_, used)), _) => Some(used),
        (None, None) => None,
    }
}

/// Processor time of one node from the first to the last reading that knows it (µs).
pub fn processor_used(readings: &[Reading], node: usize) -> Option<f64> {
    let mut known = readings.iter().filter_map(|reading| *reading.processor_us.get(node)?);
    let first = known.next()?;
    Some(known.next_back().unwrap_or(first).saturating_sub(first) as f64)
}

#[cfg(test)]
mod tests {
    use super::{Reading, processor_at, processor_used};

    #[test]
    fn between_two_readings_lies_a_straight_line() {
        let reading = |at_us, used| Reading {
            at_us,
            processor_us: vec![Some(used), None],
            resident_bytes: vec![],
        };
        let readings = [reading(100, 1_000), reading(200, 3_000)];
        assert_eq!(processor_at(&readings, 0, 150), Some(2_000.0));
        assert_eq!(processor_at(&readings, 0, 50), Some(1_000.0));
        assert_eq!(processor_at(&readings, 0, 900), Some(3_000.0));
        assert_eq!(processor_at(&readings, 1, 150), None);
        assert_eq!(processor_at(&[], 0, 150), None);
    }

    #[test]
    fn a_node_that_died_counts_as_long_as_it_lived() {
        let reading =
            |at_us, used| Reading { at_us, processor_us: vec![used], resident_bytes: vec![] };
        let readings = [reading(0, Some(100)), reading(1, Some(350)), reading(2, None)];
        assert_eq!(processor_used(&readings, 0), Some(250.0));
        assert_eq!(processor_used(&readings, 1), None);
    }
}
