//! A phase cut into windows of time, and how its figures rise or fall.

use serde::Serialize;

use crate::{
    board::Sample,
    distribution::Distribution,
    sampler::{Reading, processor_at},
};

/// Most windows of a picture.
const PICTURE_WINDOWS_MAX: u64 = 300;
/// Most windows at all: a week of minutes.
const WINDOWS_MAX: u64 = 10_080;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// What happened in one window.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Window {
    /// Where it begins, since the start of the phase (s).
    pub from_s: f64,
    /// Receipts seen in it.
    pub committed: usize,
    /// The same per second.
    pub committed_per_second: f64,
    /// Sending to receipt of those.
    pub finality: Distribution,
    /// Share of one core of each node (percent).
    pub core_percent: Vec<Option<f64>>,
    /// Processor time of all nodes per receipt (µs).
    pub cpu_us_per_tx: Option<f64>,
    /// Resident memory of each node at its end (bytes).
    pub rss_bytes: Vec<Option<u64>>,
}

/// Windows of equal width.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Timeline {
    /// Width (s).
    pub width_s: u64,
    /// In order, without gaps. The last one may be cut short and is left out.
    pub windows: Vec<Window>,
}

/// How figures change over a phase: least squares over its windows.
#[derive(Clone, Debug, Serialize)]
pub struct Slopes {
    /// Windows that it was computed from.
    pub windows: usize,
    /// Committed transactions, in percent of their mean per hour.
    pub committed_percent_per_hour: f64,
    /// Median latency, in percent of its mean per hour.
    pub p50_percent_per_hour: f64,
    /// 99th percentile, in percent of its mean per hour.
    pub p99_percent_per_hour: f64,
    /// Resident memory of the node where it grows most (bytes per hour).
    pub rss_bytes_per_hour: f64,
    /// Processor time per transaction, in percent of its mean per hour.
    pub cpu_percent_per_hour: f64,
}

/// A width that gives a picture a reasonable number of windows (s).
pub fn picture_width(total_s: f64) -> u64 {
    (total_s as u64).div_ceil(PICTURE_WINDOWS_MAX).max(1)
}

/// Cuts a phase of `total_s` seconds into whole windows of `width_s`.
pub fn cut(samples: &[Sample], readings: &[Reading], total_s: f64, width_s: u64) -> Timeline {
    let width_us = width_s.max(1) * MICROS_PER_SECOND;
    let count = ((total_s * 1e6) as u64 / width_us).min(WINDOWS_MAX);
    let nodes = readings.first().map_or(0, |reading| reading.processor_us.len());
    let mut by_window: Vec<Vec<std::time::Duration>> = vec![Vec::new(); count as usize];
    for sample in samples {
        if let Some(latencies) = by_window.get_mut((sample.seen_us / width_us) as usize) {
            latencies.push(sample.latency());
        }
    }
    let windows = by_window.into_iter().zip(0..).map(|(latencies, number)| {
        let (from, to) = (number * width_us, (number + 1) * width_us);
        let used = |node| {
            let grown = processor_at(readings, node, to)? - processor_at(readings, node, from)?;
            // a node that was started again counts from zero
            (grown >= 0.0).then_some(grown)
        };
        let used: Vec<Option<f64>> = (0..nodes).map(used).collect();
        let committed = latencies.len();
        let total: Option<f64> = used.iter().copied().sum();
        let last = readings.partition_point(|reading| reading.at_us <= to).checked_sub(1);
        Window {
            from_s: from as f64 / 1e6,
            committed,
            committed_per_second: committed as f64 * 1e6 / width_us as f64,
            finality: Distribution::of(latencies),
            core_percent: used
                .iter()
                .map(|used| used.map(|used| 100.0 * used / width_us as f64))
                .collect(),
            cpu_us_per_tx: total
                .filter(|_| committed > 0 && nodes > 0)
                .map(|total| total / committed as f64),
            rss_bytes: last.map_or_else(Vec::new, |last| readings[last].resident_bytes.clone()),
        }
    });
    Timeline { width_s: width_us / MICROS_PER_SECOND, windows: windows.collect() }
}

/// Rise of a straight line through points, by least squares; 0 for fewer than two points.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if points.len() < 2 || spread == 0.0 {
        return 0.0;
    }
    points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread
}

/// Rise per hour in percent of the mean.
fn percent_per_hour(points: &[(f64, f64)]) -> f64 {
    let mean = points.iter().map(|(_, y)| y).sum::<f64>() / points.len().max(1) as f64;
    if mean == 0.0 { 0.0 } else { 100.0 * slope(points) / mean }
}

