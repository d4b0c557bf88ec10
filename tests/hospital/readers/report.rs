//! The patient's report, through the command line and over HTTP.

use super::{CONTACT, PATIENT, get, lived};
use http::Method;
use std::os::unix::fs::PermissionsExt;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_is_told_who_saw_their_data_in_words_they_can_read() {
    let hospital = lived().await;
    let read = ["audit", "report", PATIENT];
    let portuguese = hospital.must(&read).await;
    let english = hospital
        .must(&[&read[..], &["--language", "en"]].concat())
        .await;
    for (report, expected) in [
        (
            &portuguese,
            [
                "QUEM ACESSOU OS SEUS DADOS",
                "medicina (medica)",
                "enfermagem (enfermeiro)",
                "cuidar da sua saúde",
                "Acesso de emergência",
                "Recusado",
                "ANPD",
                CONTACT,
            ],
        ),
        (
            &english,
            [
                "WHO LOOKED AT YOUR DATA",
                "physician (medica)",
                "nurse (enfermeiro)",
                "your care",
                "Emergency access",
                "Refused",
                "ANPD",
                CONTACT,
            ],
        ),
    ] {
        for expected in expected {
            assert!(report.contains(expected), "{expected}:\n{report}");
        }
        assert!(
            report.contains("parada card") && !report.contains("529.982"),
            "{report}"
        );
    }
    assert!(
        portuguese.contains("(2 vezes)"),
        "two equal readings are one line:\n{portuguese}"
    );
    // The first report is itself told in the second.
    assert!(
        english.contains("the record of accesses to your data"),
        "{english}"
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relatorio.html");
    let page = [&read[..], &["--html", file.to_str().unwrap()]].concat();
    hospital.must(&page).await;
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("lang=\"pt-BR\""));
    assert!(page.contains("Acesso de emergência") && !page.contains("529.982"));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let auditor = hospital.as_principal("auditora").await;
    let path = format!("/v1/audit/patients/{PATIENT}/report?lang=en");
    let accept = [("accept", "text/html")];
    let reply = auditor
        .send(Method::GET, &path, &accept, bytes::Bytes::new())
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").starts_with("text/html"));
    assert!(
        reply
            .header("content-security-policy")
            .starts_with("default-src 'none'; style-src")
    );
    assert_eq!(reply.header("content-language"), "en");
    assert!(!reply.header("plantao-audit-entry").is_empty());
    let empty = get(&auditor, &format!("{path}&until=2020-01-01"))
        .await
        .text();
    assert!(empty.contains("Nobody accessed your data"), "{empty}");
    let bad = auditor.get(&format!("{path}&since=x")).await.unwrap();
    assert_eq!((bad.status, &bad.json()["field"]), (400, &"since".into()));
    hospital.finish().await;
}
