//! Conformance suites: one test per sentence of a trait's contract, for every implementation of it, here or elsewhere.
//!
//! [`journal_conformance!`](crate::journal_conformance), [`lease_conformance!`](crate::lease_conformance),
//! [`event_log_conformance!`](crate::event_log_conformance) and [`approver_conformance!`](crate::approver_conformance)
//! make a module of tests, each on a fresh store. The functions behind them are public, for those who need another harness;
//! they panic with what was found when the sentence does not hold.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a conformance test fails by panicking, wherever it is compiled"
)]

pub mod approval;
pub mod event_log;
pub mod journal;
pub mod lease;

/// Expands to a module with one test per listed function. Use the macros that list them.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($module:ident, $fresh:expr, $suite:path, $store:path, [$($sentence:ident),* $(,)?]) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $sentence() {
                    use $suite as suite;
                    let (store, _keep) = $fresh;
                    let store: ::std::sync::Arc<dyn $store> = ::std::sync::Arc::new(store);
                    suite::$sentence(store).await;
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::approval::{Answer, AutoApprover, ChannelApprover, FileApprover, NobodyApproves};
    use crate::clock::{Clock, SystemClock};
    use crate::journal::{FileJournal, MemoryJournal};
    use crate::lease::{FileLeases, MemoryLeases};
    use crate::log::Journaled;

    fn file_journal() -> (FileJournal, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let journal = FileJournal::open(directory.path().join("a/b/journal")).unwrap();
        (journal, directory)
    }

    fn file_leases() -> (FileLeases, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let leases = FileLeases::open(directory.path().join("a/b")).unwrap();
        (leases, directory)
    }

    fn file_log() -> (Journaled, tempfile::TempDir) {
        let (journal, directory) = file_journal();
        (Journaled(Arc::new(journal)), directory)
    }

    /// Ends its task when the test does.
    struct Person(tokio::task::JoinHandle<()>);

    impl Drop for Person {
        fn drop(&mut self) {
            self.0.abort();
        }
    }

    fn channel_approver() -> (ChannelApprover, Person) {
        let (approver, mut questions) = ChannelApprover::new();
        let person = tokio::spawn(async move {
            while let Some((question, place)) = questions.recv().await {
                let _ = place.send(Answer::no("a person", question.text));
            }
        });
        (approver, Person(person))
    }

    /// Waits for a hundredth of a second however long it is told to, so that no test waits for a file.
    struct Hasty(SystemClock);

    impl Clock for Hasty {
        fn now(&self) -> jiff::Timestamp {
            self.0.now()
        }

        fn sleep_until(&self, _: jiff::Timestamp) -> crate::Sleep<'_> {
            self.0.sleep_until(self.0.now() + std::time::Duration::from_millis(10))
        }
    }

    fn file_approver() -> (FileApprover, (Person, tempfile::TempDir)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("answer");
        let clock: Arc<dyn Clock> = Arc::new(Hasty(SystemClock::new()));
        let approver = FileApprover::new(&path, Arc::clone(&clock));
        let person = tokio::spawn(async move {
            loop {
                std::fs::write(&path, "approve it looks good\n").unwrap();
                clock.sleep_until(clock.now()).await;
            }
        });
        (approver, (Person(person), directory))
    }

    crate::approver_conformance!(auto_approver, (AutoApprover { by: "a script".to_owned() }, ()));
    crate::approver_conformance!(nobody_approves, (NobodyApproves, ()));
    crate::approver_conformance!(channel_approver_with_a_listener, channel_approver());
    crate::approver_conformance!(file_approver_with_a_writer, file_approver());
    crate::approver_conformance!(boxed_approver, (Box::new(NobodyApproves), ()));
    crate::event_log_conformance!(log_in_memory, (Journaled(Arc::new(MemoryJournal::new())), ()));
    crate::event_log_conformance!(log_in_a_file, file_log());
    crate::event_log_conformance!(
        log_behind_a_pointer,
        (Box::new(Journaled(Arc::new(MemoryJournal::new()))), ())
    );
    crate::journal_conformance!(journal_behind_a_pointer, (Arc::new(MemoryJournal::new()), ()));
    crate::lease_conformance!(leases_behind_a_pointer, (Box::new(MemoryLeases::new()), ()));
    crate::journal_conformance!(memory_journal, (MemoryJournal::new(), ()));
    crate::journal_conformance!(file_journal_on_disk, file_journal());
    crate::lease_conformance!(memory_leases, (MemoryLeases::new(), ()));
    crate::lease_conformance!(file_leases_on_disk, file_leases());

    #[cfg(feature = "object-store")]
    mod on_object_storage {
        use std::sync::Arc;

        use object_store::{local::LocalFileSystem, memory::InMemory};

        use crate::journal::ObjectJournal;
        use crate::lease::ObjectLeases;

        fn local_journal() -> (ObjectJournal, tempfile::TempDir) {
            let directory = tempfile::tempdir().unwrap();
            let store = LocalFileSystem::new_with_prefix(directory.path()).unwrap();
            let journal = ObjectJournal::new(Arc::new(store), "team/canary").unwrap();
            (journal, directory)
        }

        fn memory_store() -> Arc<InMemory> {
            Arc::new(InMemory::new())
        }

        crate::journal_conformance!(
            object_journal_in_memory,
            (ObjectJournal::new(memory_store(), "a").unwrap(), ())
        );
        crate::journal_conformance!(object_journal_in_a_directory, local_journal());
        crate::lease_conformance!(
            object_leases_in_memory,
            (ObjectLeases::new(memory_store(), "a").unwrap(), ())
        );
    }

    /// The sentences in the `# Contract` section of a source file.
    fn sentences(source: &str) -> Vec<&str> {
        let names = source.lines().filter_map(|line| line.strip_prefix("/// - `"));
        names.filter_map(|rest| rest.split_once("`:")).map(|(name, _)| name).collect()
    }

    /// The names in the macro call of a suite's source file.
    fn listed(suite: &str) -> Vec<&str> {
        let (_, arguments) = suite.split_once("$fresh,\n").unwrap();
        let (_, list) = arguments.split_once('[').unwrap();
        let (list, _) = list.split_once(']').unwrap();
        list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn every_sentence_of_a_contract_has_its_test() {
        for (least, contract, suite) in [
            (8, include_str!("../journal/mod.rs"), include_str!("journal.rs")),
            (8, include_str!("../lease/mod.rs"), include_str!("lease.rs")),
            (5, include_str!("../log.rs"), include_str!("event_log.rs")),
            (2, include_str!("../approval.rs"), include_str!("approval.rs")),
        ] {
            assert!(sentences(contract).len() >= least);
            assert_eq!(sentences(contract), listed(suite));
        }
    }
}
