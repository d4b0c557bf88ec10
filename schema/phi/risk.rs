//! How much a text gives away, as a number from 0 to 100 that can be explained.
//!
//! Owns the formula. Refuses to be a legal opinion: it ranks texts for review, and the law decides.
//!
//! ```text
//! points(category) = sum over its findings, surest first, of  weight × confidence% ÷ 2^(n-1)
//! score = min(100, Σ points(category) + combinations + density)
//! ```
//!
//! The first CPF counts in full, the second half, the third a quarter: a list of ten is worse than
//! one, not ten times worse. Every term is monotone: one finding more never lowers the score.
//!
//! | what | points | reason |
//! |---|---|---|
//! | cpf | 40 | key of every Brazilian register: one person, for life |
//! | cns | 40 | opens a person's health records (RNDS) |
//! | rg | 30 | one person within a state |
//! | medical_record | 30 | one patient within an institution |
//! | address | 20 | a household, a person with a name |
//! | birth_date | 15 | narrows a person down |
//! | name | 15 | direct, but shared by namesakes |
//! | email | 15 | reaches one person |
//! | phone | 15 | reaches one person |
//! | health_condition | 10 | sensitive (Art. 11) once it is somebody's |
//! | cep | 5 | a street at the most |
//! | crm | 5 | identifies, and is public by law |
//! | cnpj | 2 | a company's, at times one person's |
//! | health and identity | 15 | the whole is more than its parts (Art. 5, II; Art. 11) |
//! | name and birth date | 10 | together they single out most people |
//! | density | 1 for each finding per KiB, at most 10 | a list is a leak, not a slip |
//!
//! Weights are a judgement of how directly a category leads to one person, ranked against each
//! other; they are not measured. The answer carries each part with its points, so that whoever
//! disagrees with a weight can see what it did.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::finding::{Category, Finding};

/// Health data of a person who can be identified.
const HEALTH_AND_IDENTITY_POINTS: u64 = 15;
/// Together they single out most people.
const NAME_AND_BIRTH_POINTS: u64 = 10;
const DENSITY_POINTS_MAX: u64 = 10;
/// Halvings that are still exact: beyond them a finding adds nothing.
const HALVINGS: u32 = 16;

/// What the text is apart from its findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextContext {
    /// Its length.
    pub bytes: usize,
    /// Words for diseases, examinations and treatments in it.
    pub health_terms: usize,
}

/// How a score is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskLevel {
    /// 0: nothing was found.
    None,
    /// 1 to 29.
    Low,
    /// 30 to 59.
    Moderate,
    /// 60 to 79.
    High,
    /// 80 to 100.
    Critical,
}

/// What one part of the score comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskKind {
    /// Findings of one category.
    Identifier,
    /// Health terms in a text that identifies a person.
    HealthAndIdentity,
    /// A name and a date of birth in one text.
    NameAndBirthDate,
    /// Many findings for so short a text.
    Density,
}

/// One part of the score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskFactor {
    /// What kind of part.
    pub kind: RiskKind,
    /// The category, where the part is one category's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub category: Option<Category>,
    /// How many findings (or, for health, terms) it counts.
    pub count: usize,
    /// What it adds, rounded down.
    pub points: u32,
    /// Why it counts.
    pub why: Cow<'static, str>,
}

/// A text's score and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// 0 to 100.
    pub score: u8,
    /// How the score is read.
    pub level: RiskLevel,
    /// The parts, largest first.
    pub explanation: Vec<RiskFactor>,
    /// The articles of the LGPD that a reviewer starts from.
    pub legal_basis: Vec<Cow<'static, str>>,
}

/// Scores a text by its findings.
#[must_use]
pub fn assess(findings: &[Finding], text: TextContext) -> Risk {
    let mut parts = Vec::new();
    for category in Category::ALL {
        parts.extend(category_part(category, findings));
    }
    parts.extend(combinations(findings, text));
    parts.extend(density(findings.len(), text.bytes));
    let exact: u64 = parts.iter().map(|(points, _)| *points).sum();
    let score = u8::try_from((exact >> HALVINGS).min(100)).unwrap_or(100);
    // A finding of little weight is still a finding.
    let score = if findings.is_empty() { 0 } else { score.max(1) };
    parts.sort_by(|(left, _), (right, _)| right.cmp(left));
    Risk {
        score,
        level: level(score),
        explanation: parts.into_iter().map(|(_, factor)| factor).collect(),
        legal_basis: legal_basis(findings, text),
    }
}

