//! What a refused reader is told, by the code of the refusal: a heading and what to do.
//!
//! The detail of a problem is for programmers and in English; a person at a bed gets these.

use plantao_schema::locale::Locale;
use plantao_schema::problem::ProblemCode;

/// A refusal for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) struct Advice {
    /// What happened.
    pub(in crate::pages) title: &'static str,
    /// What to do about it.
    pub(in crate::pages) text: &'static str,
}

/// What to tell a reader of a language about a refusal.
pub(in crate::pages) const fn advice(code: ProblemCode, locale: Locale) -> Advice {
    let (pt, en) = match code {
        ProblemCode::Unauthenticated => (
            (
                "Entre para continuar",
                "Sua sessão terminou ou ainda não começou.",
            ),
            (
                "Log in to continue",
                "Your session has ended or has not begun.",
            ),
        ),
        ProblemCode::StepUpRequired => (
            (
                "É preciso um segundo fator",
                "Entre de novo com senha e código, ou use um aparelho da instituição.",
            ),
            (
                "A second factor is needed",
                "Log in again with password and code, or use a device of the institution.",
            ),
        ),
        ProblemCode::Denied => (
            (
                "Acesso negado",
                "Seu perfil não permite ver esta página, ou o paciente retirou o consentimento. \
                 Esta tentativa foi registrada.",
            ),
            (
                "Access denied",
                "Your role may not see this page, or the patient has withdrawn consent. This \
                 attempt was recorded.",
            ),
        ),
        ProblemCode::NotFound => (
            ("Página não encontrada", "Não há nada neste endereço."),
            ("Page not found", "There is nothing at this address."),
        ),
        ProblemCode::Erased => (
            (
                "Dados apagados",
                "Os dados deste paciente foram apagados e não podem ser recuperados.",
            ),
            (
                "Data erased",
                "This patient's data was erased and cannot be brought back.",
            ),
        ),
        ProblemCode::Unavailable | ProblemCode::Overloaded | ProblemCode::DeadlineExceeded => (
            (
                "Indisponível no momento",
                "Uma parte do sistema está voltando. Tente de novo em alguns segundos.",
            ),
            (
                "Not available now",
                "A part of the system is coming back. Try again in a few seconds.",
            ),
        ),
        ProblemCode::StorageFull => (
            (
                "Somente leitura no momento",
                "O espaço em disco está no fim: nada pode ser alterado até que haja mais espaço.",
            ),
            (
                "Read-only for now",
                "Space on the disk is running out: nothing can be changed until there is more.",
            ),
        ),
        ProblemCode::Malformed
        | ProblemCode::Invalid
        | ProblemCode::MethodNotAllowed
        | ProblemCode::Conflict
        | ProblemCode::TooLarge
        | ProblemCode::UnsupportedMediaType
        | ProblemCode::RequestTimeout => (
            (
                "Pedido não aceito",
                "O navegador enviou algo que não pôde ser lido. Volte e tente de novo.",
            ),
            (
                "Request not accepted",
                "The browser sent something that could not be read. Go back and try again.",
            ),
        ),
        ProblemCode::PluginFailed
        | ProblemCode::PluginRefused
        | ProblemCode::PluginTimeout
        | ProblemCode::Internal => (
            (
                "Algo falhou do nosso lado",
                "A falha foi registrada. Se persistir, informe o número da solicitação ao suporte.",
            ),
            (
                "Something failed on our side",
                "The failure was recorded. If it persists, give the request's number to support.",
            ),
        ),
    };
    let (title, text) = match locale {
        Locale::PtBr => pt,
        Locale::En => en,
    };
    Advice { title, text }
}
