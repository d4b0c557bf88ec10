//! Every word of the patient's report, in Portuguese and in English side by side.
//!
//! For a reader who is nobody's colleague: no term of this program, and none of the law without
//! what it means.

use crate::pages::words::{self, table};
use plantao_schema::access::Role;
use plantao_schema::locale::Locale;
use time::Month;

impl Words {
    /// The texts of a language.
    pub(super) fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::PtBr => &PT_BR,
            Locale::En => &EN,
        }
    }
}

table! {
    title: "Quem acessou os seus dados", "Who looked at your data";
    intro: "Este relatório mostra quem consultou, registrou ou tentou consultar os seus dados \
            nesta instituição, quando e para quê. Ele não contém os dados em si.",
        "This report shows who looked at, recorded, or tried to look at your data in this \
         institution, when, and why. It does not contain the data itself.";
    institution: "Instituição", "Institution";
    patient: "Código do paciente", "Patient code";
    period: "Período", "Period";
    made: "Emitido em", "Issued on";
    beginning: "desde o primeiro registro", "from the first record";
    to: "até", "to";
    summary: "Resumo", "Summary";
    access: "acesso no período", "access in the period";
    accesses: "acessos no período", "accesses in the period";
    account: "pessoa ou sistema", "person or system";
    accounts: "pessoas ou sistemas", "people or systems";
    emergency_one: "acesso de emergência", "emergency access";
    emergencies: "acessos de emergência", "emergency accesses";
    attempt: "tentativa recusada", "refused attempt";
    attempts: "tentativas recusadas", "refused attempts";
    cut: "Há acessos mais antigos do que os mostrados aqui. Peça outro relatório, que termine na \
          data do último dia deste.",
        "There are older accesses than those shown here. Ask for another report that ends on the \
         date of the last day of this one.";
    none: "Ninguém acessou os seus dados neste período.",
        "Nobody accessed your data in this period.";
    time: "Horário", "Time";
    who: "Quem", "Who";
    what: "O que fez", "What";
    why: "Para quê", "Why";
    result: "Resultado", "Result";
    times: "vezes", "times";
    reason: "Motivo informado", "Reason given";
    done: "Permitido", "Allowed";
    emergency: "Acesso de emergência", "Emergency access";
    refused: "Recusado: nada foi mostrado nem alterado", "Refused: nothing was shown or changed";
    failed: "Falhou: nada foi alterado", "Failed: nothing was changed";
    underway: "Em andamento", "Under way";
    unknown: "Interrompido: não se sabe se foi concluído",
        "Interrupted: it is not known whether it was finished";
    about_emergency: "O que é um acesso de emergência?", "What is an emergency access?";
    about_emergency_text: "Em uma emergência, um profissional pode ver os seus dados mesmo quando \
                           as regras de costume não permitiriam. Para isso precisa escrever o \
                           motivo. Todo acesso assim fica marcado aqui e deve ser revisto pela \
                           instituição. Se o motivo não lhe parecer verdadeiro, pergunte.",
        "In an emergency, a professional may see your data even when the usual rules would not \
         allow it. They have to write down the reason. Every such access is marked here and must \
         be reviewed by the institution. If the reason does not seem true to you, ask.";
    about_refused: "E uma tentativa recusada?", "And a refused attempt?";
    about_refused_text: "Alguém pediu para ver ou alterar os seus dados e o sistema não permitiu. \
                         Pode ter sido um engano; nada foi mostrado nem alterado.",
        "Somebody asked to see or change your data and the system did not allow it. It may have \
         been a mistake; nothing was shown or changed.";
    reading: "Como ler este relatório", "How to read this report";
    reading_codes: "As pessoas aparecem pela função e por um código de usuário, e não pelo nome. A \
                    instituição sabe a quem cada código pertence e deve dizer se você perguntar.",
        "People appear by their function and a user code, not by name. The institution knows whom \
         each code belongs to, and has to tell you if you ask.";
    reading_lines: "Acessos iguais no mesmo dia estão em uma só linha, com a quantidade. Os \
                    horários são os da instituição.",
        "Equal accesses on the same day are on one line, with their number. Times are those of \
         the institution.";
    reading_proof: "Cada acesso foi gravado em um registro que não pode ser alterado sem que se \
                    perceba. Este pedido de relatório também fica registrado.",
        "Each access was written to a record that cannot be altered without it being noticed. \
         This request for a report is recorded too.";
    rights: "O que você pode fazer", "What you can do";
    rights_ask: "Pergunte. A Lei Geral de Proteção de Dados (LGPD, Art. 18) lhe dá o direito de \
                 saber se e como os seus dados são tratados, de vê-los e de saber com quem foram \
                 compartilhados, sem custo.",
        "Ask. The Brazilian data protection law (LGPD, Art. 18) gives you the right to know \
         whether and how your data is processed, to see it, and to know with whom it was shared, \
         free of charge.";
    rights_correct: "Peça a correção de dados incompletos, errados ou desatualizados (Art. 18, \
                     III).",
        "Ask for data that is incomplete, wrong or out of date to be corrected (Art. 18, III).";
    rights_consent: "Retire um consentimento que você deu (Art. 8, § 5, e Art. 18, IX).",
        "Withdraw a consent that you gave (Art. 8, § 5, and Art. 18, IX).";
    rights_answer: "A resposta simplificada deve ser imediata; a completa, em até 15 dias (Art. \
                    19).",
        "A simplified answer is due at once, a complete one within 15 days (Art. 19).";
    rights_complain: "Se a resposta não vier ou não bastar, você pode reclamar à Autoridade \
                      Nacional de Proteção de Dados, a ANPD (Art. 18, § 1).",
        "If no answer comes, or it is not enough, you can complain to the Brazilian data \
         protection authority, ANPD (Art. 18, § 1).";
    contact: "Encarregado pelos dados pessoais", "Data protection officer";
    monday: "segunda-feira", "Monday";
    tuesday: "terça-feira", "Tuesday";
    wednesday: "quarta-feira", "Wednesday";
    thursday: "quinta-feira", "Thursday";
    friday: "sexta-feira", "Friday";
    saturday: "sábado", "Saturday";
    sunday: "domingo", "Sunday";
}

