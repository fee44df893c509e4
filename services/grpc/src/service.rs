//! The two calls as tonic hands them over.

use crate::acks::{self, Acks};
use crate::admitting::{Admitting, Step};
use crate::call::Call;
use crate::caller::Caller;
use crate::fault::Fault;
use crate::hub::{Hub, Seat};
use crate::outstanding::Due;
use crate::traced::Traced;
use crate::v1::readings_server::Readings;
use crate::v1::{PublishResult, ReadingBatch};
use std::sync::Arc;
use std::time::Duration;
use tidegate_kernel_plug::Knock;
use tokio::time::{Instant, sleep};
use tonic::{Request, Response, Status, Streaming, async_trait};
use tracing::Instrument;

/// How soon a busy intake is asked again by a call that has nothing else to do.
const RETRY: Duration = Duration::from_millis(8);

#[derive(Debug)]
pub(crate) struct Service(pub(crate) Arc<Hub>);

#[async_trait]
impl Readings for Service {
    type SendStream = Acks;

    async fn send(&self, request: Request<Streaming<ReadingBatch>>) -> Result<Response<Acks>, Status> {
        let traced = Traced::begin("Send", &request);
        let (caller, seat) = self.enter(&request, &traced)?;
        let (answers, acks) = acks::channel();
        let call = Call::new(self.0.clone(), caller, seat, answers, traced.clone());
        tokio::spawn(call.run(request.into_inner()).instrument(traced.span.clone()));
        Ok(traced.answer(acks))
    }

    async fn publish(&self, request: Request<ReadingBatch>) -> Result<Response<PublishResult>, Status> {
        let traced = Traced::begin("Publish", &request);
        let (caller, _seat) = self.enter(&request, &traced)?;
        let outcome = self.take(caller, request.into_inner()).instrument(traced.span.clone()).await;
        traced.end(outcome.as_ref().map(|_| ()));
        self.0.counters.ended(&outcome.as_ref().map(|_| ()).map_err(Clone::clone));
        outcome.map(|result| traced.answer(result)).map_err(|fault| traced.refusal(&fault))
    }
}

impl Service {
    fn enter<T>(&self, request: &Request<T>, traced: &Traced) -> Result<(Caller, Seat), Status> {
        let hub = &self.0;
        hub.counters.calls.add(1);
        let entered = match hub.is_draining() {
            true => Err(Fault::Draining),
            false => {
                let knock = request.extensions().get::<Knock>().copied();
                Caller::enter(hub, request.metadata(), knock)
            }
        };
        match entered {
            Ok(caller) => {
                Ok((caller, hub.calls.enter(usize::MAX).expect("there is no limit but the sum of others")))
            }
            Err(fault) => {
                traced.end(Err(&fault));
                hub.counters.ended(&Err(fault.clone()));
                Err(traced.refusal(&fault))
            }
        }
    }

    async fn take(&self, caller: Caller, batch: ReadingBatch) -> Result<PublishResult, Fault> {
        let hub = &self.0;
        hub.counters.messages.add(1);
        let mut admitting = Admitting::new(caller);
        if !batch.stream_id.is_empty() {
            admitting.name(&batch.stream_id)?;
        }
        let until = Instant::now() + hub.config.hold_max();
        admitting.push(batch);
        while let Err(wait) = admitting.pay(Instant::now()) {
            if Instant::now() + wait > until {
                let principal = admitting.caller.principal.name.clone();
                return Err(Fault::TooFast { principal });
            }
            sleep(wait).await;
        }
        let (mut result, mut dues) = (PublishResult::default(), vec![admitting.greeting(hub)]);
        while !admitting.is_empty() {
            match admitting.step(hub)? {
                Step::Due { due, accepted } => {
                    result.accepted += accepted;
                    dues.push(due);
                }
                Step::Busy if Instant::now() > until => return Err(Fault::HeldBack),
                Step::Busy => sleep(RETRY).await,
            }
        }
        settle(&mut result, dues).await?;
        Ok(result)
    }
}

/// Waits until all of it is safe.
async fn settle(result: &mut PublishResult, dues: Vec<Due>) -> Result<(), Fault> {
    for due in dues {
        if let Some(receipt) = &due.receipt {
            receipt.safe().await.map_err(|_| Fault::Unknown)?;
        }
        result.through_sequence = result.through_sequence.max(due.through);
        result.duplicates += due.duplicates;
        result.refusals.extend(due.refusals);
    }
    Ok(())
}