/// A part's points times 2^16, so that halving sixteen times loses nothing.
type Part = (u64, RiskFactor);

fn part(exact: u64, kind: RiskKind, count: usize, why: &'static str) -> Part {
    let points = u32::try_from(exact >> HALVINGS).unwrap_or(u32::MAX);
    (
        exact,
        RiskFactor {
            kind,
            category: None,
            count,
            points,
            why: Cow::Borrowed(why),
        },
    )
}

fn category_part(category: Category, findings: &[Finding]) -> Option<Part> {
    let mut confidences: Vec<u8> = findings
        .iter()
        .filter(|finding| finding.category == category)
        .map(|finding| finding.confidence.min(100))
        .collect();
    let count = confidences.len();
    if count == 0 {
        return None;
    }
    confidences.sort_unstable_by(|left, right| right.cmp(left));
    let (weight, why) = weight(category);
    let hundredths: u64 = confidences
        .iter()
        .zip(0..=HALVINGS)
        .map(|(confidence, halvings)| (weight * u64::from(*confidence)) << (HALVINGS - halvings))
        .sum();
    let mut part = part(hundredths / 100, RiskKind::Identifier, count, why);
    part.1.category = Some(category);
    Some(part)
}

/// What the surest finding of a category is worth, and why.
fn weight(category: Category) -> (u64, &'static str) {
    match category {
        Category::Cpf => (
            40,
            "the CPF identifies one person in every Brazilian register",
        ),
        Category::Cns => (40, "the health card number opens a person's health records"),
        Category::Rg => (30, "the identity card number identifies one person"),
        Category::MedicalRecord => (30, "the record number leads to one patient's file"),
        Category::Address => (20, "an address leads to a household"),
        Category::BirthDate => (15, "a date of birth narrows a person down"),
        Category::Name => (15, "a name identifies a person directly"),
        Category::Email => (15, "an e-mail address reaches one person"),
        Category::Phone => (15, "a telephone number reaches one person"),
        Category::HealthCondition => (10, "a condition of somebody the text identifies"),
        Category::Cep => (5, "a postal code leads to a street"),
        Category::Crm => (5, "a registration identifies a physician and is public"),
        Category::Cnpj => (2, "a CNPJ identifies a company, at times of one person"),
    }
}

fn is_personal(category: Category) -> bool {
    !matches!(category, Category::Cnpj | Category::Crm)
}

fn combinations(findings: &[Finding], text: TextContext) -> Vec<Part> {
    let has = |wanted: Category| findings.iter().any(|finding| finding.category == wanted);
    let mut parts = Vec::new();
    let inherent = has(Category::Cns) || has(Category::MedicalRecord);
    let personal = findings.iter().any(|finding| is_personal(finding.category));
    if inherent || personal && text.health_terms > 0 {
        let why = "health terms beside a person who can be identified are sensitive data";
        let exact = HEALTH_AND_IDENTITY_POINTS << HALVINGS;
        parts.push(part(
            exact,
            RiskKind::HealthAndIdentity,
            text.health_terms,
            why,
        ));
    }
    if has(Category::Name) && has(Category::BirthDate) {
        let why = "a name with a date of birth singles out most people";
        parts.push(part(
            NAME_AND_BIRTH_POINTS << HALVINGS,
            RiskKind::NameAndBirthDate,
            2,
            why,
        ));
    }
    parts
}

fn density(findings: usize, bytes: usize) -> Option<Part> {
    let count = findings as u128;
    // Below one KiB a text counts as one: a single finding in a short line is not dense.
    let kib_exact = (bytes.max(1024) as u128) << HALVINGS >> 10;
    let exact =
        ((count << (2 * HALVINGS)) / kib_exact).min(u128::from(DENSITY_POINTS_MAX) << HALVINGS);
    let why = "many identifiers for so short a text";
    let exact = u64::try_from(exact).unwrap_or(0);
    (exact > 0).then(|| part(exact, RiskKind::Density, findings, why))
}

fn level(score: u8) -> RiskLevel {
    match score {
        0 => RiskLevel::None,
        1..30 => RiskLevel::Low,
        30..60 => RiskLevel::Moderate,
        60..80 => RiskLevel::High,
        80.. => RiskLevel::Critical,
    }
}

