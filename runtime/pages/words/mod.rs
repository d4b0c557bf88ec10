//! Every text of the pages, in Portuguese and in English side by side.
//!
//! One table: a text that lacks a language does not compile. Markup never holds a word of its own,
//! so a page speaks one language, and the one its reader chose. Clinical terms are those of
//! Brazilian wards (FC, FR, PAS, leito), not translations of English ones.

mod refusals;
mod roles;
mod signs;

pub(super) use refusals::advice;
pub(super) use roles::role;
pub(super) use signs::{consciousness, sign};

use plantao_schema::locale::Locale;

macro_rules! words {
    ($($name:ident: $pt:literal, $en:literal;)*) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub(super) struct Words { $(pub(super) $name: &'static str,)* }

        static PT_BR: Words = Words { $($name: $pt,)* };
        static EN: Words = Words { $($name: $en,)* };

        impl Words {
            /// Every text with its name.
            #[cfg(test)]
            pub(super) fn entries(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

// A table of its own for what is read apart from the pages.
pub(super) use words as table;

impl Words {
    /// The texts of a language.
    pub(super) fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::PtBr => &PT_BR,
            Locale::En => &EN,
        }
    }
}

words! {
    // The frame around every page.
    skip: "Ir para o conteúdo", "Skip to the content";
    navigation: "Páginas", "Pages";
    wards: "Unidades", "Wards";
    supervision: "Supervisão", "Supervision";
    log_out: "Sair", "Log out";
    language: "Idioma", "Language";
    signed_in_as: "Conectado como", "Signed in as";
    banner_lost: "Conexão perdida. Os valores desta página não são atuais.",
        "Connection lost. The values on this page are not current.";
    no_script: "Sem JavaScript esta página não se atualiza: recarregue-a para ver valores atuais.",
        "Without JavaScript this page does not update: reload it to see current values.";
    closed: "Esta página foi encerrada", "This page was closed";
    closed_consent: "O paciente retirou o consentimento. Nenhum valor ficou nesta tela.",
        "The patient has withdrawn consent. No value was left on this screen.";
    closed_text: "Seu acesso a estes dados mudou. Nenhum valor ficou nesta tela.",
        "Your access to these data has changed. No value was left on this screen.";

    // Ward.
    ward: "Unidade", "Ward";
    ward_caption: "Leitos por NEWS2, o mais alto primeiro",
        "Beds by NEWS2, the highest first";
    ward_caption_plain: "Leitos em ordem", "Beds in order";
    wards_none: "Nenhuma unidade cadastrada.", "No ward has been set up.";
    wards_heading: "Unidades de internação", "Wards";
    bed: "Leito", "Bed";
    patient: "Paciente", "Patient";
    bed_empty: "Leito livre", "Bed free";
    bed_restricted: "Ocupado: acesso restrito", "Occupied: access restricted";
    bed_occupied: "Ocupado", "Occupied by a patient";
    bed_occupied_many: "Ocupados", "Occupied";
    bed_opening: "carregando…", "loading…";
    bed_lost: "sem conexão", "disconnected";
    name_absent: "nome não registrado", "name not recorded";
    alarms: "Com alarme", "In alarm";
    high_scores: "NEWS2 ≥ 7", "NEWS2 ≥ 7";
    trend: "Tendência", "Trend";
    alarm_announced: "Novo alarme", "New alarm";
    and_more: "e mais", "and";
    and_more_end: "", "more";

    // Readings.
    alarm_high: "alta", "high";
    alarm_low: "baixa", "low";
    alarm_altered: "alterada", "altered";
    stale: "desatualizado", "stale";
    no_reading: "sem leitura", "no reading";
    artefact: "artefato", "artefact";
    room_air: "ar", "air";
    limits: "limites", "limits";
    age: "idade", "age";

    // NEWS2 (Royal College of Physicians, 2017).
    news2: "NEWS2", "NEWS2";
    news2_none: "sem dados", "no data";
    risk_low: "risco baixo", "low risk";
    risk_low_medium: "baixo-médio", "low-medium";
    risk_medium: "risco médio", "medium risk";
    risk_high: "risco alto", "high risk";
    response_none: "Faltam leituras atuais para calcular o escore.",
        "Current readings are missing for a score.";
    response_zero: "Monitorar no mínimo a cada 12 horas.", "Monitor at least every 12 hours.";
    response_low: "Monitorar no mínimo a cada 4 a 6 horas; o enfermeiro avalia o paciente.",
        "Monitor at least every 4 to 6 hours; a registered nurse assesses the patient.";
    response_low_medium:
        "Monitorar no mínimo a cada hora; o enfermeiro avisa a equipe médica.",
        "Monitor at least every hour; the nurse informs the medical team.";
    response_medium:
        "Monitorar no mínimo a cada hora; avaliação médica com urgência.",
        "Monitor at least every hour; urgent assessment by the medical team.";
    response_high:
        "Monitorização contínua; avaliação de emergência pela equipe de cuidados críticos.",
        "Continuous monitoring; emergency assessment by the critical care team.";
    response: "Resposta clínica (RCP 2017)", "Clinical response (RCP 2017)";
    breakdown: "Composição do NEWS2", "NEWS2 breakdown";
    parameter: "Parâmetro", "Parameter";
    value: "Valor", "Value";
    reading_age: "Idade da leitura", "Age of reading";
    points: "Pontos", "Points";
    total: "Total", "Total";
    incomplete: "parcial", "partial";

    // Patient.
    patient_heading: "Paciente", "Patient";
    born: "Nascimento", "Born";
    years: "anos", "years";
    patient_restricted: "Acesso restrito: o paciente retirou o consentimento.",
        "Access restricted: the patient has withdrawn consent.";
    card_incomplete: "Há registros que não puderam ser abertos: o cartão pode estar incompleto.",
        "Some records could not be opened: the card may be incomplete.";
    card_spooled: "Acesso de emergência registrado neste servidor: a auditoria está fora do ar.",
        "Emergency access recorded on this node: the audit trail is not available.";
    card_from_memory: "Prontuário fora do ar: este cartão pode estar desatualizado.",
        "The records are not available: card from the session's memory, it may be out of date.";
    card_behind: "Há uma alteração recente que não está neste cartão.",
        "A recent change is known that is not on this card.";
    emergency_card: "Cartão de emergência", "Emergency card";
    allergies: "Alergias", "Allergies";
    medication: "Medicação em uso", "Current medication";
    conditions: "Condições ativas", "Active conditions";
    allergies_none: "Nenhuma alergia registrada", "No allergy recorded";
    medication_none: "Nenhuma medicação registrada", "No medication recorded";
    conditions_none: "Nenhuma condição registrada", "No condition recorded";
    critical: "Alto risco", "High risk";
    since: "desde", "since";
    trends: "Tendências", "Trends";
    now: "agora", "now";
    legend_limits: "faixa dentro dos limites", "band within the limits";
    legend_gap: "lacuna: sem leitura", "gap: no reading";
    legend_artefact: "artefato", "artefact";
    patient_lost: "Sem conexão com a sessão do paciente: os valores não são atuais.",
        "No connection to the patient's session: the values are not current.";
    not_allowed: "Seu perfil não tem acesso a dados clínicos deste paciente.",
        "Your role has no access to clinical data of this patient.";

    // Supervision.
    supervision_heading: "Árvore de supervisão", "Supervision tree";
    supervision_starting: "A árvore está iniciando.", "The tree is starting.";
    actor: "Ator", "Actor";
    kind: "Tipo", "Kind";
    state: "Estado", "State";
    restarts: "Reinícios", "Restarts";
    budget: "Saldo de reinícios", "Restart budget left";
    mailbox: "Fila", "Mailbox";
    oldest: "Mais antiga", "Oldest";
    up_for: "Ativo há", "Up for";
    last_exit: "Último término", "Last exit";
    kind_worker: "ator", "worker";
    kind_supervisor: "supervisor", "supervisor";
    kind_dynamic: "supervisor dinâmico", "dynamic supervisor";
    state_starting: "iniciando", "starting";
    state_running: "em execução", "running";
    state_restarting: "reiniciando", "restarting";
    state_stopping: "encerrando", "stopping";
    state_stopped: "parado", "stopped";
    state_failed: "falhou", "failed";
    state_quarantined: "em quarentena", "quarantined";
    exit_normal: "normal", "normal";
    exit_shutdown: "encerramento", "shutdown";
    exit_error: "erro", "error";
    exit_panic: "pânico", "panic";
    exit_killed: "morto", "killed";
    exit_stalled: "travado", "stalled";
    exit_cancelled: "cancelado", "cancelled";
    exit_start_failed: "não iniciou", "did not start";
    nodes_more: "outros filhos", "other children";

    // Log-in.
    log_in: "Entrar", "Log in";
    log_in_heading: "Entrar no Plantão", "Log in to Plantão";
    account: "Usuário", "Account";
    password: "Senha", "Password";
    code: "Código de 6 dígitos do autenticador", "6-digit code of your authenticator";
    link_text: "Este link vale uma única vez e por poucos minutos. Continue no aparelho em que \
                vai trabalhar.",
        "This link works once and for a few minutes. Continue on the device you will work on.";
    link_button: "Entrar com este link", "Log in with this link";
    failed_credentials: "Os dados não conferem, ou o link já foi usado ou expirou.",
        "The details are not right, or the link was used before or has expired.";
    failed_often: "Muitas tentativas. Aguarde alguns minutos e tente de novo.",
        "Too many attempts. Wait a few minutes and try again.";
    failed_unavailable: "Não foi possível verificar agora. Tente de novo em instantes.",
        "This could not be checked now. Try again in a moment.";

    // Refusals.
    request: "Solicitação", "Request";
    back: "Voltar às unidades", "Back to the wards";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_everything() {
        // An ending that one of the two languages does without.
        let may_be_empty = ["and_more_end"];
        for locale in [Locale::PtBr, Locale::En] {
            for (name, text) in Words::of(locale).entries() {
                assert!(
                    !text.is_empty() || may_be_empty.contains(&name),
                    "{name} in {locale}"
                );
                assert_eq!(text.trim(), text, "{name} in {locale}");
                assert!(!text.contains("  "), "{name} in {locale}: {text:?}");
            }
        }
    }

    #[test]
    fn a_text_is_the_same_in_both_languages_only_where_both_say_so() {
        let same = [
            "news2",
            "high_scores",
            "total",
            "kind_supervisor",
            "exit_normal",
        ];
        let pairs = Words::of(Locale::PtBr).entries().into_iter();
        for ((name, pt), (_, en)) in pairs.zip(Words::of(Locale::En).entries()) {
            assert_eq!(pt == en, same.contains(&name), "{name}: {pt:?} and {en:?}");
        }
    }
}
