//! `Records`: what the rest of the system holds of the clinical records.
//!
//! Every call consumes a permit, checks that the permit covers exactly this access, and goes to the
//! one actor that owns the record: the patient's session, or a worker of the directory.

use super::directory::{self, Directory};
use super::loan::Loan;
use super::postgres::PostgresRecords;
use super::session;
use super::sessions::Sessions;
use super::store::Found;
use super::write::{WRITE_DEADLINE, Write, Written};
use super::{RecordError, RecordStore, guard};
use crate::audit::OpenEntry;
use crate::clock::WallClock;
use crate::database::{Database, Scope};
use crate::entropy::Entropy;
use crate::policy::{Permit, Policy};
use crate::vault::Vault;
use plantao_schema::fhir::{self, BundleKind, EntryOutcome, FhirType};
use plantao_schema::id::{PatientId, ResourceId, Tenant};
use plantao_supervisors::{CallError, ChildSpec, DynamicSpec, Handle, Intensity, Limits, Reply};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The longest that one read may take, waiting included.
pub const READ_DEADLINE: Duration = Duration::from_secs(5);

/// The longest that a write may wait for its turn; once begun it has its own deadline.
const TURN_DEADLINE: Duration = Duration::from_secs(5);

/// How many workers the directory has: a large bundle takes one of them for seconds.
pub const DIRECTORY_WORKERS: usize = 4;

/// Most requests that wait for one worker.
const WORKER_IN_FLIGHT: usize = 256;

/// How often a request is sent again to an actor that died before it began.
const ATTEMPTS: usize = 3;

/// What became of a bundle, entry by entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionOutcome {
    /// What kind of bundle it was.
    pub kind: BundleKind,
    /// What became of each entry, in the bundle's order.
    pub entries: Vec<EntryOutcome>,
}

/// The handle to the clinical records. Made before the tree; clones share everything.
#[derive(Clone)]
pub struct Records {
    pub(super) shared: Arc<Shared>,
    pub(super) consent: Option<Policy>,
}

pub(super) struct Shared {
    pub(super) store: Arc<dyn RecordStore>,
    pub(super) sessions: Arc<Sessions>,
    directory: Vec<Handle<directory::Message>>,
    pub(super) clock: WallClock,
}

impl Records {
    /// Records kept in PostgreSQL; the names of sessions are the system's.
    #[must_use]
    pub fn new(database: Database, vault: Vault, clock: WallClock) -> Self {
        let store = PostgresRecords::new(database, vault);
        Self::with_store(Arc::new(store), clock, Entropy::system())
    }

    /// Records kept in any store.
    #[must_use]
    pub fn with_store(store: Arc<dyn RecordStore>, clock: WallClock, entropy: Entropy) -> Self {
        let sessions = Arc::new(Sessions::new(Arc::clone(&store), clock.clone(), entropy));
        let worker = |_| Handle::new(Limits::in_flight(WORKER_IN_FLIGHT));
        let directory = (0..DIRECTORY_WORKERS).map(worker).collect();
        Self {
            shared: Arc::new(Shared {
                store,
                sessions,
                directory,
                clock,
            }),
            consent: None,
        }
    }

    /// The same records, given out only as far as their patients' consent goes: `policy` is asked
    /// once the patient of a record is known. Emergency access does not ask.
    #[must_use]
    pub fn with_consent(mut self, policy: Policy) -> Self {
        self.consent = Some(policy);
        self
    }

    /// Reads one record.
    ///
    /// # Errors
    /// [`RecordError`]; `NotFound` also when the record is not one of the permit's patient,
    /// `ConsentRevoked` when its patient withdrew consent to the permit's purpose.
    pub async fn read(
        &self,
        permit: Permit,
        kind: FhirType,
        id: ResourceId,
    ) -> Result<Found, RecordError> {
        guard::read(&permit, kind, &id, self.shared.clock.now()).await?;
        let work = self.read_in(&permit, kind, &id);
        tokio::time::timeout(READ_DEADLINE, work)
            .await
            .unwrap_or(Err(RecordError::Timeout {
                after: READ_DEADLINE,
            }))
    }

