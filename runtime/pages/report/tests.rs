//! A whole report in both languages: what must be in it, and what must never be.

use super::*;
use plantao_schema::audit::report::report;
use plantao_schema::audit::{ChainHead, Chained, Entry, Outcome, Phase, Severity};
use plantao_schema::id::Tenant;
use uuid::Uuid;

const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[31m\"'&";

fn entry() -> Entry {
    Entry {
        id: Uuid::from_u128(1),
        // 2026-11-28T01:30:00Z: the evening of the 27th in Brasília.
        at: Timestamp::parse("2026-11-28T01:30:00Z").unwrap(),
        phase: Phase::Single,
        opens: None,
        severity: Severity::Info,
        tenant: Tenant::parse("demo").unwrap(),
        principal: "medica".into(),
        role: "physician".into(),
        action: "read".into(),
        resource_kind: "observation".into(),
        resource_id: None,
        patient: Some("maria-exemplo".into()),
        purpose: "treatment".into(),
        verdict: "allow".into(),
        score: 90,
        explanation: "trusted".into(),
        request_id: "r".into(),
        outcome: Outcome::Success,
        plugin: None,
        commitment: None,
    }
}

fn sample(locale: Locale) -> Told {
    let broken = Entry {
        verdict: "break_glass".into(),
        explanation: format!("emergency; reason given: parada {HOSTILE}"),
        ..entry()
    };
    let refused = Entry {
        principal: "recepcao".into(),
        role: "ward_clerk".into(),
        outcome: Outcome::Refused,
        verdict: "deny".into(),
        ..entry()
    };
    let own = Entry {
        role: HOSTILE.into(),
        principal: HOSTILE.into(),
        action: HOSTILE.into(),
        resource_kind: HOSTILE.into(),
        purpose: HOSTILE.into(),
        ..entry()
    };
    let all = [entry(), entry(), broken, refused, own];
    let all = all.map(|entry| Chained::after("n/demo", &ChainHead::EMPTY, entry).into());
    Told {
        report: report(&all, -10_800),
        tenant: "demo".into(),
        patient: "maria-exemplo".into(),
        since: None,
        until: None,
        made: Timestamp::parse("2026-11-28T12:00:00Z").unwrap(),
        offset_s: -10_800,
        is_cut: true,
        contact: Some(format!("Encarregada, dpo@hospital.example {HOSTILE}")),
        locale,
    }
}

#[test]
fn a_reader_finds_who_when_what_why_and_what_to_do_next_in_their_language() {
    for (locale, expected) in [
        (
            Locale::PtBr,
            [
                "sexta-feira, 27 de novembro de 2026",
                "22:30",
                "medicina",
                "Consulta: medições e resultados de exames (2 vezes)",
                "cuidar da sua saúde",
                "Acesso de emergência",
                "Motivo informado",
                "Recusado: nada foi mostrado nem alterado",
                "secretaria da unidade",
                "ANPD",
                "dpo@hospital.example",
                "28/11/2026 09:00",
            ],
        ),
        (
            Locale::En,
            [
                "Friday, 27 November 2026",
                "22:30",
                "physician",
                "Viewing: measurements and test results (2 times)",
                "your care",
                "Emergency access",
                "Reason given",
                "Refused: nothing was shown or changed",
                "ward clerk",
                "ANPD",
                "dpo@hospital.example",
                "2026-11-28 09:00",
            ],
        ),
    ] {
        let told = sample(locale);
        // A text is broken into lines; a reader reads on.
        let read = text(&told).split_whitespace().collect::<Vec<_>>().join(" ");
        let page = page(&told);
        for expected in expected {
            assert!(read.contains(expected), "{expected}: {read}");
            assert!(page.contains(expected), "{expected}: {page}");
        }
    }
}

#[test]
fn nothing_that_an_entry_holds_becomes_markup_or_moves_a_terminal() {
    for locale in [Locale::PtBr, Locale::En] {
        let told = sample(locale);
        let page = page(&told);
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
        let text = text(&told);
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 110),
            "{text}"
        );
    }
}

#[test]
fn the_page_loads_nothing_and_its_policy_lets_it_do_nothing() {
    let page = page(&sample(Locale::PtBr));
    for outside in [
        "src=", "url(", "@import", "http:", "https:", "<form", "<script", "style=",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("<style>").count(), 1);
    assert!(page.contains("<html lang=\"pt-BR\">") && page.contains("<main>"));
    let policy = &headers()[0].1;
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("unsafe"));
}

#[test]
fn a_report_of_nothing_says_so_and_explains_no_emergency() {
    let mut told = sample(Locale::PtBr);
    told.report = Report::default();
    told.contact = None;
    for shown in [text(&told), page(&told)] {
        assert!(shown.contains("Ninguém acessou os seus dados"));
        assert!(!shown.contains("O que é um acesso de emergência?"));
        assert!(
            !shown.contains("Encarregado"),
            "nobody is named who was not configured"
        );
    }
}
