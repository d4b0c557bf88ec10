//! `PluginInstance`: the actor that runs one call at a time of one plugin.
//!
//! Owns nothing between calls but the slot, and the guest where the operator lets it be kept: it is
//! made anew like any other, so a restart loses nothing but the call that caused it; its restart
//! class is permanent. Refuses to live on after its guest was stopped by force: it answers the
//! caller with the typed reason first and then crashes, so that the tree shows what happened and
//! the next call meets a new incarnation. The guest itself runs on the guests' own threads; while
//! it does, this actor only waits, and a kill of the actor drops the guest. An answer that is no
//! crash goes from there to the caller: through this actor it would wait for one more thread.

use std::sync::Arc;

use plantao_supervisors::{ChildSpec, Envelope, Reply};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::error::PluginError;
use super::executor::{Answer, Call, run_on};
use super::guests::GuestRuntime;
use super::kept::Kept;
use super::pool::{Lease, Pool};

/// What an instance is asked.
pub(super) enum Message {
    /// Run this call.
    Run {
        /// What to run.
        call: Call,
        /// The slot, held until the guest has ended.
        lease: Lease,
        /// Where the answer goes.
        reply: Reply<Result<Answer, PluginError>>,
    },
}

/// The child for slot `index` of a pool.
pub(super) fn child(pool: &Arc<Pool>, guests: &GuestRuntime, index: usize) -> Option<ChildSpec> {
    let seat = Seat {
        pool: Arc::clone(pool),
        guests: guests.clone(),
        index,
    };
    let factory = move || (PluginInstance, seat.clone());
    Some(ChildSpec::worker(
        format!("instance-{index}"),
        pool.handle(index)?,
        factory,
    ))
}

#[derive(Clone)]
struct Seat {
    pool: Arc<Pool>,
    guests: GuestRuntime,
    index: usize,
}

struct PluginInstance;

struct State {
    seat: Seat,
    kept: Option<Kept>,
}

impl Actor for PluginInstance {
    type Msg = Envelope<Message>;
    type State = State;
    type Arguments = Seat;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        seat: Seat,
    ) -> Result<State, ActorProcessingErr> {
        seat.pool.started(seat.index);
        Ok(State { seat, kept: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        State { seat, kept }: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (Message::Run { call, lease, reply }, _in_flight) = message.open();
        if reply.is_abandoned() {
            return Ok(());
        }
        let plugin = Arc::clone(&call.module.plugin);
        let mut guest = kept.take();
        let work = async move {
            match run_on(call, &mut guest).await {
                Err(crash) if crash.is_crash() => Err((crash, lease, reply)),
                answer => {
                    // The next call may have the slot when this one has its answer.
                    drop(lease);
                    reply.send(answer);
                    Ok(guest)
                }
            }
        };
        let (crash, lease, reply) = match seat.guests.spawn(work).finish().await {
            // A task that panicked, which is our fault and not the guest's, took the reply along:
            // the caller reads that nobody answers.
            None => return Ok(()),
            Some(Ok(guest)) => {
                *kept = guest;
                return Ok(());
            }
            Some(Err(crashed)) => crashed,
        };
        tracing::warn!(plugin = &*plugin, error = %crash, "guest stopped");
        seat.pool.crashing(seat.index);
        reply.send(Err(crash.clone()));
        drop(lease);
        Err(crash.into())
    }
}
