//! A disk that fills up under the private cluster: changes are refused while the trail still has
//! room, and everything comes back by itself when there is space.

use crate::client::{Client, Reply};
use crate::crashes::{observation, patient};
use crate::hospital::{Hospital, pause, text};
use crate::writers::nothing_is_lost;
use plantao_actors::database::{DatabaseConfig, Login};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

const PATIENCE: Duration = Duration::from_secs(90);
const MIB: usize = 1 << 20;

/// A small disk of its own, for as long as this lives.
struct SmallDisk {
    at: PathBuf,
    is_mounted: bool,
}

/// Where a disk is that was mounted before, for a test that is run once more.
const MOUNTED: &str = "PLANTAO_TEST_SMALL_DISK";

/// Makes a namespace in which anybody may mount, mounts, and goes on as who one was.
const ALONE: &str = "mount -t tmpfs -o size=\"$1\"m,mode=711 tmpfs \"$2\" && \
     exec unshare --user --map-user=\"$3\" --map-group=\"$4\" -- \"$5\" \"$6\" --exact --nocapture";

/// Runs a test of this program once more, in namespaces of its own with a small disk in them: that
/// takes no root. Fails where the machine refuses these too: a test of which nothing ran is no test
/// that passed.
fn alone_with_a_disk(test: &str, mib: usize) {
    let base = tempfile::Builder::new()
        .prefix("plantao-")
        .tempdir()
        .unwrap();
    let at = base.path().join("state");
    std::fs::create_dir(&at).unwrap();
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--"]);
    let allowed = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--", "true"])
        .output();
    let refused = match allowed {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(text(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    };
    assert!(
        refused.is_none(),
        "{test} did not run: no disk of {mib} MiB can be mounted here: {}. It takes the right to \
         mount, user namespaces (kernel.unprivileged_userns_clone), or in a container a /dev/shm \
         of {mib} to {SHARED_MOST_MIB} MiB (--shm-size={mib}m)",
        refused.unwrap_or_default()
    );
    let ran = command
        .args(["sh", "-c", ALONE, "sh", &mib.to_string()])
        .arg(&at)
        .args([uid.as_raw().to_string(), gid.as_raw().to_string()])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(MOUNTED, &at)
        .status();
    assert!(ran.unwrap().success(), "{test}, in namespaces of its own");
}

/// A container may mount nothing, and has a small disk all the same: its `/dev/shm`, where that was
/// given about the size that is wanted. One as large as a machine's memory is none.
const SHARED_MOST_MIB: usize = 768;

fn shared_disk(mib: usize) -> Option<PathBuf> {
    let at = PathBuf::from("/dev/shm");
    let found = rustix::fs::statvfs(&at).ok()?;
    let size = usize::try_from(found.f_blocks * found.f_frsize).ok()? / MIB;
    (mib..=SHARED_MOST_MIB)
        .contains(&size)
        .then(|| at.join(format!("plantao-{}", std::process::id())))
}

impl SmallDisk {
    /// None where nothing may be mounted.
    fn mount(at: &Path, mib: usize) -> Option<Self> {
        let at = at.to_owned();
        if std::env::var_os(MOUNTED).is_some() {
            let is_mounted = false;
            return Some(Self { at, is_mounted });
        }
        std::fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={mib}m,mode=711"),
                "tmpfs",
            ])
            .arg(&at)
            .status();
        let is_mounted = mounted.is_ok_and(|status| status.success());
        is_mounted.then_some(Self { at, is_mounted })
    }

    /// The one that a container was given.
    fn shared(at: PathBuf) -> Self {
        std::fs::create_dir(&at).unwrap();
        let is_mounted = false;
        Self { at, is_mounted }
    }

    fn free(&self) -> usize {
        let found = rustix::fs::statvfs(&self.at).unwrap();
        usize::try_from(found.f_bavail * found.f_frsize).unwrap()
    }

    /// Takes space until so much is left, or there is none.
    fn fill(&self, left: usize) {
        let path = self.at.join("filler");
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        let block = vec![7; MIB / 4];
        while self.free() > left && file.write_all(&block).is_ok() {}
    }

    fn clear(&self) {
        std::fs::remove_file(self.at.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if std::env::var_os(MOUNTED).is_some() {
            // It goes with its namespace.
            return;
        }
        if !self.is_mounted {
            let _gone = std::fs::remove_dir_all(&self.at);
            return;
        }
        let _status = Command::new("umount").arg("-l").arg(&self.at).status();
        // What a failed test left there is still to be read.
        if let Some(parent) = self.at.parent().filter(|_| !std::thread::panicking()) {
            let _gone = std::fs::remove_dir_all(parent);
        }
    }
}

/// The test below, as the harness calls it, and how large its disk is.
const THIS: &str = "disk::a_full_disk_makes_the_node_read_only_then_mute_and_gives_everything_back";
const MIB_IN_ALL: usize = 480;

async fn until_ready_says(hospital: &Hospital, wanted: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let ready = hospital.admin_get("/readyz?verbose").await.unwrap();
        if ready.text().contains(wanted) {
            return;
        }
        assert!(
            Instant::now() < end,
            "no `{wanted}`: {}\n{}",
            ready.text(),
            hospital.log()
        );
        pause().await;
    }
}

