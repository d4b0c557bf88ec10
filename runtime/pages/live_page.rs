//! The pages that live: what each of them watches, and when it may have changed.
//!
//! A page reads nothing by itself. It follows the ward's beds, each patient's bedside, the pulse of
//! the database and the consents, and draws what they say at the moment it is asked. Whatever is
//! lost is shown as lost, and found again in the background.

use super::follow::{Followed, Sight};
use super::patient::PatientView;
use super::supervision::{SupervisionSource, SupervisionView};
use super::ward::{BedView, Occupant, WardView};
use plantao_actors::live::diff::Rendered;
use plantao_actors::live::{Page, Patients, TopicKey, View};
use plantao_actors::patient::{Bedside, Records};
use plantao_actors::policy::{Policy, ViewGrant};
use plantao_actors::ward::Bed;
use plantao_schema::id::PatientId;
use plantao_schema::time::Timestamp;
use plantao_supervisors::Lifecycle;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::task::AbortOnDropHandle;

/// How long a first render waits for patients' sessions that are still starting; who is not there
/// by then appears a moment later.
const FIRST_SIGHT: Duration = Duration::from_millis(1_500);

/// A page being watched.
pub enum LivePage {
    /// A ward.
    Ward(Box<WardPage>),
    /// A patient.
    Patient(Box<PatientPage>),
    /// The supervision tree.
    Supervision(Box<SupervisionPage>),
}

impl Page for LivePage {
    fn render(&mut self, now: Timestamp) -> View {
        match self {
            Self::Ward(page) => page.render(now),
            Self::Patient(page) => page.render(now),
            Self::Supervision(page) => page.render(now),
        }
    }

    async fn changed(&mut self) {
        match self {
            Self::Ward(page) => page.senses.changed().await,
            Self::Patient(page) => page.senses.changed().await,
            Self::Supervision(page) => page.changed().await,
        }
    }
}

/// What both clinical pages watch beside their patients.
struct Senses {
    grant: ViewGrant,
    records: Records,
    policy: Policy,
    /// Rung by whatever is followed.
    bell: Arc<Notify>,
    pulse: watch::Receiver<bool>,
    /// Moves when consents have to be asked again.
    consents: watch::Receiver<u64>,
    /// At which of its moves they were asked last.
    asked: u64,
    consented: BTreeMap<PatientId, bool>,
    patients: Patients,
    _asking: AbortOnDropHandle<()>,
}

impl Senses {
    fn new(key: &TopicKey, sources: Sources) -> Self {
        let Sources {
            records,
            policy,
            pulse,
        } = sources;
        let (sender, consents) = watch::channel(0);
        let asking = tokio::spawn(ask_again(policy.clone(), key.grant.clone(), sender));
        Self {
            grant: key.grant.clone(),
            records,
            policy,
            bell: Arc::new(Notify::new()),
            pulse,
            consents,
            asked: 0,
            consented: BTreeMap::new(),
            patients: Patients::default(),
            _asking: AbortOnDropHandle::new(asking),
        }
    }

    async fn changed(&mut self) {
        // A channel that closed will never change again: the rest still may.
        let Self {
            bell,
            pulse,
            consents,
            ..
        } = self;
        tokio::select! {
            biased;
            () = bell.notified() => {}
            () = changed(pulse) => {}
            () = changed(consents) => {}
        }
    }

    fn is_connected(&mut self) -> bool {
        *self.pulse.borrow_and_update()
    }

    /// Whether this patient's data may be shown. Asked once after each change.
    fn may_show(&mut self, patient: &PatientId) -> bool {
        let times = *self.consents.borrow_and_update();
        if self.asked != times {
            self.asked = times;
            self.consented.clear();
        }
        if self.grant.is_break_glass() {
            return true;
        }
        if let Some(known) = self.consented.get(patient) {
            return *known;
        }
        let (tenant, purpose) = (self.grant.tenant(), self.grant.purpose());
        let may = self.policy.consented(tenant, patient, purpose);
        self.consented.insert(patient.clone(), may);
        may
    }

