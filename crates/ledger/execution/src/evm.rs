//! revm with two additions at the start of every frame: the call gate is asked, and a call into a
//! native contract runs Rust.
//!
//! It is an override of the frame start, not an inspector: it holds for every frame, whoever
//! starts it, in blocks and in simulations alike.

mod handler;
mod inspected;
mod intercept;
mod journal_host;
mod precompiles;
mod preimages;

use revm::{
    Context, Database, Journal,
    context::{BlockEnv, CfgEnv, ContextSetters, ContextTr, Evm, FrameStack, TxEnv},
    context_interface::{
        JournalTr,
        result::{EVMError, ExecutionResult},
    },
    handler::{
        EthFrame, EvmTr, FrameInitOrResult, FrameTr, Handler, ItemOrResult, MainBuilder,
        evm::{ContextDbError, FrameInitResult},
        instructions::EthInstructions,
    },
    interpreter::interpreter::EthInterpreter,
    primitives::hardfork::SpecId,
    state::EvmState,
};

use crate::{CallGate, ChainRules};
use handler::LedgerHandler;
use native::NativeTable;
pub use precompiles::LedgerPrecompiles;
pub(crate) use precompiles::PrecompilePlaces;

pub(crate) use preimages::Preimage;
pub use preimages::Preimages;

/// revm's context over a database.
pub type EvmContext<DB> = Context<BlockEnv, TxEnv, CfgEnv, DB, Journal<DB>, Preimages>;
type Inner<DB> = Evm<
    EvmContext<DB>,
    (),
    EthInstructions<EthInterpreter, EvmContext<DB>>,
    LedgerPrecompiles,
    EthFrame<EthInterpreter>,
>;

/// How transactions are checked and paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payment {
    /// As in a block. The beneficiary receives the whole fee, or the tip only where the base fee
    /// is burnt.
    Block {
        /// Whether the base fee disappears.
        base_fee_burnt: bool,
    },
    /// As in a block whose beneficiary receives the whole fee, whether the sender has code or not.
    AnySender,
    /// A simulated call: nonce, sender's code and block gas limit do not matter; value and offered
    /// fees must be owned.
    Call,
    /// A call of a simulated block, checked beforehand: as [`Self::Call`], and the beneficiary is
    /// paid as in a block.
    Simulated {
        /// Whether the base fee disappears.
        base_fee_burnt: bool,
    },
}

/// The EVM of a ledger.
pub struct LedgerEvm<'a, DB: Database> {
    inner: Inner<DB>,
    native: &'a NativeTable,
    gate: &'a dyn CallGate,
}

impl<'a, DB: Database> LedgerEvm<'a, DB> {
    /// An EVM for one block over a database.
    pub fn new(database: DB, rules: &'a ChainRules, block: BlockEnv) -> Self {
        let configuration = rules.evm_configuration();
        Self::with_configuration(database, configuration, block, &rules.native, &*rules.gate)
    }

    /// An EVM with any configuration, for conformance suites.
    pub fn with_configuration(
        database: DB,
        configuration: CfgEnv,
        block: BlockEnv,
        native: &'a NativeTable,
        gate: &'a dyn CallGate,
    ) -> Self {
        let precompiles = LedgerPrecompiles::new(configuration.spec);
        let context: EvmContext<DB> = Context::new(database, configuration.spec);
        let evm = context.with_cfg(configuration).with_block(block).build_mainnet();
        let mut inner = evm.with_precompiles(precompiles);
        let gas = inner.instruction.gas_table()[usize::from(preimages::KECCAK256)];
        inner.instruction.insert_instruction(preimages::KECCAK256, preimages::recording(), gas);
        Self { inner, native, gate }
    }

