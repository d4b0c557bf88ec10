//! Keys of a running hospital: rotations that a power cut interrupts, an erasure that a restored
//! database does not undo, incidents in the trail, and a master key in a token.

use crate::hospital::{Hospital, pause, text};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const RECORDS: usize = 400;
const DEADLINE: Duration = Duration::from_secs(60);

/// So many records of one patient.
fn many() -> String {
    let patient = json!({ "resourceType": "Patient", "id": "rita" });
    let observation = |number: usize| {
        json!({ "resourceType": "Observation", "id": format!("o-{number}"), "status": "final",
            "code": { "text": "pulse" }, "subject": { "reference": "Patient/rita" },
            "valueQuantity": { "value": number, "unit": "/min" } })
    };
    let all = std::iter::once(patient).chain((0..RECORDS).map(observation));
    let entries: Vec<Value> = all
        .map(|resource| {
            let url = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            );
            json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
        })
        .collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }).to_string()
}

async fn load_many(hospital: &Hospital) {
    let file = hospital.state.join("many.json");
    std::fs::write(&file, many()).unwrap();
    hospital
        .must(&["fhir", "load", file.to_str().unwrap()])
        .await;
}

async fn status(hospital: &Hospital) -> Value {
    let said = hospital.must(&["vault", "status", "--json"]).await;
    serde_json::from_str(&said).unwrap()
}

async fn until_finished(hospital: &Hospital) -> Value {
    let end = Instant::now() + DEADLINE;
    loop {
        let status = status(hospital).await;
        if status["rotation"]["finished"] == true {
            return status;
        }
        assert!(Instant::now() < end, "{status}");
        pause().await;
    }
}

/// How many entries of the trail say this; critical ones alone, or any.
async fn told(hospital: &Hospital, critical: bool, what: &str) -> usize {
    let all = hospital.must(&["audit", "export"]).await;
    let says = |line: &&str| {
        line.contains(what) && (!critical || line.contains("\"severity\":\"critical\""))
    };
    all.lines().filter(says).count()
}

