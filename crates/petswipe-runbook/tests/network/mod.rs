//! A store behind a network that loses answers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult,
};

/// A store in memory which counts requests, lets others go first at each, and can lose its answers to puts.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) store: InMemory,
    /// How many puts from now on are done and answered with `answer`.
    pub(crate) lost: AtomicUsize,
    /// Whether the answer is what a client library gets that repeats a put by itself.
    pub(crate) repeated: bool,
    pub(crate) puts: AtomicU64,
    pub(crate) others: AtomicU64,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

#[async_trait]
impl ObjectStore for Network {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> StoreResult<PutResult> {
        tokio::task::yield_now().await;
        self.puts.fetch_add(1, Ordering::Relaxed);
        let answer = self.store.put_opts(location, payload, opts).await?;
        let take = |left: usize| left.checked_sub(1);
        match self.lost.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Err(_) => Ok(answer),
            Ok(_) if self.repeated => Err(object_store::Error::AlreadyExists {
                path: location.to_string(),
                source: "412 Precondition Failed".into(),
            }),
            Ok(_) => Err(object_store::Error::Generic {
                store: "Network",
                source: "the connection was reset".into(),
            }),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        tokio::task::yield_now().await;
        self.others.fetch_add(1, Ordering::Relaxed);
        self.store.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.others.fetch_add(1, Ordering::Relaxed);
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.store.copy_opts(from, to, options).await
    }
}

impl Network {
    /// A network that loses the answers to the first so many puts.
    pub(crate) fn losing(puts: usize, repeated: bool) -> Arc<Self> {
        Arc::new(Self { lost: AtomicUsize::new(puts), repeated, ..Self::default() })
    }
}
