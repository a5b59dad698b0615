//! Answering [`Step::NeedSource`](crate::Step::NeedSource): the executor runs on a thread of its
//! own and waits there for each value that the caller reads for it. One of the two runs at a time,
//! so nothing depends on the order of threads.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use state::{StateKey, StateValue};

use crate::{BlockExecutor, ValueSource};

/// Most questions follow one another within this time; a transaction that computes takes longer.
pub(crate) const SOON: Duration = Duration::from_millis(1);

/// There is no question yet: the transaction computes.
pub(crate) struct Later;

/// An executor that loads the values of its next transaction.
///
/// Ask for the [next question](Self::next_question), [answer](Self::answer) it, until there is no
/// more; then [take the executor back](Self::finish). Dropping it ends the thread at its next read.
pub(crate) struct Loading {
    questions: Receiver<StateKey>,
    answers: Sender<Option<StateValue>>,
    thread: JoinHandle<BlockExecutor>,
}

impl Loading {
    /// Starts the thread; fails where the system gives none.
    pub(crate) fn start(mut executor: BlockExecutor) -> io::Result<Self> {
        let (ask, questions) = channel();
        let (answers, answered) = channel();
        let thread = thread::Builder::new().name("evm-loading".to_owned()).spawn(move || {
            executor.load_next(Box::new(Caller { ask, answered }));
            executor
        })?;
        Ok(Self { questions, answers, thread })
    }

    /// The key whose value is wanted next, `None` once the transaction has run; blocks until then,
    /// but only for a moment ([`SOON`]).
    pub(crate) fn question_soon(&self) -> Result<Option<StateKey>, Later> {
        match self.questions.recv_timeout(SOON) {
            Ok(key) => Ok(Some(key)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(Later),
        }
    }

    /// The same, however long it takes.
    pub(crate) fn next_question(&self) -> Option<StateKey> {
        self.questions.recv().ok()
    }

    /// Answers the last question; `None` where the state has no such value.
    pub(crate) fn answer(&self, value: Option<StateValue>) {
        // A thread that is gone shows at the next question.
        let _ = self.answers.send(value);
    }

    /// The executor, once there are no more questions. Blocks for the moment that the thread needs
    /// to end.
    pub(crate) fn finish(self) -> BlockExecutor {
        drop(self.answers);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The caller, as the executor's thread sees it.
struct Caller {
    ask: Sender<StateKey>,
    answered: Receiver<Option<StateValue>>,
}

impl ValueSource for Caller {
    fn value(&mut self, key: StateKey) -> Option<Option<StateValue>> {
        self.ask.send(key).ok()?;
        self.answered.recv().ok()
    }
}
