//! What may happen next in the world, and how it comes to rest.

use super::*;

/// Steps after which a world that is left alone must be at rest.
const REST: u32 = 100_000;

impl World {
    /// One thing that may happen, whichever the seed picks.
    pub(in crate::core) fn step(&mut self) {
        let open: Vec<Place> = (0..self.sites.len())
            .filter(|place| self.sites[*place].is_some())
            .collect();
        let Some(&place) = self.pick(&open) else {
            return;
        };
        match self.rng.u32(..100) {
            0..40 => self.deliver(place),
            40..75 => self.act(place),
            75..90 => self.pass_time(),
            _ => self.request(place),
        }
    }

    /// Tells the root to stop.
    pub(in crate::core) fn stop(&mut self) {
        if self.sites[0].is_some() {
            self.tell(0, Event::Stop(ExitReason::Shutdown));
        }
    }

    /// From here on everything goes well; true when nothing more can happen.
    pub(in crate::core) fn calm_down(&mut self) {
        for _ in 0..REST {
            let places = 0..self.sites.len();
            let busy = places.clone().find(|place| {
                let site = self.sites[*place].as_ref();
                site.is_some_and(|site| !site.mailbox.is_empty())
            });
            if let Some(place) = busy {
                self.deliver(place);
                continue;
            }
            let restless = places.clone().find_map(|place| {
                let site = self.sites[place].as_ref()?;
                let works = |key: &Key| !site.sites.contains_key(key);
                let (key, _) = site
                    .tasks
                    .iter()
                    .find(|(key, (_, task))| works(key) && *task != Task::Up)?;
                Some((place, *key))
            });
            if let Some((place, key)) = restless {
                self.end_well(place, key);
                continue;
            }
            let due = places.filter_map(|place| self.sites[place].as_ref()?.rules.next_deadline());
            match due.min() {
                // A liveness check comes again for ever.
                Some(at)
                    if self.root_exit.is_none() && at < self.now + Duration::from_secs(120) =>
                {
                    self.now = self.now.max(at);
                    self.tick();
                }
                _ => return,
            }
            if self.is_only_probed() {
                return;
            }
        }
        panic!("it never comes to rest: {}", self.state());
    }

    /// What a failure shows.
    pub(in crate::core) fn state(&self) -> String {
        let sites = self.sites.iter().flatten().map(|site| {
            let children = site.rules.children().into_iter();
            let phases = children.map(|(key, child)| (key, child.phase.clone(), child.deadline()));
            let phases: Vec<_> = phases.collect();
            format!(
                "{:?} {phases:?} {:?} {:?}\n",
                site.rules.group, site.mailbox, site.tasks
            )
        });
        format!("{:?}\n{}", self.now, sites.collect::<String>())
    }

    /// Everything is up, and the only deadlines are those of liveness.
    fn is_only_probed(&self) -> bool {
        self.sites.iter().flatten().all(|site| {
            site.mailbox
                .iter()
                .all(|event| matches!(event, Event::Probed(..)))
                && site.tasks.values().all(|(_, task)| *task == Task::Up)
                && site.rules.group.is_none()
                && !site.rules.children().iter().any(|(_, child)| {
                    matches!(
                        child.phase,
                        Phase::Resting | Phase::Fallen | Phase::Retrying
                    )
                })
        })
    }

    /// Whether every permanent child of every supervisor is up.
    pub(in crate::core) fn is_whole(&self) -> bool {
        self.sites.iter().flatten().all(|site| {
            site.rules.children().iter().all(|(_, child)| {
                child.policy.restart != Restart::Permanent
                    || child.phase == Phase::Up
                    || child.starts == 0
                    || matches!(child.phase, Phase::Down { .. })
            })
        })
    }

    pub(in crate::core) fn is_empty(&self) -> bool {
        self.sites.iter().all(Option::is_none)
    }

    pub(in crate::core) fn unanswered(&self) -> Vec<&String> {
        self.open_tickets.values().collect()
    }

    fn end_well(&mut self, place: Place, key: Key) {
        let site = self.site(place);
        let (life, task) = site.tasks[&key];
        if task == Task::Starting {
            site.tasks.insert(key, (life, Task::Up));
            self.drive(place, |rules, now| {
                rules.handle(now, Event::Started(key, life))
            });
        } else {
            self.end(place, key, ExitReason::Shutdown);
        }
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        (!from.is_empty()).then(|| &from[self.rng.usize(..from.len())])
    }

    fn deliver(&mut self, place: Place) {
        let site = self.site(place);
        let Some(event) = site.mailbox.pop_front() else {
            return;
        };
        if let Event::Started(key, _) = event
            && let Some((_, task @ Task::Starting)) = site.tasks.get_mut(&key)
        {
            *task = Task::Up;
        }
        if let Event::Lingers {
            key,
            orderly: false,
            ..
        } = event
            && let Some((_, task @ (Task::Leaving | Task::Asked))) = site.tasks.get_mut(&key)
        {
            *task = Task::Killed;
        }
        self.drive(place, |rules, now| rules.handle(now, event));
    }

