//! What a running node says of itself: each check of its readiness.

use super::super::client::Ask;
use super::super::context::Context;
use super::Finding;
use crate::state_dir::StatePaths;
use std::os::unix::net::UnixStream;

/// Whether a node runs on this state directory.
pub(super) fn is_running(context: &Context) -> bool {
    StatePaths::find(&context.config.state_dir)
        .is_ok_and(|state| UnixStream::connect(state.admin_socket()).is_ok())
}

pub(super) async fn look(context: &Context, is_running: bool) -> Vec<Finding> {
    if !is_running {
        let todo = "`plantao run` starts it; its own checks were not looked at";
        return vec![Finding::warn("node", "not running", todo)];
    }
    // One that is not ready is refused, and says why.
    let said = match context.admin().ask(Ask::get("/readyz?verbose")).await {
        Ok(body) => String::from_utf8_lossy(&body).into_owned(),
        Err(error) => error.describe(),
    };
    let found: Vec<Finding> = said.lines().filter_map(finding).collect();
    if found.is_empty() {
        let todo = "see its log: it runs and does not answer at `admin.listen`";
        return vec![Finding::fail("node", said, todo)];
    }
    found
}

/// A line of the readiness report.
fn finding(line: &str) -> Option<Finding> {
    let line = line.trim();
    if let Some(found) = line.strip_prefix("[+] ") {
        return Some(Finding::ok("node", found));
    }
    let found = line.strip_prefix("[-] ")?;
    let todo = "see the node's log; `plantao tree` shows what restarts";
    Some(Finding::fail("node", found, todo))
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn each_check_of_a_report_is_a_finding() {
        let report = "[+] database: up\n[-] audit partitions: 2 entries\nnot ready\n";
        let found: Vec<Finding> = report.lines().filter_map(finding).collect();
        let status: Vec<Status> = found.iter().map(|one| one.status).collect();
        assert_eq!(status, [Status::Ok, Status::Fail]);
        assert_eq!(found[1].found, "audit partitions: 2 entries");
    }
}
