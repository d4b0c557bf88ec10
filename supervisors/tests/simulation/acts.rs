//! What is put into a run: cues to workers, kills, bad starts, requests, calls and looks.

use fastrand::Rng;
use plantao_supervisors::{NodeKind, Shutdown};

use crate::picture::{Sight, fits, sights};
use crate::plan::even;
use crate::requests::Desk;
use crate::worker::{Cue, Spoil};
use crate::world::World;

impl World {
    /// Puts one event in.
    pub(crate) fn act(&mut self) -> Result<(), String> {
        self.steps += 1;
        match self.rng.u8(..100) {
            0..42 => self.cue(),
            42..54 => self.kill(),
            54..64 if self.mood.bad_starts => {
                if let Some(worker) = self.pick(|sight| sight.kind == NodeKind::Worker) {
                    self.journal.spoil(&worker.path, spoil(&mut self.rng));
                }
            }
            64..84 if self.mood.requests => self.request(),
            84..92 => return self.read(),
            _ => {
                if let Some(worker) = self.pick(|sight| sight.kind == NodeKind::Worker) {
                    self.desk().call(&worker.path);
                }
            }
        }
        Ok(())
    }

    fn pick(&mut self, what: impl Fn(&Sight) -> bool) -> Option<Sight> {
        let those: Vec<&Sight> = self.sights.iter().filter(|sight| what(sight)).collect();
        self.rng.choice(those).cloned()
    }

    fn desk(&mut self) -> Desk<'_> {
        Desk {
            rng: &mut self.rng,
            mood: &self.mood,
            tree: &self.tree,
            journal: &self.journal,
        }
    }

    fn cue(&mut self) {
        let Some(worker) = self.pick(|sight| sight.kind == NodeKind::Worker) else {
            return;
        };
        // One that is given all the time it wants to stop must not hang.
        let plan = self.journal.record().plans.get(&worker.path).cloned();
        let patient = plan.is_none_or(|plan| plan.shutdown == Some(Shutdown::Infinity));
        let (cue, what) = match self.rng.u8(..14) {
            0 | 1 => (Cue::Finish(None), "normal"),
            2 => (Cue::Finish(Some("shutdown")), "shutdown"),
            3 => (Cue::Finish(Some("shutdown: done")), "shutdown: done"),
            4 => (Cue::Finish(Some("full")), "full"),
            5..8 => (Cue::Fail, "fail"),
            8..10 => (Cue::Panic, "panic"),
            10 | 11 if !patient => (Cue::Hang, "hang"),
            _ => (Cue::Busy(even(&mut self.rng, 3_000)), "busy"),
        };
        let line = self.journal.line(&worker.path);
        let sent = line.cast(cue);
        self.journal
            .note("cue", format!("{} {what} {sent:?}", worker.path));
    }

    fn kill(&mut self) {
        let supervisor = self.rng.u8(..3) == 0;
        let whom = self
            .pick(|sight| sight.path != "root" && (sight.kind == NodeKind::Worker) != supervisor);
        if let Some(whom) = whom {
            let killed = self.tree.kill(&whom.path);
            self.journal
                .note("kill", format!("{} {killed:?}", whom.path));
        }
    }

    fn request(&mut self) {
        let Some(supervisor) = self.pick(|sight| sight.kind != NodeKind::Worker) else {
            return;
        };
        let below = format!("{}/", supervisor.path);
        let children: Vec<Sight> = self
            .sights
            .iter()
            .filter(|sight| {
                sight
                    .path
                    .strip_prefix(&below)
                    .is_some_and(|id| !id.contains('/'))
            })
            .cloned()
            .collect();
        let children: Vec<&Sight> = children.iter().collect();
        self.desk().request(&supervisor, &children);
    }

    /// Reads at any moment: nothing may be at rest.
    fn read(&mut self) -> Result<(), String> {
        let snapshot = self.tree.snapshot();
        let mut seen = Vec::new();
        sights(&snapshot, &mut seen);
        self.journal.note("reads", format!("{seen:?}"));
        let Some(supervisor) = self.pick(|sight| sight.kind != NodeKind::Worker) else {
            return Ok(());
        };
        let (counts, list) = if let Some(handle) = self.tree.supervisor(&supervisor.path) {
            (handle.count_children(), handle.which_children())
        } else if let Some(handle) = self.tree.dynamic(&supervisor.path) {
            (handle.count_children(), handle.which_children())
        } else {
            return Ok(());
        };
        match (counts, list) {
            (Ok(counts), Ok(list)) => fits(counts, &list),
            (Err(counts), Err(list)) if counts == list => Ok(()),
            other => Err(format!("counts and list differ: {other:?}")),
        }
    }
}

pub(crate) fn spoil(rng: &mut Rng) -> Spoil {
    match rng.u8(..6) {
        0 => Spoil::Panic,
        1 => Spoil::Ignore,
        2 => Spoil::Hang,
        3 => Spoil::Slow(even(rng, 400)),
        _ => Spoil::Refuse,
    }
}
