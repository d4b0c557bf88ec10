//! Where a server is, as whom it is asked, and that no URL is ever shown.

use super::super::config::KEEPALIVE_IDLE;
use super::super::*;
use secrecy::SecretString;
use tokio_postgres::config::TargetSessionAttrs;

#[test]
fn one_login_takes_a_role_for_each_part() {
    let url = SecretString::from("postgres://one:secret@db.example/hospital");
    let config = DatabaseConfig::external(url, None);
    let app = config.connection(Login::Application).unwrap();
    assert!(app.get_options().unwrap().contains("-c role=plantao_app"));
    assert_eq!(app.get_user(), Some("one"));
    let audit = config.connection(Login::Audit).unwrap();
    assert!(
        audit
            .get_options()
            .unwrap()
            .contains("-c role=plantao_audit")
    );
    assert!(!format!("{config:?}").contains("secret"));
}

/// The settings of such URLs that something goes in clear by.
fn in_clear(url: &str, owner: &str, replica: &str) -> Vec<String> {
    let secret = |url: &str| SecretString::from(url.to_owned());
    let mut config = DatabaseConfig::external(secret(url), Some(secret(owner)));
    config.replicas = vec![secret("postgres://one@localhost/h"), secret(replica)];
    config.in_clear().unwrap()
}

#[test]
fn every_connection_that_goes_over_a_network_in_clear_is_told_by_its_setting() {
    let (near, far) = ("postgres://one@127.0.0.1/h", "postgres://one@db.example/h");
    assert!(in_clear(near, near, near).is_empty());
    assert_eq!(in_clear(far, near, near), ["database.url"]);
    assert_eq!(in_clear(near, far, near), ["database.owner_url"]);
    assert_eq!(in_clear(near, near, far), ["database.replicas[1]"]);
    let own = DatabaseConfig::embedded("/nowhere").in_clear().unwrap();
    assert!(own.is_empty());
}

#[test]
fn an_address_is_where_the_driver_goes_whatever_the_name_beside_it_says() {
    let is_near = |url: &str| Connection::parse(url, "database.url").unwrap().is_near();
    assert!(is_near("host=localhost user=one"));
    assert!(is_near("host=/run/postgresql user=one"));
    assert!(is_near("postgres://one@db.example/h?hostaddr=127.0.0.1"));
    assert!(!is_near("postgres://one@localhost/h?hostaddr=192.0.2.7"));
    assert!(!is_near("hostaddr=192.0.2.7 user=one"));
    assert!(!is_near("postgres://one@localhost,db.example/h"));
    assert!(!is_near(
        "postgres://one@localhost,localhost/h?hostaddr=127.0.0.1,192.0.2.7"
    ));
}

#[test]
fn an_authority_that_nobody_would_ask_is_refused_and_never_taken_for_encryption() {
    for mode in ["", "sslmode=disable&", "sslmode=allow&", "sslmode=prefer&"] {
        let url = format!("postgres://one@db.example/h?{mode}sslrootcert=/etc/root.pem");
        let refused = Connection::parse(&url, "database.owner_url").unwrap_err();
        let is_so = matches!(
            refused,
            DatabaseConfigError::Unverified {
                key: "database.owner_url"
            }
        );
        assert!(is_so, "{mode}: {refused}");
    }
}

#[test]
fn a_writer_whose_machine_vanished_does_not_keep_its_lock() {
    let url = SecretString::from("postgres://one:secret@db.example/hospital");
    let config = DatabaseConfig::external(url, None);
    let options = |login| {
        let made = config.connection(login).unwrap();
        made.get_options().unwrap().to_owned()
    };
    for wanted in [
        " -c tcp_keepalives_idle=5",
        " -c tcp_keepalives_interval=2",
        " -c tcp_keepalives_count=3",
        " -c tcp_user_timeout=10000",
    ] {
        assert!(options(Login::Audit).contains(wanted), "{wanted}");
        assert!(!options(Login::Application).contains(wanted), "{wanted}");
    }
}

#[test]
fn of_several_hosts_only_one_that_takes_writes_will_do_and_a_replica_need_not() {
    let url = SecretString::from("postgres://one@a.example,b.example/hospital");
    let mut config = DatabaseConfig::external(url, None);
    config.replicas = vec![SecretString::from("postgres://one@b.example/hospital")];
    for login in [Login::Owner, Login::Application, Login::Audit] {
        let made = config.connection(login).unwrap();
        assert_eq!(made.get_hosts().len(), 2);
        assert_eq!(
            made.get_target_session_attrs(),
            TargetSessionAttrs::ReadWrite
        );
        assert_eq!(made.get_keepalives_idle(), KEEPALIVE_IDLE);
    }
    let replica = config.replica_connections().unwrap().remove(0);
    assert_eq!(replica.get_target_session_attrs(), TargetSessionAttrs::Any);
    assert!(replica.get_options().unwrap().contains("role=plantao_app"));
    config.replicas = vec![SecretString::from("http://hunter2")];
    let error = config.replica_connections().unwrap_err().to_string();
    assert!(error.contains("database.replicas") && !error.contains("hunter2"));
}

#[test]
fn a_url_that_is_not_one_is_named_by_its_key_only() {
    let config = DatabaseConfig::external(SecretString::from("http://hunter2"), None);
    let error = config
        .connection(Login::Application)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("database.url") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn without_any_server_the_error_says_what_to_set() {
    let mut config = DatabaseConfig::embedded("/nowhere");
    config.embedded = None;
    let error = config.connection(Login::Owner).unwrap_err().to_string();
    assert!(error.contains("database.url"), "{error}");
}
