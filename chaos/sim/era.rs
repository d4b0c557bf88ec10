//! One incarnation's part of a run: the day's requests and the schedule's faults, until the day is
//! over, the node crashes, or its root gives up.

use super::client::{self, Answered};
use super::hook::Hook;
use super::journal::{Change, Exchange, Journal};
use super::nemesis::Nemesis;
use super::node::Site;
use super::workload::{self, PEOPLE, Step};
use super::{SimError, verdict};
use crate::{FaultKind, Schedule};
use plantao::identity::Claims;
use plantao_schema::access::{DevicePosture, Role};
use plantao_schema::id::PrincipalId;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// After the last fault and the last request: what was left open is settled by then.
const SETTLING: Duration = Duration::from_secs(12);
/// Between two tries of somebody who waits for the system to serve.
const PROBE: Duration = Duration::from_millis(250);
/// What a service manager waits before it starts a node again that gave up.
const SERVICE_RESTART: Duration = Duration::from_secs(1);
/// A stop that takes longer hangs.
const STOP: Duration = Duration::from_secs(120);

/// How an incarnation went.
pub(super) struct Lived {
    pub(super) lasted: Duration,
    /// The day was over.
    pub(super) is_last: bool,
}

/// One incarnation's part of a run.
pub(super) struct Era<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) journal: Journal,
    /// What was over before.
    pub(super) from: Duration,
    /// When the node crashes.
    pub(super) end: Option<Duration>,
}

impl Era<'_> {
    /// Starts a node and lives until the day is over or the node is.
    pub(super) async fn live(&self, site: &Site) -> Result<Lived, SimError> {
        let begun = Instant::now();
        let hook = Hook::default();
        let node = site.start(Arc::new(hook.clone())).await?;
        self.journal.note(self.from, "the node is up");
        let watching = tokio::spawn(watch(&node.tree, self.journal.clone(), begun, self.from));
        if self.from.is_zero() {
            for step in workload::admissions() {
                self.ask(site, begun, &step).await;
            }
        }
        let nemesis = Nemesis {
            tree: node.tree.clone(),
            hook: hook.clone(),
            journal: self.journal.clone(),
            begun,
        };
        let life = async {
            tokio::join!(self.strike(site, &nemesis), self.day(site, begun));
        };
        let crash = async {
            match self.end {
                Some(end) => sleep_until(begun + end.saturating_sub(self.from)).await,
                None => std::future::pending().await,
            }
        };
        let over = tokio::select! {
            biased;
            () = crash => Some("the node crashes"),
            _reason = node.tree.exited() => {
                self.journal.sometimes("root_gave_up");
                // What a service manager takes to start it again.
                sleep(SERVICE_RESTART).await;
                Some("the node gave up and is started again")
            }
            () = self.whole(site, &nemesis, life) => None,
        };
        if let Some(how) = over {
            self.journal.note(self.from + begun.elapsed(), how);
            let lasted = begun.elapsed();
            return Ok(Lived {
                lasted,
                is_last: false,
            });
        }
        let stopped = timeout(STOP, node.tree.shutdown()).await;
        let how = if stopped.is_ok() {
            "stopped"
        } else {
            "does not stop"
        };
        self.journal
            .note(self.from + begun.elapsed(), format!("the node {how}"));
        watching.abort();
        Ok(Lived {
            lasted: begun.elapsed(),
            is_last: true,
        })
    }

    /// The day, and until the system serves again after it.
    async fn whole(&self, site: &Site, nemesis: &Nemesis, life: impl Future<Output = ()>) {
        life.await;
        nemesis.hook.clear();
        site.disk
            .disturb(|next| *next = crate::twin::Faults::default());
        self.recover(site, nemesis.begun).await;
        sleep(SETTLING).await;
    }

    async fn strike(&self, site: &Site, nemesis: &Nemesis) {
        let mine = |at: Duration| at >= self.from && self.end.is_none_or(|end| at < end);
        // A node's crash is its runner's to see to.
        let faults = self.schedule.faults.iter();
        let faults = faults.filter(|fault| fault.kind != FaultKind::NodeCrash && mine(fault.at));
        let strikes = faults.map(|fault| nemesis.strike(site, fault, self.from));
        futures_util::future::join_all(strikes).await;
    }

    async fn day(&self, site: &Site, begun: Instant) {
        let steps = workload::day(self.schedule.seed, self.schedule.requests);
        let mine = steps
            .iter()
            .filter(|step| step.at >= self.from && self.end.is_none_or(|end| step.at < end));
        let asked = mine.map(|step| async move {
            sleep_until(begun + step.at.saturating_sub(self.from)).await;
            self.ask(site, begun, step).await;
        });
        futures_util::future::join_all(asked).await;
    }

    async fn ask(&self, site: &Site, begun: Instant, step: &Step) -> bool {
        let began = self.from + begun.elapsed();
        let mut asked = step.asked.clone();
        let Some(person) = PEOPLE.get(step.who) else {
            return false;
        };
        asked.token = token(site, person).unwrap_or_default();
        let mut asking = Asking {
            era: self,
            begun,
            began,
            step,
            who: person.name,
            answered: Answered::Broken,
        };
        asking.answered = client::ask(&site.lane, HERE, asked).await;
        matches!(asking.answered, Answered::Whole(200..300, ..))
    }

    /// Asks until it is served, as somebody would who stands at a bed.
    async fn recover(&self, site: &Site, begun: Instant) {
        let over = Instant::now();
        self.journal
            .note(self.from + begun.elapsed(), "nothing is broken any more");
        let probe = workload::probe();
        while over.elapsed() < verdict::RECOVERY * 2 {
            if self.ask(site, begun, &probe).await {
                self.journal.events().recovered_after = Some(over.elapsed());
                return;
            }
            sleep(PROBE).await;
        }
    }
}

