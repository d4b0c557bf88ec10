//! The transparency log's contract: what is read of a chain, what is kept of its log, what is
//! refused.

use super::{AT, Both, agree, entry};
use crate::twin::TwinTrail;
use plantao_actors::audit::transparency::{Growth, LogSession};
use plantao_actors::audit::{PostgresTrail, TrailStore};
use plantao_schema::audit::merkle::{Edge, FullTile};
use plantao_schema::audit::{ChainHead, Chained, Phase};

/// More than a tile, and more than an answer of links holds when it is asked for fewer.
const ENTRIES: usize = 600;

/// A chain of that length.
fn chain(both: &mut Both, name: &str, tenant: &str, count: usize) -> Vec<Chained> {
    let mut head = ChainHead::EMPTY;
    let rows = (0..count).map(|_| {
        let row = Chained::after(name, &head, entry(tenant, both.id(), Phase::Single));
        head = row.head();
        row
    });
    rows.collect()
}

fn growth(chain: &str, tenant: &str, size: u64, tiles: Vec<FullTile>) -> Growth {
    Growth {
        chain: chain.to_owned(),
        tenant: tenant.to_owned(),
        tiles,
        size,
        note: format!("{size} of {chain}"),
        at: AT,
        is_seal: size.is_multiple_of(2),
    }
}

struct Sessions {
    twin: Box<dyn LogSession>,
    real: Box<dyn LogSession>,
}

impl Sessions {
    async fn alike(&self, chain: &str) {
        let (twin, real) = (&self.twin, &self.real);
        let heads = agree(&"heads", twin.heads("node-1"), real.heads("node-1"));
        assert_eq!(heads.await.unwrap().len(), 2);
        for (after, limit) in [(0, 10), (250, 1_000), (599, 1), (600, 5), (-3, 2)] {
            let asked = (after, limit);
            let links = agree(
                &asked,
                twin.links(chain, after, limit),
                real.links(chain, after, limit),
            );
            links.await.unwrap();
        }
        for (level, from) in [(0, 0), (0, 1), (0, 2), (1, 0)] {
            let asked = (level, from);
            let tiles = agree(
                &asked,
                twin.tiles(chain, level, from),
                real.tiles(chain, level, from),
            );
            tiles.await.unwrap();
        }
        let newest = agree(&"newest", twin.newest(chain), real.newest(chain));
        newest.await.unwrap();
    }

    async fn keep(&self, growth: &Growth) -> bool {
        let kept = agree(growth, self.twin.keep(growth), self.real.keep(growth));
        kept.await.is_ok()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_read_and_kept_alike_and_never_goes_back() {
    let mut both = Both::new(11).await;
    let (twin, real) = (
        TwinTrail(both.disk.clone()),
        PostgresTrail::new(both.database.config()),
    );
    let chains = [
        ("node-1/north", "north", ENTRIES),
        ("node-1/south", "south", 3),
        ("node-10/north", "north", 2),
    ];
    let mut edge = Edge::new();
    let mut tiles = Vec::new();
    {
        let twin = twin.write("node-1").await.unwrap();
        let real = real.write("node-1").await.unwrap();
        for (name, tenant, count) in chains {
            let rows = chain(&mut both, name, tenant, count);
            agree(&name, twin.add(&rows), real.add(&rows))
                .await
                .unwrap();
            if name == "node-1/north" {
                tiles.extend(rows.iter().flat_map(|row| edge.push(&row.hash)));
            }
        }
    }
    let sessions = Sessions {
        twin: twin.sequence().await.unwrap(),
        real: real.sequence().await.unwrap(),
    };
    let chain = "node-1/north";
    sessions.alike(chain).await;
    assert!(
        sessions
            .keep(&growth(chain, "north", 300, tiles[..1].to_vec()))
            .await
    );
    sessions.alike(chain).await;
    // A tile that is there already is the same, and no error.
    assert!(
        sessions
            .keep(&growth(chain, "north", 600, tiles.clone()))
            .await
    );
    sessions.alike(chain).await;
    for (size, why) in [
        (600, "as long"),
        (599, "shorter"),
        (0, "empty"),
        (u64::MAX, "too long"),
    ] {
        assert!(
            !sessions
                .keep(&growth(chain, "north", size, Vec::new()))
                .await,
            "{why}"
        );
    }
    sessions.alike(chain).await;
    both.end().await;
}
