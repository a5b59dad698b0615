//! What is still to run: files, and the sections of those already read.

use std::{collections::VecDeque, path::PathBuf, sync::Mutex};

use super::{archive::Archive, run::Failure, section::Section};

/// Hands out sections, reading files as they are needed: few files are in memory at a time, and
/// all threads share the sections of a long one.
pub(super) struct Queue<'a> {
    archive: &'a Archive,
    files: Mutex<std::vec::IntoIter<PathBuf>>,
    sections: Mutex<VecDeque<Section>>,
}

impl<'a> Queue<'a> {
    pub(super) fn new(archive: &'a Archive, files: Vec<PathBuf>) -> Self {
        let files = Mutex::new(files.into_iter());
        Self { archive, files, sections: Mutex::new(VecDeque::new()) }
    }

    /// The next section, or why the next file has none; `None` when all are given out.
    pub(super) fn next(&self) -> Option<Result<Section, Failure>> {
        loop {
            if let Some(section) = lock(&self.sections).pop_front() {
                return Some(Ok(section));
            }
            let file = lock(&self.files).next()?;
            match Section::of_file(self.archive, &file) {
                Ok(sections) => lock(&self.sections).extend(sections),
                Err(error) => {
                    let (case, reason) = (file.display().to_string(), format!("{error:#}"));
                    return Some(Err(Failure { case, reason }));
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds the queue")
}
