//! A partition's entries on their way into archives, and what is known of those that went.
//!
//! Reads as the trail's writer does, chain by chain from where the archive before ended: what an
//! archive holds of a chain is without gaps, although a partition need not be (two entries about
//! midnight may be in order one way by number and the other way by time). Checks every hash on the
//! way and refuses a chain that does not hold or is not signed as far as it goes.

use super::archive::{ArchiveError, Manifest, Piece, Place, VERSION};
use super::file::{ArchiveFile, write_manifest};
use super::keeper::KeepingError;
use super::partitions::{Departed, Part};
use crate::aside::aside;
use crate::audit::store::{COLUMNS, chained, sorted, value};
use crate::database::{Database, DatabaseConfig, DatabaseError, Login, Scope, Session};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plantao_schema::audit::merkle::Edge;
use plantao_schema::audit::{ChainHead, Chained, Hash, Verifier};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// Entries that are read at once.
const PAGE: i64 = 2_000;

/// Entries of a tile: the log's right edge is made of those after the last full one.
const TILE: i64 = 256;

const UNHURRIED: &str = "SET statement_timeout = '15min'";

const CHAINS: &str = "SELECT chain, min(tenant), max(seq) FROM audit_entry \
     WHERE at_us >= $1 AND at_us < $2 GROUP BY chain ORDER BY chain";

const ARCHIVED: &str = "SELECT seq, hash, edge FROM audit_archived WHERE chain = $1 \
     ORDER BY seq DESC LIMIT 1";

const SIGNED: &str = "SELECT c.size, c.note, (SELECT s.note FROM audit_seal AS s \
     WHERE s.chain = c.chain AND s.size > $2 AND s.size <= $3 ORDER BY s.size DESC LIMIT 1) \
     FROM audit_checkpoint AS c WHERE c.chain = $1";

const HEADS: &str = "SELECT DISTINCT ON (chain) chain, seq, hash, edge FROM audit_archived \
     WHERE tenant = $1 ORDER BY chain, seq DESC";

/// Where the archived part of a chain ends, and what is in the database goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedHead {
    /// The chain.
    pub chain: String,
    /// The place.
    #[serde(flatten)]
    pub place: Place,
}

/// Where the archived parts of a tenant's chains end.
///
/// # Errors
/// [`DatabaseError`].
pub async fn archived_heads(
    database: &Database,
    scope: &Scope,
) -> Result<Vec<ArchivedHead>, DatabaseError> {
    let rows = database
        .read(scope, HEADS, &[&scope.tenant.as_str()])
        .await?;
    let read = |row: &Row| {
        let (head, levels) = (head_of(row, 1)?, value::<Vec<Vec<u8>>>(row, 3)?);
        let edge = levels
            .iter()
            .map(|hashes| STANDARD.encode(hashes))
            .collect();
        let place = Place { head, edge };
        Ok(ArchivedHead {
            chain: value(row, 0)?,
            place,
        })
    };
    rows.iter().map(read).collect()
}

fn head_of(row: &Row, seq: usize) -> Result<ChainHead, DatabaseError> {
    let hash: &[u8] = value(row, seq + 1)?;
    let hash: Hash = hash.try_into().map_err(|_| DatabaseError::Mismatch)?;
    Ok(ChainHead {
        seq: value(row, seq)?,
        hash,
    })
}

/// What an export came to.
pub(super) struct Exported {
    pub(super) departed: Vec<Departed>,
    pub(super) floors: Vec<(String, i64)>,
    pub(super) entries: u64,
}

/// A chain of the partition.
struct Chain {
    name: String,
    after: Place,
    last: i64,
    size: i64,
    checkpoint: String,
    seal: Option<String>,
}

/// Writes a partition's archives, one for each tenant, and proves each from disk.
pub(super) async fn export(
    config: &DatabaseConfig,
    folder: &Path,
    part: &Part,
) -> Result<Exported, KeepingError> {
    let login = config
        .connection(Login::Audit)
        .map_err(|_| DatabaseError::Unavailable)?;
    let session = Session::open(&login)
        .await
        .map_err(|_| DatabaseError::Unavailable)?;
    let reading = Reading(&session.client);
    session
        .client
        .batch_execute(UNHURRIED)
        .await
        .map_err(told)?;
    let mut exported = Exported {
        departed: Vec::new(),
        floors: Vec::new(),
        entries: 0,
    };
    for (tenant, chains) in reading.chains(part).await? {
        for chain in &chains {
            let floor = (chain.size - 1) / TILE * TILE;
            exported.floors.push((chain.name.clone(), floor));
        }
        // What went with an earlier month need not go again.
        let new: Vec<Chain> = chains
            .into_iter()
            .filter(|one| one.last > one.after.head.seq)
            .collect();
        if !new.is_empty() {
            reading
                .archive(&folder.join(&tenant), part, &tenant, new, &mut exported)
                .await?;
        }
    }
    Ok(exported)
}

struct Reading<'a>(&'a Client);