    /// Runs one transaction. Its changes wait for [`Self::take_changes`]; after an error there are
    /// none.
    pub fn transact(
        &mut self,
        transaction: TxEnv,
        payment: Payment,
    ) -> Result<ExecutionResult, EVMError<DB::Error>> {
        self.set_transaction(transaction, payment);
        LedgerHandler::new(payment).run(self).inspect_err(|_| {
            let _ = self.inner.ctx.journal_mut().finalize();
        })
    }

    fn set_transaction(&mut self, transaction: TxEnv, payment: Payment) {
        self.inner.ctx.chain.clear();
        if matches!(payment, Payment::Call | Payment::Simulated { .. }) {
            // As geth: the cap of EIP-7825 is for transactions that somebody signed.
            self.inner.ctx.cfg.tx_gas_limit_cap = Some(u64::MAX);
        }
        self.inner.ctx.set_tx(transaction);
    }

    /// Runs a call or creation of the ledger itself: no signature, no nonce, no fee.
    pub fn system_call(
        &mut self,
        transaction: TxEnv,
    ) -> Result<ExecutionResult, EVMError<DB::Error>> {
        self.inner.ctx.set_tx(transaction);
        let payment = Payment::Block { base_fee_burnt: false };
        LedgerHandler::new(payment).run_system_call(self).inspect_err(|_| {
            let _ = self.inner.ctx.journal_mut().finalize();
        })
    }

    /// The changes of what ran since the last time.
    pub fn take_changes(&mut self) -> EvmState {
        self.inner.ctx.journal_mut().finalize()
    }

    /// What the last run hashed, as far as slots are found by it.
    pub(crate) fn preimages(&self) -> &[Preimage] {
        self.inner.ctx.chain.as_slice()
    }

    /// The database.
    pub fn database(&mut self) -> &mut DB {
        self.inner.ctx.db_mut()
    }

    /// Revision of the EVM.
    pub fn spec(&self) -> SpecId {
        self.inner.ctx.cfg.spec
    }

    /// From here on precompiled contracts run where `places` says.
    pub(crate) fn move_precompiles(&mut self, places: std::sync::Arc<PrecompilePlaces>) {
        self.inner.precompiles.set_places(places);
    }

    /// Ignores nonces: for runs that only find out which values a transaction needs.
    pub(crate) fn ignore_nonces(&mut self, ignore: bool) {
        self.inner.ctx.cfg.disable_nonce_check = ignore;
    }

    fn context(&mut self) -> &mut EvmContext<DB> {
        &mut self.inner.ctx
    }
}

impl<DB: Database> EvmTr for LedgerEvm<'_, DB> {
    type Context = EvmContext<DB>;
    type Instructions = EthInstructions<EthInterpreter, EvmContext<DB>>;
    type Precompiles = LedgerPrecompiles;
    type Frame = EthFrame<EthInterpreter>;

    fn all(
        &self,
    ) -> (&Self::Context, &Self::Instructions, &Self::Precompiles, &FrameStack<Self::Frame>) {
        self.inner.all()
    }

    fn all_mut(
        &mut self,
    ) -> (
        &mut Self::Context,
        &mut Self::Instructions,
        &mut Self::Precompiles,
        &mut FrameStack<Self::Frame>,
    ) {
        self.inner.all_mut()
    }

    fn frame_init(
        &mut self,
        frame: <Self::Frame as FrameTr>::FrameInit,
    ) -> Result<FrameInitResult<'_, Self::Frame>, ContextDbError<Self::Context>> {
        match self.intercept(&frame)? {
            Some(result) => Ok(ItemOrResult::Result(result)),
            None => self.inner.frame_init(frame),
        }
    }

    fn frame_run(
        &mut self,
    ) -> Result<FrameInitOrResult<Self::Frame>, ContextDbError<Self::Context>> {
        self.inner.frame_run()
    }

    fn frame_return_result(
        &mut self,
        result: <Self::Frame as FrameTr>::FrameResult,
    ) -> Result<Option<<Self::Frame as FrameTr>::FrameResult>, ContextDbError<Self::Context>> {
        self.inner.frame_return_result(result)
    }
}