fn legal_basis(findings: &[Finding], text: TextContext) -> Vec<Cow<'static, str>> {
    let mut articles = Vec::new();
    if findings.iter().any(|finding| is_personal(finding.category)) {
        articles.push(Cow::Borrowed("LGPD Art. 5, I: personal data"));
        articles.push(Cow::Borrowed(
            "LGPD Art. 6, III: no more of it than the purpose needs",
        ));
    }
    if combinations(findings, text)
        .iter()
        .any(|(_, factor)| factor.kind == RiskKind::HealthAndIdentity)
    {
        articles.push(Cow::Borrowed(
            "LGPD Art. 5, II and Art. 11: sensitive data on health",
        ));
        articles.push(Cow::Borrowed("LGPD Art. 12: out of scope once anonymised"));
    }
    articles
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::finding::Rule;
    use super::*;

    fn finding(category: Category, confidence: u8) -> Finding {
        Finding {
            category,
            start: 0,
            end: 1,
            confidence,
            rule: Rule::CpfGrouped,
        }
    }

    fn context(bytes: usize, health_terms: usize) -> TextContext {
        TextContext {
            bytes,
            health_terms,
        }
    }

    #[test]
    fn nothing_found_is_no_risk() {
        let risk = assess(&[], context(4096, 50));
        assert_eq!((risk.score, risk.level), (0, RiskLevel::None));
        assert!(risk.explanation.is_empty() && risk.legal_basis.is_empty());
    }

    #[test]
    fn the_formula_is_the_documented_one() {
        let cpf = finding(Category::Cpf, 100);
        // 40, and one finding in one KiB.
        assert_eq!(assess(&[cpf], context(1024, 0)).score, 41);
        // 40 + 20 + 2 of density.
        assert_eq!(assess(&[cpf, cpf], context(1024, 0)).score, 62);
        // 40 + 15 + 1.
        assert_eq!(assess(&[cpf], context(1024, 3)).score, 56);
        let named = [
            finding(Category::Name, 100),
            finding(Category::BirthDate, 100),
        ];
        assert_eq!(assess(&named, context(1024, 0)).score, 15 + 15 + 10 + 2);
        assert_eq!(
            assess(&[finding(Category::Cnpj, 100)], context(1 << 20, 9)).score,
            2
        );
    }

    #[test]
    fn the_documented_weights_are_the_ones_used() {
        let documented: Vec<(String, u64)> = include_str!("risk.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .filter_map(|row| {
                let mut cells = row.split(" | ");
                Some((cells.next()?.to_owned(), cells.next()?.parse().ok()?))
            })
            .collect();
        let points = |what: &str| documented.iter().find(|row| row.0 == what).map(|row| row.1);
        for category in Category::ALL {
            let name = serde_json::to_value(category).unwrap();
            assert_eq!(points(name.as_str().unwrap()), Some(weight(category).0));
        }
        assert_eq!(
            points("health and identity"),
            Some(HEALTH_AND_IDENTITY_POINTS)
        );
        assert_eq!(points("name and birth date"), Some(NAME_AND_BIRTH_POINTS));
    }

    #[test]
    fn the_parts_explain_the_score() {
        let findings = [finding(Category::Cpf, 99), finding(Category::Name, 85)];
        let risk = assess(&findings, context(2048, 4));
        let sum: u32 = risk.explanation.iter().map(|factor| factor.points).sum();
        // Each part is rounded down on its own.
        assert!((sum..sum + 4).contains(&u32::from(risk.score)), "{risk:?}");
        assert!(risk.explanation.iter().all(|factor| !factor.why.is_empty()));
        assert!(
            risk.legal_basis
                .iter()
                .any(|article| article.contains("Art. 11"))
        );
    }

    fn findings() -> impl Strategy<Value = Vec<Finding>> {
        let one = (0..Category::ALL.len(), 0_u8..=100)
            .prop_map(|(category, confidence)| finding(Category::ALL[category], confidence));
        prop::collection::vec(one, 0..40)
    }

    proptest! {
        #[test]
        fn one_finding_more_never_lowers_the_score(
            mut findings in findings(),
            category in 0..Category::ALL.len(),
            confidence in 0_u8..=100,
            bytes in 0_usize..100_000,
            health_terms in 0_usize..5,
        ) {
            let before = assess(&findings, context(bytes, health_terms)).score;
            findings.push(finding(Category::ALL[category], confidence));
            let after = assess(&findings, context(bytes, health_terms)).score;
            prop_assert!((before..=100).contains(&after), "{before} then {after}");
        }

        #[test]
        fn the_order_of_findings_does_not_matter(mut findings in findings()) {
            let forward = assess(&findings, context(500, 1));
            findings.reverse();
            prop_assert_eq!(forward, assess(&findings, context(500, 1)));
        }
    }
}
