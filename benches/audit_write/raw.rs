//! The peer: the same rows by COPY, and nothing else.

use crate::entry::entry;
use crate::hospital::Hospital;
use plantao_actors::clock::WallClock;
use plantao_actors::database::{DatabaseConfig, Login};
use plantao_schema::audit::{ChainHead, Chained};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

/// Rows in one commit, as many as the writer's.
const BATCH_MAX: usize = 512;

const COLUMNS: &str = "chain, seq, entry_id, at_us, phase, opens, severity, tenant, principal, \
     role, action, resource_kind, resource_id, patient, purpose, verdict, score, explanation, \
     request_id, outcome, plugin, prev_hash, hash";

/// A connection and a table of its own.
pub(crate) struct Raw {
    copier: Arc<Copier>,
    head: ChainHead,
    queue: mpsc::UnboundedSender<oneshot::Sender<()>>,
    writer: JoinHandle<()>,
    driver: JoinHandle<Result<(), tokio_postgres::Error>>,
}

struct Copier {
    client: Client,
    copy: Statement,
    types: Vec<Type>,
}

impl Raw {
    pub(crate) async fn connect(hospital: &Hospital) -> Self {
        let made = "CREATE TABLE plantao.bench_copy (LIKE plantao.audit_entry INCLUDING ALL)";
        hospital.as_superuser(made).await;
        let config = DatabaseConfig::embedded(&hospital.state);
        let config = config.connection(Login::Owner).unwrap();
        let (client, connection) = config.connect(NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let select = format!("SELECT {COLUMNS} FROM plantao.bench_copy");
        let columns = client.prepare(&select).await.unwrap();
        let types = columns.columns().iter().map(|one| one.type_().clone());
        let copy = format!("COPY plantao.bench_copy ({COLUMNS}) FROM STDIN (FORMAT binary)");
        let copier = Arc::new(Copier {
            types: types.collect(),
            copy: client.prepare(&copy).await.unwrap(),
            client,
        });
        let (queue, waiting) = mpsc::unbounded_channel();
        let writer = tokio::spawn(group_commit(Arc::clone(&copier), waiting));
        Self {
            copier,
            head: ChainHead::EMPTY,
            queue,
            writer,
            driver,
        }
    }

    /// Rows that follow those before, made before the clock starts.
    pub(crate) fn rows(&mut self, count: usize) -> Vec<Chained> {
        let clock = WallClock::system();
        (0..count)
            .map(|_| {
                let row = Chained::after("raw/bench", &self.head, entry(Uuid::now_v7(), &clock));
                self.head = row.head();
                row
            })
            .collect()
    }

    /// Copies them, a commit for each batch.
    pub(crate) async fn copy(&self, rows: Vec<Chained>) -> usize {
        for batch in rows.chunks(BATCH_MAX) {
            self.copier.copy(batch).await;
        }
        rows.len()
    }

    /// One row, through the group commit.
    pub(crate) fn one(&self) -> impl Future<Output = ()> + Send + use<> {
        let queue = self.queue.clone();
        async move {
            let (done, answer) = oneshot::channel();
            queue.send(done).unwrap();
            answer.await.unwrap();
        }
    }

    pub(crate) async fn close(self) {
        drop(self.queue);
        self.writer.await.unwrap();
        drop(self.copier);
        self.driver.await.unwrap().unwrap();
    }
}

/// Copies what waits and answers: the least that makes a caller's row durable.
async fn group_commit(
    copier: Arc<Copier>,
    mut waiting: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let clock = WallClock::system();
    let mut head = ChainHead::EMPTY;
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let rows: Vec<Chained> = batch
            .iter()
            .map(|_| {
                // Numbered, and hashed by nobody.
                head.seq += 1;
                Chained {
                    chain: "raw/offered".to_owned(),
                    seq: head.seq,
                    previous: head.hash,
                    hash: head.hash,
                    entry: entry(Uuid::now_v7(), &clock),
                }
            })
            .collect();
        copier.copy(&rows).await;
        for answer in batch.drain(..) {
            answer.send(()).unwrap();
        }
    }
}

impl Copier {
    /// One transaction of its own: the statement's.
    async fn copy(&self, rows: &[Chained]) {
        let sink = self.client.copy_in(&self.copy).await.unwrap();
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &self.types));
        for row in rows {
            let entry = &row.entry;
            writer
                .as_mut()
                .write(&[
                    &row.chain,
                    &row.seq,
                    &entry.id,
                    &entry.at.micros(),
                    &entry.phase.as_str(),
                    &entry.opens,
                    &entry.severity.as_str(),
                    &entry.tenant.as_str(),
                    &entry.principal,
                    &entry.role,
                    &entry.action,
                    &entry.resource_kind,
                    &entry.resource_id,
                    &entry.patient,
                    &entry.purpose,
                    &entry.verdict,
                    &i16::from(entry.score),
                    &entry.explanation,
                    &entry.request_id,
                    &entry.outcome.as_str(),
                    &entry.plugin,
                    &row.previous.as_slice(),
                    &row.hash.as_slice(),
                ])
                .await
                .unwrap();
        }
        writer.finish().await.unwrap();
    }
}
