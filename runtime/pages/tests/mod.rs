//! Every page, drawn in both languages: what must be in it, and what must never be.

mod contrast;
mod samples;

use super::follow::Sight;
use super::layout::Viewer;
use super::words::Words;
use super::{Refused, log_in, log_in_by_link, refusal, wards};
use plantao_schema::access::{Fields, Role};
use plantao_schema::id::WardId;
use plantao_schema::locale::Locale;
use plantao_schema::problem::{Problem, ProblemCode};
use samples::{beds, bedside, clinical, occupied, patient, sick, supervision, ward};
use std::sync::Arc;

/// What people would be called if names were code.
const HOSTILE: &str = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";

/// Every page by name.
fn pages(locale: Locale) -> Vec<(&'static str, String)> {
    let role = Role::parse("nurse").unwrap();
    let viewer = Viewer {
        name: "Ana",
        role: &role,
        supervision: true,
    };
    let uti = [
        WardId::parse("uti-adulto").unwrap(),
        WardId::parse("clinica-2").unwrap(),
    ];
    let mut all = vec![
        ("ward", ward(&beds(), clinical(), true, locale)),
        ("ward-lost", ward(&beds(), clinical(), false, locale)),
        ("ward-names", ward(&beds(), Fields::NAME, true, locale)),
        ("ward-vitals", ward(&beds(), Fields::VITALS, true, locale)),
        (
            "ward-nothing",
            ward(&beds(), Fields::default(), true, locale),
        ),
        ("patient", patient(&sick(), true, clinical(), locale)),
        ("patient-name", patient(&sick(), true, Fields::NAME, locale)),
        (
            "patient-restricted",
            patient(&sick(), false, clinical(), locale),
        ),
        (
            "patient-opening",
            patient(&Sight::Opening, true, clinical(), locale),
        ),
        ("supervision", supervision(locale)),
        ("wards", wards(&uti, &viewer, locale)),
        ("wards-none", wards(&[], &viewer, locale)),
        ("log-in", log_in(None, Some("/wards/uti-adulto"), locale)),
        ("log-in-link", log_in_by_link("abc-_1", locale)),
    ];
    if let Sight::Now(bedside) = sick() {
        let lost = patient(&Sight::Lost(Some(bedside)), true, clinical(), locale);
        all.push(("patient-lost", lost));
    }
    for &code in ProblemCode::ALL {
        let problem = Problem::new(code, "the detail of a programmer");
        let viewer = Some(viewer);
        let refused = Refused {
            problem: &problem,
            request_id: "r-1",
            path: "/wards",
            viewer,
        };
        all.push(("refusal", refusal(&refused, locale)));
        all.push(("log-in-refused", log_in(Some(&problem), None, locale)));
    }
    all
}

#[test]
fn every_page_is_whole_in_both_languages() {
    for &locale in Locale::ALL {
        for (name, page) in pages(locale) {
            assert!(page.starts_with("<!DOCTYPE html><html lang="), "{name}");
            assert_eq!(
                page.matches("<h1").count() - page.matches("id=\"closed\"").count(),
                1
            );
            assert_eq!(page.matches("<main ").count(), 1, "{name}");
            assert!(page.contains(&format!("<html lang=\"{locale}\"")), "{name}");
            // The policy allows nothing inline.
            for inline in [" style=\"", " onclick", "<style", "javascript:"] {
                assert!(!page.contains(inline), "{name} has {inline}");
            }
            assert!(!page.contains("programmer"), "{name}");
        }
    }
}

#[test]
fn a_page_speaks_one_language() {
    let (pt, en) = (Words::of(Locale::PtBr), Words::of(Locale::En));
    for (name, own) in pages(Locale::PtBr)
        .into_iter()
        .zip(pages(Locale::En))
        .flat_map(|((name, in_pt), (_, in_en))| [(name, (in_pt, pt, en)), (name, (in_en, en, pt))])
    {
        let (page, own, other) = own;
        let texts = texts(&page);
        let known: Vec<&str> = own.entries().into_iter().map(|(_, text)| text).collect();
        for (word, foreign) in other.entries() {
            // A text that is also one of the page's own language proves nothing.
            if foreign.is_empty() || known.contains(&foreign) {
                continue;
            }
            assert!(!texts.contains(&foreign), "{name}: `{word}`, `{foreign}`");
        }
    }
}

/// Every text between tags and in attributes that are read aloud.
fn texts(page: &str) -> Vec<&str> {
    let page = page
        .split("<script type=\"application/json\"")
        .next()
        .unwrap_or(page);
    let between = page.split('>').filter_map(|rest| rest.split('<').next());
    let spoken = ["title=\"", "aria-label=\"", "data-text=\"", "data-title=\""];
    let said = spoken.iter().flat_map(|attribute| {
        page.split(attribute)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
    });
    between.chain(said).map(str::trim).collect()
}

