//! Everything that reaches the disk, searched for what was said in clear.
//!
//! The whole walk is gone with markers that nothing else holds; then every file that the runtime or
//! PostgreSQL writes is read: data, write-ahead log, temporary files, sockets' folders, logs.

use crate::hospital::{Hospital, pause};
use plantao_actors::database::{DatabaseConfig, Login};
use serde_json::json;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

const PATIENT: &str = "p-0001";
/// In the record, and nowhere else.
const FAMILY: &str = "Zuleicamarcada";
const STREET: &str = "Ladeira do Plaintexto";
const PHONE: &str = "+55 11 91234-0077";
const CPF: &str = "39053344705";
const ALLERGEN: &str = "Marcadorcilina";
const NOTE: &str = "textoclaroqueninguemgravou";
const ARTICLE: &str = "Hermenegilda Marcadorilda";
const PASSWORD: &str = "senha-marcada-xyzzy-42";
/// More rows than a sort of PostgreSQL's keeps in memory, where it is given this little.
const LITTLE: [&str; 3] = [
    "ALTER SYSTEM SET work_mem = '64kB'",
    "ALTER SYSTEM SET log_temp_files = 0",
    "SELECT pg_reload_conf()",
];

const SECRETS: &[&str] = &[
    FAMILY,
    STREET,
    PHONE,
    "91234-0077",
    CPF,
    "390.533.447-05",
    ALLERGEN,
    NOTE,
    ARTICLE,
    PASSWORD,
];

fn bundle() -> String {
    let observation = |number: usize| {
        json!({
            "request": { "method": "PUT", "url": format!("Observation/o-{number}") },
            "resource": {
                "resourceType": "Observation", "id": format!("o-{number}"), "status": "final",
                "code": { "coding": [{ "system": "http://loinc.org", "code": "8867-4" }] },
                "subject": { "reference": format!("Patient/{PATIENT}") },
                "effectiveDateTime": "2026-01-05T10:00:00Z",
                "valueQuantity": {
                    "value": 61 + number % 40, "unit": "/min",
                    "system": "http://unitsofmeasure.org", "code": "/min",
                },
                "note": [{ "text": format!("{NOTE} {number}") }],
            },
        })
    };
    let mut entries = vec![
        json!({
            "request": { "method": "PUT", "url": format!("Patient/{PATIENT}") },
            "resource": {
                "resourceType": "Patient", "id": PATIENT, "birthDate": "1961-03-14",
                "identifier": [{
                    "system": "http://rnds.saude.gov.br/fhir/r4/NamingSystem/cpf", "value": CPF,
                }],
                "name": [{ "family": FAMILY, "given": ["Ana"] }],
                "telecom": [{ "system": "phone", "value": PHONE }],
                "address": [{ "line": [STREET] }],
            },
        }),
        json!({
            "request": { "method": "PUT", "url": "AllergyIntolerance/a-1" },
            "resource": {
                "resourceType": "AllergyIntolerance", "id": "a-1",
                "clinicalStatus": { "coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                    "code": "active",
                }] },
                "code": { "text": ALLERGEN },
                "patient": { "reference": format!("Patient/{PATIENT}") },
            },
        }),
    ];
    entries.extend((0..200).map(observation));
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }).to_string()
}