    fn follow(
        &self,
        patient: &PatientId,
        first: Option<watch::Receiver<Arc<Bedside>>>,
    ) -> Followed<Arc<Bedside>> {
        let (records, grant, patient) = (self.records.clone(), self.grant.clone(), patient.clone());
        let open = move || {
            let (records, grant, patient) = (records.clone(), grant.clone(), patient.clone());
            async move { records.watch(&grant, &patient).await }
        };
        Followed::start(first, open, Arc::clone(&self.bell))
    }

    /// Waits, not for long, until the first look-ups have ended.
    async fn first_sight(&self, all: &BTreeMap<PatientId, Followed<Arc<Bedside>>>) {
        let had = async {
            while all.values().any(Followed::is_opening) {
                self.bell.notified().await;
            }
        };
        // In time or not: the page says who is still missing.
        let _ = tokio::time::timeout(FIRST_SIGHT, had).await;
    }

    /// The view, with the same set of patients in the same memory.
    fn view(&mut self, rendered: Rendered, shown: BTreeSet<PatientId>) -> View {
        if *self.patients != shown {
            self.patients = Arc::new(shown);
        }
        View {
            rendered,
            patients: Arc::clone(&self.patients),
        }
    }
}

async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending().await
    }
}

/// Says when consents have to be asked again: not before decisions can be made, so that a restart
/// of milliseconds closes nothing.
async fn ask_again(policy: Policy, grant: ViewGrant, told: watch::Sender<u64>) {
    let mut changes = policy.changes();
    while changes.changed().await.is_ok() {
        policy.ready(grant.tenant()).await;
        told.send_modify(|times| *times += 1);
    }
}

/// A ward.
pub struct WardPage {
    senses: Senses,
    beds: Followed<Arc<Vec<Bed>>>,
    followed: BTreeMap<PatientId, Followed<Arc<Bedside>>>,
    view: WardView,
    known: Arc<Vec<Bed>>,
}

impl WardPage {
    fn render(&mut self, now: Timestamp) -> View {
        let (beds, board) = match self.beds.look() {
            Sight::Now(beds) => (beds, true),
            Sight::Lost(Some(beds)) => (beds, false),
            Sight::Opening | Sight::Lost(None) => (Arc::clone(&self.known), false),
        };
        self.settle(beds);
        let beds = Arc::clone(&self.known);
        let mut shown = Vec::with_capacity(beds.len());
        for Bed { bed, patient } in beds.iter() {
            let occupant = match patient {
                None => Occupant::Nobody,
                Some(patient) => match self.followed.get(patient) {
                    Some(followed) => Occupant::Patient(patient.clone(), followed.look()),
                    None if self.view.is_bare() && self.senses.may_show(patient) => {
                        Occupant::Patient(patient.clone(), Sight::Opening)
                    }
                    None => Occupant::Restricted,
                },
            };
            shown.push(BedView {
                bed: bed.clone(),
                occupant,
            });
        }
        let connected = self.senses.is_connected() && board;
        let (rendered, patients) = self.view.render(&shown, connected, now);
        self.senses.view(rendered, patients)
    }

    /// Follows exactly the patients who lie here and whose data may be, and are, shown.
    fn settle(&mut self, beds: Arc<Vec<Bed>>) {
        let lying: BTreeSet<&PatientId> =
            beds.iter().filter_map(|bed| bed.patient.as_ref()).collect();
        let mut may = BTreeSet::new();
        for patient in lying {
            if self.senses.may_show(patient) {
                may.insert(patient.clone());
            }
        }
        self.followed.retain(|patient, _| may.contains(patient));
        self.known = beds;
        // Who lies where is all this page tells: nobody's file is read for it.
        if self.view.is_bare() {
            return;
        }
        for patient in may {
            if !self.followed.contains_key(&patient) {
                let followed = self.senses.follow(&patient, None);
                self.followed.insert(patient, followed);
            }
        }
    }
}

