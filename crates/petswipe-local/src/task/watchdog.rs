//! The cloud's side of the watchdog: tells it which process groups exist, and replaces it should it die.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::launch::Program;
use super::role::{HELLO, WATCHDOG, kill_group};

/// How long a role may take to say its first line. It is generous because a busy machine is no error.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);

/// Speaks to the watchdog. Clones speak to the same one.
#[derive(Clone, Debug)]
pub(crate) struct Watchdog {
    groups: Arc<Mutex<BTreeSet<i32>>>,
    words: mpsc::UnboundedSender<Word>,
}

#[derive(Debug)]
enum Word {
    Guard(i32, oneshot::Sender<()>),
    Release(i32),
    End,
}

impl Watchdog {
    /// Starts one, and the task that speaks to it, which ends once the watchdog has.
    pub(super) async fn start(program: Program) -> io::Result<(Self, JoinHandle<()>)> {
        let dog = Dog::start(&program).await?;
        let (words, heard) = mpsc::unbounded_channel();
        let groups = Arc::default();
        let speaking = tokio::spawn(speak(program, dog, heard, Arc::clone(&groups)));
        Ok((Self { groups, words }, speaking))
    }

    /// Returns when the watchdog knows the group.
    pub(super) async fn guard(&self, group: i32) -> io::Result<()> {
        self.groups().insert(group);
        let (confirm, confirmed) = oneshot::channel();
        let gone = |_| io::Error::other("the watchdog is gone");
        self.words
            .send(Word::Guard(group, confirm))
            .map_err(|_| io::Error::other("the watchdog is gone"))?;
        confirmed.await.map_err(gone)
    }

    /// Makes the watchdog forget a group that has ended.
    pub(super) fn release(&self, group: i32) {
        self.groups().remove(&group);
        let _ = self.words.send(Word::Release(group));
    }

    /// Ends it; it kills what is still there. Nothing can be guarded any more.
    pub(crate) fn end(&self) {
        let _ = self.words.send(Word::End);
    }

    /// Kills everything that is still there, now.
    pub(crate) fn kill_all(&self) {
        for group in self.groups().iter() {
            kill_group(*group, Signal::KILL);
        }
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, BTreeSet<i32>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn speak(
    program: Program,
    mut dog: Dog,
    mut heard: mpsc::UnboundedReceiver<Word>,
    groups: Arc<Mutex<BTreeSet<i32>>>,
) {
    loop {
        let word = tokio::select! {
            word = heard.recv() => word,
            _ = dog.child.wait() => {
                replace(&program, &mut dog, &groups).await;
                continue;
            }
        };
        let (line, confirm) = match word {
            Some(Word::Guard(group, confirm)) => (format!("+{group}\n"), Some(confirm)),
            Some(Word::Release(group)) => (format!("-{group}\n"), None),
            Some(Word::End) | None => break,
        };
        if dog.tell(&line).await.is_err() {
            // The new one is told all groups there are, the one of this word among them.
            replace(&program, &mut dog, &groups).await;
        }
        if let Some(confirm) = confirm {
            let _ = confirm.send(());
        }
    }
    let Dog { mut child, input, .. } = dog;
    drop(input);
    let _ = child.wait().await;
}

/// Tries until there is a watchdog that knows all groups.
async fn replace(program: &Program, dog: &mut Dog, groups: &Mutex<BTreeSet<i32>>) {
    // One that hangs would kill what it knows as soon as its input closes.
    dog.kill();
    loop {
        if let Ok(mut new) = Dog::start(program).await {
            let known = groups.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut told = Ok(());
            for group in known {
                told = told.and(new.tell(&format!("+{group}\n")).await);
            }
            if told.is_ok() {
                *dog = new;
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The watchdog process.
struct Dog {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Dog {
    async fn start(program: &Program) -> io::Result<Self> {
        // It must outlive the cloud by the moment it needs to kill, so it is not killed on drop: its input closes.
        let mut child = program.command(WATCHDOG).kill_on_drop(false).spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the watchdog has no pipes"));
        };
        let mut dog = Self { child, input, output: BufReader::new(output).lines() };
        match tokio::time::timeout(HANDSHAKE, dog.output.next_line()).await {
            Ok(Ok(Some(line))) if line == HELLO => Ok(dog),
            _ => {
                dog.kill();
                Err(program.does_not_answer())
            }
        }
    }

    fn kill(&self) {
        if let Some(group) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            kill_group(group, Signal::KILL);
        }
    }

    async fn tell(&mut self, line: &str) -> io::Result<()> {
        self.input.write_all(line.as_bytes()).await?;
        match tokio::time::timeout(HANDSHAKE, self.output.next_line()).await {
            Ok(Ok(Some(_))) => Ok(()),
            _ => Err(io::Error::other("the watchdog does not answer")),
        }
    }
}
