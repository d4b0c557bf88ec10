//! The data guard: what text a guest may be shown, and what may leave of its answer.
//!
//! Owns [`GuestInput`], the only thing a guest is given, and refuses to make one from a text that
//! was not redacted unless the plugin holds `phi:raw`. On the way back it refuses an answer that
//! holds an identifier which the guest was not shown, and one that is not what its manifest says;
//! tokens become originals again for whoever may see them ([`Reveal`]) and stay tokens for others.
//!
//! The check of answers is against accidents and plain theft: it looks for what is recognised by
//! its own form (numbers with check digits, addresses of e-mail, labelled numbers), not for names,
//! and not for what a guest encodes.
//!
//! PHI: purpose and legal basis are the caller's permit; retention is the call; access is the one
//! guest and the caller; nothing is stored here.

use std::collections::BTreeSet;

use plantao_schema::access::Purpose;
use plantao_schema::phi::{self, Category, Redacted};
use plantao_schema::plugin::{Capability, OutputKind};
use serde::de::IgnoredAny;

use super::error::PluginError;
use super::escapes::unescaped;
use super::limit_kind::LimitKind;
use super::state::Stop;
use crate::policy::Permit;

/// Identifiers of an answer that are looked for in what was shown, when they are not among those
/// found there: each look reads all of it.
const SEARCHES_MAX: usize = 16;

/// Proof that a plugin holds [`Capability::PhiRaw`].
#[derive(Clone, Copy)]
pub(super) struct RawAllowed(());

impl RawAllowed {
    pub(super) fn of(grants: &BTreeSet<Capability>) -> Option<Self> {
        grants.contains(&Capability::PhiRaw).then_some(Self(()))
    }
}

/// Proof that a caller may see the identifiers of the text that it handed in, put back where the
/// answer has their tokens: whoever acts in care of the patient. Others have them as tokens.
#[derive(Clone, Copy)]
pub(super) struct Reveal(());

impl Reveal {
    pub(super) fn of(permit: &Permit) -> Option<Self> {
        let is_care = permit.purpose() == Purpose::Treatment || permit.is_break_glass();
        is_care.then_some(Self(()))
    }

    #[cfg(test)]
    pub(super) fn for_test() -> Self {
        Self(())
    }
}

/// Text on its way into a guest.
pub(super) enum GuestInput {
    /// Identifiers are replaced.
    Redacted(Redacted),
    /// As it came, for a plugin whose work is to find identifiers.
    Raw(String, RawAllowed),
}

/// An answer that may leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Released {
    pub(super) text: String,
    /// Whether originals were put back.
    pub(super) restored: bool,
}

/// Why an answer may not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withheld {
    /// It is not JSON, and its manifest says it is.
    NotJson,
    /// It holds an identifier that the guest was not shown.
    Leak(Category),
    /// With its originals it is longer than an answer of this plugin may be.
    Long {
        /// How many bytes that is.
        most: usize,
    },
}

impl Withheld {
    pub(super) fn into_error(self, plugin: &str) -> PluginError {
        let named = plugin.to_owned();
        match self {
            Self::NotJson => PluginError::NotJson { plugin: named },
            Self::Leak(category) => PluginError::Leak {
                plugin: named,
                category,
            },
            Self::Long { most } => Stop::limit(LimitKind::OutputBytes, most).into_error(plugin),
        }
    }
}

