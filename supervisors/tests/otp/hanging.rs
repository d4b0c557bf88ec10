//! A child that keeps failing slowly while it is restarted must not keep its supervisor from
//! anything: the cases named `hanging_restart_loop`.

use plantao_supervisors::{ExitReason, Shutdown, Started, Strategy, SupervisorError};

use crate::stage::*;
use crate::support::*;

/// Restarts this often apart never reach it.
const PATIENT: plantao_supervisors::Intensity = limits(8, 10);
const FAIL: Order = Order::Finish(Some("error"));

fn failed() -> ExitReason {
    ExitReason::Error("error".to_owned())
}

impl<H: Watched> Stage<H> {
    async fn add_brutal(&self, id: &str) -> Pid {
        let child = self.crew.worker(id).shutdown(Shutdown::BrutalKill);
        self.add_spec(id, child).await
    }

    /// The child ends, and does not come up again; the second attempt is under way.
    async fn loops(&mut self, id: &str) {
        self.crew.births(id, Birth::RefuseLate);
        assert_eq!(self.end(id, FAIL).await, failed());
        tokio::time::sleep(3 * SECOND).await;
    }
}

impl Fixed {
    /// What is answered about a child that is being restarted.
    async fn refuses_all_but_termination(&self, id: &str) {
        let named = || id.to_owned();
        let again = self.sup.start_child(self.crew.worker(id)).await;
        let present = SupervisorError::AlreadyPresent { id: named() };
        assert_eq!(again, Err(present));
        let restarting = SupervisorError::Restarting { id: named() };
        let again = self.sup.restart_child(id).await;
        assert_eq!(again, Err(restarting.clone()));
        assert_eq!(self.sup.delete_child(id).await, Err(restarting));
    }

    /// The start that is under way ends with the request.
    async fn calls_off(&mut self, id: &str) {
        assert_eq!(self.sup.terminate_child(id).await, Ok(()));
        assert_eq!(self.exit(id).await, ExitReason::Shutdown);
        settle().await;
    }

    /// Comes up again when asked to, loops again, and its supervisor leaves all the same.
    async fn restarts_and_leaves(mut self, id: &str) {
        self.crew.births(id, Birth::Well);
        assert_eq!(self.sup.restart_child(id).await, Ok(Started::Up));
        self.loops(id).await;
        assert_eq!(self.shut_down().await, ExitReason::Shutdown);
        assert_eq!(self.crew.alive(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_restart_loop() {
    let mut stage = Fixed::empty(Strategy::OneForOne, PATIENT).await;
    stage.add_brutal("child1").await;
    stage.loops("child1").await;
    stage.refuses_all_but_termination("child1").await;
    stage.shows([("child1", Pid::Restarting)]);
    assert_eq!(stage.counts(), [1, 0, 0, 1]);
    stage.calls_off("child1").await;
    stage.shows([("child1", Pid::Undefined)]);
    stage.restarts_and_leaves("child1").await;
}

#[tokio::test(start_paused = true)]
async fn hanging_restart_loop_rest_for_one() {
    let mut stage = Fixed::empty(Strategy::RestForOne, PATIENT).await;
    let child1 = stage.add_brutal("child1").await;
    stage.add_brutal("child2").await;
    stage.add_brutal("child3").await;
    stage.loops("child2").await;
    stage.refuses_all_but_termination("child2").await;
    stage.shows([
        ("child1", child1),
        ("child2", Pid::Restarting),
        ("child3", Pid::Undefined),
    ]);
    assert_eq!(stage.counts(), [3, 1, 0, 3]);
    stage.calls_off("child2").await;
    stage.shows([
        ("child1", child1),
        ("child2", Pid::Undefined),
        ("child3", Pid::Undefined),
    ]);
    stage.restarts_and_leaves("child2").await;
}

#[tokio::test(start_paused = true)]
async fn hanging_restart_loop_simple() {
    let mut stage = Dynamic::empty(PATIENT).await;
    stage.add_brutal("child1").await;
    stage.loops("child1").await;
    let operation = "restart_child";
    let refused = Err(SupervisorError::Dynamic { operation });
    assert_eq!(stage.sup.restart_child("child1"), refused);
    let operation = "delete_child";
    let refused = Err(SupervisorError::Dynamic { operation });
    assert_eq!(stage.sup.delete_child("child1"), refused);
    stage.shows([("child1", Pid::Restarting)]);
    assert_eq!(stage.counts(), [1, 0, 0, 1]);
    stage.sup.terminate_child("child1").await.unwrap();
    stage.shows([]);

    stage.crew.births("child2", Birth::Well);
    stage.add_brutal("child2").await;
    stage.loops("child2").await;
    assert_eq!(stage.shut_down().await, ExitReason::Shutdown);
    assert_eq!(stage.crew.alive(), 0);
}
