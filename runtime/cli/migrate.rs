//! `plantao migrate`: the schema forward and back, told before it is done.
//!
//! Works on the private cluster, whose server it starts when no runtime runs it, and on a database
//! given by URL, as its owner.

use std::io::Write;

use plantao_actors::database::{Direction, Plan, Step, Told, Wish, migrate_to};

use super::arguments::Migrate;
use super::context::Context;
use super::error::CliError;
use super::server::Server;

pub(super) async fn migrate(
    context: &Context,
    migrate: &Migrate,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let server = Server::reach(context).await?;
    let wish = Wish {
        to: migrate.to,
        dry_run: migrate.dry_run,
        confirmed: migrate.yes,
        forced: migrate.force,
    };
    let mut written = Ok(());
    let mut tell = |news: Told<'_>| {
        let told = match news {
            Told::Plan(plan) => tell_plan(plan, migrate.verbose, out),
            Told::Done(step) => tell_done(step, out),
        };
        if written.is_ok() {
            written = told;
        }
    };
    let ran = migrate_to(&server.config, wish, &mut tell).await;
    server.leave().await;
    written?;
    let plan = ran?;
    if migrate.dry_run {
        writeln!(out, "dry run: nothing was changed")?;
    } else if !plan.steps.is_empty() {
        writeln!(out, "the schema is at version {}", plan.to)?;
    }
    Ok(())
}

fn tell_plan(plan: &Plan, verbose: bool, out: &mut impl Write) -> Result<(), CliError> {
    let Plan { from, to, steps } = plan;
    if steps.is_empty() {
        writeln!(out, "the schema is at version {from}: nothing to do")?;
        return Ok(());
    }
    let many = steps.len();
    writeln!(
        out,
        "from version {from} to version {to}, each step in a transaction of its own:"
    )?;
    for (number, step) in steps.iter().enumerate() {
        let (at, arrow) = (number + 1, arrow(step));
        let (version, name, statements) = (step.version, &step.name, step.statements);
        writeln!(
            out,
            "  {at}/{many} {arrow} {version} {name}, {statements} statements"
        )?;
        if let Some(destroys) = step.destroys {
            writeln!(out, "      DESTROYS {destroys}")?;
        }
        if verbose {
            for line in step.sql.lines() {
                writeln!(out, "      | {line}")?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn tell_done(step: &Step, out: &mut impl Write) -> Result<(), CliError> {
    let done = match step.direction {
        Direction::Forward => "applied",
        Direction::Back => "taken back",
    };
    writeln!(out, "{done}: {} {}", step.version, step.name)?;
    out.flush()?;
    Ok(())
}

fn arrow(step: &Step) -> &'static str {
    match step.direction {
        Direction::Forward => "forward",
        Direction::Back => "back   ",
    }
}
