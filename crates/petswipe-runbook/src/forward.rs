//! Pointers to implementations are implementations: `Arc<T>` and `Box<T>` forward every trait that is used as `dyn`.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::approval::{Answer, Approver, Question};
use crate::driver::{EffectContext, Performer};
use crate::journal::{Durability, Journal, Record};
use crate::lease::{Lease, LeaseRequest, LeaseStore};
use crate::log::{EventLog, History, Opening};
use crate::runbook::{EventOf, Failure, Recorded, Runbook};
use crate::{Clock, Error, Sleep};

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<T: Journal + ?Sized> Journal for $pointer<T> {
            async fn append(
                &self,
                expected: u64,
                records: &[Record],
                durability: Durability,
            ) -> Result<(), Error> {
                (**self).append(expected, records, durability).await
            }
            async fn read(&self) -> Result<Vec<Record>, Error> {
                (**self).read().await
            }
            fn location(&self) -> String {
                (**self).location()
            }
        }

        #[async_trait]
        impl<T: LeaseStore + ?Sized> LeaseStore for $pointer<T> {
            async fn acquire(&self, request: &LeaseRequest, now: Timestamp) -> Result<Lease, Error> {
                (**self).acquire(request, now).await
            }
            async fn renew(&self, lease: &Lease, now: Timestamp) -> Result<Lease, Error> {
                (**self).renew(lease, now).await
            }
            async fn release(&self, lease: &Lease) -> Result<(), Error> {
                (**self).release(lease).await
            }
            async fn current(&self, key: &str, now: Timestamp) -> Result<Option<Lease>, Error> {
                (**self).current(key, now).await
            }
        }

        #[async_trait]
        impl<R: Runbook, T: EventLog<R> + ?Sized> EventLog<R> for $pointer<T> {
            async fn load(&self) -> Result<Option<History<R>>, Error> {
                (**self).load().await
            }
            async fn open(&self, opening: &Opening<R>) -> Result<(), Error> {
                (**self).open(opening).await
            }
            async fn append(
                &self,
                batch: &[Recorded<EventOf<R>>],
                durability: Durability,
            ) -> Result<(), Error> {
                (**self).append(batch, durability).await
            }
            fn location(&self) -> String {
                (**self).location()
            }
        }

        #[async_trait]
        impl<R: Runbook, T: Performer<R> + ?Sized> Performer<R> for $pointer<T> {
            async fn perform(
                &self,
                context: &EffectContext,
                effect: &R::Effect,
            ) -> Result<R::Output, Failure> {
                (**self).perform(context, effect).await
            }
        }

        #[async_trait]
        impl<T: Approver + ?Sized> Approver for $pointer<T> {
            async fn ask(&self, question: &Question) -> Answer {
                (**self).ask(question).await
            }
        }

        impl<T: Clock + ?Sized> Clock for $pointer<T> {
            fn now(&self) -> Timestamp {
                (**self).now()
            }
            fn sleep_until(&self, time: Timestamp) -> Sleep<'_> {
                (**self).sleep_until(time)
            }
        }
    )*};
}

forward!(Arc, Box);
