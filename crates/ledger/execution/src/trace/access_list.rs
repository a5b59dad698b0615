//! Which accounts and slots a run touches: `eth_createAccessList`.

use alloy_eips::eip2930::AccessList;
use revm::context_interface::result::ExecutionResult;
use revm_inspectors::access_list::AccessListInspector;

use super::{Costs, Finished, TraceError, Tracer};
use crate::halt;

/// Lists what a run touches.
#[derive(Clone, Debug, Default)]
pub struct AccessListTracer {
    /// What is listed before the run.
    pub known: AccessList,
}

/// What a run touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessListing {
    /// Accounts and slots, sorted, without sender, recipient and precompiles that no slot is of.
    pub list: AccessList,
    /// Gas used after refunds.
    pub gas_used: u64,
    /// Why the run failed, in geth's words.
    pub error: Option<String>,
}

impl Tracer for AccessListTracer {
    type Inspector = AccessListInspector;
    type Trace = AccessListing;

    fn inspector(&self) -> Result<AccessListInspector, TraceError> {
        Ok(AccessListInspector::new(self.known.clone()))
    }

    fn costs(&self) -> Costs {
        Costs::default()
    }

    fn finish(
        &self,
        inspector: AccessListInspector,
        Finished { ran, .. }: Finished<'_, '_>,
    ) -> Result<AccessListing, TraceError> {
        let error = match &ran.result {
            ExecutionResult::Success { .. } => None,
            ExecutionResult::Revert { .. } => Some("execution reverted".to_owned()),
            ExecutionResult::Halt { reason, .. } => Some(halt::describe(reason)),
        };
        Ok(AccessListing {
            list: inspector.into_access_list(),
            gas_used: ran.result.tx_gas_used(),
            error,
        })
    }
}