#[test]
fn nobody_is_called_by_a_script() {
    let mut hostile = bedside(HOSTILE, samples::chart(10, 0.0, &[]));
    {
        let bedside = Arc::make_mut(&mut hostile);
        let mut card = samples::card();
        card.allergies[0].text = HOSTILE.to_owned();
        card.medication[0].detail = Some(HOSTILE.to_owned());
        card.conditions[0].since = Some(HOSTILE.to_owned());
        bedside.card = Arc::new(card);
        bedside.birth_date = Some(Arc::from(HOSTILE));
    }
    for &locale in Locale::ALL {
        let role = Role::parse("nurse").unwrap();
        let viewer = Viewer {
            name: HOSTILE,
            role: &role,
            supervision: false,
        };
        let problem = Problem::new(ProblemCode::NotFound, HOSTILE);
        let refused = Refused {
            problem: &problem,
            request_id: HOSTILE,
            path: HOSTILE,
            viewer: Some(viewer),
        };
        let beds = [occupied(1, HOSTILE, samples::chart(5, 0.0, &[]))];
        let drawn = [
            ward(&beds, clinical(), true, locale),
            patient(&Sight::Now(Arc::clone(&hostile)), true, clinical(), locale),
            refusal(&refused, locale),
            wards(&[], &viewer, locale),
            log_in(Some(&problem), Some(HOSTILE), locale),
            log_in_by_link(HOSTILE, locale),
        ];
        for page in drawn {
            assert!(
                !page.contains("<script>alert") && !page.contains("<img"),
                "{page}"
            );
        }
    }
}

#[test]
fn what_a_viewer_may_not_see_is_not_in_the_page() {
    let with = |fields| ward(&beds(), fields, true, Locale::PtBr);
    let named = with(Fields::NAME);
    assert!(named.contains("Iracema"));
    for value in ["NEWS2", "bpm", "data-sign", "<path", "risco"] {
        assert!(!named.contains(value), "{value}");
    }
    let measured = with(Fields::VITALS);
    assert!(measured.contains("NEWS2") && !measured.contains("Iracema"));

    let page = |fields| patient(&sick(), true, fields, Locale::PtBr);
    let all = page(clinical());
    for value in [
        "Cavalcanti",
        "Penicilina",
        "Enoxaparina",
        "séptico",
        "NEWS2",
        "12/03/1950",
    ] {
        assert!(all.contains(value), "{value}");
    }
    let only = page(Fields::ALLERGIES);
    assert!(only.contains("Penicilina"));
    for value in ["Cavalcanti", "Enoxaparina", "séptico", "bpm<", "12/03/1950"] {
        assert!(!only.contains(value), "{value}");
    }
    let restricted = patient(&sick(), false, clinical(), Locale::PtBr);
    for value in [
        "Cavalcanti",
        "Penicilina",
        "Enoxaparina",
        "séptico",
        "12/03/1950",
    ] {
        assert!(!restricted.contains(value), "{value}");
    }
}

#[test]
fn titles_and_addresses_name_no_patient() {
    let page = patient(&sick(), true, clinical(), Locale::PtBr);
    let title = page
        .split("<title>")
        .nth(1)
        .unwrap()
        .split("</title>")
        .next()
        .unwrap();
    assert_eq!(title, "Paciente · Plantão");
    for address in page
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        assert!(!address.contains("Cavalcanti"), "{address}");
    }
}

#[test]
fn a_page_that_begins_lost_says_so_without_any_script() {
    let lost = ward(&beds(), clinical(), false, Locale::PtBr);
    assert!(lost.contains("data-conn=\"lost\"") && lost.contains("data-source=\"lost\""));
    assert!(lost.contains(">Conexão perdida. Os valores desta página não são atuais.</p>"));
    let live = ward(&beds(), clinical(), true, Locale::PtBr);
    assert!(!live.contains("data-conn") && !live.contains(">Conexão perdida"));
}

/// Draws every page into the folder that `PLANTAO_PAGES` names, with its style and script beside
/// it, for whoever wants to look at them.
#[test]
fn pages_are_drawn_for_whoever_wants_to_look() {
    let Ok(folder) = std::env::var("PLANTAO_PAGES") else {
        return;
    };
    let folder = std::path::Path::new(&folder);
    for name in ["style.css", "live.js"] {
        let url = super::asset_url(name).unwrap();
        std::fs::write(folder.join(name), super::asset(url).unwrap().bytes).unwrap();
    }
    for &locale in Locale::ALL {
        for (name, page) in pages(locale) {
            let page = ["style.css", "live.js"]
                .into_iter()
                .fold(page, |page, name| {
                    page.replace(super::asset_url(name).unwrap(), name)
                });
            std::fs::write(folder.join(format!("{name}.{locale}.html")), page).unwrap();
        }
    }
}