async fn all_read(hospital: &Hospital) {
    let client = hospital.as_principal("medica").await;
    for number in 0..RECORDS {
        let address = format!("/fhir/Observation/o-{number}");
        let reply = client.get(&address).await.unwrap();
        assert_eq!(reply.status, 200, "{address}: {}", reply.text());
        assert_eq!(reply.json()["valueQuantity"]["value"], number);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_level_is_rotated_and_a_power_cut_in_the_middle_loses_nothing() {
    let mut hospital = Hospital::start().await;
    load_many(&hospital).await;
    let before = status(&hospital).await;
    let begun = hospital
        .must(&["vault", "rotate", "data", "--patient", "rita"])
        .await;
    assert!(begun.contains("of data keys"), "{begun}");
    hospital.kill_nine().await;
    hospital.launch().await;
    let after = until_finished(&hospital).await;
    assert!(
        after["rotation"]["done"].as_u64().unwrap() >= RECORDS as u64,
        "{after}"
    );
    assert_eq!(
        after["data_keys"], before["data_keys"],
        "the old version is destroyed"
    );
    let stale = "DO $$ BEGIN IF EXISTS (SELECT FROM plantao.fhir_resource \
         WHERE patient = 'rita' AND key_version < 2) THEN RAISE 'stale'; END IF; END $$";
    hospital.as_superuser(stale).await;
    all_read(&hospital).await;
    for level in ["tenant", "master"] {
        hospital.must(&["vault", "rotate", level]).await;
        hospital.kill_nine().await;
        hospital.launch().await;
        until_finished(&hospital).await;
        all_read(&hospital).await;
    }
    let last = status(&hospital).await;
    assert_ne!(last["master_key"], before["master_key"]);
    assert_eq!(last["tenant_key_version"], 2);
    assert_eq!(last["tenant_key_versions"], 1);
    assert_eq!(
        told(&hospital, false, "rotate the master key").await,
        2,
        "asked and done"
    );
    let verified = hospital.must(&["audit", "verify"]).await;
    assert!(verified.contains("every hash holds"), "{verified}");
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_patient_stays_erased_when_an_old_copy_of_the_database_comes_back() {
    let mut hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    hospital
        .as_superuser("CREATE TABLE public.copy AS SELECT * FROM plantao_keys.data_key")
        .await;
    let text_of = hospital
        .run(&[
            "vault",
            "erase",
            "maria-exemplo",
            "--reason",
            "She asked for it",
        ])
        .await;
    assert_eq!(text_of.status.code(), Some(1), "{}", text(&text_of.stderr));
    let erased = hospital
        .must(&["vault", "erase", "maria-exemplo", "--reason", "lgpd_art18"])
        .await;
    assert!(erased.contains("1 key versions destroyed"), "{erased}");
    let client = hospital.as_principal("medica").await;
    let reply = client.get("/fhir/Patient/maria-exemplo").await.unwrap();
    assert_eq!(reply.status, 410, "{}", reply.text());
    assert_eq!(
        told(&hospital, true, "erase a patient for lgpd_art18").await,
        2
    );
    let stopped = hospital.stop().await;
    assert!(stopped.success());
    // The cluster is up only with its hospital: the old copy is brought back before a restart by
    // power cut.
    hospital.launch().await;
    hospital
        .as_superuser(
            "DELETE FROM plantao_keys.tombstone; DELETE FROM plantao_keys.data_key; \
             INSERT INTO plantao_keys.data_key SELECT * FROM public.copy",
        )
        .await;
    hospital.kill_nine().await;
    hospital.launch().await;
    let client = hospital.as_principal("medica").await;
    let reply = client.get("/fhir/Patient/maria-exemplo").await.unwrap();
    assert_eq!(reply.status, 410, "{}", reply.text());
    let reply = client.get("/fhir/Practitioner/dra-exemplo").await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let end = Instant::now() + DEADLINE;
    while told(&hospital, true, "erased_key_returned").await == 0 {
        assert!(Instant::now() < end, "nothing is in the trail");
        pause().await;
    }
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_tampered_with_is_a_critical_entry_and_its_reader_learns_nothing() {
    let hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    let tamper = "UPDATE plantao.fhir_resource SET \
         sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE id = 'pressao-exemplo'";
    assert_eq!(hospital.as_superuser(tamper).await, 1);
    let client = hospital.as_principal("medica").await;
    let reply = client.get("/fhir/Observation/pressao-exemplo").await;
    let reply = reply.unwrap();
    assert_eq!(reply.status, 500);
    assert!(!reply.text().contains("seal"), "{}", reply.text());
    let end = Instant::now() + DEADLINE;
    while told(&hospital, true, "decryption_failed: fhir_resource.sealed").await == 0 {
        assert!(Instant::now() < end, "nothing is in the trail");
        pause().await;
    }
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_of_the_master_key_that_cannot_be_used_exits_78_and_says_what_to_do() {
    for (settings, said) in [
        (vec!["vault.provider=pkcs11"], "vault.pkcs11"),
        (vec!["vault.provider=systemd"], "vault.credential"),
        (
            vec!["vault.provider=systemd", "vault.credential=master"],
            "LoadCredentialEncrypted=master",
        ),
        (
            vec![
                "vault.provider=pkcs11",
                "vault.pkcs11.module=/nowhere.so",
                "vault.pkcs11.key=master",
                "vault.pkcs11.pin_file=/nowhere",
            ],
            "set `vault.pkcs11.module`",
        ),
        (
            vec!["vault.provider=paper"],
            "one of `file`, `pkcs11`, `systemd`",
        ),
    ] {
        let hospital = Hospital::prepared(&settings);
        let output = hospital.run(&["run"]).await;
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{settings:?}: {stderr}");
        assert!(stderr.contains(said), "{settings:?}: {stderr}");
        assert!(!hospital.state.join("keys/master.key").exists());
    }
}

/// A token with one key in it, by the tools of its maker.
fn make_token(folder: &Path) {
    let config = format!("directories.tokendir = {}\n", folder.display());
    std::fs::write(folder.join("softhsm2.conf"), config).unwrap();
    std::fs::write(folder.join("pin"), "482913\n").unwrap();
    let softhsm = |arguments: &[&str]| {
        let ran = Command::new("softhsm2-util")
            .args(arguments)
            .env("SOFTHSM2_CONF", folder.join("softhsm2.conf"))
            .output()
            .expect("softhsm2: `scripts/deps test` installs it");
        assert!(ran.status.success(), "{ran:?}");
    };
    softhsm(&[
        "--init-token",
        "--free",
        "--label",
        "plantao",
        "--so-pin",
        "5555555",
        "--pin",
        "482913",
    ]);
    std::fs::write(folder.join("key"), [9; 32]).unwrap();
    let key = folder.join("key");
    softhsm(&[
        "--import",
        key.to_str().unwrap(),
        "--aes",
        "--token",
        "plantao",
        "--label",
        "master",
        "--id",
        "01",
        "--pin",
        "482913",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hospital_moves_its_master_key_from_the_file_into_a_token() {
    let folder = tempfile::tempdir().unwrap();
    make_token(folder.path());
    let mut hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    assert!(hospital.stop().await.success());
    let file = hospital.state.join("plantao.toml");
    let token = format!(
        "provider = \"pkcs11\"\n[vault.pkcs11]\nmodule = \"/usr/lib/softhsm/libsofthsm2.so\"\n\
         token = \"plantao\"\nkey = \"master\"\npin_file = \"{}\"\n",
        folder.path().join("pin").display()
    );
    let both = format!("[vault]\n{token}[vault.previous]\nprovider = \"file\"\n");
    std::fs::write(&file, both).unwrap();
    hospital.set_env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf"));
    hospital.launch().await;
    let moved = hospital
        .must(&["vault", "rotate", "master", "--wait"])
        .await;
    assert!(moved.contains("finished"), "{moved}");
    assert!(hospital.stop().await.success());
    // Nothing of the file is needed any more.
    std::fs::write(&file, format!("[vault]\n{token}")).unwrap();
    std::fs::remove_file(hospital.paths().master_key()).unwrap();
    hospital.launch().await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    hospital.finish().await;
}
