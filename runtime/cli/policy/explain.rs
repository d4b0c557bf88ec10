//! One imagined request, decided, with the whole reasoning.

use std::io::Write;

use plantao_actors::clock::WallClock;
use plantao_schema::access::{
    AccessRequest, Action, ConsentStatus, Decision, DevicePosture, Network, Principal, Purpose,
    ResourceKind, Role, Rules, Signals, VerdictKind, decide,
};
use plantao_schema::id::{PatientId, PrincipalId, RequestId, ResourceId, Tenant};

use super::named;
use crate::cli::arguments::Explain;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::service::{DEMO_PRINCIPALS, DemoPrincipal};

/// How long the imagined credential is still good for; only that it is matters.
const STILL_GOOD_SECONDS: i64 = 3_600;

pub(super) fn explain(
    context: &Context,
    asked: &Explain,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let rules = &context.config.policy.rules;
    let request = request(rules, &context.config.identity.tenant, asked)?;
    let signals = signals(asked, &request.principal)?;
    let decision = decide(rules, &request, &signals);
    if asked.json {
        let text = serde_json::to_string_pretty(&decision);
        let text = text.map_err(|error| usage("--json", &error.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        print(rules, &request, &signals, &decision, out)?;
    }
    out.flush()?;
    match decision.verdict {
        VerdictKind::Allow | VerdictKind::BreakGlass => Ok(()),
        VerdictKind::StepUp | VerdictKind::Deny => Err(CliError::Refused {
            text: format!(
                "{}: {}",
                decision.verdict.as_str(),
                decision.reason.as_str()
            ),
        }),
    }
}

fn usage(argument: &str, error: &str) -> CliError {
    CliError::Usage {
        text: format!("{argument}: {error}"),
    }
}

fn request(rules: &Rules, tenant: &Tenant, asked: &Explain) -> Result<AccessRequest, CliError> {
    let known = DEMO_PRINCIPALS
        .iter()
        .find(|one| one.name == asked.principal);
    let role = role(rules, asked, known)?;
    let action = named("ACTION", Action::parse(&asked.action))?;
    let (kind, id) = asked.resource.split_once('/').unzip();
    let kind = named(
        "RESOURCE",
        ResourceKind::parse(kind.unwrap_or(&asked.resource)),
    )?;
    let id = id.map(ResourceId::parse).transpose();
    let id = id.map_err(|error| usage("RESOURCE", &error.to_string()))?;
    let patient = id.as_ref().filter(|_| kind != ResourceKind::Ward);
    let patient = patient.and_then(|id| PatientId::parse(id.as_str()).ok());
    let now = WallClock::system().now();
    let name = PrincipalId::parse(&asked.principal);
    let trusted = known.is_some_and(|one| one.trusted);
    let device = match &asked.device {
        Some(name) => named("--device", DevicePosture::parse(name))?,
        None if trusted => DevicePosture::Managed,
        None => DevicePosture::Unknown,
    };
    let request_id = RequestId::parse("explained");
    Ok(AccessRequest {
        request_id: request_id.map_err(|error| usage("request", &error.to_string()))?,
        purpose: purpose(rules, asked, &role, action, kind)?,
        principal: Principal {
            id: name.map_err(|error| usage("PRINCIPAL", &error.to_string()))?,
            tenant: tenant.clone(),
            role,
            device,
            multi_factor: asked.mfa || trusted,
            authenticated_at: now,
            expires_at: now.plus_seconds(STILL_GOOD_SECONDS),
            session: None,
        },
        action,
        kind,
        resource: id,
        patient,
        break_glass: asked.break_glass.clone(),
        at: now,
    })
}

fn role(rules: &Rules, asked: &Explain, known: Option<&DemoPrincipal>) -> Result<Role, CliError> {
    let roles = || {
        let names: Vec<&str> = rules.roles.keys().map(Role::as_str).collect();
        names.join(", ")
    };
    let name = asked.role.as_deref().or(known.map(|one| one.role));
    let Some(name) = name else {
        let text = format!(
            "`{}` is no demonstration principal: say its role with --role ({})",
            asked.principal,
            roles()
        );
        return Err(CliError::Usage { text });
    };
    match Role::parse(name) {
        Ok(role) if rules.roles.contains_key(&role) => Ok(role),
        _ => Err(usage("--role", &format!("there are {}", roles()))),
    }
}

/// What was said, else the first purpose that the role has for this, else treatment.
fn purpose(
    rules: &Rules,
    asked: &Explain,
    role: &Role,
    action: Action,
    kind: ResourceKind,
) -> Result<Purpose, CliError> {
    if let Some(name) = &asked.purpose {
        return named("--purpose", Purpose::parse(name));
    }
    let mut purposes = Purpose::ALL.iter().copied();
    let granted = purposes.find(|why| rules.may_for(role, action, kind, *why));
    Ok(granted.unwrap_or(Purpose::Treatment))
}

fn signals(asked: &Explain, principal: &Principal) -> Result<Signals, CliError> {
    Ok(Signals {
        device: principal.device,
        network: named("--network", Network::parse(&asked.network))?,
        multi_factor: principal.multi_factor,
        credential_age_seconds: asked.age,
        requests_last_minute: asked.requests,
        refusals_last_ten_minutes: asked.refusals,
        duty_hours: !asked.off_hours,
        consent: named("--consent", ConsentStatus::parse(&asked.consent))?,
        session_revoked: false,
    })
}

fn print(
    rules: &Rules,
    request: &AccessRequest,
    signals: &Signals,
    decision: &Decision,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let (principal, kind) = (&request.principal, request.kind);
    let on = request
        .resource
        .as_ref()
        .map_or_else(String::new, |id| format!("/{}", id.as_str()));
    writeln!(
        out,
        "{} as {} would {} {kind}{on} for {}",
        principal.id, principal.role, request.action, request.purpose
    )?;
    let (verdict, reason) = (decision.verdict.as_str(), decision.reason.as_str());
    writeln!(out, "{verdict}: {reason}\n")?;
    grants(rules, request, out)?;
    writeln!(
        out,
        "consent    {} by the patient in focus",
        signals.consent
    )?;
    writeln!(out, "emergency  {}\n", emergency(rules, request))?;
    for factor in &decision.trust.factors {
        let (name, points, max) = (&factor.name, factor.points, factor.max);
        writeln!(out, "{name:<12} {points:>3} of {max:<3} {}", factor.why)?;
    }
    let step_up = rules
        .thresholds
        .get(&kind)
        .map_or(100, |threshold| threshold.step_up);
    writeln!(
        out,
        "{:<12} {:>3} of 100; {kind} is allowed from {}, asks for more from {step_up}",
        "trust", decision.trust.score, decision.threshold
    )?;
    if decision.verdict == VerdictKind::StepUp && !signals.multi_factor {
        let stronger = Signals {
            multi_factor: true,
            credential_age_seconds: 0,
            ..*signals
        };
        let after = decide(rules, request, &stronger);
        let (score, verdict) = (after.trust.score, after.verdict.as_str());
        writeln!(out, "\nwith a second factor now: {score}, {verdict}")?;
    }
    Ok(())
}

fn grants(rules: &Rules, request: &AccessRequest, out: &mut impl Write) -> Result<(), CliError> {
    let role = &request.principal.role;
    let granted = rules.roles.get(role).map(|rule| &rule.grants);
    let on_kind = granted
        .into_iter()
        .flatten()
        .filter(|grant| grant.on == request.kind);
    let mut any = false;
    for grant in on_kind {
        let actions: Vec<&str> = grant.actions.iter().map(|action| action.as_str()).collect();
        let purposes: Vec<&str> = grant.purposes.iter().map(|why| why.as_str()).collect();
        let (actions, purposes) = (actions.join(", "), purposes.join(", "));
        writeln!(
            out,
            "grant      {role} may {actions} {} for {purposes}",
            request.kind
        )?;
        any = true;
    }
    if !any {
        writeln!(out, "grant      {role} has none on {}", request.kind)?;
    }
    Ok(())
}

fn emergency(rules: &Rules, request: &AccessRequest) -> &'static str {
    let may = rules
        .roles
        .get(&request.principal.role)
        .is_some_and(|rule| rule.break_glass);
    match (&request.break_glass, may) {
        (None, true) => "not claimed; the role may, with a reason",
        (None, false) => "not claimed; the role may not",
        (Some(_), true) => "claimed; the role may",
        (Some(_), false) => "claimed; the role may not",
    }
}
