//! `heqi_getSnapshotPart`: what `heqi snapshot create` asks for.

use ledger_api::SnapshotPart;
use serde::Deserialize;
use serde_json::Value;
use state::qmdb::{Database, PAGE_OPERATIONS, PageRequest};

use crate::{
    error::RpcError,
    object::Object,
    params::Params,
    quantity::{Small, data},
    service::Context,
};

/// The parameter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    part: String,
    from: Small,
    count: Option<Small>,
    size: Option<Small>,
}

/// `heqi_getSnapshotPart({part, from, count, size})`: validators after an epoch, headers, bodies or
/// receipts down from a height, or operations of a state database with their proof. Null where this
/// node does not hold it.
pub async fn part(context: &Context, params: &Params) -> Result<Value, RpcError> {
    let Object(wanted) = params.required::<Object<Wanted>>(0)?;
    let part = wanted.part()?;
    let _turn = context.service.snapshot_parts.acquire().await.map_err(RpcError::internal)?;
    let found = context.service.ledger.snapshot_part(part).await?;
    Ok(found.map_or(Value::Null, data))
}

impl Wanted {
    fn part(&self) -> Result<SnapshotPart, RpcError> {
        let wrong = |detail: String| RpcError::argument(0, detail);
        let top = self.from.0;
        let count = self.count.map_or(1, |count| count.0);
        let blocks = u32::try_from(count).unwrap_or(u32::MAX);
        let missing = |name| wrong(format!("{name} is missing"));
        Ok(match self.part.as_str() {
            "validators" => SnapshotPart::Validators { epoch: top },
            "headers" => SnapshotPart::Headers { top, count: blocks },
            "bodies" => SnapshotPart::Bodies { top, count: blocks },
            "receipts" => SnapshotPart::Receipts { top, count: blocks },
            name => {
                let database = Database::ALL.into_iter().find(|database| database.name() == name);
                let database = database.ok_or_else(|| {
                    wrong(
                        "part is none of validators, headers, bodies, receipts, accounts, \
                         storage, code"
                            .into(),
                    )
                })?;
                if count > PAGE_OPERATIONS {
                    let limit = format!("too many operations, limit {PAGE_OPERATIONS}");
                    return Err(RpcError::limit(limit));
                }
                let size = self.size.ok_or_else(|| missing("size"))?.0;
                SnapshotPart::State(PageRequest { database, size, start: top, count })
            }
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::code;

    fn read(value: Value) -> Result<SnapshotPart, i64> {
        let raw = serde_json::value::to_raw_value(&json!([value])).unwrap();
        let wanted = Params::parse(Some(&raw)).and_then(|params| params.required(0));
        wanted.and_then(|Object(wanted): Object<Wanted>| wanted.part()).map_err(|error| error.code)
    }

    #[test]
    fn parts_are_read_and_limits_named() {
        let epoch = read(json!({"part": "validators", "from": "0x2"}));
        assert_eq!(epoch, Ok(SnapshotPart::Validators { epoch: 2 }));
        let bodies = read(json!({"part": "bodies", "from": 9, "count": "0xffffffffffffffff"}));
        assert_eq!(bodies, Ok(SnapshotPart::Bodies { top: 9, count: u32::MAX }));
        let page = PageRequest { database: Database::Storage, size: 7, start: 3, count: 0 };
        let found = read(json!({"part": "storage", "from": 3, "count": 0, "size": 7}));
        assert_eq!(found, Ok(SnapshotPart::State(page)));
        for wrong in [
            json!({"part": "keys", "from": 1}),
            json!({"part": "accounts", "from": 1}),
            json!({"part": "headers"}),
            json!({"part": "headers", "from": -1}),
            json!({"part": "headers", "from": 1, "colour": 1}),
            json!("headers"),
            Value::Null,
        ] {
            assert_eq!(read(wrong.clone()), Err(code::INVALID_PARAMS), "{wrong}");
        }
        let many = json!({"part": "code", "from": 0, "size": 9_999, "count": PAGE_OPERATIONS + 1});
        assert_eq!(read(many), Err(code::LIMIT_EXCEEDED));
    }
}
