//! The sender in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use petswipe_monitor::conformance::web::{Answering, WebWorld};
use petswipe_monitor::probe::{MemoryWeb, Reply, Request, Web};

struct World {
    next: Arc<Mutex<VecDeque<Answering>>>,
    got: Arc<Mutex<Vec<Request>>>,
    web: Box<dyn Web>,
}

impl World {
    fn new() -> Self {
        let (next, got) = (Arc::<Mutex<VecDeque<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (queue, seen) = (next.clone(), got.clone());
        let web = MemoryWeb::new(move |request: &Request| {
            seen.lock().unwrap().push(request.clone());
            match queue.lock().unwrap().pop_front() {
                Some(Answering::With(answer, late)) => Reply { took: late, answer: Ok(answer) },
                Some(Answering::Never) => Reply::failed("never", Duration::MAX),
                Some(Answering::Leave) | None => Reply::failed("left", Duration::ZERO),
            }
        });
        Self { next, got, web: Box::new(web) }
    }
}

#[async_trait]
impl WebWorld for World {
    fn web(&self) -> &dyn Web {
        &self.web
    }

    async fn put(&self, answering: Answering) {
        self.next.lock().unwrap().push_back(answering);
    }

    async fn got(&self) -> Vec<Request> {
        self.got.lock().unwrap().clone()
    }
}

petswipe_monitor::web_conformance!(conformance, World::new());
