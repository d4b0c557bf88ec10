//! The rules of CFM Resolution 2.336/2023 on physicians' advertising, one id for each item.
//!
//! Owns the ids, the provision of each and how it is known. Refuses to quote the resolution, and
//! to pass for it: a rule is `verified` only where its provision was read in a publication of the
//! CFM (publicidademedica.cfm.org.br: commented resolution, chapters 4, 6, 8, 9; what changes;
//! practice, chapters 8 and 12; portal.cfm.org.br) or of a regional council (Cremesp, guide of
//! 2024). The others were read second hand, in others' summaries of the official text, and a
//! lawyer checks them before anything rests on them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What the resolution forbids, item by item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CfmRule {
    /// To guarantee, promise or insinuate good results.
    GuaranteeOfResults,
    /// To extol oneself or one's place of work above others.
    SelfPromotion,
    /// To use rankings and prizes such as "physician of the year".
    AwardsAndRankings,
    /// To announce practices as revolutionary or miraculous.
    Sensationalism,
    /// To announce a method that the CFM has not recognised.
    UnprovenMethod,
    /// To show before and after without indications, factors, bad outcomes and complications.
    BeforeAfter,
    /// To ascribe privileged capacity to equipment.
    EquipmentPrivilege,
    /// To lead to believe in a technique of one's own.
    ExclusiveTechnique,
    /// To announce equipment or drugs without Anvisa's registration.
    UnregisteredProduct,
    /// To endorse a product.
    ProductEndorsement,
    /// To put a price on a procedure in an advertisement; a consultation's may be told.
    ProcedurePrice,
    /// To tie a service to a sale, prize, draw or consortium; a discount alone is allowed.
    TiedSale,
    /// To announce free service in a private practice.
    FreeService,
    /// To spread a patient's praise that claims superiority or promises results.
    Testimonial,
    /// To show a procedure as it happens.
    LiveProcedure,
    /// To announce a specialty without its registration (RQE).
    SpecialtyWithoutRqe,
    /// To announce postgraduate studies without "NÃO ESPECIALISTA" in capitals.
    PostgraduateWithoutNotice,
    /// To announce, no specialist, that one treats organs or diseases.
    OrganWithoutRqe,
}

impl CfmRule {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::GuaranteeOfResults,
        Self::SelfPromotion,
        Self::AwardsAndRankings,
        Self::Sensationalism,
        Self::UnprovenMethod,
        Self::BeforeAfter,
        Self::EquipmentPrivilege,
        Self::ExclusiveTechnique,
        Self::UnregisteredProduct,
        Self::ProductEndorsement,
        Self::ProcedurePrice,
        Self::TiedSale,
        Self::FreeService,
        Self::Testimonial,
        Self::LiveProcedure,
        Self::SpecialtyWithoutRqe,
        Self::PostgraduateWithoutNotice,
        Self::OrganWithoutRqe,
    ];

    /// The provision, and whether it was read in a council's own publication.
    #[must_use]
    pub const fn provision(self) -> (&'static str, bool) {
        match self {
            Self::GuaranteeOfResults => ("Art. 11, XII", false),
            Self::SelfPromotion => ("Art. 11, XVI and par. 2, a", true),
            Self::AwardsAndRankings => ("Art. 11, XIII", false),
            Self::Sensationalism => ("Art. 11, XVI and par. 5", true),
            Self::UnprovenMethod => ("Art. 11, par. 2, b and par. 5", true),
            Self::BeforeAfter => ("Art. 14, II, a", true),
            Self::EquipmentPrivilege => ("Art. 11, II", true),
            Self::ExclusiveTechnique => ("Art. 11, XVI", false),
            Self::UnregisteredProduct => ("Art. 11, III", true),
            Self::ProductEndorsement => ("Art. 11, IV and V", true),
            // The manual, practice, chapter 8, says what Art. 9 leaves open.
            Self::ProcedurePrice => ("Art. 9, VI (Manual, practice, 8)", true),
            Self::TiedSale => ("Art. 9, VIII (Manual, practice, 8)", true),
            Self::FreeService => ("Art. 11, par. 4, c", false),
            Self::Testimonial => ("Art. 8, par. 3", false),
            Self::LiveProcedure => ("Art. 11, VIII", false),
            Self::SpecialtyWithoutRqe => ("Art. 4, III and Art. 13, par. 1", true),
            Self::PostgraduateWithoutNotice => ("Art. 13, par. 1, d and e", true),
            Self::OrganWithoutRqe => ("Art. 11, I", true),
        }
    }
}

/// Words that a rule forbids: never the words, only where they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFinding {
    /// Which rule.
    pub rule: CfmRule,
    /// First byte, on a character boundary.
    pub start: usize,
    /// One past the last byte, on a character boundary.
    pub end: usize,
    /// The provision of CFM Resolution 2.336/2023.
    pub article: Cow<'static, str>,
    /// It was read in a council's own publication, not second hand.
    pub verified: bool,
}

impl RuleFinding {
    pub(super) fn of(rule: CfmRule, start: usize, end: usize) -> Self {
        let (article, verified) = rule.provision();
        Self {
            rule,
            start,
            end,
            article: Cow::Borrowed(article),
            verified,
        }
    }
}