    /// Stores a bundle, whole or not at all, and completes its audit entry in the same transaction.
    /// The entry comes back either way: the trail is owed its completion or its abandonment.
    ///
    /// # Errors
    /// [`RecordError`]; only `InDoubt` leaves open whether something was stored.
    pub async fn transact(
        &self,
        permit: Permit,
        open: OpenEntry,
        bundle: fhir::Transaction,
    ) -> Result<(TransactionOutcome, OpenEntry), (RecordError, OpenEntry)> {
        if let Err(error) = guard::write(&permit, &bundle, self.shared.clock.now()).await {
            return Err((error, open));
        }
        let kind = bundle.kind;
        let request = Request::new(Scope::of(&permit), bundle, open);
        let mut result = Err(RecordError::Unavailable);
        for _ in 0..ATTEMPTS {
            result = self.write(&request).await;
            let again = result == Err(RecordError::Unavailable) && !request.loan.was_borrowed();
            if !again {
                break;
            }
        }
        let open = request.loan.reclaim().await;
        match result {
            Ok(entries) => Ok((TransactionOutcome { kind, entries }, open)),
            Err(RecordError::Unavailable | RecordError::Timeout { .. })
                if request.loan.is_committing() =>
            {
                Err((RecordError::InDoubt, open))
            }
            Err(error) => Err((error, open)),
        }
    }

    /// Looks records of a type up by identifier; of a permit's patient alone when it names one.
    /// Those whose patient withdrew consent to the permit's purpose are left out.
    ///
    /// # Errors
    /// [`RecordError`]; `ConsentRevoked` when nothing else was found. Finding nothing at all is an
    /// empty list.
    pub async fn find_by_identifier(
        &self,
        permit: Permit,
        kind: FhirType,
        system: &str,
        value: &str,
    ) -> Result<Vec<Found>, RecordError> {
        guard::search(&permit, kind, self.shared.clock.now()).await?;
        let (scope, system, value) = (Scope::of(&permit), system.to_owned(), value.to_owned());
        let make = |reply| directory::Message::Find(scope, kind, system, value, reply);
        let mut found = self.worker()?.call(READ_DEADLINE, make).await??;
        if let Some(patient) = permit.patient() {
            found.retain(|one| one.patient.as_ref() == Some(patient));
        }
        self.consented(&permit, found).await
    }

    /// A patient was erased: the live session ends, and with it what it remembers and shows.
    pub fn erased(&self, tenant: &Tenant, patient: &PatientId) {
        self.shared.sessions.erased(tenant, patient);
    }

    /// The dynamic supervisor of the patients' sessions, as a child named `sessions`. Beyond
    /// `max_children` live sessions, records are read and written without one.
    #[must_use]
    pub fn sessions_child(&self, intensity: Intensity, max_children: usize) -> ChildSpec {
        let spec = DynamicSpec::new(intensity, max_children);
        ChildSpec::dynamic("sessions", self.shared.sessions.supervisor(), spec)
    }

    /// The directory's workers as children named `directory-1` and so on.
    #[must_use]
    pub fn directory_children(&self) -> Vec<ChildSpec> {
        let child = |(index, handle): (usize, &Handle<directory::Message>)| {
            let store = Arc::clone(&self.shared.store);
            let sessions = Arc::clone(&self.shared.sessions);
            let make = move || {
                let (store, sessions) = (Arc::clone(&store), Arc::clone(&sessions));
                (Directory::new(store, sessions), ())
            };
            ChildSpec::worker(format!("directory-{}", index + 1), handle, make)
        };
        self.shared
            .directory
            .iter()
            .enumerate()
            .map(child)
            .collect()
    }

    async fn read_in(
        &self,
        permit: &Permit,
        kind: FhirType,
        id: &ResourceId,
    ) -> Result<Found, RecordError> {
        let (scope, permitted) = (&Scope::of(permit), permit.patient());
        let patient = self.patient_of(scope, permitted, kind, id).await?;
        if permitted.is_some() && permitted != patient.as_ref() {
            return Err(RecordError::NotFound);
        }
        if let Some(patient) = patient.as_ref().filter(|_| !permit.is_break_glass()) {
            guard::consent(self.consent.as_ref(), &scope.tenant, patient, scope.purpose).await?;
        }
        let mut result = Err(RecordError::Unavailable);
        for _ in 0..ATTEMPTS {
            result = self.read_once(scope, patient.as_ref(), kind, id).await;
            if result != Err(RecordError::Unavailable) {
                break;
            }
        }
        result
    }

