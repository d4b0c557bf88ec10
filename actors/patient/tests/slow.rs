//! What is charted once a shift still counts after a monitor has filled the newest records.

use super::watching::{Watching, grant, maria, pulse, until};
use super::*;
use crate::database::Scope;
use crate::patient::PostgresRecords;
use plantao_schema::access::Purpose;
use plantao_schema::vitals::{self, Acvpu, Chart, Reading, VitalSign, news2};

/// Panels in one bundle, and so the seconds that it takes to fill.
const BUNDLE: i64 = 500;

/// Bundles of a monitor, one panel a second: more than a chart is rebuilt from.
const BUNDLES: i64 = 9;

/// What a monitor says every second, oxygen and arterial pressure among it.
const MONITORED: [(VitalSign, f64); 5] = [
    (VitalSign::RespiratoryRate, 16.0),
    (VitalSign::Spo2, 97.0),
    (VitalSign::HeartRate, 80.0),
    (VitalSign::SystolicPressure, 120.0),
    (VitalSign::SupplementalOxygen, 2.0),
];

/// One Observation of these readings, which the chart takes as well.
fn charted(chart: &mut Chart, id: &str, at: Timestamp, signs: &[(VitalSign, f64)]) -> Value {
    let reading = |&(sign, value): &(VitalSign, f64)| Reading { sign, value, at };
    let readings: Vec<Reading> = signs.iter().map(reading).collect();
    for reading in &readings {
        chart.take(*reading);
    }
    vitals::observation(&maria(), id, &readings)
}

/// A bundle of several PUTs.
fn puts(resources: impl IntoIterator<Item = Value>) -> Value {
    let entry = |resource| put(resource)["entry"][0].take();
    let entries: Vec<Value> = resources.into_iter().map(entry).collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

impl Hospital {
    /// Kills the session of the one patient there is.
    fn kill_session(&self) {
        let session = &super::sessions::sessions(&self.tree)[0];
        self.tree.kill(&session.path).unwrap();
    }

    async fn watch_again(&self, mut before: Watching) -> Watching {
        self.kill_session();
        assert!(before.wait_for(|_| false).await.is_err(), "it is told");
        self.records.watch(&grant(), &maria()).await.unwrap()
    }

    fn scope(&self) -> Scope {
        Scope {
            tenant: Tenant::parse("demo").unwrap(),
            principal: "tester".into(),
            purpose: Purpose::Treatment,
        }
    }

    fn store_itself(&self) -> PostgresRecords {
        PostgresRecords::new(self.database.database(), self.vault.clone())
    }
}

#[tokio::test]
async fn consciousness_and_fever_outlast_a_monitor_and_the_death_of_the_session() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let (mut chart, began) = (Chart::new(), hospital.clock.now());
    let level = [(VitalSign::Consciousness, Acvpu::Voice.value())];
    let by_hand = [
        charted(&mut chart, "level", began, &level),
        charted(
            &mut chart,
            "fever",
            began,
            &[(VitalSign::Temperature, 39.4)],
        ),
    ];
    hospital.store(puts(by_hand)).await.unwrap();
    let watching = hospital.records.watch(&grant(), &maria()).await.unwrap();
    for bundle in 0..BUNDLES {
        let seconds = bundle * BUNDLE + 1..=(bundle + 1) * BUNDLE;
        let end = began.plus_seconds(*seconds.end());
        let panel = |second| {
            let (id, at) = (format!("m-{second}"), began.plus_seconds(second));
            charted(&mut chart, &id, at, &MONITORED)
        };
        let panels = puts(seconds.map(panel));
        hospital.clock.set(end);
        hospital.store(panels).await.unwrap();
    }
    let now = hospital.clock.now();
    let score = chart.news2(now);
    assert_eq!((score.total, score.is_complete()), (7, true));
    assert_eq!(score.risk, news2::Risk::High);
    let mut watching = hospital.watch_again(watching).await;
    assert_eq!(watching.borrow().chart.news2(now), score);
    assert!(watching.borrow().chart == chart, "of every sign the same");
    // What was wrong does not come back from beyond, and neither does a corrected value.
    let mut wrong = by_hand_again(began, &[(VitalSign::Consciousness, 2.0)], "level");
    wrong["status"] = "entered-in-error".into();
    let milder = by_hand_again(began, &[(VitalSign::Temperature, 38.2)], "fever");
    hospital.store(puts([wrong, milder])).await.unwrap();
    until(&mut watching, |bedside| {
        bedside.chart.latest(VitalSign::Consciousness).is_none()
    })
    .await;
    let watching = hospital.watch_again(watching).await;
    let score = watching.borrow().chart.news2(now);
    assert_eq!((score.total, score.scored()), (3, 6));
    hospital.tree.shutdown().await;
}

fn by_hand_again(at: Timestamp, signs: &[(VitalSign, f64)], id: &str) -> Value {
    charted(&mut Chart::new(), id, at, signs)
}

#[tokio::test]
async fn beyond_the_newest_records_slow_signs_come_once_and_other_signs_do_not() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let (mut none, now) = (Chart::new(), hospital.clock.now());
    let fever = charted(&mut none, "a-fever", now, &[(VitalSign::Temperature, 39.4)]);
    let last = charted(&mut none, "z-fever", now, &[(VitalSign::Temperature, 39.5)]);
    // All of one moment, so that nothing but the look itself tells them apart.
    let pulses = (0..6).map(|number| pulse(&format!("m-{number}"), number, 80.0));
    hospital.clock.set(now.plus_seconds(60));
    let all = puts([fever, last].into_iter().chain(pulses));
    hospital.store(all).await.unwrap();
    let (store, scope) = (hospital.store_itself(), hospital.scope());
    let names = async |limit| {
        let kinds = [FhirType::Observation];
        let recent = store.recent(&scope, &maria(), &kinds, limit).await.unwrap();
        let ids = recent.records.iter().map(|(_, one)| one.id.to_string());
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        (ids, recent.cut)
    };
    let few = ["a-fever", "m-0", "m-1", "z-fever"].map(str::to_owned);
    assert_eq!(names(3).await, (few.to_vec(), true));
    let (all, cut) = names(100).await;
    assert_eq!(
        (all.windows(2).all(|two| two[0] < two[1]), cut),
        (true, false)
    );
    assert!(all.len() >= 8);
    hospital.tree.shutdown().await;
}

#[tokio::test]
async fn what_is_in_clear_of_an_observation_is_which_slow_signs_it_holds() {
    let hospital = hospital().await;
    hospital.store(demonstration()).await.unwrap();
    let (mut none, now) = (Chart::new(), hospital.clock.now());
    let oxygen = [(VitalSign::SupplementalOxygen, 2.0)];
    let panel = charted(&mut none, "panel", now, &MONITORED);
    let given = charted(&mut none, "oxygen", now, &oxygen);
    hospital.store(puts([panel, given])).await.unwrap();
    let masks = async |id: &str| -> i16 {
        let sql = format!("SELECT slow_signs FROM fhir_resource WHERE id = '{id}'");
        hospital.rows(&sql).await[0].get(0)
    };
    assert_eq!([masks("panel").await, masks("oxygen").await], [12, 4]);
    assert_eq!(masks(MARIA).await, 0);
    let mut wrong = charted(&mut none, "oxygen", now, &oxygen);
    wrong["status"] = "entered-in-error".into();
    hospital.store(put(wrong)).await.unwrap();
    assert_eq!(masks("oxygen").await, 0);
    hospital.tree.shutdown().await;
}
