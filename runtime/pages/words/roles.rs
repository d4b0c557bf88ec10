//! What the roles of the delivered configuration are called; a role of the institution's own
//! appears by the name it was given there.

use plantao_schema::access::Role;
use plantao_schema::locale::Locale;

/// The name of a role for a reader.
pub(in crate::pages) fn role(role: &Role, locale: Locale) -> &str {
    let (pt, en) = match role.as_str() {
        "physician" => ("medicina", "physician"),
        "nurse" => ("enfermagem", "nurse"),
        "ward_clerk" => ("secretaria da unidade", "ward clerk"),
        "operator" => ("operação", "operator"),
        "auditor" => ("auditoria", "auditor"),
        other => return other,
    };
    match locale {
        Locale::PtBr => pt,
        Locale::En => en,
    }
}
