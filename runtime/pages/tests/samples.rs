//! A ward, a patient and a tree to draw: invented people with the vital signs of a bad night.

use crate::pages::book::Book;
use crate::pages::follow::Sight;
use crate::pages::layout::Viewer;
use crate::pages::patient::PatientView;
use crate::pages::supervision::SupervisionView;
use crate::pages::ward::{BedView, Occupant, WardShape, WardView};
use plantao_actors::live::diff::Rendered;
use plantao_actors::live::{Patients, Shown, Subject};
use plantao_actors::patient::Bedside;
use plantao_schema::access::{Fields, Role};
use plantao_schema::emergency::{CardItem, EmergencyCard};
use plantao_schema::id::{BedId, PatientId, WardId};
use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::{Chart, Reading, VitalSign};
use plantao_supervisors::{ExitReason, NodeKind, NodeState, Restart, Snapshot};
use std::sync::Arc;

pub(super) const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// Everything a clinician sees.
pub(super) fn clinical() -> Fields {
    [
        Fields::VITALS,
        Fields::ALLERGIES,
        Fields::MEDICATION,
        Fields::CONDITIONS,
    ]
    .into_iter()
    .fold(Fields::NAME, Fields::union)
}

/// A chart of `minutes` with a reading a minute around these values of a sign each.
pub(super) fn chart(minutes: i64, seed: f64, values: &[(VitalSign, f64, f64)]) -> Chart {
    let mut chart = Chart::new();
    for minute in (0..minutes).rev() {
        #[expect(clippy::cast_precision_loss, reason = "minutes of a night")]
        let phase = minute as f64 / 9.0 + seed;
        // A break in the monitoring, as when the patient is washed.
        if (70..95).contains(&minute) {
            continue;
        }
        for &(sign, value, swing) in values {
            let at = NOW.plus_seconds(-60 * minute - 12);
            let value = value + swing * (phase.sin() + (phase * 2.7).sin() / 2.0);
            chart.take(Reading { sign, value, at });
        }
    }
    for (sign, value) in [
        (VitalSign::Consciousness, 0.0),
        (VitalSign::SupplementalOxygen, 0.0),
    ] {
        if values.iter().all(|(other, ..)| *other != sign) {
            chart.take(Reading {
                sign,
                value,
                at: NOW.plus_seconds(-3_700),
            });
        }
    }
    chart
}

fn signs(hr: f64, rr: f64, spo2: f64, sys: f64, temp: f64) -> Vec<(VitalSign, f64, f64)> {
    vec![
        (VitalSign::HeartRate, hr, 4.0),
        (VitalSign::RespiratoryRate, rr, 1.5),
        (VitalSign::Spo2, spo2, 0.8),
        (VitalSign::SystolicPressure, sys, 5.0),
        (VitalSign::DiastolicPressure, sys * 0.6, 3.0),
        (VitalSign::MeanPressure, sys * 0.73, 3.0),
        (VitalSign::Temperature, temp, 0.1),
    ]
}

pub(super) fn bedside(name: &str, chart: Chart) -> Arc<Bedside> {
    Arc::new(Bedside {
        chart,
        card: Arc::new(card()),
        name: Some(Arc::from(name)),
        birth_date: Some(Arc::from("1950-03-12")),
        unreadable: 0,
        card_incomplete: false,
        storage_lost: false,
        revision: 1,
    })
}

pub(super) fn card() -> EmergencyCard {
    let item = |text: &str, detail: Option<&str>, critical, since: Option<&str>| CardItem {
        text: text.to_owned(),
        detail: detail.map(str::to_owned),
        critical,
        since: since.map(str::to_owned),
    };
    EmergencyCard {
        allergies: vec![
            item("Penicilina", Some("anafilaxia"), true, Some("2011-05")),
            item("Dipirona", Some("urticária"), false, None),
        ],
        medication: vec![
            item(
                "Enoxaparina 40 mg",
                Some("SC 1×/dia"),
                false,
                Some("2026-09-18"),
            ),
            item(
                "Norepinefrina",
                Some("0,08 µg/kg/min EV contínua"),
                false,
                None,
            ),
        ],
        conditions: vec![
            item(
                "Insuficiência cardíaca",
                Some("NYHA III"),
                false,
                Some("2019"),
            ),
            item("Choque séptico", None, false, Some("2026-09-20")),
        ],
    }
}

pub(super) fn bed(n: usize) -> BedId {
    BedId::parse(&format!("leito-{n:02}")).unwrap()
}

pub(super) fn patient_id(n: usize) -> PatientId {
    PatientId::parse(&format!("paciente-{n}")).unwrap()
}

/// A bed with a patient of this name.
pub(super) fn occupied(n: usize, name: &str, chart: Chart) -> BedView {
    let sight = Sight::Now(bedside(name, chart));
    BedView {
        bed: bed(n),
        occupant: Occupant::Patient(patient_id(n), sight),
    }
}

