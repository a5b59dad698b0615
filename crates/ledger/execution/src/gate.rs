//! The call gate: who may call what, asked at the start of every frame.

use alloy_primitives::{Address, Bytes, U256};

/// How a frame came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// `CALL`, or the transaction itself.
    Call,
    /// `STATICCALL`.
    StaticCall,
    /// `DELEGATECALL`.
    DelegateCall,
    /// `CALLCODE`.
    CallCode,
    /// `CREATE`, or a transaction without recipient.
    Create,
    /// `CREATE2`.
    Create2,
}

/// A frame about to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameStart {
    /// Account or contract that starts it.
    pub caller: Address,
    /// Contract whose code runs; `None` for a creation.
    pub target: Option<Address>,
    /// First four bytes of the call data, where there are as many.
    pub selector: Option<[u8; 4]>,
    /// Wei that move (or seem to, for `DELEGATECALL`).
    pub value: U256,
    /// How it came about.
    pub kind: FrameKind,
    /// Frames above it; 0 for the transaction itself.
    pub depth: usize,
}

/// Why a frame may not start: the revert data that its caller sees, a Solidity error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateRefusal {
    /// ABI encoded error.
    pub output: Bytes,
}

/// Decides on every frame, also those that contracts start. It must depend on nothing but its
/// arguments and what the ledger's rules fix: all validators must come to the same answer.
pub trait CallGate: Send + Sync + std::fmt::Debug {
    /// Lets the frame start or refuses it.
    fn check(&self, frame: &FrameStart) -> Result<(), GateRefusal>;
}

/// Everybody may call everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl CallGate for AllowAll {
    fn check(&self, _frame: &FrameStart) -> Result<(), GateRefusal> {
        Ok(())
    }
}