async fn put(client: &Client, number: usize) -> Reply {
    let path = format!("/fhir/Observation/o-{number}");
    client.put_json(&path, &observation(number)).await.unwrap()
}

/// Makes the server need a new file of its log, which a full disk has no room for.
async fn press(hospital: &Hospital) {
    let config = DatabaseConfig::embedded(&hospital.state)
        .connection(Login::Owner)
        .unwrap();
    let Ok((client, connection)) = config.connect(NoTls).await else {
        return;
    };
    let driver = tokio::spawn(connection);
    for _ in 0..8 {
        let pressed = "SELECT pg_switch_wal(); SELECT txid_current()";
        if client.batch_execute(pressed).await.is_err() {
            break;
        }
    }
    drop(client);
    drop(driver.await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_makes_the_node_read_only_then_mute_and_gives_everything_back() {
    let mut hospital = Hospital::prepared(&[
        "database.ballast_bytes=50331648",
        "database.free_min_bytes=100663296",
    ]);
    if let Some(mounted) = std::env::var_os(MOUNTED) {
        hospital.state = mounted.into();
    }
    let disk = match (
        SmallDisk::mount(&hospital.state, MIB_IN_ALL),
        shared_disk(MIB_IN_ALL),
    ) {
        (Some(disk), _) => disk,
        (None, Some(at)) => {
            hospital.state = at.join("state");
            SmallDisk::shared(at)
        }
        (None, None) => return alone_with_a_disk(THIS, MIB_IN_ALL),
    };
    hospital.launch().await;
    until_ready_says(&hospital, "[+] storage: ").await;
    let ballast = hospital.state.join("postgres.ballast");
    assert_eq!(ballast.metadata().unwrap().len(), 50_331_648);
    let pid = hospital.pid();
    let client = hospital.as_principal("medica").await;
    for number in 0..25 {
        let path = format!("/fhir/Patient/p-{number}");
        let reply = client.put_json(&path, &patient(number)).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text());
    }
    let mut acknowledged = Vec::new();
    for number in 0..50 {
        let reply = put(&client, number).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let entry = reply.header("plantao-audit-entry").to_owned();
        acknowledged.push((format!("/fhir/Observation/o-{number}"), entry));
    }

    // Scarce: reading goes on, with its entries; changes do not, with theirs.
    disk.fill(60 * MIB);
    until_ready_says(&hospital, "[-] storage: read-only: ").await;
    let refused = put(&client, 50).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.header("retry-after"), "30");
    assert!(refused.text().contains("space"), "{}", refused.text());
    let read = client.get("/fhir/Observation/o-7").await.unwrap();
    assert_eq!(read.status, 200, "{}", read.text());
    assert!(!read.header("plantao-audit-entry").is_empty());
    let ready = hospital.admin_get("/readyz").await.unwrap();
    assert_eq!(ready.status, 200, "it still serves: {}", ready.text());
    let metrics = hospital.admin_get("/metrics").await.unwrap().text();
    assert!(
        metrics.contains("\nplantao_database_read_only 1\n"),
        "{metrics}"
    );

    // Gone: what is freed is taken at once by whoever fills the disk, until the server falls.
    let end = Instant::now() + PATIENCE;
    loop {
        disk.fill(0);
        press(&hospital).await;
        let reply = client.get("/fhir/Observation/o-8").await.unwrap();
        let log = hospital.log();
        if reply.status == 503 && log.contains("the database server waits for space") {
            assert!(!reply.header("retry-after").is_empty());
            break;
        }
        assert!([200, 503].contains(&reply.status), "{}", reply.text());
        assert!(Instant::now() < end, "the disk is not full:\n{log}");
        pause().await;
    }
    assert!(!ballast.exists());
    assert!(hospital.log().contains("the ballast was freed"));
    assert_eq!(client.get("/healthz").await.unwrap().status, 200);
    let live = hospital.admin_get("/livez").await.unwrap();
    assert_eq!(live.status, 200);

    disk.clear();
    until_ready_says(&hospital, "[+] storage: ").await;
    until_ready_says(&hospital, "[+] database: up").await;
    assert!(ballast.exists(), "it is put by before changes are taken");
    // The door closes connections on which nothing is asked for long.
    let client = hospital.as_principal("medica").await;
    let end = Instant::now() + PATIENCE;
    loop {
        let reply = put(&client, 51).await;
        if reply.status == 201 {
            break;
        }
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(Instant::now() < end, "{}", reply.text());
        pause().await;
    }
    assert_eq!(hospital.pid(), pid);
    nothing_is_lost(&hospital, &acknowledged).await;
    hospital.finish().await;
    drop(disk);
}