impl Reading<'_> {
    async fn rows(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, KeepingError> {
        self.0.query(sql, params).await.map_err(told)
    }

    /// The chains of a partition, by tenant.
    async fn chains(&self, part: &Part) -> Result<BTreeMap<String, Vec<Chain>>, KeepingError> {
        let mut all: BTreeMap<String, Vec<Chain>> = BTreeMap::new();
        for row in self.rows(CHAINS, &[&part.from_us, &part.until_us]).await? {
            let (name, tenant): (String, String) = (value(&row, 0)?, value(&row, 1)?);
            let last: i64 = value(&row, 2)?;
            let after = match self.rows(ARCHIVED, &[&name]).await?.first() {
                Some(row) => place_of(row)?,
                None => Place::of(ChainHead::EMPTY, &Edge::new()),
            };
            let signed = self.rows(SIGNED, &[&name, &after.head.seq, &last]).await?;
            let unsigned = || KeepingError::Unsigned {
                chain: name.clone(),
            };
            let signed = signed.first().ok_or_else(unsigned)?;
            let size: i64 = value(signed, 0)?;
            if size < last {
                return Err(unsigned());
            }
            let (checkpoint, seal) = (value(signed, 1)?, value(signed, 2)?);
            let chain = Chain {
                name,
                after,
                last,
                size,
                checkpoint,
                seal,
            };
            all.entry(tenant).or_default().push(chain);
        }
        Ok(all)
    }

    async fn archive(
        &self,
        folder: &Path,
        part: &Part,
        tenant: &str,
        chains: Vec<Chain>,
        exported: &mut Exported,
    ) -> Result<(), KeepingError> {
        let (place, name) = (folder.to_owned(), part.name.clone());
        let mut file = on_disk(move || ArchiveFile::create(&place, &name)).await?;
        let (mut pieces, mut edges, mut entries) = (Vec::new(), Vec::new(), 0);
        for chain in chains {
            let mut edge = chain.after.edge()?;
            let mut verifier = Verifier::new();
            verifier.resume(&chain.name, chain.after.head);
            let mut head = chain.after.head;
            while head.seq < chain.last {
                let page = self.page(&chain.name, head.seq, chain.last).await?;
                for item in &page {
                    verifier.push(item).map_err(ArchiveError::from)?;
                    edge.push(&item.hash);
                    head = item.head();
                }
                if page.is_empty() {
                    return Err(KeepingError::Short { chain: chain.name });
                }
                file = on_disk(move || file.write(&page).map(|()| file)).await?;
            }
            entries += verifier.checked();
            pieces.push(Piece {
                last: Place::of(head, &edge),
                chain: chain.name,
                after: chain.after,
                seal: chain.seal,
                checkpoint: chain.checkpoint,
            });
            edges.push(edge.into_levels());
        }
        let (path, sha256) = on_disk(move || file.finish()).await?;
        let manifest = Manifest {
            version: VERSION,
            tenant: tenant.to_owned(),
            part: part.name.clone(),
            from_us: part.from_us,
            until_us: part.until_us,
            file: name_of(&path),
            sha256,
            entries,
            pieces,
        };
        let manifest = on_disk(move || prove(&path, manifest)).await?;
        exported.entries += entries;
        for (piece, edge) in manifest.pieces.into_iter().zip(edges) {
            exported.departed.push(Departed {
                chain: piece.chain,
                tenant: manifest.tenant.clone(),
                seq: piece.last.head.seq,
                hash: piece.last.head.hash,
                edge,
                file: format!("{tenant}/{}", manifest.file),
                sha256: manifest.sha256.clone(),
            });
        }
        Ok(())
    }

    async fn page(&self, chain: &str, after: i64, last: i64) -> Result<Vec<Chained>, KeepingError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_entry WHERE chain = $1 AND seq > $2 AND seq <= $3 \
             ORDER BY seq LIMIT $4"
        );
        let rows = self.rows(&sql, &[&chain, &after, &last, &PAGE]).await?;
        let items: Result<Vec<Chained>, DatabaseError> = rows.iter().map(chained).collect();
        Ok(items?)
    }
}

/// Reads the file back and proves it; only then is there a manifest.
fn prove(path: &Path, manifest: Manifest) -> Result<Manifest, ArchiveError> {
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    manifest.check(&folder)?;
    write_manifest(path, &manifest)?;
    Ok(manifest)
}

fn place_of(row: &Row) -> Result<Place, DatabaseError> {
    let levels: Vec<Vec<u8>> = value(row, 2)?;
    let edge = levels
        .iter()
        .map(|hashes| STANDARD.encode(hashes))
        .collect();
    Ok(Place {
        head: head_of(row, 0)?,
        edge,
    })
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, KeepingError> {
    let done = aside(work).await.ok_or(KeepingError::Panicked)?;
    Ok(done?)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what map_err hands over is owned"
)]
fn told(error: tokio_postgres::Error) -> KeepingError {
    sorted(&error).into()
}
