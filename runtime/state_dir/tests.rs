//! A state directory is whole, ours and held by one, or it is refused.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_directory_is_made_whole_and_closed() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("state");
    let state = StateDir::open(&path).unwrap();
    assert_eq!(
        std::fs::read_to_string(path.join("VERSION"))
            .unwrap()
            .trim(),
        VERSION
    );
    assert_eq!(mode(&state.paths().keys()), 0o700);
    assert_eq!(mode(&state.paths().tls()), 0o700);
    let expected = if rustix::process::geteuid().is_root() {
        0o711
    } else {
        0o700
    };
    assert_eq!(mode(&path), expected);
    assert_eq!(mode(&state.paths().runtime_dir()), 0o700);
    assert!(state.admin_socket().as_os_str().len() <= 107);
}

#[test]
fn the_node_keeps_its_name_over_a_restart() {
    let temp = tempfile::tempdir().unwrap();
    let first = StateDir::open(temp.path()).unwrap().node_id().to_owned();
    assert_eq!(StateDir::open(temp.path()).unwrap().node_id(), first);
}

#[test]
fn a_directory_of_another_version_is_refused_by_name() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("VERSION"), "7\n").unwrap();
    for error in [
        StateDir::open(temp.path()).unwrap_err(),
        StatePaths::find(temp.path()).unwrap_err(),
    ] {
        let said = error.to_string();
        assert!(
            said.contains("`7`") && said.contains("--state-dir"),
            "{said}"
        );
    }
}

#[test]
fn a_second_runtime_is_told_who_holds_the_directory() {
    let temp = tempfile::tempdir().unwrap();
    let held = StateDir::open(temp.path()).unwrap();
    let said = StateDir::open(temp.path()).unwrap_err().to_string();
    assert!(
        said.contains(&format!("process {}", std::process::id())),
        "{said}"
    );
    drop(held);
    StateDir::open(temp.path()).unwrap();
}

#[test]
fn somebody_elses_files_are_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("thesis.odt"), "").unwrap();
    let said = StateDir::open(temp.path()).unwrap_err().to_string();
    assert!(said.contains("thesis.odt"), "{said}");
    assert!(!temp.path().join("keys").exists());
}

#[test]
fn a_configuration_laid_there_beforehand_is_welcome() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("plantao.toml"), "").unwrap();
    StateDir::open(temp.path()).unwrap();
}

#[test]
fn a_directory_never_used_says_how_to_make_it() {
    let temp = tempfile::tempdir().unwrap();
    let said = StatePaths::find(&temp.path().join("none"))
        .unwrap_err()
        .to_string();
    assert!(said.contains("plantao run"), "{said}");
}

#[test]
fn a_private_file_is_read_by_its_owner_alone() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("key.pem");
    std::fs::write(&path, "old").unwrap();
    write_private(&path, b"new").unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
}