impl Timeline {
    /// How the figures change; nothing for fewer than three windows.
    pub fn slopes(&self) -> Option<Slopes> {
        if self.windows.len() < 3 {
            return None;
        }
        let points = |value: &dyn Fn(&Window) -> Option<f64>| -> Vec<(f64, f64)> {
            let point = |window: &Window| Some((window.from_s / 3_600.0, value(window)?));
            self.windows.iter().filter_map(point).collect()
        };
        let nodes = self.windows[0].rss_bytes.len();
        let growth = |node: usize| {
            slope(&points(&|window| {
                window.rss_bytes.get(node).copied().flatten().map(|b| b as f64)
            }))
        };
        let latency = |value: fn(&Distribution) -> f64| {
            percent_per_hour(&points(&|window| {
                (window.finality.count > 0).then(|| value(&window.finality))
            }))
        };
        Some(Slopes {
            windows: self.windows.len(),
            committed_percent_per_hour: percent_per_hour(&points(&|window| {
                Some(window.committed_per_second)
            })),
            p50_percent_per_hour: latency(|finality| finality.p50_ms),
            p99_percent_per_hour: latency(|finality| finality.p99_ms),
            rss_bytes_per_hour: (0..nodes).map(growth).reduce(f64::max).unwrap_or(0.0),
            cpu_percent_per_hour: percent_per_hour(&points(&|window| window.cpu_us_per_tx)),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{cut, picture_width, slope};
    use crate::{board::Sample, sampler::Reading};

    fn sample(seen_s: f64, latency_ms: u64) -> Sample {
        let seen_us = (seen_s * 1e6) as u64;
        Sample { index: 0, sent_us: seen_us - 1_000 * latency_ms, seen_us }
    }

    fn reading(at_s: u64, used_us: u64) -> Reading {
        Reading {
            at_us: at_s * 1_000_000,
            processor_us: vec![Some(used_us)],
            resident_bytes: vec![Some(100 * at_s)],
        }
    }

    #[test]
    fn receipts_fall_into_the_window_in_which_they_were_seen() {
        let samples = [sample(0.5, 10), sample(1.1, 20), sample(1.9, 40), sample(2.5, 99)];
        let readings = [reading(0, 0), reading(1, 500_000), reading(2, 700_000)];
        let timeline = cut(&samples, &readings, 2.7, 1);
        let [first, second] = &timeline.windows[..] else { panic!("two whole windows") };
        assert_eq!((first.committed, second.committed), (1, 2));
        assert_eq!((second.finality.p50_ms, second.finality.max_ms), (20.0, 40.0));
        assert_eq!((first.core_percent[0], second.core_percent[0]), (Some(50.0), Some(20.0)));
        assert_eq!(second.cpu_us_per_tx, Some(100_000.0));
        assert_eq!(second.rss_bytes, [Some(200)]);
    }

    #[test]
    fn a_phase_without_processes_has_windows_all_the_same() {
        let timeline = cut(&[sample(0.5, 10)], &[], 1.0, 1);
        assert_eq!(timeline.windows.len(), 1);
        assert_eq!(timeline.windows[0].cpu_us_per_tx, None);
        assert!(timeline.slopes().is_none());
    }

    #[test]
    fn slope_of_a_line_and_of_no_line() {
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), 2.0);
        assert_eq!(slope(&[(1.0, 1.0), (1.0, 3.0)]), 0.0);
        assert_eq!(slope(&[(1.0, 1.0)]), 0.0);
        assert_eq!(slope(&[]), 0.0);
    }

    #[test]
    fn slopes_are_per_hour_and_of_the_mean() {
        let samples: Vec<Sample> =
            (0..40).map(|n| sample(f64::from(n) + 0.5, if n < 20 { 10 } else { 30 })).collect();
        let readings: Vec<Reading> = (0..=40).map(|s| reading(s, 10_000 * s)).collect();
        let slopes = cut(&samples, &readings, 40.0, 10).slopes().unwrap();
        assert_eq!(slopes.windows, 4);
        assert!(slopes.committed_percent_per_hour.abs() < 1e-6);
        assert!(slopes.cpu_percent_per_hour.abs() < 1e-6);
        // 100 bytes a second
        assert!((slopes.rss_bytes_per_hour - 360_000.0).abs() < 1e-3);
        assert!(slopes.p50_percent_per_hour > 0.0);
    }

    #[test]
    fn pictures_have_a_bounded_number_of_windows() {
        assert_eq!((picture_width(60.0), picture_width(300.0), picture_width(3_600.0)), (1, 1, 12));
    }
}
