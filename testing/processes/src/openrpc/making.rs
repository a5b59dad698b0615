//! Requests: as the descriptions say, with values that exist or are drawn, and spoiled ones.

use std::sync::Arc;

use alloy_primitives::hex;
use load::random::Random;
use serde_json::{Map, Value, json};

use super::{
    descriptions::{Descriptions, Method},
    knowledge::Knowledge,
};

/// Schemas within schemas.
const DEPTH_MAX: u64 = 8;
/// Digits of drawn text that may have any length.
const DIGITS_MAX: u64 = 200;
/// Filter ids that are remembered.
const FILTERS_MAX: usize = 64;
/// Places of a request that are spoiled at most.
const SPOILED_MAX: u64 = 3;

/// Makes requests.
pub struct Maker {
    descriptions: Arc<Descriptions>,
    knowledge: Arc<Knowledge>,
    random: Random,
    filters: Vec<Value>,
}

impl Maker {
    /// From what is described and known; the same `random` makes the same requests to the same answers.
    pub fn new(descriptions: Arc<Descriptions>, knowledge: Arc<Knowledge>, random: Random) -> Self {
        Self { descriptions, knowledge, random, filters: Vec::new() }
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    /// True in so many of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One request.
    pub fn request(&mut self, id: u64) -> Value {
        let descriptions = self.descriptions.clone();
        let (name, mut params) = if self.chance(70) {
            let method = self.pick(&descriptions.methods).clone();
            (method.name.clone(), self.params(&method))
        } else {
            (self.pick(&descriptions.names).clone(), self.any_params())
        };
        if self.chance(30) {
            for _ in 0..=self.below(SPOILED_MAX) {
                self.spoil(&mut params, 0);
            }
        }
        json!({ "jsonrpc": "2.0", "id": id, "method": name, "params": params })
    }

    /// Keeps what later requests may ask for.
    pub fn learn(&mut self, method: &str, result: &Value) {
        if method.starts_with("eth_new") && method.ends_with("Filter") {
            if self.filters.len() == FILTERS_MAX {
                self.filters.remove(0);
            }
            self.filters.push(result.clone());
        }
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let position = self.below(list.len() as u64);
        &list[usize::try_from(position).expect("a position in a list")]
    }

    fn params(&mut self, method: &Method) -> Value {
        let is_about_filters = method.name.contains("Filter") && !method.name.contains("new");
        if is_about_filters && !self.filters.is_empty() && self.chance(80) {
            let filters = self.filters.clone();
            return json!([self.pick(&filters)]);
        }
        let mut params = Vec::new();
        for (schema, is_required) in &method.params {
            if !is_required && self.chance(40) {
                break;
            }
            params.push(self.value(schema, 0));
        }
        Value::from(params)
    }

    /// For methods without a description: what methods take.
    fn any_params(&mut self) -> Value {
        let count = self.below(4);
        Value::from((0..count).map(|_| self.any_param()).collect::<Vec<_>>())
    }

    fn any_param(&mut self) -> Value {
        match self.below(8) {
            0 => self.address(),
            1 | 2 => self.hash(),
            3 => self.block(),
            4 => json!({ "from": self.address(), "to": self.address(), "data": self.data() }),
            5 => json!([self.address(), self.hash()]),
            6 => {
                json!({ "tracer": self.pick(&["callTracer", "prestateTracer", "4byteTracer", ""]) })
            }
            _ => self
                .pick(&[json!("trace"), json!(true), json!(5), json!(["trace", "stateDiff"])])
                .clone(),
        }
    }

    fn address(&mut self) -> Value {
        let knowledge = self.knowledge.clone();
        match self.below(10) {
            0 | 1 => self.hex(40),
            2..=4 => json!(knowledge.contract),
            _ => json!(self.pick(&knowledge.addresses)),
        }
    }

    fn hash(&mut self) -> Value {
        let knowledge = self.knowledge.clone();
        if self.chance(80) { json!(self.pick(&knowledge.hashes)) } else { self.hex(64) }
    }

    fn block(&mut self) -> Value {
        let height = self.knowledge.height;
        match self.below(4) {
            0 => json!(self.pick(&["latest", "earliest", "pending", "safe", "finalized"])),
            1 => self.hash(),
            _ => json!(format!("{:#x}", self.below(height + 3))),
        }
    }

    fn data(&mut self) -> Value {
        let knowledge = self.knowledge.clone();
        match self.below(4) {
            0 => {
                let holder = self.pick(&knowledge.addresses);
                json!(format!("0x70a08231{:0>64}", hex::encode(holder)))
            }
            1 => json!(self.pick(&knowledge.raw)),
            _ => {
                let digits = 2 * self.below(DIGITS_MAX / 2);
                self.hex(digits)
            }
        }
    }

    fn hex(&mut self, digits: u64) -> Value {
        let text: String = (0..digits).map(|_| self.digit(0)).collect();
        Value::from(format!("0x{text}"))
    }

    fn digit(&mut self, least: u32) -> char {
        let number = least + u32::try_from(self.below(u64::from(16 - least))).expect("below 16");
        char::from_digit(number, 16).expect("a hex digit")
    }

    fn value(&mut self, schema: &Value, depth: u64) -> Value {
        let descriptions = self.descriptions.clone();
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some((name, found)) =
            schema["$ref"].as_str().and_then(|reference| descriptions.schema(reference))
        {
            return match name {
                "address" => self.address(),
                "hash32" | "bytes32" => self.hash(),
                "BlockNumber" | "BlockNumberOrTag" | "BlockNumberOrTagOrHash" => self.block(),
                "bytes" => self.data(),
                _ => self.value(found, depth + 1),
            };
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(schemas) = schema[choice].as_array() {
                let chosen = self.pick(schemas).clone();
                let mut value = self.value(&chosen, depth + 1);
                self.properties(schema, &mut value, depth);
                return value;
            }
        }
        if let Some(schemas) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in schemas {
                if let Value::Object(part) = self.value(part, depth + 1) {
                    whole.extend(part);
                }
            }
            return Value::Object(whole);
        }
        self.plain(schema, depth)
    }

