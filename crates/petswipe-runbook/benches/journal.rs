//! How fast a journal in a file is read back, and what a durable append costs beside the fsync in it.
//!
//! `cargo bench -p petswipe-runbook --bench journal`; the files go to `TMPDIR`, which should be on a real disk.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may fail by panicking")]

use std::fs::File;
use std::io::Write;

use divan::Bencher;
use divan::counter::ItemsCount;
use futures_util::FutureExt;
use petswipe_runbook::Fence;
use petswipe_runbook::journal::{Durability, FileJournal, Journal, Record};
use serde_json::json;
use serde_json::value::to_raw_value;

const EVENTS: u64 = 100_000;

fn main() {
    divan::main();
}

/// A record as a rollout writes it, about 200 bytes long as a line.
fn record(seq: u64) -> Record {
    let payload =
        json!({"kind": "succeeded", "effect": seq, "data": {"weights": {"blue": 95, "green": 5}}});
    Record {
        seq,
        at: "2026-11-23T03:10:38.123456789Z".parse().unwrap(),
        fence: Fence(3),
        payload: to_raw_value(&payload).unwrap(),
    }
}

fn append(journal: &FileJournal, expected: u64, records: &[Record], durability: Durability) {
    let append = journal.append(expected, records, durability);
    append.now_or_never().unwrap().unwrap();
}

#[divan::bench(sample_count = 20)]
fn read_100_000_events(bencher: Bencher<'_, '_>) {
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(directory.path().join("journal")).unwrap();
    let records: Vec<Record> = (0..EVENTS).map(record).collect();
    append(&journal, 0, &records, Durability::Buffered);
    bencher
        .counter(ItemsCount::new(EVENTS))
        .bench_local(|| journal.read().now_or_never().unwrap().unwrap());
}

#[divan::bench(sample_count = 20)]
fn open_100_000_events(bencher: Bencher<'_, '_>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let records: Vec<Record> = (0..EVENTS).map(record).collect();
    append(&FileJournal::open(&path).unwrap(), 0, &records, Durability::Buffered);
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| FileJournal::open(&path).unwrap());
}

#[divan::bench(sample_count = 1000, sample_size = 1)]
fn append_buffered(bencher: Bencher<'_, '_>) {
    append_each(bencher, Durability::Buffered);
}

#[divan::bench(sample_count = 1000, sample_size = 1)]
fn append_durable(bencher: Bencher<'_, '_>) {
    append_each(bencher, Durability::Durable);
}

fn append_each(bencher: Bencher<'_, '_>, durability: Durability) {
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(directory.path().join("journal")).unwrap();
    let mut next = 0;
    bencher.bench_local(|| {
        append(&journal, next, &[record(next)], durability);
        next += 1;
    });
}

/// What a durable append can't be faster than: a write and an fdatasync of as many bytes.
#[divan::bench(sample_count = 1000, sample_size = 1)]
fn raw_write_and_fdatasync(bencher: Bencher<'_, '_>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let journal = FileJournal::open(&path).unwrap();
    append(&journal, 0, &[record(0)], Durability::Durable);
    let line = std::fs::read(&path).unwrap();
    let mut file = File::create(directory.path().join("raw")).unwrap();
    bencher.bench_local(|| {
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
    });
}
