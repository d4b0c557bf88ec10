//! Each primitive type: what it takes and what it refuses.

use super::primitive::{Primitive, check, is_date};
use proptest::prelude::*;
use serde_json::{Value, json};

fn takes(primitive: Primitive, good: &[Value], bad: &[Value]) {
    for value in good {
        assert_eq!(check(primitive, value), Ok(()), "{primitive:?} {value}");
    }
    for value in bad {
        assert!(check(primitive, value).is_err(), "{primitive:?} {value}");
    }
}

#[test]
fn dates_are_on_the_calendar() {
    let good = [
        json!("1986"),
        json!("1986-11"),
        json!("2024-02-29"),
        json!("0001-01-01"),
    ];
    let bad = [
        json!("2023-02-29"),
        json!("1986-13"),
        json!("1986-1-1"),
        json!("0000"),
        json!(1986),
        json!("1986-11-28-01"),
        json!("28/11/1986"),
        json!(""),
        json!("1986-"),
        json!("１９８６"),
    ];
    takes(Primitive::Date, &good, &bad);
}

#[test]
fn moments_need_a_time_zone() {
    let good = [
        json!("2012-08-10T20:37:06+00:00"),
        json!("2012-08-10T20:37:06.059-03:00"),
        json!("2015-02-07T13:28:17Z"),
        json!("2016-12-31T23:59:60Z"),
    ];
    let bad = [
        json!("2012-08-10T20:37:06"),
        json!("2012-08-10T25:00:00Z"),
        json!("2012-08T20:37:06Z"),
        json!("2012-08-10T20:37:06+15:00"),
        json!("2012-08-10T20:37Z"),
        json!("2012-08-10T"),
        json!("2012-08-10 20:37:06Z"),
        json!("2012-08-10T20:37:06.Z"),
    ];
    takes(Primitive::Instant, &good, &bad);
    takes(Primitive::DateTime, &[json!("2012-08")], &bad);
    takes(
        Primitive::Time,
        &[json!("07:00:00"), json!("07:00:00.5")],
        &[json!("7:00")],
    );
}

#[test]
fn numbers_are_json_numbers_in_their_range() {
    takes(
        Primitive::Integer,
        &[json!(-3), json!(0)],
        &[json!("3"), json!(1.5), json!(1_u64 << 40)],
    );
    takes(Primitive::PositiveInt, &[json!(1)], &[json!(0), json!(-1)]);
    takes(Primitive::UnsignedInt, &[json!(0)], &[json!(-1)]);
    takes(
        Primitive::Decimal,
        &[json!(1.5), json!(-2)],
        &[json!("1.5"), json!(null)],
    );
    takes(
        Primitive::Boolean,
        &[json!(true)],
        &[json!("true"), json!(1)],
    );
}

#[test]
fn texts_hold_no_control_characters_and_are_not_blank() {
    takes(
        Primitive::Text,
        &[json!("a\nb"), json!("ção")],
        &[json!(""), json!(" "), json!("a\0b")],
    );
    takes(
        Primitive::Code,
        &[json!("final"), json!("a b")],
        &[json!(" a"), json!("a  b"), json!("")],
    );
    takes(
        Primitive::Uri,
        &[json!("urn:oid:1.2")],
        &[json!("a b"), json!("")],
    );
    takes(
        Primitive::Oid,
        &[json!("urn:oid:2.16.840")],
        &[json!("2.16"), json!("urn:oid:3.1")],
    );
    let uuid = json!("urn:uuid:ee9f8dd8-72d2-4769-8020-89e504b1504b");
    takes(
        Primitive::Uuid,
        &[uuid],
        &[json!("urn:uuid:EE9F"), json!("x")],
    );
    takes(
        Primitive::Base64,
        &[json!("QUJD"), json!("QUI=")],
        &[json!("QUJ"), json!("Q===")],
    );
    takes(
        Primitive::Id,
        &[json!("a-1.B")],
        &[json!(".."), json!("a/b")],
    );
}

#[test]
fn a_narrative_is_one_div_without_active_content() {
    let good = [json!(
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">texto</div>"
    )];
    takes(
        Primitive::Xhtml,
        &good,
        &[json!("texto"), json!("<div><SCRIPT>x</script></div>")],
    );
}

proptest! {
    #[test]
    fn a_full_date_is_taken_exactly_when_the_calendar_has_it(
        year in 1_u16..=9999, month in 0_u8..=13, day in 0_u8..=32,
    ) {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 0,
        };
        let text = format!("{year:04}-{month:02}-{day:02}");
        prop_assert_eq!(is_date(&text), day >= 1 && day <= days);
    }
}
