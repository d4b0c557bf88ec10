//! The report as one page: it loads nothing, runs nothing, and tells both languages.
//!
//! The language is a pair of radio buttons and a rule of style: a page that is opened from a mail
//! years later has no script to miss.

use super::words::{self, Both, both};
use super::{Report, day, hex};
use crate::checkers::Rare;
use crate::invariant::Invariant;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");
/// Most schedules with a section of their own.
pub(super) const SCHEDULES_MAX: usize = 30;
/// Schedules that are unfolded when the page is opened.
const OPEN_MAX: usize = 3;
/// Most seeds that are listed with an invariant.
const SEEDS_SHOWN: usize = 5;

/// The page.
pub(super) fn html(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="pt-BR" {
            head {
                meta charset="utf-8";
                title { (report.title) " · Plantão" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                (languages())
                header {
                    h1 { (both("Plantão: relatório de caos", "Plantão: chaos report")) }
                    p.command { code { (report.title) } }
                    (summary(report))
                    (what_it_is())
                }
                main {
                    (invariants(report))
                    (rare_states(report))
                    (schedules(report))
                    @if !report.coverage.is_empty() { (coverage(report)) }
                }
            }
        }
    };
    page.into_string()
}

fn languages() -> Markup {
    html! {
        input #pt type="radio" name="language" checked;
        label for="pt" lang="pt-BR" { "Português" }
        input #en type="radio" name="language";
        label for="en" lang="en" { "English" }
    }
}

fn summary(report: &Report) -> Markup {
    let (first, last) = report.seeds;
    let failing = report.failing().count();
    let listed: usize = report.schedules.iter().map(|one| one.faults.len()).sum();
    let faults = u64::try_from(listed)
        .unwrap_or(u64::MAX)
        .saturating_add(report.left_out.faults);
    let verdict = if failing == 0 {
        both("Tudo se manteve", "Everything held")
    } else {
        both("Algo foi violado", "Something was violated")
    };
    let class = if failing == 0 {
        "verdict held"
    } else {
        "verdict violated"
    };
    html! {
        p class=(class) { (sign(failing == 0)) (verdict) }
        dl.summary {
            (figure(both("cenários", "schedules"), &report.played().to_string()))
            (figure(both("com violação", "violated"), &failing.to_string()))
            (figure(both("falhas injetadas", "faults injected"), &faults.to_string()))
            (figure(both("tempo virtual", "virtual time"), &span(report.virtual_ms())))
            (figure(both("sementes", "seeds"), &format!("{} – {}", hex(first), hex(last))))
        }
    }
}

/// The terms, for whoever sees such a page for the first time.
fn what_it_is() -> Markup {
    html! {
        p.intro {
            (both(
                "Um cenário é um dia simulado do hospital: pedidos e falhas sorteados a partir de \
                 uma semente, executados na árvore de supervisão real em tempo virtual. As \
                 invariantes são o que precisa valer, não importa o que quebre.",
                "A schedule is a simulated day of the hospital: requests and faults drawn from a \
                 seed, played on the real supervision tree in virtual time. Invariants are what \
                 must hold whatever breaks.",
            ))
        }
    }
}

fn figure(name: Both, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// Told by a sign as well as by its colour.
fn sign(is_held: bool) -> Markup {
    html! { span.sign aria-hidden="true" { @if is_held { "✓" } @else { "✗" } } " " }
}

/// Hours, minutes and seconds, as far as there are any.
fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, minutes) => format!("{minutes} min {rest} s"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn invariants(report: &Report) -> Markup {
    let violated = report.violated_by();
    html! {
        section {
            h2 { (both("Invariantes", "Invariants")) }
            ul.invariants {
                @for one in Invariant::ALL {
                    @let seeds = violated.get(&one);
                    @let is_judged = seeds.is_some() || report.invariants.contains(&one);
                    li class=(state(is_judged, seeds.is_some())) {
                        span.state { (state_words(is_judged, seeds.is_some())) }
                        div {
                            code { (one.name()) }
                            p { (words::invariant(one)) }
                            @if let Some(seeds) = seeds { (of_seeds(seeds)) }
                        }
                    }
                }
            }
        }
    }
}

const fn state(is_judged: bool, is_violated: bool) -> &'static str {
    match (is_judged, is_violated) {
        (_, true) => "violated",
        (true, false) => "held",
        (false, false) => "unjudged",
    }
}

fn state_words(is_judged: bool, is_violated: bool) -> Markup {
    match (is_judged, is_violated) {
        (_, true) => html! { (sign(false)) (both("violado", "violated")) },
        (true, false) => html! { (sign(true)) (both("mantido", "held")) },
        (false, false) => html! { "– " (both("não julgado", "not judged")) },
    }
}

fn of_seeds(seeds: &[u64]) -> Markup {
    html! {
        p.seeds {
            (seeds.len()) " " (both("cenários, sementes", "schedules, seeds")) " "
            @for seed in seeds.iter().take(SEEDS_SHOWN) { code { (hex(*seed)) } " " }
            @if seeds.len() > SEEDS_SHOWN { "…" }
        }
    }
}

