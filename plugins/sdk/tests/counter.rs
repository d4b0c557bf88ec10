//! A plugin written as an author writes one, called natively on scripted hosts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use plantao_plugin_sdk::testing::{Called, Host, Line};
use plantao_plugin_sdk::{GuestError, Level, log, plugin};
use serde::{Deserialize, Serialize};

plugin! {
    name: "counter",
    version: "0.1.0",
    functions: {
        "count": json(count),
        "shout": text(shout),
        "same": bytes(same),
    },
    capabilities: [log, clock, valueset:lookup, config:least, config:tag],
    limits: { memory_bytes: 4_194_304, timeout_ms: 500, output_bytes: 65_536 },
    health: "same",
    output: text,
}

#[derive(Deserialize)]
struct Note {
    text: String,
    code: String,
}

#[derive(Serialize)]
struct Counted {
    words: usize,
    called: Option<String>,
    took_ms: u64,
}

fn count(note: Note) -> Result<Counted, GuestError> {
    let began_ms = HOST.clock.now_ms();
    let least = HOST.config.least.or(1_usize)?;
    let long = |word: &&str| word.chars().count() >= least;
    let words = note.text.split_whitespace().filter(long).count();
    if words == 0 {
        return Err(GuestError::Refused {
            why: "a note has words",
        });
    }
    let tagged = HOST.config.tag.text().is_some();
    log!(
        HOST.log,
        Info,
        "counted",
        words = words,
        tagged = tagged,
        unit = "words"
    );
    Ok(Counted {
        words,
        called: HOST.valuesets.display("dx", &note.code),
        took_ms: HOST.clock.now_ms() - began_ms,
    })
}

fn shout(text: &str) -> Result<String, GuestError> {
    Ok(text.to_uppercase())
}

fn same(input: Vec<u8>) -> Result<Vec<u8>, GuestError> {
    Ok(input)
}

const NOTE: &str = r#"{ "text": "dor de cabeça", "code": "R51" }"#;

fn called(host: &Host, function: &str, input: &str) -> Called {
    host.call(&PLUGIN, function, input.as_bytes()).unwrap()
}

#[test]
fn a_call_sees_the_scripted_clock_configuration_and_value_sets() {
    let host = Host::new().at_ms(1_000).step_ms(7).config("least", "3");
    let host = host.valueset("dx", "R51", "Cefaleia");
    let counted = called(&host, "count", NOTE);
    assert_eq!(
        counted.text(),
        r#"{"words":2,"called":"Cefaleia","took_ms":7}"#
    );
    let line = Line {
        level: Level::Info,
        text: r#"counted words=2 tagged=false unit="words""#.to_owned(),
    };
    assert_eq!(counted.lines, [line]);
    assert_eq!(
        called(&host, "count", NOTE),
        counted,
        "a script begins anew with every call"
    );
}

#[test]
fn an_empty_host_answers_nothing_and_defaults_hold() {
    let counted = called(&Host::new(), "count", NOTE);
    assert_eq!(counted.text(), r#"{"words":3,"called":null,"took_ms":0}"#);
}

#[test]
fn an_error_names_place_or_key_and_holds_none_of_the_input() {
    let refused = |host: &Host, input: &str| called(host, "count", input).answer.unwrap_err();
    let host = Host::new();
    assert_eq!(
        refused(&host, r#"{ "text": 52998224725, "code": "" }"#),
        GuestError::NotJson {
            line: 1,
            column: 21
        }
    );
    assert_eq!(
        refused(&host.clone().config("least", "many"), NOTE),
        GuestError::Config { key: "least" }
    );
    let why = refused(&host, r#"{ "text": " ", "code": "" }"#);
    assert_eq!(why.to_string(), "input refused: a note has words");
    let text = host.call(&PLUGIN, "shout", &[b'a', 0xff]).unwrap();
    assert_eq!(text.answer, Err(GuestError::NotUtf8 { at: 1 }));
    assert_eq!(
        host.call(&PLUGIN, "same", &[0xff]).unwrap().answer,
        Ok(vec![0xff])
    );
    assert_eq!(host.call(&PLUGIN, "absent", b""), None);
}

#[test]
fn the_manifest_says_what_was_declared() {
    assert_eq!(
        MANIFEST,
        "name = \"counter\"\nversion = \"0.1.0\"\n\
         functions = [\"count\", \"shout\", \"same\", ]\n\
         capabilities = [\"log\", \"clock\", \"valueset:lookup\", \
         \"config:least\", \"config:tag\", ]\n\
         health = \"same\"\noutput = \"text\"\n\
         \n[limits]\nmemory_bytes = 4_194_304\ntimeout_ms = 500\noutput_bytes = 65_536\n"
    );
}
