//! One incarnation's part of a run: the day's requests and the schedule's faults, until the day is
//! over, the node crashes, or its root gives up.

use super::SimError;
use super::client::{self, Answered};
use super::exchange::{Acknowledged, Exchange};
use super::hook::Hook;
use super::nemesis::{self, Nemesis, is_of_boot};
use super::node::Site;
use super::recorder::Recorder;
use super::viewer;
use super::workload::{self, DAY, PEOPLE, Step};
use crate::history::What;
use crate::twin::Side;
use crate::{Fault, FaultKind, Mutant, Schedule};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use plantao::identity::Claims;
use plantao_schema::access::{DevicePosture, Role};
use plantao_schema::id::PrincipalId;
use plantao_schema::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// After the last fault and the last request: what was left open is settled by then, and all that
/// fell is up.
const SETTLING: Duration = Duration::from_secs(12);
/// Between two tries of somebody who waits for the system to serve.
const PROBE: Duration = Duration::from_millis(250);
/// What a service manager waits before it starts a node again that gave up.
const SERVICE_RESTART: Duration = Duration::from_secs(1);
/// Longer than anybody waits for the system to serve again.
const PATIENCE: Duration = Duration::from_secs(20);
/// A stop that takes longer hangs.
const STOP: Duration = Duration::from_secs(120);

/// How an incarnation went.
pub(super) struct Lived {
    pub(super) lasted: Duration,
    /// What the node's clock said at its end: the next runtime's has another beginning.
    pub(super) wall: Timestamp,
    /// The day was over.
    pub(super) is_last: bool,
}

/// One incarnation's part of a run.
pub(super) struct Era<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) recorder: Recorder,
    pub(super) written: Acknowledged,
    pub(super) mutant: Option<Mutant>,
    /// What was over before.
    pub(super) from: Duration,
    /// When the node crashes, and where it has to be by then.
    pub(super) crashes: &'a [Fault],
}