fn rare_states(report: &Report) -> Markup {
    html! {
        section {
            h2 { (both("Estados raros alcançados", "Rare states reached")) }
            p.note {
                (both(
                    "O que precisa acontecer às vezes: o que nunca aconteceu não foi testado.",
                    "What has to happen at times: what never did was not tested.",
                ))
            }
            ul.rare {
                @for one in Rare::ALL {
                    @let count = report.sometimes.count(one);
                    li.never[count == 0] {
                        (words::rare(one)) " "
                        b {
                            @if count == 0 { (both("nunca", "never")) } @else { (count) }
                        }
                    }
                }
            }
        }
    }
}

/// The failing ones; when all held, those whose history was kept.
fn schedules(report: &Report) -> Markup {
    let failing = report.failing().count();
    let kept = report
        .schedules
        .iter()
        .filter(|one| !one.violations.is_empty() || (failing == 0 && one.history.is_some()));
    let left_out = failing.saturating_sub(SCHEDULES_MAX);
    let note = if failing == 0 {
        both(
            "Nenhum violou nada; o primeiro serve de exemplo.",
            "None violated anything; the first one serves as an example.",
        )
    } else {
        both(
            "Os que violaram algo. Cada um se repete com o comando indicado.",
            "Those that violated something. Each is played again by the command shown.",
        )
    };
    html! {
        section {
            h2 { (both("Cenários", "Schedules")) }
            p.note { (note) }
            (day::legend())
            @for (place, schedule) in kept.take(SCHEDULES_MAX).enumerate() {
                (day::section(schedule, place < OPEN_MAX))
            }
            @if left_out > 0 {
                p.note {
                    (left_out) " "
                    (both(
                        "outros cenários com violação: todos estão em journal.json",
                        "more schedules violated something: all of them are in journal.json",
                    ))
                }
            }
        }
    }
}

fn coverage(report: &Report) -> Markup {
    html! {
        section {
            h2 { (both("Cobertura", "Coverage")) }
            p.note {
                (both(
                    "Quantas vezes cada tipo de falha (colunas) atingiu cada ator da árvore de \
                     supervisão (linhas). * representa atores que vêm e vão; ponto: ainda não \
                     atingido; hífen: aqui não pode ser atingido.",
                    "How often each kind of fault (columns) struck each actor of the supervision \
                     tree (rows). * stands for actors that come and go; a dot: not struck yet; a \
                     hyphen: cannot be struck here.",
                ))
            }
            pre tabindex="0" lang="en" { (report.coverage) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::report;
    use super::*;

    #[test]
    fn the_page_loads_and_runs_nothing() {
        let page = html(&report());
        for outside in ["http:", "https:", "src=", "<script", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("href=").count(), 1, "only the empty icon");
    }

    #[test]
    fn the_page_names_nobody() {
        let page = html(&report());
        for name in ["maria", "silva", "ana.sousa"] {
            assert!(!page.contains(name), "{name}");
        }
    }

    #[test]
    fn both_languages_are_there_and_each_says_which_it_is() {
        let page = html(&report());
        assert!(page.contains("lang=\"pt-BR\">Algo foi violado"), "{page}");
        assert!(
            page.contains("lang=\"en\">Something was violated"),
            "{page}"
        );
        assert_eq!(
            page.matches("class=\"pt\"").count(),
            page.matches("class=\"en\"").count()
        );
    }

    #[test]
    fn what_was_not_judged_is_not_told_to_have_held() {
        let page = html(&report());
        assert_eq!(page.matches("<li class=\"unjudged\">").count(), 12);
        assert_eq!(page.matches("<li class=\"held\">").count(), 1);
        assert_eq!(page.matches("<li class=\"violated\">").count(), 1);
    }

    #[test]
    fn no_text_can_leave_its_place() {
        let page = html(&report());
        assert!(page.contains("One night &amp; &lt;more&gt;"), "{page}");
        assert!(!page.contains("<marks>"), "{page}");
    }

    #[test]
    fn a_campaign_of_thousands_stays_a_page() {
        let mut report = report();
        let failed = report.schedules[1].clone();
        report.schedules.extend(std::iter::repeat_n(failed, 2_000));
        let page = html(&report);
        assert_eq!(page.matches("<details").count(), SCHEDULES_MAX);
        assert_eq!(page.matches("<details open").count(), OPEN_MAX);
        assert!(page.contains("1971 "), "the rest is counted");
        assert!(page.len() < 2_000_000, "{} bytes", page.len());
    }

    #[test]
    fn spans_are_told_in_the_units_that_they_need() {
        let told = [999, 61_000, 3_661_000].map(span);
        assert_eq!(told, ["0 s", "1 min 1 s", "1 h 1 min"]);
    }
}
