//! Which evidence a statement asks for: the Oxford levels of 2011, by kind of question.
//!
//! Owns the table of the OCEBM Levels of Evidence Working Group ("The Oxford 2011 Levels of
//! Evidence", Oxford Centre for Evidence-Based Medicine), condensed to the first design it names
//! for each level, and how sure a statement may sound on which level. Refuses to grade a study:
//! it says what to look for.
//!
//! A statement without reserve asks for level 1; one that says "as a rule" for level 2; one with a
//! reserve for level 3. Who denies an effect states something too and needs as much as who claims
//! it. A question states nothing. A mechanism is explained on level 5, and never proves a benefit.
//! The mapping of strength to level is this product's, not Oxford's.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// That looking for a disease early helps.
    Screening,
    /// How well a test tells the ill from the well.
    DiagnosisAccuracy,
    /// That something keeps a disease away.
    Prevention,
    /// What a treatment does besides.
    Safety,
    /// That something causes or furthers a disease.
    Risk,
    /// How common something is.
    Prevalence,
    /// How a disease goes on.
    Prognosis,
    /// How something works in the body.
    Mechanism,
    /// That a treatment helps.
    TreatmentEfficacy,
}

impl ClaimKind {
    /// All of them; where two weigh the same the earlier one is meant.
    pub const ALL: [Self; 9] = [
        Self::Screening,
        Self::DiagnosisAccuracy,
        Self::Prevention,
        Self::Safety,
        Self::Risk,
        Self::Prevalence,
        Self::Prognosis,
        Self::Mechanism,
        Self::TreatmentEfficacy,
    ];

    /// The question of Oxford's table that it answers.
    #[must_use]
    pub const fn question(self) -> &'static str {
        match self {
            Self::Screening => "is this early detection test worthwhile?",
            Self::DiagnosisAccuracy => "is this diagnostic or monitoring test accurate?",
            Self::Prevention | Self::TreatmentEfficacy => "does this intervention help?",
            Self::Safety => "what are the harms of this treatment?",
            Self::Risk => "what are the harms of this exposure?",
            Self::Prevalence => "how common is the problem?",
            Self::Prognosis => "what happens without a therapy?",
            Self::Mechanism => "mechanism-based reasoning",
        }
    }

    /// The design that a level asks for; the table has no row 5 for some questions.
    const fn study(self, level: u8) -> &'static str {
        match (self, level) {
            (Self::Prevalence, 1) => "local and current random sample survey, or census",
            (Self::Prevalence, 2) => "systematic review of surveys that fit local circumstances",
            (Self::Prevalence, 3) => "local non-random sample",
            (Self::Prevalence, _) => "case series",
            (Self::DiagnosisAccuracy, 1) => {
                "systematic review of cross-sectional studies with reference standard and blinding"
            }
            (Self::DiagnosisAccuracy, 2) => {
                "cross-sectional study with reference standard and blinding"
            }
            (Self::DiagnosisAccuracy, 3) => "non-consecutive study, or uneven reference standard",
            (Self::DiagnosisAccuracy, 4) => "case-control study, or poor reference standard",
            (Self::Prognosis, 1) => "systematic review of inception cohort studies",
            (Self::Prognosis, 2) => "inception cohort study",
            (Self::Prognosis, 3) => "cohort study, or control arm of a randomised trial",
            (Self::Prognosis, _) => "case series, or poor-quality prognostic cohort",
            (_, 1) => "systematic review of randomised trials",
            (_, 2) => "randomised trial, or observational study with dramatic effect",
            (_, 3) => "non-randomised controlled cohort or follow-up study",
            (_, 4) => "case series, case-control, or historically controlled study",
            _ => "mechanism-based reasoning",
        }
    }
}

/// How sure a statement sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Without reserve.
    Categorical,
    /// As a rule, probably.
    Probable,
    /// With reserve: may, seems, some studies.
    Hedged,
    /// The effect is denied.
    Negated,
    /// It is asked, not stated.
    Questioned,
}

/// What a statement asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Oxford 2011, 1 (strongest) to 5.
    pub level: u8,
    /// The question it answers.
    pub question: Cow<'static, str>,
    /// The design to look for.
    pub study: Cow<'static, str>,
}

/// The evidence that a statement asks for; none for a question.
#[must_use]
pub fn required(kind: ClaimKind, strength: Strength) -> Option<Evidence> {
    let level = match (kind, strength) {
        (_, Strength::Questioned) => return None,
        (ClaimKind::Mechanism, _) => 5,
        (_, Strength::Categorical | Strength::Negated) => 1,
        (_, Strength::Probable) => 2,
        (_, Strength::Hedged) => 3,
    };
    Some(Evidence {
        level,
        question: Cow::Borrowed(kind.question()),
        study: Cow::Borrowed(kind.study(level)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surer_it_sounds_the_more_it_asks_for() {
        for kind in ClaimKind::ALL {
            let level = |strength| required(kind, strength).map(|evidence| evidence.level);
            let sure = level(Strength::Categorical);
            assert!(sure <= level(Strength::Probable), "{kind:?}");
            assert!(
                level(Strength::Probable) <= level(Strength::Hedged),
                "{kind:?}"
            );
            assert_eq!(sure, level(Strength::Negated));
            assert_eq!(level(Strength::Questioned), None);
        }
        let review = required(ClaimKind::TreatmentEfficacy, Strength::Categorical).unwrap();
        assert_eq!(review.study, "systematic review of randomised trials");
        let survey = required(ClaimKind::Prevalence, Strength::Categorical).unwrap();
        assert!(survey.study.contains("random sample survey"));
        assert_eq!(
            required(ClaimKind::Mechanism, Strength::Hedged)
                .unwrap()
                .level,
            5
        );
    }
}
