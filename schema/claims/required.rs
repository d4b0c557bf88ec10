//! What a physician's or an establishment's piece must say of whoever signs it.
//!
//! Owns the items of Articles 4 and 5 of CFM Resolution 2.336/2023 and what counts as one. Refuses
//! to look anything up: whether a CRM or an RQE is somebody's, the CFM's register says. Provisions
//! were read in the CFM's comparison of the old and the new rules. A name or a registration that
//! the data guard replaced by its token counts as there; its state is then taken on trust.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::cues::Cues;
use super::lexicon::Meaning;
use super::rules::CfmRule;
use super::words::Words;
use crate::phi::{self, Category, Rule};

/// What must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// The physician's name.
    PhysicianName,
    /// The CRM number with its state.
    CrmWithState,
    /// The word MÉDICO or MÉDICA beside the CRM number.
    WordPhysician,
    /// The RQE number of a specialty that is announced.
    RqeOfSpecialty,
    /// The establishment's registration with the CRM.
    EstablishmentRegistration,
    /// The technical director's name and CRM number.
    TechnicalDirector,
}

/// One requirement: asked for or not, there or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredItem {
    /// Which.
    pub requirement: Requirement,
    /// The provision of CFM Resolution 2.336/2023.
    pub article: Cow<'static, str>,
    /// The text is of the sort that must have it.
    pub applies: bool,
    /// It is there.
    pub present: bool,
}

/// What a text has, as a whole.
#[derive(Debug)]
pub(super) struct Document {
    name: bool,
    crms: usize,
    word: bool,
    rqe: bool,
    notice: bool,
    crm_given: bool,
    director: bool,
    specialty: bool,
    establishment: bool,
    conditions: bool,
}

impl Document {
    pub(super) fn of(text: &str, words: &Words, cues: &Cues) -> Self {
        let identifiers = phi::detect(text);
        let has = |wanted: Meaning| cues.all().iter().any(|cue| cue.meaning == wanted);
        let folded = |phrase: &str| (0..words.len()).any(|at| said(words, at, phrase));
        let crms = identifiers
            .iter()
            .filter(|finding| finding.rule == Rule::CrmWithState)
            .count()
            + text.matches("⟦CRM-").count();
        let named = |finding: &phi::Finding| finding.category == Category::Name;
        Self {
            name: identifiers.iter().any(named) || text.contains("⟦NOME-"),
            crms,
            // In capitals, as the article writes it, or at least as a word of its own.
            word: ["médico", "médica", "MÉDICO", "MÉDICA", "MÉDICO(A)"]
                .iter()
                .any(|word| text.contains(word)),
            rqe: folded("rqe ~ 1*") || (2..10).any(|digit| folded(&format!("rqe ~ {digit}*"))),
            notice: text.contains("NÃO ESPECIALISTA"),
            crm_given: crms > 0 || folded("crm"),
            director: folded("diretor tecnico") || folded("diretora tecnica"),
            specialty: has(Meaning::Forbidden(CfmRule::SpecialtyWithoutRqe)),
            establishment: has(Meaning::Establishment),
            conditions: folded("complicac*") && (folded("indicac*") || folded("insatisfat*")),
        }
    }

    /// Whether the text as a whole makes a rule's words allowed.
    pub(super) fn allows(&self, rule: CfmRule, offered: bool) -> bool {
        match rule {
            CfmRule::BeforeAfter => self.conditions,
            CfmRule::SpecialtyWithoutRqe => self.rqe || !offered && !self.crm_given,
            CfmRule::OrganWithoutRqe => self.rqe,
            CfmRule::PostgraduateWithoutNotice => {
                self.notice || self.rqe || !offered && !self.crm_given
            }
            _ => false,
        }
    }

    pub(super) fn items(&self) -> Vec<RequiredItem> {
        let item = |requirement, article, applies, present| RequiredItem {
            requirement,
            article: Cow::Borrowed(article),
            applies,
            present,
        };
        // With the director's CRM an establishment shows two: its own and the director's.
        let registered = self.crms >= 2;
        let establishment = self.establishment;
        vec![
            item(Requirement::PhysicianName, "Art. 4", true, self.name),
            item(Requirement::CrmWithState, "Art. 4", true, self.crms > 0),
            item(
                Requirement::WordPhysician,
                "Art. 4",
                !establishment,
                self.word,
            ),
            item(
                Requirement::RqeOfSpecialty,
                "Art. 4",
                self.specialty,
                self.rqe,
            ),
            item(
                Requirement::EstablishmentRegistration,
                "Art. 5",
                establishment,
                registered,
            ),
            item(
                Requirement::TechnicalDirector,
                "Art. 5",
                establishment,
                self.director && self.name && self.crms > 0,
            ),
        ]
    }
}

fn said(words: &Words, at: usize, phrase: &str) -> bool {
    words.matches(at, words.len(), phrase).is_some()
}
