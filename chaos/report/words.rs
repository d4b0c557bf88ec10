//! The page's words, in both languages, side by side: one without the other does not compile.

use crate::checkers::Rare;
use crate::invariant::Invariant;
use maud::{Markup, html};

/// The same in Portuguese and in English.
#[derive(Clone, Copy, Debug)]
pub(super) struct Both {
    pub(super) pt: &'static str,
    pub(super) en: &'static str,
}

pub(super) const fn both(pt: &'static str, en: &'static str) -> Both {
    Both { pt, en }
}

impl maud::Render for Both {
    fn render(&self) -> Markup {
        html! {
            span.pt lang="pt-BR" { (self.pt) }
            span.en lang="en" { (self.en) }
        }
    }
}

/// What an invariant says.
pub(super) const fn invariant(one: Invariant) -> Both {
    match one {
        Invariant::AuditDurable => both(
            "Toda entrada com recibo está na trilha, uma única vez.",
            "Every entry whose receipt was given is in the trail, once.",
        ),
        Invariant::AuditChained => both(
            "Cada cadeia numera suas entradas sem lacunas, e todo hash confere.",
            "Each chain numbers its entries without a gap, and every hash holds.",
        ),
        Invariant::MutationCompleted => both(
            "Toda entrada aberta é concluída uma vez e diz o que houve com a mudança.",
            "Every opened entry is completed once, and says what became of the change.",
        ),
        Invariant::ReleaseProven => both(
            "Nenhum dado saiu sem permissão e recibo anteriores.",
            "No data left without a permit and a receipt before it.",
        ),
        Invariant::PermitFresh => both(
            "Nenhuma permissão serviu duas vezes nem depois de revogada.",
            "No permit served twice, or after it was revoked.",
        ),
        Invariant::IntensityObeyed => both(
            "Os reinícios não passam do limite do supervisor, que desiste quando passariam.",
            "Restarts never exceed a supervisor's intensity; it gives up when they would.",
        ),
        Invariant::BlastContained => both(
            "Só caíram com um filho aqueles que a estratégia nomeia.",
            "Only the children that the strategy names went down with a failed one.",
        ),
        Invariant::NoOrphan => both(
            "Nada de uma vida sobra depois que seu supervisor terminou.",
            "Nothing of a life is left once its supervisor has ended.",
        ),
        Invariant::NoOverlap => both(
            "Duas encarnações do mesmo filho nunca viveram ao mesmo tempo.",
            "Two incarnations of one child never lived at once.",
        ),
        Invariant::OrderKept => both(
            "Os filhos iniciam na sua ordem e param na inversa.",
            "Children started in their order and stopped in its reverse.",
        ),
        Invariant::CallsEnd => both(
            "Toda chamada termina no prazo, com resposta ou erro tipado.",
            "Every call ended by its deadline, with an answer or a typed error.",
        ),
        Invariant::QueuesBounded => both(
            "Nunca houve mais mensagens em voo do que a fila admite.",
            "No more messages were in flight than a handle lets in.",
        ),
        Invariant::WriteDurable => both(
            "Toda mudança confirmada pode ser lida.",
            "An acknowledged change is there to be read.",
        ),
        Invariant::Recovers => both(
            "Sem mais falhas, o sistema volta a atender a tempo.",
            "Once nothing is broken any more, the system serves again in time.",
        ),
    }
}

/// What a rare state is.
pub(super) const fn rare(one: Rare) -> Both {
    match one {
        Rare::EntryReconciled => both("mudança concluída por outro", "change completed by another"),
        Rare::SupervisorGaveUp => both("supervisor desistiu", "supervisor gave up"),
        Rare::StartRetried => both("início repetido", "start tried again"),
        Rare::GroupRestarted => both("grupo reiniciado", "group restarted"),
        Rare::ChildStalled => both("filho travado", "child stalled"),
        Rare::ChildQuarantined => both("filho em quarentena", "child quarantined"),
        Rare::PermitRefusedAfterRevoke => both("recusa após revogação", "refused after revocation"),
        Rare::BreakGlassGranted => both("acesso de emergência", "emergency access"),
        Rare::LostReply => both("recibo perdido", "lost receipt"),
        Rare::CallTimedOut => both("chamada sem resposta no prazo", "call timed out"),
        Rare::OverloadShed => both("sobrecarga recusada", "overload turned away"),
        Rare::NodeRecovered => both("nó recuperado", "node recovered"),
        Rare::RootGaveUp => both("raiz desistiu", "root gave up"),
        Rare::UnavailableTold => both("indisponibilidade avisada", "told to come back later"),
        Rare::ConnectionBroken => both("conexão rompida", "connection broken"),
    }
}
