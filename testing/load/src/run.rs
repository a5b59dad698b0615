//! A whole run: networks one after the other, each through its phases.

use std::{
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use eyre::{Result, bail};

use crate::{
    absent,
    arguments::{Arguments, Phase},
    bench::Bench,
    holders::Holders,
    idle::{self, Idle},
    long,
    machine::{self, Machine},
    network::{Anvil, Description, Devnet, Layout, from_addresses},
    phase, questions,
    random::seed_from_clock,
    reads,
    report::{FORMAT, Figures, Place, Report},
    workload::Workload,
};

/// Time for each yardstick.
const YARDSTICK: Duration = Duration::from_millis(300);

/// A network under load.
struct Subject<'a> {
    name: &'a str,
    description: Description,
    devnet: Option<&'a Devnet>,
    phases: Vec<Phase>,
    workloads: Vec<Workload>,
    interval_ms: Option<u64>,
}

/// Runs everything that is asked for.
///
/// # Errors
/// A network does not start, or answers nonsense. What goes wrong under load is in the report.
pub async fn run(arguments: &Arguments) -> Result<Report> {
    let began = Instant::now();
    let seed = arguments.seed.unwrap_or_else(seed_from_clock);
    announce(arguments);
    let before = yardsticks().await?;
    let mut networks = Vec::new();
    if let Some(binary) = &arguments.devnet {
        for (number, validators) in arguments.validators.iter().enumerate() {
            let layout = Layout { validators: *validators, interval_ms: arguments.interval_ms };
            let start = Instant::now();
            let (devnet, description) = Devnet::start_with(binary, layout)?;
            let start_ms = start.elapsed().as_millis();
            let first = number == 0;
            let subject = Subject {
                name: "heqi",
                description,
                devnet: Some(&devnet),
                phases: if first { arguments.phases() } else { arguments.compared_phases() },
                workloads: arguments.workloads(),
                interval_ms: arguments.interval_ms,
            };
            let figures = measure(arguments, seed, subject).await?;
            // another genesis takes a second start: no figure of a first one then
            let start_ms = arguments.interval_ms.is_none().then_some(start_ms);
            networks.push(Figures { start_ms, ..figures });
        }
    } else if !arguments.rpc.is_empty() {
        let subject = Subject {
            name: "network",
            description: from_addresses(&arguments.rpc)?,
            devnet: None,
            phases: arguments.phases(),
            workloads: arguments.workloads(),
            interval_ms: None,
        };
        networks.push(measure(arguments, seed, subject).await?);
    }
    if let Some(binary) = &arguments.anvil {
        let (_anvil, description) = Anvil::start(binary).await?;
        let mut workloads = arguments.workloads();
        workloads.retain(|workload| workload.is_plain_ethereum());
        let phases = arguments.compared_phases();
        let (devnet, interval_ms) = (None, None);
        let subject =
            Subject { name: "anvil", description, devnet, phases, workloads, interval_ms };
        let depth = arguments.anvil_depth.max(arguments.batch);
        let mut deeper = arguments.clone();
        deeper.depth = depth;
        networks.push(measure(&deeper, seed, subject).await?);
    }
    let machine = place(before, yardsticks().await?);
    Ok(Report {
        format: FORMAT,
        ended_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        took_s: began.elapsed().as_secs_f64(),
        seed,
        command: std::env::args().collect(),
        machine,
        networks,
    })
}

fn announce(arguments: &Arguments) {
    let minutes = arguments.estimate_s() / 60.0;
    let chain = |phase| matches!(phase, Phase::Long | Phase::Questions);
    let open_end =
        if arguments.phases().into_iter().any(chain) { ", and the long chain" } else { "" };
    eprintln!("this takes about {minutes:.0} min{open_end}");
}

async fn measure(arguments: &Arguments, seed: u64, subject: Subject<'_>) -> Result<Figures> {
    let Subject { name, description, devnet, phases, workloads, interval_ms } = subject;
    let nodes = description.nodes.len();
    eprintln!("{name}, {nodes} nodes: filling {} holders", arguments.accounts());
    let holders = Holders::new(arguments.accounts(), arguments.senders(), seed)?;
    let mut bench = Bench::prepare(description, holders, arguments.check).await?;
    let filling = Some(bench.filling.clone());
    let mut figures =
        Figures { network: name.to_owned(), nodes, interval_ms, filling, ..Figures::default() };
    let Some(first) = workloads.first().copied() else { return Ok(figures) };
    for phase in phases {
        let kinds = if phase == Phase::Single { &workloads[..] } else { &workloads[..1] };
        for workload in kinds {
            eprintln!("{name}, {nodes} nodes: {phase:?} {}", workload.name());
            let closed = figures.phases.iter().filter(|outcome| {
                outcome.workload == first && outcome.offered_per_second.is_none()
            });
            let peak = closed.map(|outcome| outcome.committed_per_second).reduce(f64::max);
            let settings = arguments.settings(phase, *workload, nodes, peak);
            one_phase(arguments, &mut bench, devnet, phase, settings, &mut figures).await?;
        }
    }
    Ok(figures)
}

async fn one_phase(
    arguments: &Arguments,
    bench: &mut Bench,
    devnet: Option<&Devnet>,
    phase: Phase,
    settings: phase::Settings,
    figures: &mut Figures,
) -> Result<()> {
    match phase {
        Phase::Idle => {
            let rest = Duration::from_secs(arguments.idle_seconds);
            let costs = idle::quiet_costs(bench).await;
            let finality = idle::run(bench, &settings, arguments.idle_rounds, rest).await?;
            figures.idle = Some(Idle { finality, costs });
        }
        Phase::Absent => {
            let Some(devnet) = devnet else { bail!("absent needs a network of our own") };
            let (outcome, absence) =
                absent::run(bench, devnet, settings, arguments.kill_at()).await?;
            figures.phases.push(outcome);
            figures.absence = Some(absence);
        }
        Phase::Reads => {
            let (outcomes, reads) = reads::run(bench, settings, arguments.readers).await?;
            figures.phases.extend(outcomes);
            figures.reads = Some(reads);
        }
        Phase::Long => {
            let (outcome, marks) = long::run(bench, settings, arguments.blocks).await?;
            figures.phases.push(outcome);
            figures.long = marks;
        }
        Phase::Questions => {
            let plan = questions::Plan {
                blocks: arguments.blocks,
                crowd: arguments.crowd,
                connections: arguments.readers,
                window: arguments.window(),
            };
            let (outcome, questions) = questions::run(bench, settings, plan).await?;
            figures.phases.push(outcome);
            figures.questions = Some(questions);
        }
        Phase::Single | Phase::Batched | Phase::Open | Phase::Sustained => {
            figures.phases.push(phase::run(bench, settings).await?);
        }
    }
    Ok(())
}

/// The yardsticks, on the volume where networks put their data.
async fn yardsticks() -> Result<Machine> {
    let folder = tempfile::Builder::new().prefix("heqi-load-").tempdir()?;
    machine::measure(folder.path(), YARDSTICK).await
}

fn place(before: Machine, after: Machine) -> Place {
    let field = |path: &str, name: &str| -> Option<String> {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let kilobytes = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split_whitespace().next().and_then(|word| word.parse().ok()));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Place {
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
        memory_bytes: kilobytes.unwrap_or(0_u64) * 1024,
        system: format!("{} {}", std::env::consts::OS, release.trim()),
        before,
        after,
    }
}
