//! Parts of other crates whose work counts for a stage.

use std::{cmp::Ordering, future::Future};

use alloy_primitives::{B256, Bytes};
use commonware_parallel::{Rayon, Strategy};
use pool::{Admission, Admit, Origin, Refusal};

use super::{Stage, StageTimes};
use crate::latest::Latest;

/// The worker pool, where all work that goes through it counts for one stage.
///
/// The calls carry their caller's place on, because the pool learns from each place how long its
/// work takes.
#[derive(Clone, Debug)]
pub(crate) struct MeasuredWorkers {
    workers: Rayon,
    stages: StageTimes,
    stage: Stage,
}

impl MeasuredWorkers {
    pub(crate) const fn new(workers: Rayon, stages: StageTimes, stage: Stage) -> Self {
        Self { workers, stages, stage }
    }
}

impl Strategy for MeasuredWorkers {
    #[track_caller]
    fn spawn<F, T>(&self, len: usize, work: F) -> impl Future<Output = T> + Send + 'static
    where
        F: FnOnce(Self) -> T + Send + 'static,
        T: Send + 'static,
    {
        let (stages, stage) = (self.stages.clone(), self.stage);
        self.workers.spawn(len, move |workers| {
            let _running = stages.begin(stage);
            work(Self { workers, stages: stages.clone(), stage })
        })
    }

    #[track_caller]
    fn run<R, SEQ, PAR>(&self, len: usize, serial: SEQ, parallel: PAR) -> R
    where
        R: Send,
        SEQ: FnOnce() -> R + Send,
        PAR: FnOnce() -> R + Send,
    {
        self.workers.run(len, serial, parallel)
    }

    #[track_caller]
    fn try_run<R, E, SEQ, PAR>(&self, len: usize, serial: SEQ, parallel: PAR) -> Result<R, E>
    where
        R: Send,
        E: Send,
        SEQ: FnOnce() -> Result<R, E> + Send,
        PAR: FnOnce() -> Result<R, E> + Send,
    {
        self.workers.try_run(len, serial, parallel)
    }

    #[track_caller]
    fn fold_init<I, INIT, T, R, ID, F, RD>(
        &self,
        iter: I,
        init: INIT,
        identity: ID,
        fold_op: F,
        reduce_op: RD,
    ) -> R
    where
        I: IntoIterator<IntoIter: Send, Item: Send> + Send,
        INIT: Fn() -> T + Send + Sync,
        T: Send,
        R: Send,
        ID: Fn() -> R + Send + Sync,
        F: Fn(R, &mut T, I::Item) -> R + Send + Sync,
        RD: Fn(R, R) -> R + Send + Sync,
    {
        let init = || (self.stages.begin(self.stage), init());
        let fold = |folded, (_, state): &mut (_, T), item| fold_op(folded, state, item);
        self.workers.fold_init(iter, init, identity, fold, reduce_op)
    }

    // The default collects through a fold; the worker pool has a faster way.
    #[track_caller]
    fn map_collect_vec<I, F, T>(&self, iter: I, map_op: F) -> Vec<T>
    where
        I: IntoIterator<IntoIter: Send, Item: Send> + Send,
        F: Fn(I::Item) -> T + Send + Sync,
        T: Send,
    {
        let begin = || self.stages.begin(self.stage);
        self.workers.map_init_collect_vec(iter, begin, |_, item| map_op(item))
    }

    #[track_caller]
    fn try_fold<I, R, E, ID, F, RD>(
        &self,
        iter: I,
        identity: ID,
        fold_op: F,
        reduce_op: RD,
    ) -> Result<R, E>
    where
        I: IntoIterator<IntoIter: Send, Item: Send> + Send,
        R: Send,
        E: Send,
        ID: Fn() -> R + Send + Sync,
        F: Fn(R, I::Item) -> Result<R, E> + Send + Sync,
        RD: Fn(R, R) -> R + Send + Sync,
    {
        self.workers.try_fold(iter, identity, fold_op, reduce_op)
    }

    fn join<A, B, RA, RB>(&self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce() -> RA + Send,
        B: FnOnce() -> RB + Send,
        RA: Send,
        RB: Send,
    {
        self.workers.join(a, b)
    }

    #[track_caller]
    fn sort_by<T, C>(&self, items: &mut [T], compare: C)
    where
        T: Send,
        C: Fn(&T, &T) -> Ordering + Send + Sync,
    {
        self.workers.sort_by(items, compare);
    }
}

/// Admission whose own work counts as [`Stage::Admission`], like that of its workers.
#[derive(Clone)]
pub(crate) struct MeasuredAdmission {
    pub(crate) admission: Admission<Latest, MeasuredWorkers>,
    pub(crate) stages: StageTimes,
}

impl Admit for MeasuredAdmission {
    async fn admit(&self, encoded: Vec<Bytes>, origin: Origin) -> Vec<Result<B256, Refusal>> {
        self.stages.time(Stage::Admission, self.admission.admit(encoded, origin)).await
    }
}
