//! All figures of a run. Serialized, they are the JSON file that README.md describes.

use serde::Serialize;

use crate::{
    absent::Absence, fill::Filling, idle::Idle, long::Mark, machine::Machine, phase::Outcome,
    questions::Questions, reads::Reads,
};

/// Version of the JSON file's form.
pub const FORMAT: u32 = 2;

/// All figures of one network.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// `heqi`, `network` or `anvil`.
    pub network: String,
    /// Nodes.
    pub nodes: usize,
    /// Least time between two blocks (ms), where it is not the default.
    pub interval_ms: Option<u64>,
    /// From the start of the command until block 1 was final (ms), where this run started it.
    pub start_ms: Option<u128>,
    /// Filling of the holders.
    pub filling: Option<Filling>,
    /// Phases in the order they ran.
    pub phases: Vec<Outcome>,
    /// The network at rest.
    pub idle: Option<Idle>,
    /// The death of a node.
    pub absence: Option<Absence>,
    /// Readers beside the load.
    pub reads: Option<Reads>,
    /// A long chain of small blocks.
    pub long: Vec<Mark>,
    /// What a node answers while nothing else happens.
    pub questions: Option<Questions>,
}

/// The machine that a run was made on.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    /// Processors, shared by the nodes and this client.
    pub processors: usize,
    /// Name of the processor.
    pub processor: String,
    /// Memory (bytes).
    pub memory_bytes: u64,
    /// Operating system.
    pub system: String,
    /// What it can do at most, before the first network.
    pub before: Machine,
    /// The same after the last one.
    pub after: Machine,
}

/// Everything of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// When it ended (seconds since 1970).
    pub ended_s: u64,
    /// How long it took (s).
    pub took_s: f64,
    /// Repeats the run.
    pub seed: u64,
    /// The command line.
    pub command: Vec<String>,
    /// The machine.
    pub machine: Place,
    /// One entry per network.
    pub networks: Vec<Figures>,
}

impl Report {
    /// Whether every phase is good.
    pub fn is_good(&self) -> bool {
        self.networks.iter().flat_map(|network| &network.phases).all(Outcome::is_good)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{FORMAT, Figures, Place, Report};
    use crate::machine::Machine;

    fn machine() -> Machine {
        Machine {
            recover_us: 50.0,
            keccak_us: 1.0,
            sha256_us: 1.0,
            ed25519_verify_us: 60.0,
            fsync_us: 900.0,
            fsync_p99_us: 2_000.0,
            memory_copy_gb_s: 5.0,
            http_round_trip_us: 20.0,
        }
    }

    fn report() -> Report {
        let machine = Place {
            processors: 2,
            processor: "a processor".to_owned(),
            memory_bytes: 1,
            system: "linux".to_owned(),
            before: machine(),
            after: machine(),
        };
        Report {
            format: FORMAT,
            ended_s: 0,
            took_s: 1.0,
            seed: 7,
            command: vec!["load".to_owned()],
            machine,
            networks: vec![Figures::default()],
        }
    }

    /// The part of README.md that describes the file.
    fn description() -> &'static str {
        let readme = include_str!("../README.md");
        let start = readme.find("## JSON").unwrap();
        let end = readme.find("## Pictures").unwrap();
        &readme[start..end]
    }

    #[test]
    fn every_field_of_the_file_is_described() {
        let json = serde_json::to_value(report()).unwrap();
        let (top, network) = (json.as_object().unwrap(), json["networks"][0].as_object().unwrap());
        let machine = json["machine"].as_object().unwrap();
        assert_eq!((top.len(), network.len(), json["format"].as_u64()), (7, 11, Some(2)));
        for field in top.keys().chain(network.keys()).chain(machine.keys()) {
            let named = [format!("`{field}`"), format!("`{field}["), format!(".{field}")];
            assert!(named.iter().any(|name| description().contains(name)), "{field}");
        }
        assert_eq!(json["machine"]["before"]["recover_us"], 50.0);
        assert!(json["networks"][0]["start_ms"].is_null());
    }

    #[test]
    fn a_run_is_good_when_no_phase_is_bad() {
        assert!(report().is_good());
    }
}
