//! What one running node answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{genesis::now_ms, http::Url, status::quantity};

/// Time for each question.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// Entries of evidence that are asked for.
const EVIDENCE_SHOWN_MAX: u64 = 16;

/// A node as the doctor sees it.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Its URL.
    pub url: String,
    /// `/readyz?verbose`; null where it did not answer.
    pub ready: Value,
    /// `web3_clientVersion`.
    pub version: Value,
    /// Block 0.
    pub genesis: Value,
    /// The newest block.
    pub head: Value,
    /// `heqi_consensusState`.
    pub consensus: Value,
    /// `heqi_evidence`.
    pub evidence: Value,
    /// Its clock less this machine's, milliseconds; half of the answer's time is left out.
    pub clock_ahead_ms: Option<i64>,
    /// Whether its files were looked at as well.
    pub files_examined: bool,
    /// Why it could not be asked.
    pub error: Option<String>,
}

impl View {
    /// Asks the node at `url`. What it does not answer stays null, with the first error.
    pub fn ask(url: &Url) -> Self {
        let mut view = Self { url: url.to_string(), ..Self::default() };
        match url.get("/readyz?verbose", ANSWER_TIME_MAX) {
            Ok((_, body)) => view.ready = serde_json::from_slice(&body).unwrap_or_default(),
            Err(error) => {
                view.error = Some(error.cause());
                return view;
            }
        }
        if view.ready.is_null() {
            view.error = Some("/readyz?verbose is not answered as a Heqi node does".into());
            return view;
        }
        let asked_ms = now_ms();
        view.consensus = view.call(url, "heqi_consensusState", json!([]));
        if view.error.is_some() {
            return view;
        }
        let middle_ms = asked_ms + now_ms().saturating_sub(asked_ms) / 2;
        view.clock_ahead_ms = quantity(&view.consensus["nowMillis"])
            .map(|node_ms| node_ms.cast_signed().saturating_sub(middle_ms.cast_signed()));
        view.version = view.call(url, "web3_clientVersion", json!([]));
        view.genesis = view.call(url, "eth_getBlockByNumber", json!(["0x0", false]));
        view.head = view.call(url, "eth_getBlockByNumber", json!(["latest", false]));
        view.evidence = view.call(url, "heqi_evidence", json!([EVIDENCE_SHOWN_MAX]));
        view
    }

    fn call(&mut self, url: &Url, method: &str, params: Value) -> Value {
        url.call(method, &params, ANSWER_TIME_MAX).unwrap_or_else(|error| {
            self.error.get_or_insert(error.cause());
            Value::Null
        })
    }

    /// Height and hash of a block of this node.
    pub fn block(&self, height: u64) -> Option<Value> {
        if self.height() == Some(height) {
            return Some(self.head.clone());
        }
        let url = Url::parse(&self.url).ok()?;
        let params = json!([format!("{height:#x}"), false]);
        url.call("eth_getBlockByNumber", &params, ANSWER_TIME_MAX)
            .ok()
            .filter(|block| !block.is_null())
    }

    /// Newest block.
    pub fn height(&self) -> Option<u64> {
        quantity(&self.head["number"])
    }

    /// URL and, where known, organisation.
    pub fn name(&self) -> String {
        match self.organisation() {
            Some(organisation) => format!("{} ({organisation})", self.url),
            None => self.url.clone(),
        }
    }

    fn organisation(&self) -> Option<&str> {
        let own = self.consensus["ownKey"].as_str()?;
        let validators = self.consensus["validators"].as_array()?;
        let found = validators.iter().find(|validator| validator["key"] == own)?;
        found["organisation"].as_str()
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "rpc": self.url,
            "organisation": self.organisation(),
            "version": self.version,
            "genesis_hash": self.genesis["hash"],
            "height": self.height(),
            "hash": self.head["hash"],
            "state_root": self.head["stateRoot"],
            "clock_ahead_ms": self.clock_ahead_ms,
            "ready": self.ready["ready"],
            "state": self.consensus["state"],
            "error": self.error,
        })
    }
}
