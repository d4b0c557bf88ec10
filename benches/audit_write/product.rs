//! The product's part: its writer and its sequencer, in a tree of their own.

use crate::entry::entry;
use crate::hospital::Hospital;
use plantao_actors::audit::transparency::{
    Algorithm, LogKeys, Sequencer, Shipping, TransparencyLog, Witnesses,
};
use plantao_actors::audit::{AuditLog, audit_child};
use plantao_actors::clock::WallClock;
use plantao_actors::database::DatabaseConfig;
use plantao_supervisors::{Intensity, Strategy, SupervisorSpec, Tree};
use std::time::Duration;

const NODE: &str = "bench";

/// A running writer.
pub(crate) struct Product {
    audit: AuditLog,
    clock: WallClock,
    tree: Tree,
}

impl Product {
    pub(crate) async fn start(hospital: &Hospital) -> Self {
        let clock = WallClock::system();
        let config = DatabaseConfig::embedded(&hospital.state);
        let audit = AuditLog::new(clock.clone());
        let sequencer = Sequencer {
            log: TransparencyLog::new(),
            audit: audit.clone(),
            trail: config.clone().into(),
            node: NODE.into(),
            keys: LogKeys::made(&Algorithm::ALL).unwrap(),
            clock: clock.clone(),
            shipping: Shipping::to(None),
            witnesses: Witnesses::new(Vec::new(), Shipping::default()),
        };
        let intensity = Intensity::new(3, Duration::from_secs(5));
        let spec = SupervisorSpec::new(Strategy::OneForOne, intensity)
            .child(audit_child(&audit, config, NODE))
            .child(sequencer.child());
        let tree = Tree::start("bench", spec).await.unwrap();
        let product = Self { audit, clock, tree };
        product.one().await;
        product
    }

    /// Appends so many over so many callers, each of whom waits for one receipt after the other.
    pub(crate) async fn append(&self, entries: usize, callers: usize) -> usize {
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (audit, clock) = (self.audit.clone(), self.clock.clone());
                tokio::spawn(async move {
                    for _ in 0..entries / callers {
                        let entry = entry(audit.entry_key().unwrap(), &clock);
                        audit.append(entry).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        entries / callers * callers
    }

    /// Appends one.
    pub(crate) fn one(&self) -> impl Future<Output = ()> + Send + use<> {
        let (audit, clock) = (self.audit.clone(), self.clock.clone());
        async move {
            let entry = entry(audit.entry_key().unwrap(), &clock);
            audit.append(entry).await.unwrap();
        }
    }

    pub(crate) async fn stop(self) {
        self.tree.shutdown().await;
    }
}