    /// What of it may be given out.
    async fn consented(&self, permit: &Permit, all: Vec<Found>) -> Result<Vec<Found>, RecordError> {
        let (mut open, mut withheld) = (Vec::with_capacity(all.len()), false);
        for one in all {
            let patient = one.patient.as_ref().filter(|_| !permit.is_break_glass());
            let said = match patient {
                Some(patient) => {
                    let (tenant, purpose) = (permit.tenant(), permit.purpose());
                    guard::consent(self.consent.as_ref(), tenant, patient, purpose).await
                }
                None => Ok(()),
            };
            match said {
                Ok(()) => open.push(one),
                Err(RecordError::ConsentRevoked) => withheld = true,
                Err(error) => return Err(error),
            }
        }
        if open.is_empty() && withheld {
            return Err(RecordError::ConsentRevoked);
        }
        Ok(open)
    }

    async fn read_once(
        &self,
        scope: &Scope,
        patient: Option<&PatientId>,
        kind: FhirType,
        id: &ResourceId,
    ) -> Result<Found, RecordError> {
        type Answer = Reply<Result<Found, RecordError>>;
        let (asked, id) = (scope.clone(), id.clone());
        if let Some(patient) = patient {
            match self.shared.sessions.started(&scope.tenant, patient).await {
                Ok(session) => {
                    let make = |reply: Answer| session::Message::Read(asked, kind, id, reply);
                    return session.call(READ_DEADLINE, make).await?;
                }
                // No room for one more session is no reason to refuse care: read without one.
                Err(RecordError::Overloaded) => {}
                Err(error) => return Err(error),
            }
        }
        let make = |reply: Answer| directory::Message::Read(asked, kind, id, reply);
        self.worker()?.call(READ_DEADLINE, make).await?
    }

    /// Whose file a record is in. A live session of the patient answers for itself; otherwise the
    /// store is asked, so that a made-up id starts no session.
    async fn patient_of(
        &self,
        scope: &Scope,
        permitted: Option<&PatientId>,
        kind: FhirType,
        id: &ResourceId,
    ) -> Result<Option<PatientId>, RecordError> {
        let likely = match kind {
            FhirType::Patient => PatientId::parse(id.as_str()).ok(),
            _ => permitted.cloned(),
        };
        if let Some(patient) = likely
            && self.shared.sessions.live(&scope.tenant, &patient).is_some()
        {
            return Ok(Some(patient));
        }
        if matches!(kind, FhirType::Practitioner | FhirType::Organization) {
            return Ok(None);
        }
        self.shared
            .store
            .owner(scope, kind, id)
            .await?
            .ok_or(RecordError::NotFound)
    }

    async fn write(&self, request: &Request) -> Written {
        let deadline = TURN_DEADLINE + WRITE_DEADLINE;
        let single = match request.patients.first() {
            Some(patient) if request.patients.len() == 1 && !request.directory => Some(patient),
            _ => None,
        };
        if let Some(patient) = single {
            match self
                .shared
                .sessions
                .started(&request.scope.tenant, patient)
                .await
            {
                Ok(session) => {
                    let make = |reply| session::Message::Write(self.message(request, reply));
                    return session.call(deadline, make).await?;
                }
                Err(RecordError::Overloaded) => {}
                Err(error) => return Err(error),
            }
        }
        let make = |reply| directory::Message::Write(self.message(request, reply));
        self.worker()?.call(deadline, make).await?
    }

    fn message(&self, request: &Request, reply: Reply<Written>) -> Box<Write> {
        Box::new(Write {
            scope: request.scope.clone(),
            bundle: Arc::clone(&request.bundle),
            at: self.shared.clock.now(),
            loan: request.loan.share(),
            reply,
        })
    }

    /// The worker with the least to do.
    fn worker(&self) -> Result<&Handle<directory::Message>, CallError> {
        let up = self.shared.directory.iter().filter(|worker| worker.is_up());
        up.min_by_key(|worker| worker.depth())
            .ok_or(CallError::Unavailable)
    }
}

/// A write that may have to be sent more than once.
struct Request {
    scope: Scope,
    bundle: Arc<fhir::Transaction>,
    patients: BTreeSet<PatientId>,
    directory: bool,
    loan: Loan<OpenEntry>,
}

impl Request {
    fn new(scope: Scope, bundle: fhir::Transaction, open: OpenEntry) -> Self {
        let patients = bundle
            .resources()
            .filter_map(|one| one.patient.clone())
            .collect();
        let directory = bundle.resources().any(|one| one.patient.is_none());
        Self {
            scope,
            patients,
            directory,
            bundle: Arc::new(bundle),
            loan: Loan::new(open),
        }
    }
}
