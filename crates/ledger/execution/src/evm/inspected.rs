//! The same EVM with somebody looking on: for traces, never for blocks.

use revm::{
    Database,
    context::{BlockEnv, FrameStack, TxEnv},
    context_interface::{
        ContextTr as _, JournalTr as _,
        result::{EVMError, ExecutionResult},
    },
    handler::{
        EthFrame, EvmTr, FrameInitOrResult, FrameTr,
        evm::{ContextDbError, FrameInitResult},
        instructions::EthInstructions,
    },
    inspector::{Inspector, InspectorEvmTr, InspectorHandler},
    interpreter::interpreter::EthInterpreter,
};

use super::{EvmContext, LedgerEvm, LedgerPrecompiles, Payment, handler::LedgerHandler};

/// An EVM and who looks on.
struct InspectedEvm<'e, 'a, DB: Database, I> {
    evm: &'e mut LedgerEvm<'a, DB>,
    inspector: &'e mut I,
}

impl<'e, 'a, DB: Database, I: Inspector<EvmContext<DB>>> InspectorHandler
    for LedgerHandler<InspectedEvm<'e, 'a, DB, I>>
{
    type IT = EthInterpreter;
}

impl<DB: Database> LedgerEvm<'_, DB> {
    /// The block around its transactions.
    pub(crate) fn block_env(&self) -> &BlockEnv {
        &self.inner.ctx.block
    }

    /// Runs one transaction as [`Self::transact`] does and shows every step of it to `inspector`.
    pub(crate) fn inspect<I>(
        &mut self,
        transaction: TxEnv,
        payment: Payment,
        inspector: &mut I,
    ) -> Result<ExecutionResult, EVMError<DB::Error>>
    where
        I: Inspector<EvmContext<DB>>,
    {
        self.set_transaction(transaction, payment);
        let mut inspected = InspectedEvm { evm: self, inspector };
        let result = LedgerHandler::new(payment).inspect_run(&mut inspected);
        result.inspect_err(|_| {
            let _ = self.inner.ctx.journal_mut().finalize();
        })
    }
}

impl<'a, DB: Database, I> EvmTr for InspectedEvm<'_, 'a, DB, I> {
    type Context = EvmContext<DB>;
    type Instructions = EthInstructions<EthInterpreter, EvmContext<DB>>;
    type Precompiles = LedgerPrecompiles;
    type Frame = EthFrame<EthInterpreter>;

    fn all(
        &self,
    ) -> (&Self::Context, &Self::Instructions, &Self::Precompiles, &FrameStack<Self::Frame>) {
        self.evm.all()
    }

    fn all_mut(
        &mut self,
    ) -> (
        &mut Self::Context,
        &mut Self::Instructions,
        &mut Self::Precompiles,
        &mut FrameStack<Self::Frame>,
    ) {
        self.evm.all_mut()
    }

    fn frame_init(
        &mut self,
        frame: <Self::Frame as FrameTr>::FrameInit,
    ) -> Result<FrameInitResult<'_, Self::Frame>, ContextDbError<Self::Context>> {
        self.evm.frame_init(frame)
    }

    fn frame_run(
        &mut self,
    ) -> Result<FrameInitOrResult<Self::Frame>, ContextDbError<Self::Context>> {
        self.evm.frame_run()
    }

    fn frame_return_result(
        &mut self,
        result: <Self::Frame as FrameTr>::FrameResult,
    ) -> Result<Option<<Self::Frame as FrameTr>::FrameResult>, ContextDbError<Self::Context>> {
        self.evm.frame_return_result(result)
    }
}

impl<'a, DB: Database, I: Inspector<EvmContext<DB>>> InspectorEvmTr
    for InspectedEvm<'_, 'a, DB, I>
{
    type Inspector = I;

    fn all_inspector(
        &self,
    ) -> (
        &Self::Context,
        &Self::Instructions,
        &Self::Precompiles,
        &FrameStack<Self::Frame>,
        &Self::Inspector,
    ) {
        let (context, instructions, precompiles, frames) = self.evm.all();
        (context, instructions, precompiles, frames, self.inspector)
    }

    fn all_mut_inspector(
        &mut self,
    ) -> (
        &mut Self::Context,
        &mut Self::Instructions,
        &mut Self::Precompiles,
        &mut FrameStack<Self::Frame>,
        &mut Self::Inspector,
    ) {
        let (context, instructions, precompiles, frames) = self.evm.all_mut();
        (context, instructions, precompiles, frames, self.inspector)
    }
}
