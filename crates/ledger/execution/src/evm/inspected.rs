//! The same EVM with somebody looking on: for traces, never for blocks.

use std::marker::PhantomData;

use revm::{
    Database,
    context::{BlockEnv, ContextSetters as _, FrameStack, TxEnv},
    context_interface::{
        ContextTr as _, JournalTr as _,
        result::{EVMError, ExecutionResult, HaltReason},
    },
    handler::{
        EthFrame, EthPrecompiles, EvmTr, FrameInitOrResult, FrameResult, FrameTr, Handler,
        evm::{ContextDbError, FrameInitResult},
        instructions::EthInstructions,
    },
    inspector::{Inspector, InspectorEvmTr, InspectorHandler},
    interpreter::{InitialAndFloorGas, interpreter::EthInterpreter},
};

use super::{EvmContext, LedgerEvm, Payment};

/// An EVM and who looks on.
struct InspectedEvm<'e, 'a, DB: Database, I> {
    evm: &'e mut LedgerEvm<'a, DB>,
    inspector: &'e mut I,
}

/// Does what the handler of blocks does.
struct InspectedHandler<'e, 'a, DB: Database, I> {
    payment: Payment,
    kind: PhantomData<InspectedEvm<'e, 'a, DB, I>>,
}

impl<'e, 'a, DB: Database, I> Handler for InspectedHandler<'e, 'a, DB, I> {
    type Evm = InspectedEvm<'e, 'a, DB, I>;
    type Error = EVMError<DB::Error>;
    type HaltReason = HaltReason;

    fn validate_env(&self, evm: &mut Self::Evm) -> Result<(), Self::Error> {
        self.payment.validate_env(evm.ctx())
    }

    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut Self::Evm,
        _gas: &mut InitialAndFloorGas,
    ) -> Result<(), Self::Error> {
        self.payment.deduct_caller(evm.ctx())
    }

    fn reward_beneficiary(
        &self,
        evm: &mut Self::Evm,
        result: &mut FrameResult,
    ) -> Result<(), Self::Error> {
        self.payment.reward_beneficiary(evm.ctx(), result)
    }
}

impl<DB: Database, I: Inspector<EvmContext<DB>>> InspectorHandler
    for InspectedHandler<'_, '_, DB, I>
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
        self.inner.ctx.chain.clear();
        self.inner.ctx.set_tx(transaction);
        let mut inspected = InspectedEvm { evm: self, inspector };
        let result = InspectedHandler { payment, kind: PhantomData }.inspect_run(&mut inspected);
        result.inspect_err(|_| {
            let _ = self.inner.ctx.journal_mut().finalize();
        })
    }
}

impl<'a, DB: Database, I> EvmTr for InspectedEvm<'_, 'a, DB, I> {
    type Context = EvmContext<DB>;
    type Instructions = EthInstructions<EthInterpreter, EvmContext<DB>>;
    type Precompiles = EthPrecompiles;
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