/// A request under way: written down when it is over, and when it is cut off with its node, for
/// what it asked may have happened.
struct Asking<'a> {
    era: &'a Era<'a>,
    begun: Instant,
    began: Duration,
    step: &'a Step,
    who: &'static str,
    answered: Answered,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let exchange = Exchange {
            began: self.began,
            ended: self.era.from + self.begun.elapsed(),
            what: self.step.what.clone(),
            answered: self.answered.clone(),
        };
        let path = &self.step.asked.path;
        self.era.journal.exchange(self.who, path, exchange);
    }
}

/// Where everybody sits.
const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1)), 40_000);

fn token(site: &Site, person: &workload::Person) -> Option<String> {
    let subject = PrincipalId::parse(person.name).ok()?;
    let role = Role::parse(person.role).ok()?;
    let identity = &site.config().identity;
    let tenant = identity.tenant.clone();
    let mut claims = Claims::new(subject, tenant, role, site.clock.now(), identity.session_s);
    claims.demo = true;
    if person.is_trusted {
        claims.device = DevicePosture::Managed;
        claims = claims.with_multi_factor();
    }
    site.token(&claims).ok()
}

/// Writes down what happens in the tree.
fn watch(
    tree: &plantao_supervisors::Tree,
    journal: Journal,
    begun: Instant,
    from: Duration,
) -> impl Future<Output = ()> + Send + use<> {
    let mut changes = tree.subscribe();
    async move {
        loop {
            match changes.recv().await {
                Ok(change) => {
                    let at = from + begun.elapsed();
                    let line = format!("{} {:?}", crate::collapsed(&change.path), change.event);
                    journal.note(at, line);
                    journal.events().changes.push(Change {
                        path: change.path,
                        event: change.event,
                    });
                }
                Err(RecvError::Lagged(_)) => journal.sometimes("changes_lost"),
                Err(RecvError::Closed) => return,
            }
        }
    }
}
