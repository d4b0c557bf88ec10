//! Pages: what a person opens, drawn by the topic that keeps it up to date.

use super::super::refused::Refused;
use super::super::reply::{self, Answer, Body};
use super::super::route::{AssetRoute, PageRoute};
use super::super::services::Services;
use super::{Asked, Handled, internal, looked_at};
use super::{live, wards};
use crate::identity::{Claims, cookie};
use crate::pages::{self, ASSET_CACHE_CONTROL, Viewer};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use plantao_actors::live::{Subject, TopicKey};
use plantao_actors::policy::{Permit, ViewGrant};
use plantao_schema::access::Fields;
use plantao_schema::id::RequestId;
use plantao_schema::locale::Locale;
use plantao_schema::problem::{Problem, ProblemCode};

/// Where the choice of a language is kept. No secret, and nobody's data.
const LANGUAGE_COOKIE: &str = "plantao-lang";
/// For how long: a year.
const LANGUAGE_COOKIE_S: u32 = 31_536_000;

/// Shows a page.
pub(super) async fn page(
    services: &Services,
    permit: Permit,
    page: PageRoute,
    asked: &Asked<'_>,
) -> Result<Handled, Refused> {
    let (head, locale) = (&*asked.head, locale(asked.head));
    let grant = services.policy.view(&permit);
    let viewer = viewer(asked.claims, &grant);
    match page {
        PageRoute::Home => Ok(looked_at(Answer::see_other(start(&grant)))),
        PageRoute::Wards => {
            let wards = services.wards.list(&grant).await;
            let wards = wards.map_err(|error| wards::problem(&error))?;
            let body = pages::wards(&wards, &viewer, locale);
            Ok(looked_at(html(head, StatusCode::OK, body)))
        }
        PageRoute::Show(subject) => {
            let key = key(services, &permit, subject, locale);
            let shown = services.live.page(&key).await.map_err(live::problem)?;
            let patients = shown.patients.iter().map(ToString::to_string).collect();
            let body = services.pages.document(&shown, &key, &viewer);
            let body = body.map_err(|error| {
                tracing::error!(%error, "page");
                internal("the page could not be drawn")
            })?;
            Ok(Handled::Read {
                answer: html(head, StatusCode::OK, body),
                plugin: None,
                patients,
            })
        }
        PageRoute::Live(_) => Err(internal("a live part is no page").into()),
    }
}

/// Where a shift begins: whoever watches the system is no clinician.
pub(super) fn start(grant: &ViewGrant) -> &'static str {
    if grant.fields().contains(Fields::SUPERVISION) {
        "/supervision"
    } else {
        "/wards"
    }
}

/// A script or a style sheet.
pub(in crate::front_door) fn asset(route: &AssetRoute) -> Result<Answer, Problem> {
    let asset = pages::asset(&format!("/assets/{}", route.path))
        .ok_or_else(|| Problem::new(ProblemCode::NotFound, "there is no such file"))?;
    let answer = Answer {
        status: StatusCode::OK,
        content_type: asset.content_type,
        body: asset.bytes.to_vec(),
        headers: Vec::new(),
    };
    Ok(answer.header(header::CACHE_CONTROL, ASSET_CACHE_CONTROL.to_owned()))
}

/// A refusal for a person: a page, or for somebody unknown who wants to see one, the log-in.
pub(in crate::front_door) fn refusal(
    services: &Services,
    head: &Parts,
    refused: &Refused,
    id: &RequestId,
) -> Response<Body> {
    let (problem, path) = (&refused.problem, head.uri.path());
    let status = StatusCode::from_u16(problem.code.status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reads = head.method == http::Method::GET;
    if problem.code == ProblemCode::Unauthenticated && reads {
        let address = format!("/login?next={path}");
        let answer = Answer::see_other(if path == "/" { "/login" } else { &address });
        return reply::public(answer, id);
    }
    // Whoever is known keeps the way to where they may go.
    let claims =
        cookie::read(&head.headers).and_then(|token| services.verifier.verify(&token).ok());
    let viewer = claims.as_ref().map(|claims| Viewer {
        name: claims.name.as_deref().unwrap_or(claims.subject.as_str()),
        role: &claims.role,
        supervision: false,
    });
    let shown = pages::Refused {
        problem,
        request_id: id.as_str(),
        path,
        viewer,
    };
    let body = pages::refusal(&shown, locale(head));
    let mut response = reply::public(Answer::html(status, body, site(head)), id);
    reply::challenge(&mut response, problem);
    response
}

/// What a permit lets be shown, of what, in which language.
pub(super) fn key(
    services: &Services,
    permit: &Permit,
    subject: Subject,
    locale: Locale,
) -> TopicKey {
    TopicKey {
        grant: services.policy.view(permit),
        subject,
        locale,
    }
}

/// The site as the client names it: host and port.
pub(super) fn site(head: &Parts) -> Option<&str> {
    let named = head.headers.get(header::HOST);
    let named = named.and_then(|host| host.to_str().ok());
    let authority = head.uri.authority().map(|authority| authority.as_str());
    authority.or(named)
}

/// The reader's language: chosen now, chosen before, or what the browser asks for.
pub(super) fn locale(head: &Parts) -> Locale {
    if let Some(chosen) = chosen(head) {
        return chosen;
    }
    let header = |name| {
        head.headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let kept = header(header::COOKIE)
        .into_iter()
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|one| one.trim().split_once('='))
        .find(|(name, _)| *name == LANGUAGE_COOKIE)
        .and_then(|(_, value)| Locale::parse(value));
    let asked = || header(header::ACCEPT_LANGUAGE).map_or(Locale::PtBr, Locale::negotiate);
    kept.unwrap_or_else(asked)
}

fn chosen(head: &Parts) -> Option<Locale> {
    form_urlencoded::parse(head.uri.query()?.as_bytes())
        .find(|(name, _)| name == "lang")
        .and_then(|(_, value)| Locale::parse(&value))
}

/// A page, and the language that was chosen with it, kept for the next.
pub(super) fn html(head: &Parts, status: StatusCode, body: String) -> Answer {
    let answer = Answer::html(status, body, site(head));
    let Some(chosen) = chosen(head) else {
        return answer;
    };
    let kept = format!(
        "{LANGUAGE_COOKIE}={}; Path=/; Max-Age={LANGUAGE_COOKIE_S}; Secure; SameSite=Lax",
        chosen.as_str()
    );
    answer.header(header::SET_COOKIE, kept)
}

fn viewer<'a>(claims: &'a Claims, grant: &ViewGrant) -> Viewer<'a> {
    Viewer {
        name: claims.name.as_deref().unwrap_or(claims.subject.as_str()),
        role: &claims.role,
        supervision: grant.fields().contains(Fields::SUPERVISION),
    }
}