impl Era<'_> {
    /// Starts a node and lives until the day is over or the node is.
    pub(super) async fn live(&self, site: &Site) -> Result<Lived, SimError> {
        let begun = Instant::now();
        self.recorder.open(self.from);
        // An outage that outlasted the node before is over with it.
        site.disk.disturb(|next| next.is_out = false);
        self.recorder.record(What::NodeStarted);
        let planted = self.mutant.and_then(Mutant::of_supervision);
        let hook = Hook::new(self.recorder.clone(), planted);
        if self.from.is_zero() {
            nemesis::before_boot(&hook, &self.recorder, &self.schedule.faults);
        }
        let node = match site.start(Arc::new(hook.clone())).await {
            Ok(node) => node,
            Err(SimError::Start(_)) => return Ok(self.not_up(site, &hook, begun).await),
            Err(error) => return Err(error),
        };
        hook.follow(&node.tree);
        if site.disk.inspect(|tables| tables.records.is_empty()) {
            for step in workload::admissions() {
                self.ask(site, begun, &step).await;
            }
        }
        let nemesis = Nemesis {
            tree: node.tree.clone(),
            hook: hook.clone(),
            recorder: self.recorder.clone(),
            begun,
        };
        let life = async {
            let (trouble, day) = (self.trouble(site, &nemesis), self.day(site, begun));
            tokio::join!(trouble, day, self.looks(site, begun));
        };
        let is_cut = tokio::select! {
            biased;
            () = self.crash(site, begun) => {
                self.crashed();
                true
            }
            _reason = node.tree.exited() => {
                // What a service manager takes to start it again.
                sleep(SERVICE_RESTART).await;
                self.recorder.record(What::NodeCrashed);
                true
            }
            () = life => false,
        };
        if !is_cut {
            sleep(SETTLING).await;
            // A tree that does not stop leaves lives behind, which its history shows.
            let _late = timeout(STOP, node.tree.shutdown()).await;
        }
        hook.forget();
        self.recorder.close();
        Ok(Lived {
            lasted: begun.elapsed(),
            wall: site.clock.now(),
            is_last: !is_cut,
        })
    }

    /// A node that did not come up: its service manager starts another.
    async fn not_up(&self, site: &Site, hook: &Hook, begun: Instant) -> Lived {
        sleep(SERVICE_RESTART).await;
        self.recorder.record(What::NodeCrashed);
        hook.forget();
        self.recorder.close();
        Lived {
            lasted: begun.elapsed(),
            wall: site.clock.now(),
            is_last: false,
        }
    }

    /// The crashes that are still to come.
    fn to_come(&self) -> impl Iterator<Item = &Fault> {
        let is_first = self.from.is_zero();
        let crashes = self.crashes.iter();
        crashes.filter(move |one| one.at > self.from || (is_first && one.at.is_zero()))
    }

    /// When it crashes at the latest.
    pub(super) fn end(&self) -> Option<Duration> {
        let timed = self.to_come().filter(|one| one.failpoint.is_none());
        timed.map(|one| one.at).min()
    }

    /// Resolves when it crashes.
    async fn crash(&self, site: &Site, begun: Instant) {
        let mut crashes: FuturesUnordered<_> = self
            .to_come()
            .map(|one| async move {
                sleep_until(begun + one.at.saturating_sub(self.from)).await;
                if let Some(point) = &one.failpoint {
                    site.disk.wait_at(point, Side::After).await;
                }
            })
            .collect();
        if crashes.next().await.is_none() {
            std::future::pending().await
        }
    }

    /// What the fall of the node drops was not done by anybody.
    fn crashed(&self) {
        self.recorder.record(What::FaultInjected {
            kind: FaultKind::NodeCrash.name().to_owned(),
            target: None,
            detail: String::new(),
        });
        self.recorder.struck_apart(FaultKind::NodeCrash);
        self.recorder.record(What::NodeCrashed);
    }

    /// The faults, until each has had its occasion or the day is over; then until the system serves
    /// again. A node that is going to crash has no end of its faults.
    async fn trouble(&self, site: &Site, nemesis: &Nemesis) {
        self.strike(site, nemesis).await;
        let day = nemesis.begun + DAY.saturating_sub(self.from);
        while Instant::now() < day && (!nemesis.hook.is_spent() || self.to_come().next().is_some())
        {
            sleep(PROBE).await;
        }
        if self.end().is_some() {
            return;
        }
        nemesis.hook.clear();
        site.disk
            .disturb(|next| *next = crate::twin::Faults::default());
        self.recorder.record(What::FaultsOver);
        self.recover(site, nemesis.begun).await;
    }

    async fn strike(&self, site: &Site, nemesis: &Nemesis) {
        let end = self.end();
        let mine = |at: Duration| at >= self.from && end.is_none_or(|end| at < end);
        // A node's crash is its runner's to see to.
        let faults = self.schedule.faults.iter();
        let faults = faults.filter(|fault| {
            fault.kind != FaultKind::NodeCrash && !is_of_boot(fault) && mine(fault.at)
        });
        let strikes = faults.map(|fault| nemesis.strike(site, fault, self.from));
        futures_util::future::join_all(strikes).await;
    }

    async fn day(&self, site: &Site, begun: Instant) {
        let steps = workload::day(self.schedule.seed, self.schedule.requests);
        let end = self.end();
        let mine = steps
            .iter()
            .filter(|step| step.at >= self.from && end.is_none_or(|end| step.at < end));
        let asked = mine.map(|step| async move {
            sleep_until(begun + step.at.saturating_sub(self.from)).await;
            self.ask(site, begun, step).await;
        });
        futures_util::future::join_all(asked).await;
    }

    async fn looks(&self, site: &Site, begun: Instant) {
        let viewers = viewer::viewers(self.schedule.seed, self.schedule.viewers);
        let looks = viewers.into_iter();
        let looks = looks.map(|one| self.look(site, begun, one));
        futures_util::future::join_all(looks).await;
    }

    async fn ask(&self, site: &Site, begun: Instant, step: &Step) -> bool {
        let answered = self.exchange(site, begun, step).await;
        matches!(answered, Answered::Whole(200..300, ..))
    }

    /// Asks, and has it written down.
    pub(super) async fn exchange(&self, site: &Site, begun: Instant, step: &Step) -> Answered {
        let number = self.recorder.request();
        let asked_at = self.from + begun.elapsed();
        self.recorder
            .record(What::RequestBegan(step.request(number)));
        let mut asked = step.asked.clone();
        let Some(person) = PEOPLE.get(step.who) else {
            return Answered::NoDoor;
        };
        asked.token = token(site, person).unwrap_or_default();
        let mut exchange = Exchange {
            recorder: &self.recorder,
            disk: &site.disk,
            written: &self.written,
            step,
            number,
            asked_at,
            answered: Answered::Broken,
        };
        exchange.answered = client::ask(&site.lane, HERE, asked).await;
        exchange.answered.clone()
    }

    /// Asks until it is served, as somebody would who stands at a bed.
    async fn recover(&self, site: &Site, begun: Instant) {
        let over = Instant::now();
        let probe = workload::probe();
        while over.elapsed() < PATIENCE {
            let ok = self.ask(site, begun, &probe).await;
            self.recorder.record(What::Served { ok });
            if ok {
                return;
            }
            sleep(PROBE).await;
        }
    }
}

/// Where everybody sits.
pub(super) const HERE: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1)), 40_000);

pub(super) fn token(site: &Site, person: &workload::Person) -> Option<String> {
    // Signing takes longer than all else about a request, and one credential is good for many.
    site.keep_token(person.name, || signed(site, person))
}

fn signed(site: &Site, person: &workload::Person) -> Option<String> {
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