    /// A worker does something.
    fn act(&mut self, place: Place) {
        let site = self.site(place);
        let workers: Vec<Key> = site
            .tasks
            .keys()
            .copied()
            .filter(|key| !site.sites.contains_key(key))
            .collect();
        let Some(&key) = self.pick(&workers) else {
            return;
        };
        let (life, task) = self.site(place).tasks[&key];
        match (task, self.rng.u8(..10)) {
            (Task::Starting, 0..6) => {
                self.site(place).tasks.insert(key, (life, Task::Up));
                self.drive(place, |rules, now| {
                    rules.handle(now, Event::Started(key, life))
                });
            }
            (Task::Starting, 6) => {
                self.site(place).tasks.remove(&key);
                self.drive(place, |rules, now| {
                    rules.handle(now, Event::Ignored(key, life))
                });
            }
            (Task::Starting, 7..9) => self.end(place, key, ExitReason::Error("no".into())),
            (Task::Up, 0..2) => {
                self.drive(place, |rules, now| {
                    rules.handle(now, Event::Kill(key, life))
                });
            }
            (Task::Up, 2..6) => {
                let reason = self.reason();
                self.end(place, key, reason);
            }
            (Task::Up, 6) => self.leave(place, key),
            (Task::Leaving, 0..5) => self.end(place, key, ExitReason::Error("left".into())),
            (Task::Asked, 0..7) => self.end(place, key, ExitReason::Shutdown),
            (Task::Killed, 0..7) => self.end(place, key, ExitReason::Killed),
            (Task::Stuck, 0..3) => self.end(place, key, ExitReason::Killed),
            _ => {}
        }
    }

    fn reason(&mut self) -> ExitReason {
        match self.rng.u8(..5) {
            0 => ExitReason::Normal,
            1 => ExitReason::Shutdown,
            2 => ExitReason::ShutdownWith("done".into()),
            3 => ExitReason::Panic("oh".into()),
            _ => ExitReason::Error("no".into()),
        }
    }

    fn end(&mut self, place: Place, key: Key, reason: ExitReason) {
        let Some((life, _)) = self.site(place).tasks.remove(&key) else {
            return;
        };
        let mut revived = false;
        self.drive(place, |rules, now| {
            revived = rules.revives_alone(now, (key, life), &reason);
            if !revived {
                return rules.handle(now, Event::Ended(key, life, reason));
            }
            let revival = rules.revive_alone(now, (key, life), reason);
            let Revival { life, notes } = revival.expect("it comes back");
            let told = |note: &Action| matches!(note, Action::Note(Some(_), _));
            assert!(notes.iter().all(told), "more follows: {notes:?}");
            rules.actions.extend(notes);
            rules.actions.push(Action::Start(key, life));
        });
        self.revived += u64::from(revived);
    }

    /// A worker failed, and is about to be over.
    fn leave(&mut self, place: Place, key: Key) {
        let (life, _) = self.site(place).tasks[&key];
        let mut alone = false;
        self.drive(place, |rules, now| {
            alone = rules.leave_alone(now, key, life)
        });
        if alone {
            self.site(place).tasks.insert(key, (life, Task::Leaving));
        }
    }

    /// Somebody looks how long a worker has been busy.
    pub(super) fn probe(&mut self, key: Key, life: Life) -> Event {
        let busy = self.rng.u8(..4) == 0;
        let since = busy.then(|| self.now.saturating_sub(Duration::from_secs(2)));
        Event::Probed(key, life, since)
    }

    /// A worker failed a while ago, and is still there.
    pub(super) fn linger(&mut self, key: Key, life: Life) -> Event {
        self.lingered += 1;
        Event::Lingers {
            key,
            life,
            reason: ExitReason::Error("it stays".into()),
            orderly: false,
        }
    }

    fn pass_time(&mut self) {
        self.now += Duration::from_millis(self.rng.u64(..400));
        self.tick();
    }

    fn tick(&mut self) {
        for place in 0..self.sites.len() {
            let due = self.sites[place]
                .as_ref()
                .and_then(|site| site.rules.next_deadline());
            if due.is_some_and(|at| at <= self.now) {
                self.drive(place, |rules, now| rules.handle(now, Event::Tick));
            }
        }
    }

    fn request(&mut self, place: Place) {
        let children = self.site(place).rules.children();
        let ids: Vec<Arc<str>> = children
            .iter()
            .map(|(_, child)| Arc::clone(&child.id))
            .collect();
        self.next_ticket += 1;
        let (ticket, kind) = (self.next_ticket, self.rng.u8(..10));
        let id = self
            .pick(&ids)
            .cloned()
            .unwrap_or_else(|| Arc::from("nobody"));
        let request = match kind {
            0..4 => {
                self.fresh += 1;
                let fresh = Arc::from(format!("fresh-{}", self.fresh));
                let id = if kind == 0 { id } else { fresh };
                let policy = Arc::new(super::super::simulation_tests::policy(&mut self.rng));
                let payload = ();
                Request::StartChild(
                    Newcomer {
                        id,
                        policy,
                        payload,
                    },
                    ticket,
                )
            }
            4..6 => Request::TerminateChild(id, ticket),
            6..8 => Request::RestartChild(id, ticket),
            8 => Request::DeleteChild(id, ticket),
            _ => self.change(place, ticket),
        };
        self.open_tickets
            .insert(ticket, format!("{place} {request:?}"));
        self.drive(place, |rules, now| rules.request(now, request));
    }

    /// The same children in another order, under another strategy.
    fn change(&mut self, place: Place, ticket: Ticket) -> Request<()> {
        let strategies = [
            Strategy::OneForOne,
            Strategy::OneForAll,
            Strategy::RestForOne,
        ];
        let strategy = strategies[self.rng.usize(..3)];
        let rules = &self.site(place).rules;
        let flags = Flags {
            strategy,
            ..rules.flags()
        };
        let mut children: Vec<Newcomer<()>> = rules
            .children()
            .into_iter()
            .map(|(_, child)| Newcomer {
                id: Arc::clone(&child.id),
                policy: Arc::clone(&child.policy),
                payload: (),
            })
            .collect();
        self.rng.shuffle(&mut children);
        Request::Change(flags, children, ticket)
    }
}