/// A patient.
pub struct PatientPage {
    senses: Senses,
    patient: PatientId,
    followed: Option<Followed<Arc<Bedside>>>,
    view: PatientView,
}

impl PatientPage {
    fn render(&mut self, now: Timestamp) -> View {
        let may = self.senses.may_show(&self.patient);
        if !may {
            self.followed = None;
        } else if self.followed.is_none() {
            self.followed = Some(self.senses.follow(&self.patient, None));
        }
        let sight = self
            .followed
            .as_ref()
            .map_or(Sight::Opening, Followed::look);
        let connected = self.senses.is_connected();
        let (rendered, shows) = self.view.render(&sight, may, connected, now);
        let shown = if shows {
            BTreeSet::from([self.patient.clone()])
        } else {
            BTreeSet::new()
        };
        self.senses.view(rendered, shown)
    }
}

/// The supervision tree.
pub struct SupervisionPage {
    source: Arc<dyn SupervisionSource>,
    events: Option<broadcast::Receiver<Lifecycle>>,
    view: SupervisionView,
    patients: Patients,
}

impl SupervisionPage {
    fn render(&mut self, now: Timestamp) -> View {
        if self.events.is_none() {
            self.events = self.source.subscribe();
        }
        let snapshot = self.source.snapshot();
        let rendered = self.view.render(snapshot.as_ref(), now);
        View {
            rendered,
            patients: Arc::clone(&self.patients),
        }
    }

    async fn changed(&mut self) {
        let Some(events) = &mut self.events else {
            // The topic looks every second until the tree runs.
            return std::future::pending().await;
        };
        if let Err(broadcast::error::RecvError::Closed) = events.recv().await {
            std::future::pending().await
        }
    }
}

/// What every clinical page watches.
#[derive(Clone)]
pub(super) struct Sources {
    pub(super) records: Records,
    pub(super) policy: Policy,
    pub(super) pulse: watch::Receiver<bool>,
}

impl LivePage {
    /// A ward whose beds are `beds` already; `open` opens them again.
    pub(super) async fn ward<O, F, E>(
        sources: Sources,
        key: &TopicKey,
        view: WardView,
        beds: watch::Receiver<Arc<Vec<Bed>>>,
        open: O,
    ) -> Self
    where
        O: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<watch::Receiver<Arc<Vec<Bed>>>, E>> + Send + 'static,
        E: Send + 'static,
    {
        sources.policy.ready(key.grant.tenant()).await;
        let senses = Senses::new(key, sources);
        let known = beds.borrow().clone();
        let beds = Followed::start(Some(beds), open, Arc::clone(&senses.bell));
        let followed = BTreeMap::new();
        let mut page = WardPage {
            senses,
            beds,
            followed,
            view,
            known: Arc::clone(&known),
        };
        page.settle(known);
        page.senses.first_sight(&page.followed).await;
        Self::Ward(Box::new(page))
    }

    /// A patient whose bedside is `first` already.
    pub(super) async fn patient(
        sources: Sources,
        key: &TopicKey,
        patient: PatientId,
        view: PatientView,
        first: watch::Receiver<Arc<Bedside>>,
    ) -> Self {
        sources.policy.ready(key.grant.tenant()).await;
        let senses = Senses::new(key, sources);
        let followed = Some(senses.follow(&patient, Some(first)));
        Self::Patient(Box::new(PatientPage {
            senses,
            patient,
            followed,
            view,
        }))
    }

    /// The supervision tree.
    pub(super) fn supervision(source: Arc<dyn SupervisionSource>, view: SupervisionView) -> Self {
        let events = source.subscribe();
        let patients = Patients::default();
        Self::Supervision(Box::new(SupervisionPage {
            source,
            events,
            view,
            patients,
        }))
    }
}
