//! The ward's page: order, sharing, announcements, and what is not in it.

use super::*;
use plantao_actors::live::diff::{self, wire};
use plantao_schema::emergency::EmergencyCard;
use plantao_schema::vitals::{Chart, Reading};

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);
const ALL: WardShape = WardShape {
    name: true,
    vitals: true,
};

fn bed(name: &str) -> BedId {
    BedId::parse(name).unwrap()
}

fn patient(name: &str) -> PatientId {
    PatientId::parse(name).unwrap()
}

fn bedside(heart_rate: f64) -> Arc<Bedside> {
    let mut chart = Chart::new();
    for second in [90, 60, 30] {
        let at = NOW.plus_seconds(-second);
        for (sign, value) in [
            (VitalSign::HeartRate, heart_rate),
            (VitalSign::Spo2, 97.0),
            (VitalSign::RespiratoryRate, 16.0),
        ] {
            chart.take(Reading { sign, value, at });
        }
    }
    Arc::new(Bedside {
        chart,
        card: Arc::new(EmergencyCard::default()),
        name: Some(Arc::from("Fulana")),
        birth_date: None,
        unreadable: 0,
        card_incomplete: false,
        storage_lost: false,
        revision: 1,
    })
}

fn lying(name: &str, sight: Sight<Arc<Bedside>>) -> BedView {
    BedView {
        bed: bed(name),
        occupant: Occupant::Patient(patient(name), sight),
    }
}

fn view(shape: WardShape) -> WardView {
    let ward = WardId::parse("uti").unwrap();
    WardView::new(ward, shape, Locale::PtBr, Epoch::at(NOW))
}

fn items(rendered: &Rendered) -> &[Item] {
    match &rendered.slots[3] {
        Slot::List(items) => items,
        other => panic!("{other:?}"),
    }
}

fn keys(rendered: &Rendered) -> Vec<&str> {
    items(rendered).iter().map(|item| &*item.key).collect()
}