/// What a person would do in a day, all of it with markers.
async fn walk(hospital: &Hospital, folder: &Path) {
    let path = |name: &str, content: &str| -> String {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let records = path("bundle.json", &bundle());
    // Twice: the second time what was there becomes history.
    for _ in 0..2 {
        hospital.must(&["fhir", "load", &records]).await;
    }
    hospital.must(&["fhir", "get", "Patient", PATIENT]).await;
    let physician = hospital.as_principal("medica").await;
    let search = "/fhir/Patient?identifier=\
         http%3A%2F%2Frnds.saude.gov.br%2Ffhir%2Fr4%2FNamingSystem%2Fcpf%7C39053344705";
    let found = physician.get(search).await.unwrap();
    assert!(found.text().contains(FAMILY), "{}", found.text());
    let broken = json!({ "resourceType": "Patient", "id": PATIENT, "name": [{ "family": 7,
        "text": FAMILY }] });
    let refused = physician
        .put_json(&format!("/fhir/Patient/{PATIENT}"), &broken)
        .await;
    assert_eq!(refused.unwrap().status, 422);
    let reason = format!("reanimação de CPF {CPF}");
    let glass = ["fhir", "get", "Patient", PATIENT, "--as", "plantonista"];
    let glass = [&glass[..], &["--break-glass", &reason]].concat();
    hospital.must(&glass).await;
    hospital
        .must(&["ward", "place", "uti", "leito-1", PATIENT])
        .await;
    let page = physician
        .get(&format!("/patients/{PATIENT}"))
        .await
        .unwrap();
    assert!(page.text().contains(ALLERGEN), "{}", page.text());
    let article = format!("# Caso\n\nPaciente: {ARTICLE}, CPF 390.533.447-05.\n");
    let article = path("artigo.md", &article);
    hospital.must(&["content", "submit", &article]).await;
    let password = path("senha", &format!("{PASSWORD}\n"));
    let account = ["account", "add", "dra-ana", "--role", "physician"];
    let account = [&account[..], &["--password-file", &password]].concat();
    hospital.must(&account).await;
    hospital.must(&["consent", "revoke", PATIENT]).await;
    hospital.must(&["audit", "verify"]).await;
}

/// Every plain file below a folder.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}

/// Where a secret is in clear, if anywhere.
fn in_clear(hospital: &Hospital) -> (Vec<PathBuf>, Vec<String>) {
    let mut looked_at = files(hospital.state.clone());
    looked_at.extend(files(hospital.paths().runtime_dir()));
    let mut found = Vec::new();
    for path in &looked_at {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            // A server at work removes files.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        for secret in SECRETS {
            let wide: Vec<u8> = secret.bytes().flat_map(|byte| [byte, 0]).collect();
            for form in [secret.as_bytes(), &wide] {
                if memchr::memmem::find(&bytes, form).is_some() {
                    found.push(format!("{} in {}", secret, path.display()));
                }
            }
        }
    }
    (looked_at, found)
}

/// A session in the middle of reading what a sort has put into a temporary file.
struct Spilling {
    client: Client,
    driver: JoinHandle<()>,
}

impl Spilling {
    async fn start(hospital: &Hospital) -> Self {
        let config = DatabaseConfig::embedded(&hospital.state);
        let config = config.connection(Login::Owner).unwrap();
        let (client, connection) = config.connect(NoTls).await.unwrap();
        let driver = tokio::spawn(async move { connection.await.unwrap() });
        let read = "BEGIN; SET LOCAL ROLE postgres; SET LOCAL work_mem = '64kB'; \
             DECLARE spilled CURSOR FOR SELECT h.sealed, h.id \
             FROM plantao.fhir_resource_history h CROSS JOIN generate_series(1, 20) \
             ORDER BY h.sealed, h.id; FETCH 1 FROM spilled";
        client.batch_execute(read).await.unwrap();
        Self { client, driver }
    }

    async fn end(self) {
        drop(self.client);
        self.driver.await.unwrap();
    }
}

/// Whether a process may leave its memory in a file.
fn core_limit(pid: u32) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    words[4..6].join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_said_in_clear_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut hospital = Hospital::start_with(&["log.level=debug"]).await;
    for statement in LITTLE {
        hospital.as_superuser(statement).await;
    }
    walk(&hospital, folder.path()).await;
    for pid in [hospital.pid(), hospital.postmaster()] {
        assert_eq!(
            core_limit(pid),
            "0 0",
            "process {pid} may leave a core file"
        );
    }
    // A sort that does not fit into memory, over what records are stored as: its temporary file is
    // there for as long as somebody reads from it.
    let spilling = Spilling::start(&hospital).await;
    hospital
        .as_superuser("SELECT pg_switch_wal(); CHECKPOINT")
        .await;
    let (looked_at, found) = in_clear(&hospital);
    assert_eq!(found, Vec::<String>::new());
    assert!(looked_at.len() > 500, "only {} files", looked_at.len());
    let temporary = |path: &PathBuf| path.to_string_lossy().contains("pgsql_tmp");
    assert!(looked_at.iter().any(temporary), "nothing was spilled");
    spilling.end().await;

    // What a crash leaves behind, and what recovery makes of it.
    hospital.kill_nine().await;
    let end = Instant::now() + Duration::from_secs(30);
    while !hospital.processes().is_empty() {
        assert!(Instant::now() < end, "PostgreSQL outlives its runtime");
        pause().await;
    }
    assert_eq!(in_clear(&hospital).1, Vec::<String>::new());
    hospital.launch().await;
    hospital.must(&["audit", "verify"]).await;
    assert_eq!(in_clear(&hospital).1, Vec::<String>::new());
    let log = hospital.log();
    for secret in SECRETS {
        assert!(!log.contains(secret), "the log holds `{secret}`");
    }
    hospital.finish().await;
}
