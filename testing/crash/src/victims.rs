//! Who dies in a round, and how.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use eyre::{Context, Result, bail};
use load::random::Random;

const DEATH_TIMEOUT: Duration = Duration::from_secs(10);

/// One round's plan, drawn from the seed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Indices of the nodes, in the order in which they die.
    pub victims: Vec<usize>,
    /// Load before the first death.
    pub before: Duration,
    /// Between two deaths.
    pub stagger: Duration,
    /// From the last death to the first start.
    pub down: Duration,
    /// Order of the starts, as positions in `victims`.
    pub starts: Vec<usize>,
}

impl Plan {
    /// Half of the rounds kill one node, a quarter two, an eighth three, an eighth all.
    pub fn draw(random: &mut Random, nodes: usize) -> Self {
        let count = match random.below(8) {
            0..=3 => 1,
            4 | 5 => 2,
            6 => 3,
            _ => nodes,
        }
        .min(nodes);
        let mut within =
            |low: u64, high: u64| Duration::from_millis(low + random.below(high - low));
        let (before, stagger, down) = (within(200, 2000), within(0, 300), within(0, 3000));
        Self {
            before,
            stagger,
            down,
            victims: random.choose(count, nodes),
            starts: random.choose(count, count),
        }
    }
}

/// `kill -9`, and waits until the process is gone. Refuses processes that are not of this binary.
///
/// # Errors
/// The process is another program's, or does not die.
pub fn kill(pid: u32, binary: &Path) -> Result<()> {
    let program =
        fs::read_link(format!("/proc/{pid}/exe")).wrap_err("the process is not running")?;
    if program != binary {
        bail!("process {pid} runs {}, not {}", program.display(), binary.display());
    }
    let status = Command::new("sh").args(["-c", "kill -9 \"$0\"", &pid.to_string()]).status()?;
    if !status.success() {
        bail!("kill -9 {pid}: {status}");
    }
    let start = Instant::now();
    while is_alive(pid) {
        if start.elapsed() > DEATH_TIMEOUT {
            bail!("process {pid} is alive {DEATH_TIMEOUT:?} after kill -9");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// A zombie is dead: it holds no file and no port.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use load::random::Random;

    use super::{Plan, is_alive, kill};

    #[test]
    fn plans_repeat_and_cover_every_number_of_victims() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..100).map(|_| Plan::draw(&mut random, 4)).collect::<Vec<_>>()
        };
        let plans = draw(1);
        for (plan, again) in plans.iter().zip(draw(1)) {
            assert_eq!(format!("{plan:?}"), format!("{again:?}"));
        }
        for count in 1..=4 {
            assert!(plans.iter().any(|plan| plan.victims.len() == count), "{count}");
        }
    }

    #[test]
    fn kills_only_its_own_binary() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(kill(child.id(), Path::new("/no/such/binary")).is_err());
        assert!(is_alive(child.id()));
        let own = std::fs::read_link(format!("/proc/{}/exe", child.id())).unwrap();
        kill(child.id(), &own).unwrap();
        assert!(!is_alive(child.id()));
        child.wait().unwrap();
    }
}
