//! Work that is one future each, supervised: awaited, limited in time, many at once, tried again.
//!
//! `cargo run -p plantao-supervisors --example tasks`

use futures_util::StreamExt;
use plantao_supervisors::{
    ExitReason, Intensity, Restart, Strategy, StreamOptions, SupervisorSpec, TaskSupervisor, Tree,
};
use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::sleep;

const MS: Duration = Duration::from_millis(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let tasks = TaskSupervisor::new();
    let limit = Intensity::new(3, Duration::from_secs(5));
    let root =
        SupervisorSpec::new(Strategy::OneForOne, limit).child(tasks.child("tasks", limit, 100));
    let tree = Tree::start("office", root).await?;
    let mut out = std::io::stdout().lock();

    let sum = tasks.spawn(async { (1..=100).sum::<u32>() }).await?;
    writeln!(out, "A task gives its result: {}.", sum.await?)?;

    let slow = tasks.spawn(std::future::pending::<()>()).await?;
    if let Err(error) = slow.within(100 * MS).await {
        writeln!(out, "One that takes too long is stopped: {error}.")?;
    }

    let begun = Instant::now();
    let square = |n: u64| async move {
        sleep(50 * MS).await;
        n * n
    };
    let squares = tasks.stream(1..=9, StreamOptions::at_once(3), square);
    let squares: Result<Vec<u64>, _> = squares.collect::<Vec<_>>().await.into_iter().collect();
    let (squares, took) = (squares?, begun.elapsed().as_millis());
    writeln!(
        out,
        "Nine of 50 ms, three at once, took {took} ms: {squares:?}."
    )?;

    // Nobody awaits this one; it is started again until it succeeds.
    let (attempts, (done, mut heard)) = (Arc::new(AtomicU32::new(0)), mpsc::channel(1));
    let upload = move || {
        let (attempts, done) = (Arc::clone(&attempts), done.clone());
        async move {
            let attempt = attempts.fetch_add(1, Ordering::Relaxed) + 1;
            if attempt < 3 {
                return Err(ExitReason::Error("no network".to_owned()));
            }
            let sent = done.send(attempt).await;
            sent.map_err(|_| ExitReason::Error("nobody listens".to_owned()))
        }
    };
    tasks.start_child(Restart::Transient, upload).await?;
    let attempt = heard.recv().await.ok_or("it gave up")?;
    writeln!(
        out,
        "An upload that nobody waits for worked at attempt {attempt}."
    )?;

    let orphan = tasks.spawn_nolink(std::future::pending::<()>()).await?;
    writeln!(out, "One more runs when the tree is shut down.")?;
    tree.shutdown().await;
    if let Err(error) = orphan.await {
        writeln!(out, "Its owner is told: {error}.")?;
    }
    Ok(())
}
