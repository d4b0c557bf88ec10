//! `plantao tree`: draws the live supervision tree.

use std::io::Write;
use std::time::Duration;

use serde::Deserialize;

use super::arguments::Tree;
use super::client::Ask;
use super::context::Context;
use super::error::CliError;

const REDRAW: Duration = Duration::from_secs(1);
const CLEAR: &str = "\x1b[2J\x1b[H";

#[derive(Deserialize)]
struct Supervision {
    tree: Node,
}

/// What is drawn of a node; the contract has more and may grow.
#[derive(Deserialize)]
struct Node {
    id: String,
    kind: String,
    strategy: Option<String>,
    state: String,
    restarts: u64,
    restarts_in_window: Option<u32>,
    restarts_allowed: Option<u32>,
    last_exit: Option<Exit>,
    uptime_ms: Option<u64>,
    mailbox_depth: Option<usize>,
    #[serde(default)]
    children: Vec<Node>,
}

/// One line: the drawn name, then the columns.
struct Row {
    name: String,
    cells: [String; 5],
    last_exit: String,
}

pub(super) async fn tree(
    context: &Context,
    tree: &Tree,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let client = context.admin();
    let mut clock = tokio::time::interval(REDRAW);
    loop {
        clock.tick().await;
        let answer = client.ask_json(Ask::get("/v1/supervision")).await?;
        if tree.json {
            writeln!(out, "{answer:#}")?;
            return Ok(());
        }
        let supervision: Supervision =
            serde_json::from_value(answer).map_err(|error| client.unexpected(error.to_string()))?;
        if tree.watch {
            write!(out, "{CLEAR}")?;
        }
        draw(&supervision.tree, out)?;
        out.flush()?;
        if !tree.watch {
            return Ok(());
        }
    }
}

fn draw(root: &Node, out: &mut impl Write) -> Result<(), CliError> {
    let mut rows = vec![Row {
        name: "NAME".into(),
        cells: ["STRATEGY", "STATE", "RESTARTS", "UPTIME", "MAILBOX"].map(str::to_owned),
        last_exit: "LAST EXIT".into(),
    }];
    collect(root, "", "", &mut rows);
    let width = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let name = width(&|row| row.name.chars().count());
    let columns: Vec<usize> = (0..5)
        .map(|column| width(&|row| row.cells.get(column).map_or(0, |cell| cell.chars().count())))
        .collect();
    for row in &rows {
        let mut line = format!("{:<name$}", row.name);
        for (cell, width) in row.cells.iter().zip(&columns) {
            line.push_str(&format!("  {cell:<width$}"));
        }
        line.push_str(&format!("  {}", row.last_exit));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn collect(node: &Node, stem: &str, branch: &str, rows: &mut Vec<Row>) {
    let restarts = match (node.restarts_in_window, node.restarts_allowed) {
        (Some(now), Some(most)) if now > 0 => format!("{} ({now}/{most})", node.restarts),
        _ => node.restarts.to_string(),
    };
    rows.push(Row {
        name: format!("{stem}{branch}{}", node.id),
        cells: [
            strategy(node),
            node.state.clone(),
            restarts,
            node.uptime_ms.map(span).unwrap_or_default(),
            node.mailbox_depth
                .map(|depth| depth.to_string())
                .unwrap_or_default(),
        ],
        last_exit: node.last_exit.as_ref().map(exit).unwrap_or_default(),
    });
    let stem = match branch {
        "" => String::new(),
        "└─ " => format!("{stem}   "),
        _ => format!("{stem}│  "),
    };
    let last = node.children.len().saturating_sub(1);
    for (place, child) in node.children.iter().enumerate() {
        collect(
            child,
            &stem,
            if place == last { "└─ " } else { "├─ " },
            rows,
        );
    }
}

fn strategy(node: &Node) -> String {
    match (node.kind.as_str(), &node.strategy) {
        ("worker", _) => "-".into(),
        (_, Some(strategy)) => strategy.clone(),
        (kind, None) => format!("{kind} ({})", node.children.len()),
    }
}

/// How an incarnation ended, as the contract tells it.
#[derive(Deserialize)]
struct Exit {
    kind: String,
    detail: Option<String>,
}

fn exit(exit: &Exit) -> String {
    match &exit.detail {
        Some(detail) => format!("{}: {detail}", exit.kind),
        None => exit.kind.clone(),
    }
}

/// The two largest units: `3d 4h`, `2m 7s`, `340ms`.
fn span(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0 => format!("{ms}ms"),
        1..60 => format!("{s}s"),
        60..3_600 => format!("{}m {}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h {}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d {}h", s / 86_400, s % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn drawn(value: serde_json::Value) -> String {
        let supervision: Supervision = serde_json::from_value(value).unwrap();
        let mut out = Vec::new();
        draw(&supervision.tree, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_tree_is_drawn_with_its_columns_aligned() {
        let worker = |id: &str, restarts: u64| {
            json!({ "path": id, "id": id, "kind": "worker", "restart": "permanent",
                "state": "running", "restarts": restarts, "uptime_ms": 61_000,
                "last_exit": { "kind": "killed" }, "mailbox_depth": 0, "children": [] })
        };
        let said = drawn(json!({ "version": 1, "tree": {
            "path": "plantao", "id": "plantao", "kind": "supervisor", "strategy": "one_for_one",
            "state": "running", "restarts": 0, "restarts_in_window": 0, "restarts_allowed": 5,
            "uptime_ms": 340, "children": [
                { "path": "plantao/trust", "id": "trust", "kind": "supervisor",
                  "strategy": "one_for_all", "state": "running", "restarts": 0,
                  "restarts_in_window": 1, "restarts_allowed": 60, "uptime_ms": 90_061_000,
                  "children": [worker("policy", 2), worker("audit", 0)] },
                { "path": "plantao/sessions", "id": "sessions", "kind": "dynamic",
                  "state": "running", "restarts": 0, "children": [worker("s", 0)] },
            ],
        }}));
        let lines: Vec<&str> = said.lines().collect();
        let column = |line: &str| line.chars().position(|c| c == ' ').unwrap();
        assert!(
            lines[1].starts_with("plantao ") && lines[1].contains("one_for_one"),
            "{said}"
        );
        assert!(
            lines[2].starts_with("├─ trust") && lines[2].contains("1d 1h"),
            "{said}"
        );
        assert!(lines[2].contains("0 (1/60)"), "{said}");
        assert!(
            lines[3].starts_with("│  ├─ policy") && lines[3].ends_with("killed"),
            "{said}"
        );
        assert!(
            lines[5].starts_with("└─ sessions") && lines[5].contains("dynamic (1)"),
            "{said}"
        );
        assert!(lines[6].starts_with("   └─ s"), "{said}");
        let state = |line: &str| {
            let at = line.find("running").unwrap();
            line[..at].chars().count()
        };
        assert!(
            lines[1..].iter().all(|line| state(line) == state(lines[1])),
            "{said}"
        );
        assert!(column(lines[0]) > 0);
    }

    #[test]
    fn exits_are_told_in_words() {
        let told = |value| exit(&serde_json::from_value::<Exit>(value).unwrap());
        assert_eq!(told(json!({ "kind": "killed" })), "killed");
        assert_eq!(
            told(json!({ "kind": "error", "detail": "no pool" })),
            "error: no pool"
        );
    }
}
