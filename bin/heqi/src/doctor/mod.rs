//! `heqi doctor`: what is wrong, with which node, why, and what to do, from one command.
//!
//! It looks at a node's files (whether the node runs or not), asks running nodes, and compares
//! several with each other. The exit code is 0 where nothing is to be done and 1 otherwise.

mod compare;
mod finding;
mod folder;
mod node;
mod view;

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use self::{
    finding::{Finding, Severity},
    view::View,
};
use crate::{
    Output,
    arguments::DoctorRequest,
    devnet::Devnet,
    error::{self, CliError},
    http::Url,
};

/// Nodes in one examination.
const NODES_MAX: usize = 128;
/// The node that is asked where nothing else is known.
const DEFAULT_URL: &str = "http://127.0.0.1:8545";

/// What is looked at.
#[derive(Debug, Default, PartialEq, Eq)]
struct Targets {
    /// Configuration files.
    configurations: Vec<PathBuf>,
    /// Data folders without a configuration.
    folders: Vec<PathBuf>,
    /// Nodes to ask.
    urls: Vec<String>,
}

/// Examines and prints. True where nothing is to be done.
///
/// # Errors
/// The arguments cannot be used.
pub fn run(request: &DoctorRequest, output: Output) -> Result<bool, CliError> {
    let mut targets = targets(request)?;
    let mut findings = Vec::new();
    let urls_given = targets.urls.len();
    for file in &targets.configurations {
        findings.extend(examine_configuration(file, &mut targets.urls));
    }
    for path in &targets.folders {
        let limits = ::node::disk::DiskLimits::default();
        let examined = ::node::examine::examine_folder(path, None, limits, Vec::new());
        findings.extend(folder::findings(path, &examined));
    }
    if targets.urls.len() > NODES_MAX {
        let argument = format!("--rpc: more than {NODES_MAX} nodes");
        return Err(CliError::new(error::ARGUMENT, vec![("argument", argument)]));
    }
    let mut views: Vec<View> = targets
        .urls
        .iter()
        .map(|text| Url::parse(text).map(|url| View::ask(&url)))
        .collect::<Result<_, _>>()?;
    // The URLs after those given are of configurations that were examined.
    views.iter_mut().skip(urls_given).for_each(|view| view.files_examined = true);
    findings.extend(views.iter().flat_map(node::findings));
    findings.extend(compare::findings(&views, View::block));
    // The worst first; within one severity in the order of the nodes.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.kind.severity));
    let healthy = findings.iter().all(|finding| finding.kind.severity == Severity::Note);
    print(&findings, &views, healthy, request.json || output.json, output);
    Ok(healthy)
}

/// What the arguments ask for; without any, what lies in the current folder, else the node on this
/// machine.
fn targets(request: &DoctorRequest) -> Result<Targets, CliError> {
    let mut targets = Targets {
        configurations: request.config.iter().cloned().collect(),
        folders: request.data.iter().cloned().collect(),
        urls: request.rpc.iter().filter(|url| !url.is_empty()).cloned().collect(),
    };
    if let Some(folder) = &request.dir {
        let members = Devnet::load(folder)?.members();
        targets.configurations.extend(members.iter().map(crate::devnet::Member::config));
    }
    if targets != Targets::default() {
        return Ok(targets);
    }
    if Path::new("node.toml").exists() {
        targets.configurations.push("node.toml".into());
    } else if Devnet::exists(Path::new("devnet")) {
        let members = Devnet::load(Path::new("devnet"))?.members();
        targets.configurations.extend(members.iter().map(crate::devnet::Member::config));
    } else {
        let url = std::env::var("ETH_RPC_URL").ok().filter(|url| !url.is_empty());
        targets.urls.push(url.unwrap_or_else(|| DEFAULT_URL.into()));
    }
    Ok(targets)
}

/// Examines the files of one node; where it runs, it will be asked too.
fn examine_configuration(file: &Path, urls: &mut Vec<String>) -> Vec<Finding> {
    let config = match ::node::config::Config::from_file(file) {
        Ok(config) => config,
        Err(error) => {
            let place = file.display().to_string();
            let values = folder::problem(&error);
            return vec![Finding::new(finding::CANNOT_START, &place, values)];
        }
    };
    let examined = ::node::examine::examine(&config);
    if examined.running.is_some() {
        urls.push(url_of(config.rpc.listen));
    }
    folder::findings(file, &examined)
}

/// Where a node that listens on `address` is asked from the same machine.
fn url_of(address: SocketAddr) -> String {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

fn print(findings: &[Finding], views: &[View], healthy: bool, as_json: bool, output: Output) {
    let language = output.language;
    let text = if as_json {
        let found: Vec<Value> = findings.iter().map(|finding| finding.json(language)).collect();
        let nodes: Vec<Value> = views.iter().map(View::json).collect();
        json!({ "healthy": healthy, "findings": found, "nodes": nodes }).to_string()
    } else {
        let mut lines: Vec<String> = views.iter().map(|view| line(view, output)).collect();
        lines.extend(findings.iter().map(|finding| finding.human(language)));
        let count = |severity: Severity| {
            let of = findings.iter().filter(|finding| finding.kind.severity == severity);
            of.count().to_string()
        };
        let values =
            [("problems", count(Severity::Problem)), ("warnings", count(Severity::Warning))];
        lines.push(if healthy {
            language.text("doctor_healthy", &[])
        } else {
            language.text("doctor_sum", &values)
        });
        lines.join("\n")
    };
    // A reader that is gone is no error of ours.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

fn line(view: &View, output: Output) -> String {
    let shown = |value: &Value| value.as_str().unwrap_or("-").to_string();
    let values = [
        ("node", view.name()),
        ("height", view.height().map_or("-".into(), |height| height.to_string())),
        ("state", shown(&view.consensus["state"])),
        ("version", shown(&view.version)),
        ("clock", view.clock_ahead_ms.map_or("-".into(), |ahead_ms| format!("{ahead_ms:+}"))),
    ];
    output.language.text("doctor_node", &values)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_node_that_listens_everywhere_is_asked_on_loopback() {
        assert_eq!(url_of("0.0.0.0:8545".parse().unwrap()), "http://127.0.0.1:8545");
        assert_eq!(url_of("[::]:8545".parse().unwrap()), "http://[::1]:8545");
        assert_eq!(url_of("192.0.2.7:1".parse().unwrap()), "http://192.0.2.7:1");
    }

    #[test]
    fn arguments_say_what_is_looked_at() {
        let request = DoctorRequest {
            rpc: vec!["http://a:1".into(), "http://b:1".into()],
            data: Some("d".into()),
            ..DoctorRequest::default()
        };
        let found = targets(&request).unwrap();
        assert_eq!(found.urls, request.rpc);
        assert_eq!(found.folders, [PathBuf::from("d")]);
        assert!(found.configurations.is_empty());
    }
}
