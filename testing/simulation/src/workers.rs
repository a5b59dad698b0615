//! Several processes that share the seeds. A process that dies takes one seed with it, as a failure.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, ExitCode, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use eyre::{Result, WrapErr as _};
use serde_json::{Value, json};
use simulation::{
    campaign::{HARNESS, run_seed},
    report::{Summary, line},
    scenario::Choice,
};

use crate::Arguments;

/// Longest time by the clock that a seed may take.
const SEED_MAX: Duration = Duration::from_secs(600);

/// Panics of simulated nodes are part of the simulation.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// Processor time of this process so far; what has passed by the clock where that is unknown.
fn processor_time(begun: Instant) -> Duration {
    // Clock ticks are 10 ms on every Linux.
    let ticks = std::fs::read_to_string("/proc/self/stat").ok().and_then(|text| {
        let fields: Vec<u64> = text
            .rsplit_once(')')?
            .1
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse().ok())
            .collect();
        (fields.len() == 2).then(|| fields.iter().sum::<u64>())
    });
    ticks.map_or_else(|| begun.elapsed(), |ticks| Duration::from_millis(ticks * 10))
}

/// What `work` answers, and the processor time that it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let before = processor_time(begun);
    let answer = work();
    (answer, processor_time(begun).saturating_sub(before))
}

/// In a worker: every `step`-th seed from the first on.
pub fn work(arguments: &Arguments, choice: &Choice, step: u64) -> Result<ExitCode> {
    silence_panics();
    let end = arguments.first + arguments.seeds;
    let mut out = std::io::stdout();
    let mut seed = arguments.first;
    while seed < end {
        writeln!(out, "{}", json!({ "started": seed }))?;
        let (outcome, cpu) = timed(|| run_seed(seed, choice));
        writeln!(out, "{}", line(&outcome, cpu))?;
        out.flush()?;
        seed += step.max(1);
    }
    Ok(ExitCode::SUCCESS)
}

struct Worker {
    child: Child,
    /// The seed under way, and since when.
    current: Option<(u64, Instant)>,
    next: u64,
}

/// Starts the workers and adds up what they tell.
pub fn run(arguments: &Arguments, summary: &mut Summary) -> Result<()> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let processors = u64::try_from(processors).unwrap_or(1);
    let jobs = arguments.jobs.unwrap_or(processors).clamp(1, arguments.seeds);
    let (sender, receiver) = mpsc::channel();
    let mut workers = BTreeMap::new();
    for job in 0..jobs {
        let first = arguments.first + job;
        workers.insert(job, start(arguments, job, first, jobs, &sender)?);
    }
    while !workers.is_empty() {
        let message = receiver.recv_timeout(SEED_MAX / 10);
        if let Ok((job, text)) = message
            && let Some(worker) = workers.get_mut(&job)
        {
            match text {
                Some(text) => heard(arguments, summary, worker, &text, jobs)?,
                None => {
                    let ended = replace(arguments, summary, worker, job, jobs, &sender)?;
                    if ended {
                        workers.remove(&job);
                    }
                }
            }
        }
        for worker in workers.values_mut() {
            let slow = worker.current.is_some_and(|(_, since)| since.elapsed() > SEED_MAX);
            if slow {
                worker.child.kill()?;
            }
        }
        if arguments.until_failure && !summary.broken.is_empty() {
            for worker in workers.values_mut() {
                worker.child.kill()?;
                worker.child.wait()?;
            }
            return Ok(());
        }
    }
    Ok(())
}

type Lines = mpsc::Sender<(u64, Option<String>)>;

fn start(arguments: &Arguments, job: u64, first: u64, jobs: u64, lines: &Lines) -> Result<Worker> {
    let end = arguments.first + arguments.seeds;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--worker").arg(jobs.to_string());
    command.arg("--first").arg(first.to_string());
    command.arg("--seeds").arg(end.saturating_sub(first).max(1).to_string());
    if let Some(liar) = &arguments.liar {
        command.arg("--liar").arg(liar);
    }
    if let Some(validators) = arguments.validators {
        command.arg("--validators").arg(validators.to_string());
    }
    let mut child = command.stdout(Stdio::piped()).spawn().wrap_err("cannot start a worker")?;
    let output = child.stdout.take().expect("piped above");
    let lines = lines.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if lines.send((job, Some(line))).is_err() {
                return;
            }
        }
        let _ = lines.send((job, None));
    });
    Ok(Worker { child, current: None, next: first })
}

fn heard(
    arguments: &Arguments,
    summary: &mut Summary,
    worker: &mut Worker,
    text: &str,
    jobs: u64,
) -> Result<()> {
    let line: Value = serde_json::from_str(text).wrap_err("a worker speaks no JSON")?;
    if let Some(seed) = line["started"].as_u64() {
        worker.current = Some((seed, Instant::now()));
        return Ok(());
    }
    worker.current = None;
    worker.next = line["seed"].as_u64().unwrap_or(worker.next) + jobs;
    tell(arguments, summary, &line);
    Ok(())
}

/// A worker's output ended: whether it is done. Otherwise another takes its place.
fn replace(
    arguments: &Arguments,
    summary: &mut Summary,
    worker: &mut Worker,
    job: u64,
    jobs: u64,
    lines: &Lines,
) -> Result<bool> {
    let status = worker.child.wait()?;
    let end = arguments.first + arguments.seeds;
    if let Some((seed, since)) = worker.current {
        let detail = format!("the process ended ({status}) after {} s", since.elapsed().as_secs());
        tell(arguments, summary, &json!({ "seed": seed, "invariant": HARNESS, "detail": detail }));
        worker.next = seed + jobs;
    }
    if worker.next >= end {
        return Ok(true);
    }
    *worker = start(arguments, job, worker.next, jobs, lines)?;
    Ok(false)
}

fn tell(arguments: &Arguments, summary: &mut Summary, line: &Value) {
    summary.add(line);
    let seed = line["seed"].as_u64().unwrap_or(0);
    if let (Some(invariant), Some(detail)) = (line["invariant"].as_str(), line["detail"].as_str()) {
        for entry in line["timeline"].as_array().into_iter().flatten() {
            println!("  {}", entry.as_str().unwrap_or_default());
        }
        println!("seed {seed} failed: {invariant}: {detail}");
        println!("again: {}\n", arguments.replay(seed));
    } else if arguments.verbose {
        println!(
            "seed {seed}: {} validators, {} blocks, {} transactions, {} ms of processor, {}",
            line["validators"], line["heights"], line["transactions"], line["cpuMs"], line["fired"]
        );
    }
}