    fn plain(&mut self, schema: &Value, depth: u64) -> Value {
        if let Some(list) = schema["enum"].as_array() {
            return self.pick(list).clone();
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        match schema["type"].as_str() {
            Some("string") => self.text(schema["pattern"].as_str()),
            Some("boolean") => Value::from(self.chance(50)),
            Some("null") => Value::Null,
            Some("integer" | "number") => json!(self.below(300)),
            Some("array") => {
                let count = self.below(5);
                (0..count).map(|_| self.value(&schema["items"], depth + 1)).collect()
            }
            _ => {
                let mut value = Value::Object(Map::new());
                self.properties(schema, &mut value, depth);
                value
            }
        }
    }

    fn properties(&mut self, schema: &Value, value: &mut Value, depth: u64) {
        let Some(object) = value.as_object_mut() else { return };
        let required = schema["required"].as_array();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let must = required.is_some_and(|names| names.iter().any(|must| must == name));
            if must || self.chance(35) {
                object.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        for (pattern, property) in schema["patternProperties"].as_object().into_iter().flatten() {
            for _ in 0..self.below(3) {
                let name = match pattern.contains("{40}") {
                    true => self.address(),
                    false => self.text(Some(pattern)),
                };
                let value = self.value(property, depth + 1);
                object.insert(name.as_str().unwrap_or_default().to_owned(), value);
            }
        }
        if schema["additionalProperties"].is_object() {
            for _ in 0..self.below(3) {
                let Value::String(name) = self.hash() else { continue };
                let value = self.value(&schema["additionalProperties"], depth + 1);
                object.insert(name, value);
            }
        }
    }

    /// Text for the patterns of the specification: `0x` and a number of digits, or a quantity.
    fn text(&mut self, pattern: Option<&str>) -> Value {
        let Some(pattern) = pattern else {
            return json!(self.pick(&["", "latest", "callTracer", "合契"]));
        };
        let bounds = pattern.rsplit_once('{').and_then(|(_, rest)| rest.split_once('}'));
        let most = bounds.and_then(|(bounds, _)| bounds.rsplit(',').next()?.parse().ok());
        let least = bounds.and_then(|(bounds, _)| bounds.split(',').next()?.parse().ok());
        if pattern.contains("(0|") {
            return self.quantity(most.map_or(DIGITS_MAX, |digits: u64| digits + 1));
        }
        let Some(most) = most.or_else(|| pattern.contains('*').then_some(DIGITS_MAX)) else {
            let constant = pattern.trim_matches(['^', '$']);
            return Value::from(constant);
        };
        let least: u64 = least.unwrap_or(0);
        let digits = least + self.below(most - least + 1);
        self.hex(digits)
    }

    fn quantity(&mut self, digits_max: u64) -> Value {
        match self.below(4) {
            0 => json!("0x0"),
            1 | 2 => json!(format!("{:#x}", self.below(3_000_000))),
            _ => {
                let digits = self.below(digits_max);
                let first = self.digit(1);
                let rest = self.hex(digits);
                let rest = rest.as_str().unwrap_or_default().trim_start_matches("0x").to_owned();
                Value::from(format!("0x{first}{rest}"))
            }
        }
    }

    /// Puts something at a random place that does not belong there.
    fn spoil(&mut self, value: &mut Value, depth: u64) {
        let deeper = depth < DEPTH_MAX && self.chance(75);
        match value {
            Value::Array(items) if deeper && !items.is_empty() => {
                let position = self.below(items.len() as u64);
                self.spoil(&mut items[usize::try_from(position).expect("a position")], depth + 1);
            }
            Value::Object(entries) if deeper && !entries.is_empty() => {
                let position =
                    usize::try_from(self.below(entries.len() as u64)).expect("a position");
                if let Some(entry) = entries.values_mut().nth(position) {
                    self.spoil(entry, depth + 1);
                }
            }
            other => *other = self.junk(other),
        }
    }

    fn junk(&mut self, old: &Value) -> Value {
        match self.below(16) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1),
            3 => json!(u64::MAX),
            4 => json!(1.5e300),
            5 => json!(""),
            6 => json!("0x"),
            7 => json!(format!("0x{}", "f".repeat(64))),
            8 => json!(format!(
                "0x{}",
                "f".repeat(1 + usize::try_from(self.below(5_000)).expect("small"))
            )),
            9 => json!("0xzz\u{0}\u{202e}合"),
            10 => json!([]),
            11 => json!({}),
            12 => json!([[[[[[[[[[]]]]]]]]]]),
            13 => json!([old, old]),
            14 => json!({ "": old, "from": old, "blockHash": old, "fromBlock": old }),
            _ => match old {
                Value::String(text) => json!(text.to_uppercase()),
                other => json!(other.to_string()),
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use alloy_primitives::{Address, B256};
    use load::random::Random;

    use super::{Knowledge, Maker};
    use crate::openrpc::descriptions::find;

    #[test]
    fn requests_reach_every_described_method_and_repeat() {
        let Some(descriptions) = find().unwrap() else {
            println!("did not run: no descriptions");
            assert!(std::env::var_os("CI").is_none(), "CI has the descriptions");
            return;
        };
        let described = descriptions.methods.len();
        let knowledge = Knowledge {
            addresses: vec![Address::ZERO],
            contract: Address::ZERO,
            hashes: vec![B256::ZERO],
            raw: vec!["0x02".into()],
            height: 9,
        };
        let (descriptions, knowledge) = (Arc::new(descriptions), Arc::new(knowledge));
        let make = || Maker::new(descriptions.clone(), knowledge.clone(), Random::new(5));
        let (mut one, mut other) = (make(), make());
        let mut methods = BTreeSet::new();
        for id in 0..5_000 {
            let request = one.request(id);
            assert_eq!(request, other.request(id));
            methods.insert(request["method"].as_str().unwrap().to_owned());
        }
        assert!(methods.len() >= described, "{} of {described}", methods.len());
    }
}
