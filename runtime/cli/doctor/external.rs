//! What is looked at only where the database is a server of the operator's own: who may become
//! whom, what goes in clear, and whether old copies of it open.

use super::Finding;
use plantao_actors::database::{DatabaseConfig, login_holes};

pub(super) async fn look(config: &DatabaseConfig, period_hours: Option<u64>) -> Vec<Finding> {
    let holes = login_holes(config).await.map_err(|error| error.to_string());
    vec![logins(holes), encryption(config), periods(period_hours)]
}

fn logins(holes: Result<Vec<String>, String>) -> Finding {
    let what = "database logins";
    let todo = "give `database.url` a login of its own, with the role plantao_app alone: this one \
                can take every guard of the trail away";
    match holes {
        Ok(holes) => match holes.first() {
            None => Finding::ok(what, "requests have one of their own"),
            Some(_) => {
                let holes = holes.join(", ");
                let found = format!("requests come in by one that gets past the guards: {holes}");
                Finding::fail(what, found, todo)
            }
        },
        Err(error) => {
            let todo = "`database.url` has to be able to take the role plantao_app";
            Finding::fail(what, error, todo)
        }
    }
}

fn encryption(config: &DatabaseConfig) -> Finding {
    let what = "database connection";
    let todo = "add `sslmode=verify-full&sslrootcert=FILE` to each URL of the database";
    let (open, all) = match (config.in_clear(), config.connections()) {
        (Ok(open), Ok(all)) => (open, all),
        (Err(error), _) | (_, Err(error)) => return Finding::fail(what, error.to_string(), todo),
    };
    if !open.is_empty() {
        let open = open.join(", ");
        return Finding::warn(what, format!("in clear, over a network: {open}"), todo);
    }
    if all.iter().all(|(_, one)| one.is_encrypted()) {
        return Finding::ok(what, "TLS, and the server's certificate is verified");
    }
    Finding::ok(what, "TLS, or within this machine")
}

/// Nothing here sees whether a timer takes key backups; what can be seen is what was said.
fn periods(hours: Option<u64>) -> Finding {
    let what = "key periods";
    match hours {
        Some(hours) => Finding::ok(
            what,
            format!("every {hours} h; a restore of the database needs a key backup"),
        ),
        None => Finding::warn(
            what,
            "they do not end by themselves: an old copy of the database opens whoever was erased",
            "run `plantao backup keys` from a timer, then set `vault.period_hours`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use secrecy::SecretString;

    #[test]
    fn a_login_that_gets_past_the_guards_is_a_failure_and_so_is_one_that_cannot_be_asked() {
        assert_eq!(logins(Ok(Vec::new())).status, Status::Ok);
        let one = logins(Ok(vec!["door may become plantao_owner".to_owned()]));
        assert_eq!(one.status, Status::Fail);
        assert!(one.found.contains("door may become"), "{}", one.found);
        assert_eq!(logins(Err("refused".to_owned())).status, Status::Fail);
    }

    #[test]
    fn one_connection_of_several_in_clear_is_told_by_its_setting() {
        let url = |host: &str| SecretString::from(format!("postgres://one@{host}/h"));
        let mut config = DatabaseConfig::external(url("localhost"), Some(url("localhost")));
        assert_eq!(encryption(&config).status, Status::Ok);
        config.replicas = vec![url("db-2.example")];
        let found = encryption(&config);
        assert_eq!(found.status, Status::Warn);
        assert!(found.found.contains("database.replicas[0]"), "{found:?}");
    }

    #[test]
    fn periods_that_nobody_ends_are_told() {
        assert_eq!(periods(None).status, Status::Warn);
        assert_eq!(periods(Some(24)).status, Status::Ok);
    }
}
