//! The plugins as they are shipped, on both hosts: over the labelled samples, over edges of what a
//! text can be, and where they are refused.

use std::path::Path;
use std::process::Command;

use super::{Hosts, patient};
use crate::plugin::Limits;
use crate::plugin::tests::guests::{CPF, real, spec, without_manifest};
use std::time::Duration;

const SAMPLES: [&str; 5] = [
    include_str!("../../../../schema/testdata/labelled/phi/portuguese.txt"),
    include_str!("../../../../schema/testdata/labelled/phi/english.txt"),
    include_str!("../../../../schema/testdata/labelled/claims/portuguese.txt"),
    include_str!("../../../../schema/testdata/labelled/claims/english.txt"),
    include_str!("../../../../schema/testdata/labelled/claims/held_out.txt"),
];
const MIB: usize = 1 << 20;

/// The samples without their marks: `[[label:text]]` is `text`.
pub(super) fn samples() -> Vec<String> {
    let lines = SAMPLES.iter().flat_map(|set| set.lines());
    let samples: Vec<String> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut parts = line.split("[[");
            let mut text = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                text += part.split_once(':').expect("a mark has a label").1;
            }
            text.replace("]]", "").replace("\\n", "\n")
        })
        .collect();
    assert!(samples.len() > 400, "{}", samples.len());
    samples
}

/// Texts at the edges: of nothing, of one byte, of characters, of a megabyte.
pub(super) fn edges() -> Vec<String> {
    let megabyte = |piece: &str| piece.repeat(MIB / piece.len() + 1)[..MIB].to_owned();
    let short = [
        "",
        "a",
        "\0",
        "\n",
        " \t\r\n",
        "é",
        "e\u{301}",
        "🫀",
        "\u{feff}a",
        "{}",
        "null",
        "\"",
    ];
    let mut texts = short.map(str::to_owned).to_vec();
    texts.push(megabyte("a"));
    texts.push(megabyte("Paciente sem queixas, retorno em 30 dias. "));
    texts.push(megabyte("\0"));
    texts
}

/// A shipped module without its manifest, which Extism does not read: both hosts then hold it to
/// the limits of the test.
pub(super) fn shipped(name: &str) -> Vec<u8> {
    without_manifest(real(name))
}

/// The C plugin, built here: there is no module of it to ship.
fn words() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("words.wasm");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/words-c/words.c");
    let flags = ["--target=wasm32", "-O2", "-ffreestanding", "-nostdlib"];
    let built = Command::new("clang")
        .args(flags)
        .args(["-Wl,--no-entry", "-o"])
        .args([&module, &source])
        .status()
        .expect("clang: `scripts/deps test` installs it");
    assert!(built.success());
    std::fs::read(module).unwrap()
}

pub(super) fn request(text: &str) -> String {
    serde_json::json!({
        "controller": {
            "name": "Clínica Exemplo", "document": "11.222.333/0001-81",
            "address": "Rua das Flores, 120", "officer": "Ana, dpo@exemplo.com.br",
            "revocation_channel": "dpo@exemplo.com.br",
        },
        "purposes": ["publicar o relato do meu caso no site da clínica"],
        "processing": "coleta e publicação", "retention": "cinco anos",
        "refusal": "o atendimento segue igual",
        "text": text,
    })
    .to_string()
}

#[tokio::test]
#[ignore = "asks another program: `make differential`"]
async fn the_shipped_plugins_answer_the_same_over_every_sample_and_edge() {
    let mut hosts = Hosts::start();
    let plugins = [
        (shipped("echo.wasm"), &["echo", "analyze"][..]),
        (shipped("lgpd-analyzer.wasm"), &["analyze", "health"][..]),
        (shipped("claims-extractor.wasm"), &["extract", "health"][..]),
        (without_manifest(words()), &["count"][..]),
    ];
    let texts: Vec<String> = samples().into_iter().chain(edges()).collect();
    let mut calls = 0;
    for (module, functions) in plugins {
        hosts.load_plain(&module);
        for function in functions {
            for text in &texts {
                hosts.agree(function, text).await;
                calls += 1;
            }
        }
        hosts.agree("absent", "a").await;
    }
    println!("{calls} calls answered alike");
}

#[tokio::test]
#[ignore = "asks another program: `make differential`"]
async fn consent_forms_are_the_same_drafted_refused_or_unreadable() {
    let mut hosts = Hosts::start();
    hosts.load_plain(&shipped("lgpd-analyzer.wasm"));
    for text in samples().iter().step_by(7) {
        hosts.agree("consent_form", &request(text)).await;
    }
    let drafted = request(&format!("O paciente de CPF {CPF} tem diabetes."));
    hosts.agree("consent_form", &drafted).await;
    let without = drafted.replace("\"cinco anos\"", "\"\"");
    assert_ne!(without, drafted);
    hosts.agree("consent_form", &without).await;
    for cut in (0..drafted.len()).step_by(37) {
        if drafted.is_char_boundary(cut) {
            hosts.agree("consent_form", &drafted[..cut]).await;
        }
    }
}

#[tokio::test]
#[ignore = "asks another program: `make differential`"]
async fn what_a_plugin_says_when_it_fails_is_the_same_code_and_words() {
    let mut hosts = Hosts::start();
    hosts.load_plain(&shipped("lgpd-analyzer.wasm"));
    for text in ["", "x", "[1,", "{\"text\": 7}", "null"] {
        hosts.agree_in_words("consent_form", text).await;
    }
    hosts.load_plain(&without_manifest(words()));
    for text in ["", " ", "a", "dor de  cabeça"] {
        hosts.agree_in_words("count", text).await;
    }
}

#[tokio::test]
#[ignore = "asks another program: `make differential`"]
async fn an_attacker_meets_the_same_kind_of_end() {
    let mut hosts = Hosts::start();
    let limits = Limits {
        memory_bytes: 16 << 20,
        timeout: Duration::from_millis(500),
        ..patient()
    };
    hosts.load(&spec(limits), &shipped("hostile.wasm"));
    for function in ["bad_utf8", "grow", "huge_output", "spin", "trap"] {
        hosts.agree(function, "a").await;
    }
}
