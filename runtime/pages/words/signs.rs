//! What the vital signs are called on a ward, and in which units they are read there.

use plantao_schema::locale::Locale;
use plantao_schema::vitals::{Acvpu, VitalSign};

/// One sign's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) struct SignWords {
    /// As in a column's head: `FC`.
    pub(in crate::pages) short: &'static str,
    /// In full.
    pub(in crate::pages) name: &'static str,
    /// The unit as read at the bed; empty where the value is a word.
    pub(in crate::pages) unit: &'static str,
}

/// The words of a sign.
pub(in crate::pages) const fn sign(sign: VitalSign, locale: Locale) -> SignWords {
    let (pt, en, unit) = match sign {
        VitalSign::RespiratoryRate => (
            ("FR", "Frequência respiratória"),
            ("RR", "Respiratory rate"),
            ("irpm", "/min"),
        ),
        VitalSign::Spo2 => (
            ("SpO₂", "Saturação de oxigênio"),
            ("SpO₂", "Oxygen saturation"),
            ("%", "%"),
        ),
        VitalSign::SystolicPressure => (
            ("PAS", "Pressão sistólica"),
            ("SBP", "Systolic pressure"),
            ("mmHg", "mmHg"),
        ),
        VitalSign::DiastolicPressure => (
            ("PAD", "Pressão diastólica"),
            ("DBP", "Diastolic pressure"),
            ("mmHg", "mmHg"),
        ),
        VitalSign::MeanPressure => (
            ("PAM", "Pressão média"),
            ("MAP", "Mean pressure"),
            ("mmHg", "mmHg"),
        ),
        VitalSign::HeartRate => (
            ("FC", "Frequência cardíaca"),
            ("HR", "Heart rate"),
            ("bpm", "bpm"),
        ),
        VitalSign::Temperature => (
            ("Temp.", "Temperatura"),
            ("Temp", "Temperature"),
            ("°C", "°C"),
        ),
        VitalSign::Consciousness => (
            ("Consc.", "Consciência (ACVPU)"),
            ("ACVPU", "Consciousness (ACVPU)"),
            ("", ""),
        ),
        VitalSign::SupplementalOxygen => (
            ("O₂", "Oxigênio suplementar"),
            ("O₂", "Supplemental oxygen"),
            ("L/min", "L/min"),
        ),
    };
    let ((short, name), unit) = match locale {
        Locale::PtBr => (pt, unit.0),
        Locale::En => (en, unit.1),
    };
    SignWords { short, name, unit }
}

/// A level of consciousness: its letter and a word.
pub(in crate::pages) const fn consciousness(
    level: Acvpu,
    locale: Locale,
) -> (&'static str, &'static str) {
    let (letter, pt, en) = match level {
        Acvpu::Alert => ("A", "alerta", "alert"),
        Acvpu::Confusion => ("C", "confusão nova", "new confusion"),
        Acvpu::Voice => ("V", "responde à voz", "responds to voice"),
        Acvpu::Pain => ("P", "responde à dor", "responds to pain"),
        Acvpu::Unresponsive => ("U", "inconsciente", "unresponsive"),
    };
    match locale {
        Locale::PtBr => (letter, pt),
        Locale::En => (letter, en),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_sign_has_a_name_of_its_own_in_each_language() {
        for &locale in Locale::ALL {
            let words: Vec<SignWords> = VitalSign::ALL.iter().map(|&s| sign(s, locale)).collect();
            let short: BTreeSet<_> = words.iter().map(|words| words.short).collect();
            let names: BTreeSet<_> = words.iter().map(|words| words.name).collect();
            assert_eq!(
                (short.len(), names.len()),
                (words.len(), words.len()),
                "{locale}"
            );
        }
    }
}
