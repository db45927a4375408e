//! The life of one task: start, register, run, and then either crash or be drained and stopped.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{Service, Task};
use crate::balancer::Target;
use crate::registry::Revision;
use crate::task::{Process, Spec};

impl Service {
    /// Adds a task to the state and lets it live on its own.
    pub(super) fn start_task(self: &Arc<Self>, state: &mut super::State, revision: Arc<Revision>) {
        state.next_task += 1;
        let number = state.next_task;
        let (stop, stopped) = oneshot::channel();
        let task = Task {
            revision: revision.clone(),
            started: Instant::now(),
            started_at: Timestamp::now(),
            healthy_since: None,
            was_healthy: false,
            process: None,
            stop: Some(stop),
        };
        state.tasks.insert(number, task);
        let service = self.clone();
        tokio::spawn(async move {
            service.live(number, revision, stopped).await;
            service.state().tasks.remove(&number);
            service.changed.notify_one();
        });
    }

    async fn live(
        self: &Arc<Self>,
        number: u64,
        revision: Arc<Revision>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let spec = Spec {
            command: revision.command.clone(),
            variables: revision.variables.clone(),
            version: revision.version().to_owned(),
        };
        let id = self.task_name(number);
        let log = {
            let (log, id) = (self.log.clone(), id.clone());
            move |line: &str| log.write(&id, line)
        };
        let launched = tokio::select! {
            biased;
            // The launch that is dropped kills what it started.
            _ = &mut stopped => return,
            launched = self.platform.launcher.launch(&spec, log) => launched,
        };
        let (process, address) = match launched {
            Ok((process, address)) => (Arc::new(process), address),
            Err(reason) => return self.failed(number, reason),
        };
        let balancer = &self.platform.balancer;
        let target = Target { id: id.clone(), address, revision: revision.id.to_string() };
        if let Err(error) = balancer.register(&self.group, target) {
            return self.failed(number, format!("can't be registered: {error}"));
        }
        if let Some(task) = self.state().tasks.get_mut(&number) {
            task.process = Some(process.clone());
        }
        self.changed.notify_one();
        tokio::select! {
            biased;
            _ = &mut stopped => self.retire(&id, &process).await,
            _ = process.ended() => {
                let reason = process.reason().await;
                self.failed(number, reason);
                let _ = balancer.deregister(&self.group, &id).await;
            }
        }
    }

    /// No request is lost: the load balancer lets go of it first, and only then is it asked to end.
    async fn retire(&self, id: &str, process: &Process) {
        if !self.state().closing {
            tokio::select! {
                _ = self.platform.balancer.deregister(&self.group, id) => {}
                // Should it crash meanwhile, there is nothing left to drain.
                _ = process.ended() => {}
            }
        }
        process.stop(self.platform.stop_timeout).await;
    }
}
