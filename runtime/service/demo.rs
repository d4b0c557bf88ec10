//! The demonstration's principals: who they are, their tokens on disk, and the words that greet.
//!
//! They exist only under `plantao run --demo` (`make run`): their tokens say so in a claim that no
//! other run accepts, and a run without the demonstration removes their files.

use super::ServiceError;
use crate::config::Config;
use crate::identity::{Claims, SigningKey, TokenIssuer};
use crate::state_dir::{StateDir, write_private};
use plantao_actors::clock::WallClock;
use plantao_schema::access::{DevicePosture, Role};
use plantao_schema::id::PrincipalId;
use std::fmt::Write;

/// One shift: a demonstration that runs longer is started again.
const TTL_SECONDS: u32 = 12 * 3_600;

/// A principal of the demonstration.
#[derive(Clone, Copy, Debug)]
pub struct DemoPrincipal {
    /// Its name for `--as`.
    pub name: &'static str,
    /// Its role in the configuration.
    pub role: &'static str,
    /// On a managed device and with a second factor.
    pub trusted: bool,
    /// What it is there to show.
    pub shows: &'static str,
}

/// Everybody in the demonstration.
pub const DEMO_PRINCIPALS: &[DemoPrincipal] = &[
    DemoPrincipal {
        name: "medica",
        role: "physician",
        trusted: true,
        shows: "reads and writes records, may break the glass",
    },
    DemoPrincipal {
        name: "enfermeiro",
        role: "nurse",
        trusted: true,
        shows: "reads records, writes observations",
    },
    DemoPrincipal {
        name: "recepcao",
        role: "ward_clerk",
        trusted: true,
        shows: "admits and moves patients, sees nothing clinical",
    },
    DemoPrincipal {
        name: "operadora",
        role: "operator",
        trusted: true,
        shows: "watches the supervision tree, sees no patient",
    },
    DemoPrincipal {
        name: "autora",
        role: "author",
        trusted: true,
        shows: "submits articles, sees no patient",
    },
    DemoPrincipal {
        name: "auditora",
        role: "auditor",
        trusted: true,
        shows: "reads the audit trail and nothing else",
    },
    DemoPrincipal {
        name: "dev",
        role: "plugin_developer",
        trusted: true,
        shows: "calls plugins on texts of its own",
    },
    DemoPrincipal {
        name: "plantonista",
        role: "physician",
        trusted: false,
        shows: "a physician on an unknown device: asked to step up",
    },
    DemoPrincipal {
        name: "visitante",
        role: "visitor",
        trusted: false,
        shows: "may do nothing: refused, and the refusal audited",
    },
];

/// Signs a token for each and keeps it where the CLI looks.
pub(super) fn issue_tokens(
    config: &Config,
    state: &StateDir,
    clock: &WallClock,
) -> Result<(), ServiceError> {
    let issuer = TokenIssuer::new(SigningKey::open(state)?, &config.identity);
    for principal in DEMO_PRINCIPALS {
        let (Ok(id), Ok(role)) = (
            PrincipalId::parse(principal.name),
            Role::parse(principal.role),
        ) else {
            continue;
        };
        let tenant = config.identity.tenant.clone();
        let mut claims = Claims::new(id, tenant, role, clock.now(), TTL_SECONDS);
        claims.demo = true;
        if principal.trusted {
            claims.device = DevicePosture::Managed;
            claims = claims.with_multi_factor();
        }
        let token = issuer.issue(&claims)?;
        write_private(&state.paths().demo_token(principal.name), token.as_bytes())?;
    }
    Ok(())
}

/// Removes what an earlier demonstration left: its tokens would be refused anyway.
pub(super) fn remove_tokens(state: &StateDir) {
    for principal in DEMO_PRINCIPALS {
        let _not_there = std::fs::remove_file(state.paths().demo_token(principal.name));
    }
}

/// What a newcomer reads once everything runs.
pub(super) fn banner(config: &Config, state: &StateDir) -> String {
    let mut text = String::new();
    let (door, admin) = (config.front_door.listen, config.admin.listen);
    let root = state.paths().root().display();
    let _infallible = write!(
        text,
        "\nPlantão is on duty.\n\n  \
         front door   https://{door}      (development CA: {root}/tls/ca.pem)\n  \
         admin        http://{admin}       /livez /readyz?verbose /v1/supervision /metrics\n  \
         state        {root}\n\nDemonstration principals (--as NAME):\n"
    );
    for principal in DEMO_PRINCIPALS {
        let DemoPrincipal {
            name, role, shows, ..
        } = principal;
        let _infallible = writeln!(text, "  {name:<12} {role:<10} {shows}");
    }
    let binary = std::env::current_exe()
        .ok()
        .and_then(|path| {
            let here = std::env::current_dir().ok()?;
            path.strip_prefix(here)
                .ok()
                .map(|path| path.display().to_string())
        })
        .unwrap_or_else(|| "plantao".to_owned());
    let _infallible = write!(
        text,
        "\nTry next, in another terminal:\n  \
         {binary} content submit config/demo/artigo.md\n  \
         {binary} fhir load config/demo/bundle.json\n  \
         {binary} fhir get Patient maria-exemplo\n  \
         {binary} fhir get Patient maria-exemplo --as visitante\n  \
         {binary} tree\n  \
         {binary} kill plantao/trust/policy && {binary} tree\n  \
         {binary} audit tail && {binary} audit verify\n\n\
         A ward that lives, and a link to look at it in a browser:\n  \
         {binary} fhir load config/demo/enfermaria.json\n  \
         {binary} vitals replay config/demo/sinais.csv --ward uti-1 --speed 60 --loop \\\n    \
         --patient paciente-101 --patient paciente-102 --patient paciente-103\n  \
         {binary} login                          then open /wards/uti-1\n  \
         {binary} login --as operadora           for the supervision tree\n\n\
         Ctrl-C drains and stops everything, PostgreSQL included.\n\n"
    );
    text
}