fn text(rendered: &Rendered, slot: usize) -> &str {
    match &rendered.slots[slot] {
        Slot::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_needs_somebody_comes_first_and_free_beds_last() {
    let beds = [
        BedView {
            bed: bed("1"),
            occupant: Occupant::Nobody,
        },
        lying("10", Sight::Now(bedside(80.0))),
        lying("2", Sight::Now(bedside(80.0))),
        BedView {
            bed: bed("3"),
            occupant: Occupant::Restricted,
        },
        lying("4", Sight::Opening),
        lying("5", Sight::Now(bedside(140.0))),
    ];
    let (rendered, patients) = view(ALL).render(&beds, true, NOW);
    assert_eq!(keys(&rendered), ["5", "2", "10", "3", "4", "1"]);
    assert_eq!(text(&rendered, 2), "5/6");
    let shown: Vec<&str> = patients.iter().map(PatientId::as_str).collect();
    assert_eq!(
        shown,
        ["10", "2", "5"],
        "whose data is shown, and nobody else"
    );
}

#[test]
fn without_vital_signs_the_order_tells_nothing_of_them() {
    let shape = WardShape {
        vitals: false,
        ..ALL
    };
    let beds = [
        lying("1", Sight::Now(bedside(80.0))),
        lying("2", Sight::Now(bedside(190.0))),
    ];
    let (rendered, _) = view(shape).render(&beds, true, NOW);
    assert_eq!(keys(&rendered), ["1", "2"]);
}

#[test]
fn with_nothing_to_show_nobody_is_linked_to_or_disclosed() {
    let shape = WardShape {
        name: false,
        vitals: false,
    };
    let beds = [lying("1", Sight::Now(bedside(80.0)))];
    let (rendered, patients) = view(shape).render(&beds, true, NOW);
    assert!(patients.is_empty());
    assert_eq!(text(&items(&rendered)[0].body, 2), "Ocupado");
}

#[test]
fn a_row_that_did_not_change_is_the_same_memory() {
    let beds = [
        lying("1", Sight::Now(bedside(80.0))),
        lying("2", Sight::Now(bedside(85.0))),
    ];
    let mut view = view(ALL);
    let (first, _) = view.render(&beds, true, NOW);
    let changed = [beds[0].clone(), lying("2", Sight::Now(bedside(86.0)))];
    let (second, _) = view.render(&changed, true, NOW.plus_seconds(1));
    assert!(Arc::ptr_eq(&items(&first)[0].body, &items(&second)[0].body));
    assert!(!Arc::ptr_eq(
        &items(&first)[1].body,
        &items(&second)[1].body
    ));
    let frame = wire::diff_frame(2, &diff::diff(&first, &second));
    assert!(frame.len() < 120, "{}", String::from_utf8_lossy(&frame));
}

#[test]
fn a_loss_marks_the_row_keeps_its_last_values_and_raises_no_alarm() {
    let mut view = view(ALL);
    let lost = lying("1", Sight::Lost(Some(bedside(140.0))));
    let (rendered, patients) = view.render(&[lost], true, NOW);
    let row = &items(&rendered)[0].body;
    assert_eq!((text(row, 0), text(row, 3)), ("lost", "sem conexão"));
    assert_eq!((text(&rendered, 4), patients.len()), ("0", 1));
    let mut stored = bedside(80.0);
    Arc::make_mut(&mut stored).storage_lost = true;
    let (rendered, _) = view.render(&[lying("1", Sight::Now(stored))], true, NOW);
    assert_eq!(text(&items(&rendered)[0].body, 0), "lost");
}

#[test]
fn a_reading_grows_old_without_any_message() {
    let beds = [lying("1", Sight::Now(bedside(80.0)))];
    let mut view = view(ALL);
    view.render(&beds, true, NOW);
    let (rendered, _) = view.render(&beds, true, NOW.plus_seconds(600));
    let row = &items(&rendered)[0].body;
    let Slot::Part(cell) = &row.slots[6] else {
        panic!("the first sign's cell");
    };
    assert_eq!((text(cell, 2), text(cell, 3)), ("stale", "desatualizado"));
}

#[test]
fn only_a_new_alarm_is_announced_and_only_once() {
    let mut view = view(ALL);
    let at = |view: &mut WardView, rates: [f64; 2]| {
        let beds = [
            lying("1", Sight::Now(bedside(rates[0]))),
            lying("2", Sight::Now(bedside(rates[1]))),
        ];
        let (rendered, _) = view.render(&beds, true, NOW);
        text(&rendered, 6).to_owned()
    };
    assert_eq!(
        at(&mut view, [140.0, 80.0]),
        "",
        "what was there at first is in the table"
    );
    let said = at(&mut view, [140.0, 30.0]);
    assert_eq!(said, "Novo alarme. Leito 2: Frequência cardíaca baixa");
    assert_eq!(at(&mut view, [141.0, 30.0]), said, "it is not said again");
    assert_eq!(at(&mut view, [80.0, 80.0]), "", "it is over");
    assert_eq!(at(&mut view, [80.0, 30.0]), said, "the same again is new");
}

#[test]
fn an_announcement_goes_with_the_patient_it_tells_of() {
    let free = |name: &str| BedView {
        bed: bed(name),
        occupant: Occupant::Nobody,
    };
    let restricted = BedView {
        bed: bed("2"),
        occupant: Occupant::Restricted,
    };
    let elsewhere = BedView {
        bed: bed("3"),
        ..lying("2", Sight::Now(bedside(30.0)))
    };
    let newcomer = BedView {
        bed: bed("2"),
        ..lying("9", Sight::Now(bedside(80.0)))
    };
    let other = || lying("1", Sight::Now(bedside(140.0)));
    let after = |second: BedView, third: BedView| {
        let mut view = view(ALL);
        let calm = [other(), lying("2", Sight::Now(bedside(80.0))), free("3")];
        view.render(&calm, true, NOW);
        let alarm = [other(), lying("2", Sight::Now(bedside(30.0))), free("3")];
        let (rendered, _) = view.render(&alarm, true, NOW);
        assert!(text(&rendered, 6).contains("Leito 2"));
        let (rendered, _) = view.render(&[other(), second, third], true, NOW);
        text(&rendered, 6).to_owned()
    };
    assert_eq!(after(free("2"), free("3")), "", "let go");
    assert_eq!(after(restricted, free("3")), "", "consent taken back");
    assert_eq!(after(newcomer, free("3")), "", "another lies there");
    assert_eq!(after(free("2"), elsewhere), "", "moved to another bed");
    let stays = lying("2", Sight::Lost(Some(bedside(30.0))));
    assert_ne!(after(stays, free("3")), "", "still shown");
}

#[test]
fn beds_are_in_the_order_of_their_numbers() {
    let mut names = ["uti-10", "uti-2", "a", "10", "9", "uti-2b", "uti"].map(bed);
    names.sort_by_key(natural);
    let sorted = names.each_ref().map(BedId::as_str);
    assert_eq!(sorted, ["9", "10", "a", "uti", "uti-2", "uti-2b", "uti-10"]);
}
