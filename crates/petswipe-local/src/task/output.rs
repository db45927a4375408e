//! The last lines a task wrote, for the reason of its failure.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

/// How many lines are kept of each task.
const LINES: usize = 20;
/// How many bytes of each line.
const WIDTH: usize = 400;

/// The last lines of one stream of a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Tail {
    fn push(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text: String = text.trim_end().chars().filter(|c| !c.is_control()).collect();
        if text.is_empty() {
            return;
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(text);
    }

    /// The newest line.
    pub(crate) fn last(&self) -> Option<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).back().cloned()
    }

    /// Reads `stream` to its end and keeps the lines that `keep` says.
    pub(crate) async fn follow(
        self,
        mut stream: impl AsyncRead + Unpin,
        mut keep: impl FnMut(&str) -> bool,
    ) {
        let mut chunk = [0; 2048];
        let mut line = Vec::with_capacity(WIDTH);
        loop {
            let count = match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            for byte in &chunk[..count] {
                match byte {
                    b'\n' => {
                        if keep(&String::from_utf8_lossy(&line)) {
                            self.push(&line);
                        }
                        line.clear();
                    }
                    _ if line.len() < WIDTH => line.push(*byte),
                    _ => {}
                }
            }
        }
        if keep(&String::from_utf8_lossy(&line)) {
            self.push(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_last_lines_are_kept_and_long_ones_are_cut() {
        let tail = Tail::default();
        let mut text: String = (0..100).map(|i| format!("line {i}\n")).collect();
        text.push_str(&"x".repeat(5000));
        let mut seen = 0;
        tail.clone()
            .follow(text.as_bytes(), |_| {
                seen += 1;
                true
            })
            .await;
        assert_eq!(seen, 101);
        assert_eq!(tail.last().unwrap().len(), WIDTH);
        let lines = tail.lines.lock().unwrap();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0], "line 81");
    }
}
