//! The disk of one machine: slow, or failing at a chosen operation.

use std::{
    future::Future,
    io,
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

use commonware_runtime::{
    Blob, Clock as _, Error, Handle, IoBufs, IoBufsMut, ReadOptions, Spawner as _, Supervisor as _,
    WriteOptions, deterministic,
};

use super::{Machine, files::File};

/// Kinds of operations that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskOperation {
    /// Opening a file.
    Open,
    /// Reading.
    Read,
    /// Writing and resizing.
    Write,
    /// Making durable.
    Sync,
    /// Removing and listing.
    Other,
}

/// One failure to come.
pub(super) struct Failing {
    pub(super) operation: DiskOperation,
    /// Operations of this kind that still succeed.
    pub(super) after: u64,
}

impl Machine {
    /// Waits for ever on the disk of a dead node; fails when a failure is due.
    pub(super) async fn before(&self, operation: DiskOperation) -> Result<(), Error> {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
        if self.fails(operation) {
            self.0.disk_failures.fetch_add(1, Ordering::SeqCst);
            let error = io::Error::other(format!("injected failure of {operation:?}"));
            return Err(error.into());
        }
        Ok(())
    }

    fn fails(&self, operation: DiskOperation) -> bool {
        let mut failing = self.0.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match failing.as_mut() {
            Some(due) if due.operation == operation && due.after == 0 => {
                *failing = None;
                true
            }
            Some(due) if due.operation == operation => {
                due.after -= 1;
                false
            }
            _ => false,
        }
    }

    fn sync_delay(&self) -> Option<Duration> {
        let delay_ms = self.0.sync_delay_ms.load(Ordering::SeqCst);
        if delay_ms == 0 {
            return None;
        }
        self.0.delayed_syncs.fetch_add(1, Ordering::SeqCst);
        Some(Duration::from_millis(delay_ms))
    }
}

/// A file of one machine.
pub struct DiskBlob {
    file: File,
    context: deterministic::Context,
    machine: Machine,
}

impl DiskBlob {
    pub(super) const fn new(file: File, context: deterministic::Context, machine: Machine) -> Self {
        Self { file, context, machine }
    }
}

impl Blob for DiskBlob {
    async fn read_at_buf(
        &self,
        offset: u64,
        len: usize,
        bufs: impl Into<IoBufsMut> + Send,
        _options: ReadOptions,
    ) -> Result<IoBufsMut, Error> {
        let bufs = bufs.into();
        self.machine.before(DiskOperation::Read).await?;
        self.file.read(offset, len, bufs)
    }

    async fn read_at(
        &self,
        offset: u64,
        len: usize,
        _options: ReadOptions,
    ) -> Result<IoBufsMut, Error> {
        self.machine.before(DiskOperation::Read).await?;
        self.file.read(offset, len, IoBufsMut::default())
    }

    async fn write_at(
        &self,
        offset: u64,
        bufs: impl Into<IoBufs> + Send,
        options: WriteOptions,
    ) -> Result<(), Error> {
        let bufs = bufs.into();
        self.machine.before(DiskOperation::Write).await?;
        self.file.write(offset, bufs, options.contains(WriteOptions::SYNC))
    }

    async fn resize(&self, len: u64) -> Result<(), Error> {
        self.machine.before(DiskOperation::Write).await?;
        self.file.resize(len)
    }

    async fn sync(&self) -> Result<(), Error> {
        self.machine.before(DiskOperation::Sync).await?;
        if let Some(delay) = self.machine.sync_delay() {
            self.context.sleep(delay).await;
        }
        self.file.sync();
        Ok(())
    }

    // The trait wants a handle: the sync goes on beside the caller.
    #[allow(clippy::async_yields_async)]
    fn start_sync(&self) -> impl Future<Output = Handle<()>> + Send {
        let ready = self.machine.before(DiskOperation::Sync);
        async move {
            if let Err(error) = ready.await {
                return Handle::ready(Err(error));
            }
            self.file.sync();
            match self.machine.sync_delay() {
                None => Handle::ready(Ok(())),
                Some(delay) => self.context.child("slow_sync").spawn(move |context| async move {
                    context.sleep(delay).await;
                }),
            }
        }
    }
}
