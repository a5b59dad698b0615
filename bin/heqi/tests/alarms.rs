//! The shipped alarms and the dashboard name only metrics that real nodes expose.

mod files;

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use files::{code, err, folder, free_ports, heqi, wait_ready};
use heqi::http::Url;
use serde_json::{Value, json};

const RULES: &str = "../../deploy/prometheus/heqi-rules.yml";
const RULE_TESTS: &str = "../../deploy/prometheus/heqi-rules-test.yml";
const DASHBOARD: &str = "../../deploy/grafana/heqi-overview.json";
const TIME: Duration = Duration::from_secs(5);

/// Words that start as every metric of a node does.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("heqi_"));
    words.map(str::to_string).collect()
}

/// The expressions of a rules file: what follows `expr:`, up to the next key.
fn expressions(rules: &str) -> String {
    let mut found = String::new();
    let mut inside = false;
    for line in rules.lines() {
        let text = line.trim_start();
        let first = text.strip_prefix("expr:");
        let ends = ["for:", "labels:", "- alert:"].iter().any(|key| text.starts_with(key));
        inside = first.is_some() || (inside && !ends);
        if inside {
            found += first.unwrap_or(text);
            found += "\n";
        }
    }
    found
}

/// The `expr` of every panel.
fn panel_expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    targets.map(|target| target["expr"].as_str().expect("an expression").into()).collect()
}

/// Two nodes, because a node measures the others. Dropping it takes it down.
struct Network {
    folder: tempfile::TempDir,
    base: u16,
}

impl Network {
    fn start() -> Self {
        let network = Self { folder: folder(), base: free_ports().0.min(60_000) };
        let base = network.base.to_string();
        let arguments = ["devnet", "up", "--dir", "d", "--orgs", "2", "--detach", "--port-base"];
        let started = heqi(network.folder.path(), &[&arguments[..], &[&base]].concat());
        assert_eq!(code(&started), 0, "{}", err(&started));
        for number in 0..2 {
            wait_ready(network.port(number), network.folder.path());
        }
        network
    }

    fn port(&self, number: u16) -> u16 {
        self.base + 10 * number
    }

    fn exposition(&self, path: &str) -> String {
        let get = |number| Url::local(self.port(number)).get(path, TIME).expect("an answer").1;
        let text = [get(0), get(1)].concat();
        String::from_utf8(text).expect("text")
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = heqi(self.folder.path(), &["devnet", "down", "--dir", "d"]);
    }
}

/// A subscription that stays open as long as the stream; a family without one is not exposed.
fn subscribe(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the node listens");
    let head = format!(
        "GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("connected");
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]});
    let body = body.to_string();
    let length = u8::try_from(body.len()).expect("short");
    // One masked text frame whose mask is zero.
    let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0][..], body.as_bytes()].concat();
    stream.write_all(&frame).expect("connected");
    stream.set_read_timeout(Some(TIME)).expect("a limit");
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("\"result\"") {
        let mut part = [0; 512];
        let read = stream.read(&mut part).expect("an answer");
        assert_ne!(read, 0, "closed: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..read]);
    }
    stream
}

#[test]
fn every_metric_that_alarms_and_dashboard_name_is_exposed_by_a_node() {
    let rules = fs::read_to_string(RULES).expect(RULES);
    let dashboard = fs::read_to_string(DASHBOARD).expect(DASHBOARD);
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let alarms = rules.matches("- alert: ").count();
    assert_eq!(alarms, rules.matches("severity: ").count() - rules.matches("# severity").count());
    assert_eq!(alarms, rules.matches("next: ").count(), "each alarm says what to do");
    let mut named = metrics_in(&expressions(&rules));
    named.extend(panel_expressions(&dashboard).iter().flat_map(|text| metrics_in(text)));
    named.extend(
        fs::read_to_string(RULE_TESTS)
            .expect(RULE_TESTS)
            .lines()
            .filter(|line| line.contains("series:"))
            .flat_map(metrics_in),
    );
    assert!(named.len() > 25, "{named:?}");

    let network = Network::start();
    let _open = subscribe(network.port(0));
    let call =
        |number| Url::local(network.port(number)).call("heqi_consensusState", &json!([]), TIME);
    // Clocks are measured at the first block of the other node; heartbeats come every 15 s.
    let measured = (0..450).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        (0..2).any(|number| {
            let state = call(number).expect("an answer");
            let validators = state["validators"].as_array().expect("a list").clone();
            validators.iter().any(|validator| validator["clockAheadMillis"].is_i64())
        })
    });
    assert!(measured, "no clock was measured: {}", call(0).expect("an answer"));
    let exposed = metrics_in(&network.exposition("/metrics"));
    let missing: Vec<&String> = named.difference(&exposed).collect();
    assert!(missing.is_empty(), "{missing:?} not in {exposed:?}");
    // Nodes measure what their stages cost: block 1 was executed and written.
    let metrics = network.exposition("/metrics");
    for stage in ["execution", "merkleization", "chain_write"] {
        let start = format!("heqi_stage_seconds_total{{stage=\"{stage}\"}} ");
        let values = metrics.lines().filter_map(|line| line.strip_prefix(&start));
        let values: Vec<f64> = values.map(|value| value.parse().expect("a number")).collect();
        assert!(
            values.len() == 2 && values.iter().all(|value| *value > 0.0),
            "{stage}: {values:?}"
        );
    }
    let library = network.exposition("/metrics/library");
    assert!(library.contains("tracker_directory_connected{"), "{library:.500}");
    let leader = &call(0).expect("an answer")["leader"]["organisation"];
    assert!(leader == "Bank A" || leader == "Supplier B", "{leader}");
    // The doctor finds both nodes by the network's folder and has nothing to say against them.
    let doctor = heqi(network.folder.path(), &["doctor", "--dir", "d", "--json"]);
    let found: Value = serde_json::from_slice(&doctor.stdout).expect("JSON");
    assert_eq!(found["nodes"].as_array().map(Vec::len), Some(2), "{found}");
    let serious = found["findings"].as_array().expect("a list").iter();
    let serious: Vec<&Value> = serious.filter(|finding| finding["code"] != "disk_low").collect();
    assert!(serious.is_empty(), "{serious:?}");
}