impl GuestInput {
    /// Redacts the text unless the proof is there. Costs what a scan of the text costs.
    pub(super) fn prepare(text: String, raw: Option<RawAllowed>) -> Self {
        match raw {
            Some(proof) => Self::Raw(text, proof),
            None => Self::Redacted(phi::redact(&text)),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.shown().as_bytes()
    }

    /// Whether the text went through redaction.
    pub(super) fn is_redacted(&self) -> bool {
        matches!(self, Self::Redacted(_))
    }

    fn shown(&self) -> &str {
        match self {
            Self::Redacted(text) => text.as_str(),
            Self::Raw(text, _) => text,
        }
    }

    /// What leaves of an answer, or why nothing does: at most `most` bytes. Costs a scan of it.
    pub(super) fn release(
        &self,
        answer: String,
        (kind, most): (OutputKind, usize),
        reveal: Option<Reveal>,
    ) -> Result<Released, Withheld> {
        let is_json = serde_json::from_str::<IgnoredAny>(&answer).is_ok();
        if kind == OutputKind::Json && !is_json {
            return Err(Withheld::NotJson);
        }
        // What a reader of the document sees, whichever way it is written.
        let answer = if is_json { unescaped(answer) } else { answer };
        if let Some(category) = leaked(self.shown(), &answer) {
            return Err(Withheld::Leak(category));
        }
        let (Self::Redacted(shown), Some(Reveal(()))) = (self, reveal) else {
            let restored = false;
            return Ok(Released {
                text: answer,
                restored,
            });
        };
        let text = shown.restore_within(&answer, is_json, most);
        let text = text.ok_or(Withheld::Long { most })?;
        let restored = text != answer;
        Ok(Released { text, restored })
    }
}

/// What is told by its own form, so that finding it in an answer is no guess.
const fn is_certain(category: Category) -> bool {
    matches!(
        category,
        Category::Cpf | Category::Cns | Category::Email | Category::Rg | Category::MedicalRecord
    )
}

/// An identifier of an answer that does not stand in what was shown, in any spelling.
fn leaked(shown: &str, answer: &str) -> Option<Category> {
    let answered = identifiers(answer);
    if answered.is_empty() {
        return None;
    }
    let known = identifiers(shown);
    let mut others = answered.difference(&known);
    let text = plain(shown);
    // A number that was shown without its label is no secret with it.
    let mut looked_for = others.by_ref().take(SEARCHES_MAX);
    let missing = looked_for.find(|(_, value)| !text.contains(value.as_str()));
    missing
        .or_else(|| others.next())
        .map(|(category, _)| *category)
}

/// The certain ones of a text, each value once.
fn identifiers(text: &str) -> BTreeSet<(Category, String)> {
    let found = phi::detect(text).into_iter();
    let certain = found.filter(|finding| is_certain(finding.category));
    let valued = certain.map(|finding| {
        let spelled = text.get(finding.start..finding.end);
        (finding.category, plain(spelled.unwrap_or_default()))
    });
    valued.collect()
}

/// A value without the marks it is written with.
fn plain(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "O paciente de CPF 529.982.247-25 recebeu alta.";
    const MOST: usize = 1024 * 1024;

    #[test]
    fn an_answer_that_repeats_a_token_of_a_long_text_is_stopped_at_the_limit() {
        let long = format!("Sra. A{} recebeu alta.", "b".repeat(100_000));
        let input = GuestInput::prepare(long, None);
        let token = input.shown().split(' ').find(|word| word.contains('⟦'));
        let token = token.expect("is redacted").to_owned();
        let kinds = [
            (OutputKind::Text, token.repeat(50_000)),
            (OutputKind::Json, format!("[\"{}\"]", token.repeat(50_000))),
        ];
        for (kind, answer) in kinds {
            let released = input.release(answer, (kind, MOST), Some(Reveal::for_test()));
            assert_eq!(released, Err(Withheld::Long { most: MOST }));
        }
    }

    #[test]
    fn an_identifier_in_escapes_of_json_is_one_and_so_is_a_token() {
        let input = GuestInput::prepare(TEXT.to_owned(), None);
        let release = |answer: &str| {
            let reveal = Some(Reveal::for_test());
            input.release(answer.to_owned(), (OutputKind::Json, MOST), reveal)
        };
        let leak = release(r#"{"to":"ana\u0040usp.br"}"#);
        assert_eq!(leak, Err(Withheld::Leak(Category::Email)));
        let told = release(r#"{"cpf":"\u27e6CPF-1\u27e7","a":"\"\u0022\ud83d\ude00\n"}"#).unwrap();
        assert_eq!(told.text, r#"{"cpf":"529.982.247-25","a":"\"\u0022😀\n"}"#);
        assert!(told.restored);
    }

    #[test]
    fn without_the_grant_the_text_is_redacted() {
        let input = GuestInput::prepare(TEXT.to_owned(), RawAllowed::of(&BTreeSet::new()));
        assert!(input.is_redacted());
        let shown = str::from_utf8(input.as_bytes()).unwrap();
        assert!(
            !shown.contains("529.982.247-25") && shown.contains("recebeu alta"),
            "{shown}"
        );
    }

    #[test]
    fn with_the_grant_the_text_is_as_it_came() {
        let grants = BTreeSet::from([Capability::PhiRaw]);
        let input = GuestInput::prepare(TEXT.to_owned(), RawAllowed::of(&grants));
        assert!(!input.is_redacted());
        assert_eq!(input.as_bytes(), TEXT.as_bytes());
    }

    fn released(text: &str, answer: &str, reveal: Option<Reveal>) -> Result<Released, Withheld> {
        let input = GuestInput::prepare(text.to_owned(), None);
        input.release(answer.to_owned(), (OutputKind::Text, MOST), reveal)
    }

    #[test]
    fn tokens_come_back_for_whoever_may_see_them_and_stay_for_others() {
        let answer = "laudo de ⟦CPF-1⟧ e ⟦CPF-2⟧";
        let kept = released(TEXT, answer, None).unwrap();
        assert_eq!((kept.text.as_str(), kept.restored), (answer, false));
        let shown = released(TEXT, answer, Some(Reveal::for_test())).unwrap();
        assert_eq!(shown.text, "laudo de 529.982.247-25 e ⟦CPF-2⟧");
        assert!(shown.restored);
        let nothing = released(TEXT, "nada", Some(Reveal::for_test())).unwrap();
        assert!(!nothing.restored);
    }

    #[test]
    fn a_document_is_one_again_when_its_tokens_come_back() {
        let text = "Sra. Ana \"Nina\" Souza, prontuário 12345";
        let shown = GuestInput::prepare(text.to_owned(), None);
        let answer = serde_json::json!({ "text": shown.shown() }).to_string();
        let released = shown.release(answer, (OutputKind::Json, MOST), Some(Reveal::for_test()));
        let document: serde_json::Value = serde_json::from_str(&released.unwrap().text).unwrap();
        assert_eq!(document["text"], text);
    }

    #[test]
    fn an_identifier_that_was_not_shown_does_not_leave() {
        for (answer, category) in [
            ("CPF 529.982.247-25", Category::Cpf),
            ("{\"cpf\":\"52998224725\"}", Category::Cpf),
            ("escreva a ana@usp.br", Category::Email),
            ("CNS 700000000000005", Category::Cns),
        ] {
            let withheld = Err(Withheld::Leak(category));
            // Not even the one that stood in the text: the guest was shown its token.
            for text in [TEXT, "nada"] {
                assert_eq!(released(text, answer, None), withheld, "{answer}");
                assert_eq!(released(text, answer, Some(Reveal::for_test())), withheld);
            }
        }
    }

    #[test]
    fn what_a_plugin_with_the_grant_was_shown_may_leave_in_any_spelling_and_nothing_else() {
        let raw = RawAllowed::of(&BTreeSet::from([Capability::PhiRaw]));
        let input = GuestInput::prepare(TEXT.to_owned(), raw);
        let release =
            |answer: &str| input.release(answer.to_owned(), (OutputKind::Text, MOST), None);
        assert_eq!(release(TEXT).unwrap().text, TEXT);
        assert!(release("CPF 52998224725").is_ok());
        let other = release("CPF 111.444.777-35");
        assert_eq!(other, Err(Withheld::Leak(Category::Cpf)));
    }

    #[test]
    fn a_number_that_was_shown_may_be_labelled_and_only_so_many_are_looked_for() {
        let input = |text: &str| GuestInput::prepare(text.to_owned(), None);
        let release = |text: &str, answer: String| {
            input(text).release(answer, (OutputKind::Text, MOST), None)
        };
        let labelled = |number: usize| format!("prontuário {number}. ");
        assert!(phi::detect("quarto 7001234").is_empty());
        assert!(release("quarto 7001234", labelled(7_001_234)).is_ok());
        let numbers: Vec<usize> = (7_001_000..7_001_000 + SEARCHES_MAX + 1).collect();
        let text: String = numbers.iter().map(|n| format!("quarto {n}. ")).collect();
        let answer: String = numbers.iter().map(|n| labelled(*n)).collect();
        assert!(release(&text, answer).is_err());
    }

    #[test]
    fn an_answer_that_should_be_json_and_is_not_does_not_leave() {
        let input = GuestInput::prepare(TEXT.to_owned(), None);
        let release =
            |answer: &str| input.release(answer.to_owned(), (OutputKind::Json, MOST), None);
        for answer in ["", "{", "ok", "{} {}", "'a'"] {
            assert_eq!(release(answer), Err(Withheld::NotJson), "{answer}");
        }
        for answer in ["{}", "\"ok\"", " [1, 2.5e3] "] {
            assert_eq!(release(answer).unwrap().text, answer);
        }
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("529.982.247-25".to_owned()),
            Just("ana@usp.br".to_owned()),
            Just("prontuário 12345".to_owned()),
            Just("Sra. Ana Souza".to_owned()),
            Just("⟦CPF-1⟧".to_owned()),
            Just("⟦EMAIL-1⟧".to_owned()),
            Just("⟦NOME-".to_owned()),
            Just("⟧⟦".to_owned()),
            "[ .,:{}\"\\\\0-9a-zãç]{0,8}",
        ];
        prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// Whatever a guest answers is released or withheld; what it gives back as it was shown
        /// is the caller's text again.
        #[test]
        fn restoring_is_the_inverse_of_redacting(text in pieces(), answer in pieces()) {
            let input = GuestInput::prepare(text.clone(), None);
            for reveal in [None, Some(Reveal::for_test())] {
                for kind in [OutputKind::Text, OutputKind::Json] {
                    let _ = input.release(answer.clone(), (kind, MOST), reveal);
                }
            }
            let echoed = input.shown().to_owned();
            let kind = (OutputKind::Text, MOST);
            let kept = input.release(echoed.clone(), kind, None).unwrap();
            // A text that is JSON by itself is read and restored as JSON.
            if serde_json::from_str::<IgnoredAny>(&echoed).is_err() {
                prop_assert_eq!(&kept.text, &echoed);
                let back = input.release(echoed, kind, Some(Reveal::for_test()));
                prop_assert_eq!(back.unwrap().text, text);
            }
        }
    }
}
