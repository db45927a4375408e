//! Conformance suites: one test per sentence of a trait's contract, for every implementation of it, here or elsewhere.
//!
//! [`journal_conformance!`](crate::journal_conformance) and [`lease_conformance!`](crate::lease_conformance) make a
//! module of tests, each on a fresh store. The functions behind them are public, for those who need another harness;
//! they panic with what was found when the sentence does not hold.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a conformance test fails by panicking, wherever it is compiled"
)]

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
    use crate::journal::{FileJournal, MemoryJournal};
    use crate::lease::{FileLeases, MemoryLeases};

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
        let (_, list) = suite.split_once("[\n").unwrap();
        let (list, _) = list.split_once(']').unwrap();
        list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn every_sentence_of_a_contract_has_its_test() {
        for (contract, suite) in [
            (include_str!("../journal/mod.rs"), include_str!("journal.rs")),
            (include_str!("../lease/mod.rs"), include_str!("lease.rs")),
        ] {
            assert!(sentences(contract).len() >= 8);
            assert_eq!(sentences(contract), listed(suite));
        }
    }
}