const fn of(locale: Locale, pt: &'static str, en: &'static str) -> &'static str {
    match locale {
        Locale::PtBr => pt,
        Locale::En => en,
    }
}

/// What a role is called; one of the institution's own appears by the name it was given there.
pub(super) fn role(role: &Role, locale: Locale) -> &str {
    match role.as_str() {
        "author" => of(locale, "redação", "editorial"),
        "visitor" => of(locale, "visitante", "visitor"),
        "plugin_developer" => of(locale, "desenvolvimento", "development"),
        "none" => of(locale, "sistema", "system"),
        _ => words::role(role, locale),
    }
}

/// What was done, so that it can be said of what was refused as well.
pub(super) fn action(name: &str, locale: Locale) -> &str {
    match name {
        "read" => of(locale, "Consulta", "Viewing"),
        "search" => of(locale, "Busca", "Search"),
        "write" => of(locale, "Registro ou alteração", "Recording or change"),
        "submit" => of(locale, "Envio para verificação", "Sent for checking"),
        "operate" => of(locale, "Operação do sistema", "System operation"),
        other => other,
    }
}

/// What it was done with. A patient's page shows more than personal details, by the viewer's role.
pub(super) fn kind(name: &str, locale: Locale) -> &str {
    let (pt, en) = match name {
        "patient" => (
            "o seu cadastro ou a sua página no sistema",
            "your personal details or your page in the system",
        ),
        "observation" => (
            "medições e resultados de exames",
            "measurements and test results",
        ),
        "allergy_intolerance" => ("alergias e intolerâncias", "allergies and intolerances"),
        "medication_request" => ("medicamentos prescritos", "prescribed medicines"),
        "condition" => (
            "diagnósticos e problemas de saúde",
            "diagnoses and health problems",
        ),
        "bundle" => (
            "um conjunto de registros do prontuário",
            "a set of health records",
        ),
        "ward" => ("o quadro da unidade e do leito", "the ward and bed board"),
        "consent" => ("os seus consentimentos", "your consents"),
        "emergency_card" => ("o seu cartão de emergência", "your emergency card"),
        "session" => ("uma sessão de acesso", "a log-in session"),
        "content" => ("um conteúdo publicado", "published content"),
        "audit" => (
            "o registro de acessos aos seus dados",
            "the record of accesses to your data",
        ),
        "practitioner" => ("o cadastro de um profissional", "a professional's details"),
        "organization" => ("o cadastro de uma instituição", "an institution's details"),
        "plugin" => ("um módulo do sistema", "a module of the system"),
        "system" => ("o sistema", "the system"),
        other => return other,
    };
    of(locale, pt, en)
}

/// Why.
pub(super) fn purpose(name: &str, locale: Locale) -> &str {
    let (pt, en) = match name {
        "treatment" => ("cuidar da sua saúde", "your care"),
        "operations" => ("organizar o atendimento", "running the institution"),
        "publication" => ("publicar conteúdo", "publishing content"),
        "audit" => (
            "fiscalizar e prestar contas",
            "oversight and accountability",
        ),
        "research" => (
            "pesquisa com dados anonimizados",
            "research on anonymised data",
        ),
        "none" => ("não informado", "not stated"),
        other => return other,
    };
    of(locale, pt, en)
}

/// The name of a month.
pub(super) const fn month(month: Month, locale: Locale) -> &'static str {
    let (pt, en) = match month {
        Month::January => ("janeiro", "January"),
        Month::February => ("fevereiro", "February"),
        Month::March => ("março", "March"),
        Month::April => ("abril", "April"),
        Month::May => ("maio", "May"),
        Month::June => ("junho", "June"),
        Month::July => ("julho", "July"),
        Month::August => ("agosto", "August"),
        Month::September => ("setembro", "September"),
        Month::October => ("outubro", "October"),
        Month::November => ("novembro", "November"),
        Month::December => ("dezembro", "December"),
    };
    of(locale, pt, en)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_schema::access::{Action, Purpose, ResourceKind};

    #[test]
    fn both_languages_say_everything_and_each_in_its_own_words() {
        let pairs = Words::of(Locale::PtBr).entries().into_iter();
        for ((name, pt), (_, en)) in pairs.zip(Words::of(Locale::En).entries()) {
            for text in [pt, en] {
                assert!(!text.is_empty() && text.trim() == text, "{name}: {text:?}");
                assert!(!text.contains("  "), "{name}: {text:?}");
            }
            assert_ne!(pt, en, "{name}");
        }
    }

    #[test]
    fn every_name_of_the_trail_has_plain_words_in_both_languages() {
        let names = Action::ALL
            .iter()
            .map(|one| (action as fn(&'static str, Locale) -> _, one.as_str()));
        let kinds = ResourceKind::ALL
            .iter()
            .map(|one| (kind as fn(_, _) -> _, one.as_str()));
        let purposes = Purpose::ALL
            .iter()
            .map(|one| (purpose as fn(_, _) -> _, one.as_str()));
        for (said, name) in names.chain(kinds).chain(purposes) {
            let (pt, en) = (said(name, Locale::PtBr), said(name, Locale::En));
            assert!(pt != en && pt != name, "{name}: {pt} {en}");
        }
        assert_eq!(kind("something_new", Locale::En), "something_new");
    }
}
