//! Pictures of the figures as SVG files, in plain text, without a library. Colours are in the middle
//! between light and dark and the background is left to the reader's page.

mod bars;
mod drawing;
mod panel;
mod scale;

use std::{fs, path::Path};

use eyre::{Result, WrapErr};

use crate::{
    phase::Outcome,
    report::{Figures, Report},
    stages::Stages,
    timeline::{Timeline, Window},
};

use bars::{Bar, bars};
use panel::{Event, Line, Panel, panels};

/// Writes all pictures of a run into a folder and tells their names.
///
/// # Errors
/// A file cannot be written.
pub fn write_all(report: &Report, folder: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(folder).wrap_err_with(|| folder.display().to_string())?;
    let mut pictures = vec![
        ("overview-throughput".to_owned(), throughput(report)),
        ("overview-cpu".to_owned(), processor(report)),
    ];
    for network in &report.networks {
        for (number, outcome) in network.phases.iter().enumerate() {
            let name = format!("{} {} {}", network.network, outcome.workload.name(), outcome.phase);
            let name = format!("{:02}-{}", number + 1, slug(&name));
            pictures.push((name.clone(), over_time(network, outcome)));
            if let Some(stages) = &outcome.stages {
                pictures
                    .push((format!("{name}-stages"), by_stage(&title(network, outcome), stages)));
            }
        }
        if !network.long.is_empty() {
            pictures.push((slug(&format!("{} long chain", network.network)), chain(network)));
        }
    }
    for (name, text) in &pictures {
        let path = folder.join(format!("{name}.svg"));
        fs::write(&path, text).wrap_err_with(|| path.display().to_string())?;
    }
    Ok(pictures.into_iter().map(|(name, _)| format!("{name}.svg")).collect())
}

/// Lower case letters, digits and single hyphens.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

fn title(network: &Figures, outcome: &Outcome) -> String {
    let nodes = if network.nodes == 1 { "1 node" } else { &format!("{} nodes", network.nodes) };
    format!("{}, {nodes}: {}, {}", network.network, outcome.workload.name(), outcome.phase)
}

fn overview(
    report: &Report,
    title: &str,
    unit: &str,
    value: impl Fn(&Outcome) -> Option<f64>,
) -> String {
    let rows: Vec<Bar> = report
        .networks
        .iter()
        .zip(0..)
        .flat_map(|(network, group)| {
            network.phases.iter().map(move |phase| (network, phase, group))
        })
        .filter_map(|(network, outcome, group)| {
            Some(Bar { label: self::title(network, outcome), value: value(outcome)?, group })
        })
        .collect();
    bars(title, unit, &rows)
}

fn throughput(report: &Report) -> String {
    overview(report, "Committed transactions per second", "tx/s", |outcome| {
        Some(outcome.committed_per_second)
    })
}

fn processor(report: &Report) -> String {
    overview(report, "Processor time per transaction, all nodes together", "µs", |outcome| {
        outcome.cpu_us_per_tx
    })
}

fn by_stage(title: &str, stages: &Stages) -> String {
    let known = stages.stages.iter();
    let mut rows: Vec<Bar> = known
        .map(|cost| Bar { label: cost.stage.clone(), value: cost.us_per_tx, group: 0 })
        .collect();
    if let Some(other) = stages.other_us_per_tx {
        rows.push(Bar { label: "other".to_owned(), value: other.max(0.0), group: 1 });
    }
    bars(&format!("{title}: time per transaction by stage, all nodes together"), "µs", &rows)
}

fn chain(network: &Figures) -> String {
    let row = |value: f64, label: String, group| Bar { label, value, group };
    let rows: Vec<Bar> = network
        .long
        .iter()
        .map(|mark| row(mark.blocks_per_second, format!("at block {}", mark.blocks), 0))
        .collect();
    bars(&format!("{}: speed of a growing chain", network.network), "blocks/s", &rows)
}

fn over_time(network: &Figures, outcome: &Outcome) -> String {
    let timeline = &outcome.timeline;
    let line = |name: &str, value: &dyn Fn(&Window) -> Option<f64>| Line {
        name: name.to_owned(),
        points: points(timeline, value),
    };
    let nodes = |value: &dyn Fn(&Window, usize) -> Option<f64>| -> Vec<Line> {
        let names = outcome.costs.iter().take(network.nodes).map(|cost| cost.name.as_str());
        let one = |(number, name)| line(name, &|window: &Window| value(window, number));
        names.enumerate().map(one).filter(|line| !line.points.is_empty()).collect()
    };
    let latency = |value: fn(&Window) -> f64| {
        move |window: &Window| (window.finality.count > 0).then(|| value(window))
    };
    let mut all = vec![
        Panel {
            title: "committed, tx/s".to_owned(),
            lines: vec![line("tx/s", &|window| Some(window.committed_per_second))],
        },
        Panel {
            title: "sending to receipt on another node, ms".to_owned(),
            lines: vec![
                line("p50", &latency(|window| window.finality.p50_ms)),
                line("p99", &latency(|window| window.finality.p99_ms)),
            ],
        },
        Panel {
            title: "processor, percent of one core".to_owned(),
            lines: nodes(&|window, node| window.core_percent.get(node).copied().flatten()),
        },
        Panel {
            title: "resident memory, MB".to_owned(),
            lines: nodes(&|window, node| {
                Some(window.rss_bytes.get(node).copied().flatten()? as f64 / 1e6)
            }),
        },
    ];
    all.retain(|panel| !panel.lines.is_empty());
    let killed = network.absence.as_ref().filter(|_| outcome.phase.contains("absent"));
    let events: Vec<Event> = killed
        .map(|absence| Event { at: absence.at_s, label: format!("{} killed", absence.node) })
        .into_iter()
        .collect();
    panels(
        &title(network, outcome),
        "seconds",
        timeline.windows.len() as f64 * timeline.width_s as f64,
        &all,
        &events,
    )
}

/// The middle of each window that has a value.
fn points(timeline: &Timeline, value: &dyn Fn(&Window) -> Option<f64>) -> Vec<(f64, f64)> {
    let middle = timeline.width_s as f64 / 2.0;
    let point = |window: &Window| Some((window.from_s + middle, value(window)?));
    timeline.windows.iter().filter_map(point).collect()
}

#[cfg(test)]
#[path = "picture/tests.rs"]
mod tests;
