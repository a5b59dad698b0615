//! Cases that are left out, each with its reason.

const TESTING: &str = "builds a block on request for test rigs of execution clients; a ledger's blocks \
                       come from agreement, and testing_* is answered with -32601";
const BLOB_SENT: &str = "sends a blob transaction: Heqi's ledgers refuse type 3 for good";
const BLOB_COUNTED: &str = "counts the blob transaction that another case sends, which is refused";
const LOG_WINDOW: &str = "shows geth's retention of its log index in blocks of Ethereum; Heqi keeps logs as \
                          long as blocks and has no such window";

const EXCLUSIONS: &[(&str, &str)] = &[
    ("testing_buildBlockV1/", TESTING),
    ("eth_sendRawTransaction/send-blob-tx", BLOB_SENT),
    ("txpool_status/get-status", BLOB_COUNTED),
    ("eth_capabilities/get-capabilities", LOG_WINDOW),
];

/// Why a case is left out.
pub fn excluded(name: &str) -> Option<&'static str> {
    EXCLUSIONS.iter().find(|(start, _)| name.starts_with(start)).map(|(_, reason)| *reason)
}
