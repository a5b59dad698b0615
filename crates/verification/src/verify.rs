//! One verification: code and what somebody sent in, a record or the reason why not out.

use alloy_primitives::{Address, keccak256};
use serde_json::Value;

use crate::{
    Compilers, MetadataSubmission, Proof, Record, StandardInput, VerificationError,
    code::{Relation, compare, delegation, metadata_hash},
    compiler::Compilation,
    declared::declared,
    ipfs,
    record::RECORD_FORMAT,
};

/// What somebody sends.
#[derive(Debug)]
pub enum Submission {
    /// Sources and settings; needs a compiler.
    Standard(StandardInput),
    /// Sources and metadata; needs none to be declared, one to be verified.
    Metadata(MetadataSubmission),
}

/// Proves what can be proved of the contract at `address`, whose code is `code`. Compiles, which takes
/// up to [`limits::COMPILER_TIME_MAX`](crate::limits::COMPILER_TIME_MAX).
///
/// # Errors
/// Everything that stands in the way of a proof.
pub fn verify(
    address: Address,
    code: &[u8],
    submission: &Submission,
    compilers: &Compilers,
    now_ms: u64,
) -> Result<Record, VerificationError> {
    if code.is_empty() {
        return Err(VerificationError::NoCode(address));
    }
    if let Some(target) = delegation(code) {
        return Err(VerificationError::Delegation { address, target });
    }
    let named = metadata_hash(code).ok_or(VerificationError::NoMetadataHash)?;
    let blank = |input: StandardInput| Record {
        format: RECORD_FORMAT,
        address,
        code_hash: keccak256(code),
        proof: Proof::Declared,
        recorded_ms: now_ms,
        input,
        metadata: String::new(),
        abi: Value::Null,
        libraries: Default::default(),
    };
    match submission {
        Submission::Standard(input) => compiled(blank(input.clone()), code, compilers),
        Submission::Metadata(sent) => {
            let found = declared(sent, &named)?;
            let input = StandardInput::of_metadata(&found.value, found.sources)?;
            let mut record = blank(input);
            record.abi = found.value["output"]["abi"].clone();
            record.metadata = found.text;
            match compilers.find(&record.input.compiler_version) {
                Ok(_) => compiled(record, code, compilers),
                Err(_) => Ok(record),
            }
        }
    }
}

fn compiled(
    mut record: Record,
    code: &[u8],
    compilers: &Compilers,
) -> Result<Record, VerificationError> {
    let Compilation { abi, metadata, code: made } = compilers.compile(&record.input)?;
    match compare(&made, code, record.address)? {
        Relation::Equal { libraries } => {
            record.proof = Proof::Compiled;
            record.libraries = libraries;
            record.abi = abi;
            record.metadata = metadata;
            Ok(record)
        }
        Relation::OtherMetadata(found) => {
            let expected = metadata_hash(code).ok_or(VerificationError::NoMetadataHash)?;
            let (expected, found) = (ipfs::text(&expected), ipfs::text(&found));
            Err(VerificationError::MetadataDiffers { expected, found })
        }
        Relation::Different => Err(VerificationError::CodeDiffers),
    }
}
