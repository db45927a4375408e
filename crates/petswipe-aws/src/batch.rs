//! Several questions in one call.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::CallError;

type Answer<V> = Result<V, CallError>;

/// Collects what is asked at the same time into one call: `DescribeServices` takes ten services, `GetMetricData` five
/// hundred queries. While a call is under way the next one fills up. No answer is older than its question.
pub struct Batch<K, V> {
    most: usize,
    waiting: Mutex<Vec<(K, oneshot::Sender<Answer<V>>)>>,
    calling: tokio::sync::Mutex<()>,
}

impl<K, V> fmt::Debug for Batch<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("most", &self.most).finish_non_exhaustive()
    }
}

impl<K, V> Batch<K, V> {
    /// At most so many questions a call; 0 is taken for 1.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { most, waiting: Mutex::new(Vec::new()), calling: tokio::sync::Mutex::new(()) }
    }

    /// Asks one question. `call` asks several and gives their answers in the same order; it is called for whoever comes
    /// first, so all users of a batch must mean the same by it.
    ///
    /// # Errors
    /// That of the call, or one for all when it gave too few answers.
    pub async fn ask<F>(&self, question: K, call: impl Fn(Vec<K>) -> F) -> Answer<V>
    where
        K: Clone,
        F: Future<Output = Result<Vec<V>, CallError>>,
    {
        loop {
            let (sender, mut receiver) = oneshot::channel();
            self.waiting().push((question.clone(), sender));
            // Whoever asks in the same breath gets on the list too.
            tokio::task::yield_now().await;
            loop {
                let _calling = self.calling.lock().await;
                match receiver.try_recv() {
                    Ok(answer) => return answer,
                    Err(TryRecvError::Empty) => self.next(&call).await,
                    // Whoever called for this question gave up before the answer came.
                    Err(TryRecvError::Closed) => break,
                }
            }
        }
    }

    /// Makes one call for those who have waited longest.
    async fn next<F>(&self, call: impl Fn(Vec<K>) -> F)
    where
        F: Future<Output = Result<Vec<V>, CallError>>,
    {
        let list: Vec<_> = {
            let mut waiting = self.waiting();
            waiting.retain(|(_, sender)| !sender.is_closed());
            let many = waiting.len().min(self.most);
            waiting.drain(..many).collect()
        };
        let (questions, senders): (Vec<_>, Vec<_>) = list.into_iter().unzip();
        match call(questions).await {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                for sender in senders {
                    let few = || CallError::unusable("a call", "several", "it has too few answers");
                    let _ = sender.send(answers.next().ok_or_else(few));
                }
            }
            Err(error) => {
                for sender in senders {
                    let _ = sender.send(Err(error.clone()));
                }
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<(K, oneshot::Sender<Answer<V>>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    async fn ask(batch: &Batch<u32, u32>, calls: &AtomicUsize, question: u32) -> Answer<u32> {
        let call = |questions: Vec<u32>| async move {
            calls.fetch_add(1, Ordering::Relaxed);
            assert!(questions.len() <= 10);
            tokio::task::yield_now().await;
            Ok(questions.into_iter().map(|question| question * 2).collect())
        };
        batch.ask(question, call).await
    }

    #[tokio::test]
    async fn what_is_asked_together_is_one_call_of_at_most_so_many() {
        let (batch, calls) = (Batch::new(10), AtomicUsize::new(0));
        let answers = join_all((0..25).map(|question| ask(&batch, &calls, question))).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, (0..25).map(|question| question * 2).collect::<Vec<_>>());
        assert_eq!(calls.load(Ordering::Relaxed), 3);
        assert_eq!(ask(&batch, &calls, 7).await.unwrap(), 14);
        assert_eq!(calls.load(Ordering::Relaxed), 4, "an old answer was given again");
    }

    #[tokio::test]
    async fn a_caller_who_gives_up_leaves_nobody_waiting() {
        let batch = Arc::new(Batch::<u32, u32>::new(10));
        let stuck = tokio::spawn({
            let batch = batch.clone();
            async move { batch.ask(1, |_| std::future::pending()).await }
        });
        let calls = Arc::new(AtomicUsize::new(0));
        let other = tokio::spawn({
            let (batch, calls) = (batch.clone(), calls.clone());
            async move { ask(&batch, &calls, 2).await }
        });
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        stuck.abort();
        assert_eq!(other.await.unwrap().unwrap(), 4);
    }

    #[tokio::test]
    async fn an_error_and_a_missing_answer_reach_everybody() {
        let batch = Batch::<u32, u32>::new(10);
        let one = |_| async { Ok(vec![1]) };
        let (first, second) = tokio::join!(batch.ask(1, one), batch.ask(2, one));
        assert_eq!(first.unwrap(), 1);
        assert!(second.is_err());
        let none = |_| async { Err(CallError::unusable("X", "y", "no")) };
        let (first, second) = tokio::join!(batch.ask(1, none), batch.ask(2, none));
        assert!(first.is_err() && second.is_err());
    }
}
