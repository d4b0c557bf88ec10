//! Starting and stopping: a first time, a second time, and when it cannot be.

use crate::hospital::{Hospital, free_address, text};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_finds_everything_and_a_stop_leaves_no_process() {
    let mut hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    assert!(
        hospital.log().contains("medica"),
        "the banner names the principals"
    );
    let status = hospital.stop().await;
    assert!(status.success(), "{status}");
    assert_eq!(hospital.processes(), Vec::<u32>::new());
    hospital.launch().await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    hospital.must(&["audit", "verify"]).await;
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_runtime_takes_its_postgres_along_and_the_next_start_is_clean() {
    let mut hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    hospital.kill_nine().await;
    let end = Instant::now() + Duration::from_secs(20);
    while !hospital.processes().is_empty() {
        assert!(Instant::now() < end, "orphans: {:?}", hospital.processes());
        crate::hospital::pause().await;
    }
    hospital.launch().await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    hospital.finish().await;
}

async fn refused(hospital: &Hospital, code: i32, expected: &[&str]) {
    let output = hospital.run(&["run", "--demo"]).await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in expected {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named_with_the_key_that_moves_it() {
    let address = free_address();
    let listen = format!("front_door.listen={address}");
    let hospital = Hospital::prepared(&[&listen]);
    let taken = std::net::TcpListener::bind(address).unwrap();
    refused(
        &hospital,
        69,
        &[&address.to_string(), "front_door.listen", "taken"],
    )
    .await;
    drop(taken);
    assert!(
        !hospital.state.exists(),
        "nothing was made before the refusal"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_directory_of_another_version_or_of_another_run_is_refused() {
    let hospital = Hospital::prepared(&[]);
    std::fs::create_dir(&hospital.state).unwrap();
    std::fs::write(hospital.state.join("VERSION"), "99\n").unwrap();
    refused(&hospital, 78, &["99", &hospital.state.to_string_lossy()]).await;

    let running = Hospital::start().await;
    let mut second = running.command();
    let (door, admin) = (free_address(), free_address());
    second.args(["--set", &format!("front_door.listen={door}")]);
    second.args(["--set", &format!("admin.listen={admin}"), "run"]);
    let output = tokio::task::spawn_blocking(move || second.output().unwrap())
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(69));
    assert!(
        text(&output.stderr).contains(&running.pid().to_string()),
        "names the owner"
    );
    running.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_configuration_exits_78_and_names_the_key() {
    refused(
        &Hospital::prepared(&["front_door.lisen=1"]),
        78,
        &["front_door.listen"],
    )
    .await;
    let huge = "policy.rules.thresholds.patient={allow=200,step_up=1}";
    refused(&Hospital::prepared(&[huge]), 78, &["thresholds.patient"]).await;
    let hospital = Hospital::prepared(&[]);
    let file = hospital.state.with_extension("toml");
    std::fs::write(&file, "[front_door\n").unwrap();
    let mut command = hospital.command();
    command.arg("--config").arg(&file).arg("run");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(
        text(&output.stderr).contains("TOML"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_postgres_binaries_are_named_with_the_package() {
    let hospital = Hospital::prepared(&["database.binaries=/nonexistent"]);
    refused(&hospital, 69, &["postgresql-15", "make deps"]).await;
    let check = hospital.run(&["check"]).await;
    assert!(!check.status.success(), "a check finds what a start would");
    assert!(
        text(&check.stdout).contains("postgresql-15"),
        "{}",
        text(&check.stdout)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_private_files() {
    let hospital = Hospital::start().await;
    let mode =
        |path: std::path::PathBuf| std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let paths = hospital.paths();
    assert_eq!(mode(paths.keys()), 0o700);
    assert_eq!(mode(paths.keys().join("master.key")), 0o600);
    assert_eq!(mode(paths.issuer_key()), 0o600);
    assert_eq!(mode(paths.demo_token("medica")), 0o600);
    assert_eq!(mode(paths.admin_socket()), 0o600);
    hospital.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_found_again_where_it_was_made_whatever_becomes_of_the_directories() {
    let mut hospital = Hospital::start().await;
    hospital
        .must(&["fhir", "load", "config/demo/bundle.json"])
        .await;
    hospital.stop().await;
    let parent = hospital.state.parent().unwrap().to_owned();
    let key = hospital.paths().keys().join("master.key");
    let kept = parent.join("kept.key");
    std::fs::rename(&key, &kept).unwrap();
    // Without its master key a hospital with records does not start, and says what is missing.
    let output = hospital.run(&["run", "--demo"]).await;
    assert!(!output.status.success());
    assert!(
        text(&output.stderr).contains("key"),
        "{}",
        text(&output.stderr)
    );
    let _made_by_nobody = std::fs::remove_file(&key);
    std::fs::rename(&kept, &key).unwrap();
    hospital.launch().await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    hospital.stop().await;
    let data = hospital.paths().postgres();
    std::fs::rename(&data, parent.join("elsewhere")).unwrap();
    refused(&hospital, 69, &["gone or empty"]).await;
    std::fs::rename(parent.join("elsewhere"), &data).unwrap();
    hospital.launch().await;
    hospital
        .must(&["fhir", "get", "Patient", "maria-exemplo"])
        .await;
    hospital.finish().await;
}