/// Fourteen beds: every state a bed can be in.
pub(super) fn beds() -> Vec<BedView> {
    let plain = |n: usize, name: &str, minutes| {
        #[expect(clippy::cast_precision_loss, reason = "a bed's number")]
        let seed = n as f64;
        let values = signs(68.0 + seed * 2.0, 15.0, 97.0, 118.0 + seed, 36.6);
        occupied(n, name, chart(minutes, seed, &values))
    };
    let sick = signs(131.0, 28.0, 88.5, 84.0, 38.9);
    let watched = signs(108.0, 22.0, 94.0, 104.0, 38.2);
    let mut late = chart(300, 1.0, &signs(88.0, 17.0, 95.0, 122.0, 36.9));
    late.take(Reading {
        sign: VitalSign::HeartRate,
        value: 0.0,
        at: NOW.plus_seconds(-5),
    });
    let mut old = Chart::new();
    for sign in [VitalSign::HeartRate, VitalSign::Spo2] {
        old.take(Reading {
            sign,
            value: 92.0,
            at: NOW.plus_seconds(-2_400),
        });
    }
    let mut stopped = bedside(
        "Rosa Nogueira",
        chart(200, 2.0, &signs(77., 16., 96., 131., 36.4)),
    );
    Arc::make_mut(&mut stopped).revision = 2;
    vec![
        plain(1, "Antônia Ferreira de Albuquerque", 300),
        plain(2, "João Batista da Silva", 280),
        occupied(
            3,
            "Maria das Dores Cavalcanti Wanderley",
            chart(320, 3.0, &sick),
        ),
        plain(4, "Sebastião Rocha", 90),
        occupied(5, "Iracema Tupinambá", chart(240, 5.0, &watched)),
        BedView {
            bed: bed(6),
            occupant: Occupant::Nobody,
        },
        occupied(7, "Benedito Lopes", late),
        plain(8, "Yasmin Okabe", 60),
        occupied(9, "Francisco das Chagas", old),
        BedView {
            bed: bed(10),
            occupant: Occupant::Restricted,
        },
        BedView {
            bed: bed(11),
            occupant: Occupant::Patient(patient_id(11), Sight::Lost(Some(stopped))),
        },
        plain(12, "Helena Prado", 200),
        BedView {
            bed: bed(13),
            occupant: Occupant::Patient(patient_id(13), Sight::Opening),
        },
        BedView {
            bed: bed(14),
            occupant: Occupant::Nobody,
        },
    ]
}

/// A tree in which something has just happened.
pub(super) fn tree() -> Snapshot {
    let node = |path: &str, kind, children: Vec<Snapshot>| Snapshot {
        restart: Some(Restart::Permanent),
        restarts_in_window: (kind != NodeKind::Worker).then_some(1),
        restarts_allowed: (kind != NodeKind::Worker).then_some(60),
        uptime_ms: Some(754_000),
        mailbox_depth: (kind == NodeKind::Worker).then_some(0),
        children,
        ..Snapshot::new(path, kind, NodeState::Running)
    };
    let worker = |path: &str| node(path, NodeKind::Worker, Vec::new());
    let mut session = worker("plantao/records/sessions/paciente-7");
    session.restarts = 3;
    session.last_exit = Some(ExitReason::Killed);
    session.uptime_ms = Some(2_000);
    session.mailbox_depth = Some(4);
    session.oldest_message_ms = Some(1_800);
    let mut failed = worker("plantao/plugins/lgpd-analyzer/loader");
    failed.state = NodeState::Failed;
    failed.uptime_ms = None;
    failed.last_exit = Some(ExitReason::StartFailed("no file".to_owned()));
    let mut sessions = vec![session];
    sessions.extend((100..170).map(|n| worker(&format!("plantao/records/sessions/p-{n}"))));
    let mut records = node(
        "plantao/records",
        NodeKind::Supervisor,
        vec![
            worker("plantao/records/directory-1"),
            node("plantao/records/sessions", NodeKind::Dynamic, sessions),
        ],
    );
    records.restarts_in_window = Some(55);
    let storage = vec![
        worker("plantao/storage/postgres"),
        worker("plantao/storage/pool"),
    ];
    let plugin = node(
        "plantao/plugins/lgpd-analyzer",
        NodeKind::Supervisor,
        vec![failed],
    );
    let children = vec![
        node("plantao/storage", NodeKind::Supervisor, storage),
        node("plantao/plugins", NodeKind::Supervisor, vec![plugin]),
        records,
    ];
    node("plantao", NodeKind::Supervisor, children)
}

/// A document of a tree of values.
pub(super) fn document(
    subject: &Subject,
    fields: Fields,
    locale: Locale,
    rendered: Rendered,
) -> String {
    let shown = Shown {
        epoch: Arc::from("e1"),
        seq: 1,
        rendered: Arc::new(rendered),
        patients: Patients::default(),
        now: NOW,
    };
    let role = Role::parse("nurse").unwrap();
    let viewer = Viewer {
        name: "Ana Enfermeira",
        role: &role,
        supervision: true,
    };
    let book = Book::new(NOW).unwrap();
    book.document(subject, fields, locale, &shown, &viewer)
        .unwrap()
}

pub(super) fn ward(beds: &[BedView], fields: Fields, connected: bool, locale: Locale) -> String {
    let ward = WardId::parse("uti-adulto").unwrap();
    let epoch = Book::new(NOW).unwrap().epoch;
    let mut view = WardView::new(ward.clone(), WardShape::of(fields), locale, epoch);
    let (rendered, _) = view.render(beds, connected, NOW);
    document(&Subject::Ward(ward), fields, locale, rendered)
}

pub(super) fn patient(
    sight: &Sight<Arc<Bedside>>,
    consented: bool,
    fields: Fields,
    locale: Locale,
) -> String {
    let epoch = Book::new(NOW).unwrap().epoch;
    let mut view = PatientView::new(fields, locale, epoch);
    let (rendered, _) = view.render(sight, consented, true, NOW);
    document(&Subject::Patient(patient_id(3)), fields, locale, rendered)
}

pub(super) fn supervision(locale: Locale) -> String {
    let mut view = SupervisionView::new(locale, Book::new(NOW).unwrap().epoch);
    let rendered = view.render(Some(&tree()), NOW);
    document(&Subject::Supervision, Fields::SUPERVISION, locale, rendered)
}

/// The patient of bed three, who is not well.
pub(super) fn sick() -> Sight<Arc<Bedside>> {
    let Occupant::Patient(_, sight) = beds().swap_remove(2).occupant else {
        panic!("somebody lies in bed three");
    };
    sight
}
