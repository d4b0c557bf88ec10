//! A simulated world around the rules: trees of supervisors and workers in virtual time, in which
//! everything that a runtime may do happens in an order that a seed decides, and what must never
//! happen is checked at every step.

mod steps;

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use super::child::{After, Phase, Why};
use super::*;

impl Payload for () {
    fn renew(&mut self, (): ()) {}
}

/// What a supervisor is made of.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) flags: Flags,
    pub(super) budget: Option<Intensity>,
    pub(super) children: Vec<(Policy, Option<Plan>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Starting,
    Up,
    /// It failed, the rules know, and something of it is still there.
    Leaving,
    Asked,
    Killed,
    /// It does not end though it was killed long ago.
    Stuck,
}

type Place = usize;

/// One supervisor that runs.
struct Site {
    rules: Rules<()>,
    plan: Plan,
    parent: Option<(Place, Key, Life)>,
    tasks: BTreeMap<Key, (Life, Task)>,
    sites: BTreeMap<Key, Place>,
    own_budget: Option<Arc<Budget>>,
    budgets: Vec<Arc<Budget>>,
    mailbox: VecDeque<Event>,
    exit: Option<ExitReason>,
}

/// See the module.
pub(super) struct World {
    pub(super) now: Duration,
    pub(super) rng: fastrand::Rng,
    sites: Vec<Option<Site>>,
    pub(super) steps: u64,
    pub(super) gave_up: u64,
    pub(super) quarantined: u64,
    /// Restarts that no supervisor was woken for.
    pub(super) revived: u64,
    /// Tasks that failed and stayed.
    pub(super) lingered: u64,
    pub(super) root_exit: Option<ExitReason>,
    trace: fnv::FnvHasher,
    next_ticket: Ticket,
    open_tickets: BTreeMap<Ticket, String>,
    fresh: u32,
}

impl World {
    pub(super) fn new(seed: u64, plan: &Plan) -> Self {
        let mut world = Self {
            now: Duration::ZERO,
            rng: fastrand::Rng::with_seed(seed),
            sites: Vec::new(),
            steps: 0,
            gave_up: 0,
            quarantined: 0,
            revived: 0,
            lingered: 0,
            root_exit: None,
            trace: fnv::FnvHasher::default(),
            next_ticket: 0,
            open_tickets: BTreeMap::new(),
            fresh: 0,
        };
        world.open(plan, None, Vec::new());
        world
    }

    pub(super) fn hash(&self) -> u64 {
        self.trace.finish()
    }

    /// Sets up a supervisor and boots it.
    fn open(
        &mut self,
        plan: &Plan,
        parent: Option<(Place, Key, Life)>,
        above: Vec<Arc<Budget>>,
    ) -> Place {
        let own_budget = plan.budget.map(|limit| Budget::new(Some(limit)));
        let budgets: Vec<_> = above.into_iter().chain(own_budget.clone()).collect();
        let mut rules = Rules::new(plan.flags, budgets.clone(), self.rng.u64(..));
        for (number, (policy, _)) in plan.children.iter().enumerate() {
            rules.add(Newcomer {
                id: Arc::from(number.to_string()),
                policy: Arc::new(policy.clone()),
                payload: (),
            });
        }
        let place = self.sites.len();
        self.sites.push(Some(Site {
            rules,
            plan: plan.clone(),
            parent,
            tasks: BTreeMap::new(),
            sites: BTreeMap::new(),
            own_budget,
            budgets,
            mailbox: VecDeque::new(),
            exit: None,
        }));
        self.drive(place, |rules, now| rules.boot(now));
        place
    }

    fn site(&mut self, place: Place) -> &mut Site {
        self.sites[place].as_mut().expect("a site that is open")
    }

    /// Lets one supervisor's rules take something in, and does what they say.
    fn drive(&mut self, place: Place, input: impl FnOnce(&mut Rules<()>, Duration)) {
        self.steps += 1;
        let now = self.now;
        let site = self.site(place);
        assert!(
            site.exit.is_none(),
            "something reaches a supervisor that left"
        );
        let closing = site.rules.closing.is_some();
        input(&mut site.rules, now);
        let mut actions = Vec::new();
        site.rules.swap_actions(&mut actions);
        self.learn_of_quarantine(place);
        for action in actions {
            self.keeps_order(place, &action, closing);
            self.trace
                .write(format!("{place} {now:?} {action:?}\n").as_bytes());
            self.carry_out(place, action);
        }
        self.check(place);
    }

    /// Fixed children start one after the other, and leave in reverse.
    fn keeps_order(&self, place: Place, action: &Action, closing: bool) {
        let Some(site) = self.sites[place].as_ref() else {
            return;
        };
        let rules = &site.rules;
        if rules.flags().dynamic.is_some() {
            return;
        }
        let children = rules.children();
        match *action {
            Action::Start(key, _) => {
                let grouped = |phase: &Phase| *phase == Phase::Starting(Why::Group);
                let starting = children.iter().filter(|(_, child)| grouped(&child.phase));
                let own = rules.child(key).is_some_and(|child| grouped(&child.phase));
                assert!(!own || starting.count() == 1, "a group starts two at once");
            }
            Action::Ask(key) | Action::Kill(key) if closing => {
                let down = |phase: &Phase| {
                    matches!(
                        phase,
                        Phase::Asked(After::Down) | Phase::Killed(After::Down)
                    )
                };
                let later = children.iter().rev().take_while(|(other, _)| *other != key);
                let mut busy = later.filter(|(other, _)| {
                    matches!(site.tasks.get(other), Some((_, task)) if *task != Task::Stuck)
                });
                // One that somebody asked to terminate before is not waited for.
                let asked = site
                    .tasks
                    .get(&key)
                    .is_some_and(|(_, task)| matches!(task, Task::Asked | Task::Killed));
                let own = rules.child(key).is_some_and(|child| down(&child.phase)) && !asked;
                assert!(
                    !own || busy.next().is_none(),
                    "left before one that started later"
                );
            }
            _ => {}
        }
    }

    /// The world's stuck tasks are those that the rules gave up on.
    fn learn_of_quarantine(&mut self, place: Place) {
        let Some(site) = self.sites[place].as_mut() else {
            return;
        };
        for (key, (_, task)) in &mut site.tasks {
            let child = site.rules.child(*key);
            if child.is_some_and(|child| matches!(child.phase, Phase::Stuck(_))) {
                *task = Task::Stuck;
            }
        }
    }

    fn carry_out(&mut self, place: Place, action: Action) {
        assert!(self.site(place).exit.is_none(), "{action:?} after the exit");
        match action {
            Action::Start(key, life) => self.start(place, key, life),
            Action::Ask(key) => self.ask(place, key),
            Action::Kill(key) => self.kill(place, key),
            Action::Retry(key, life) => self.site(place).mailbox.push_back(Event::Retry(key, life)),
            Action::Probe(key, life) => {
                let answer = self.probe(key, life);
                self.site(place).mailbox.push_back(answer);
            }
            Action::Late(key, life) => {
                let answer = self.linger(key, life);
                self.site(place).mailbox.push_back(answer);
            }
            Action::Ready => {
                if let Some((above, key, life)) = self.site(place).parent {
                    self.tell(above, Event::Started(key, life));
                }
            }
            Action::Answer(ticket, _) => {
                let open = self.open_tickets.remove(&ticket);
                assert!(open.is_some(), "answered twice");
            }
            Action::Note(None, LifecycleEvent::GaveUp { .. }) => {
                self.gave_up += 1;
                self.gave_up_rightly(place);
            }
            Action::Note(_, LifecycleEvent::Quarantined) => self.quarantined += 1,
            Action::Note(..) => {}
            Action::Exit(reason) => self.exit(place, reason),
        }
    }

    /// A message to another supervisor: it comes when that one is not in the middle of something.
    fn tell(&mut self, place: Place, event: Event) {
        self.site(place).mailbox.push_back(event);
    }

    fn start(&mut self, place: Place, key: Key, life: Life) {
        let site = self.site(place);
        assert!(!site.tasks.contains_key(&key), "two incarnations at once");
        site.tasks.insert(key, (life, Task::Starting));
        let child = site.rules.child(key).expect("a child that is there");
        let number: usize = child.id.parse().unwrap_or(usize::MAX);
        let below = site
            .plan
            .children
            .get(number)
            .and_then(|(_, below)| below.clone());
        if let Some(below) = below {
            let above = site.budgets.clone();
            let opened = self.open(&below, Some((place, key, life)), above);
            let site = self.site(place);
            site.sites.insert(key, opened);
            site.mailbox.push_back(Event::Spawned(key, life));
        }
    }

    fn ask(&mut self, place: Place, key: Key) {
        let site = self.site(place);
        // News of a supervisor that left, or that left something behind, may be under way.
        let left = site.mailbox.iter().any(|event| match event {
            Event::Ended(other, ..) | Event::Lingers { key: other, .. } => *other == key,
            _ => false,
        });
        let Some((_, task)) = site.tasks.get_mut(&key).filter(|_| !left) else {
            assert!(left, "asked whom there is not");
            return;
        };
        assert!(
            matches!(task, Task::Up | Task::Starting | Task::Leaving),
            "asked while {task:?}"
        );
        *task = Task::Asked;
        if let Some(&below) = site.sites.get(&key) {
            self.tell(below, Event::Stop(ExitReason::Shutdown));
        }
    }

    fn kill(&mut self, place: Place, key: Key) {
        let site = self.site(place);
        if let Some((_, task)) = site.tasks.get_mut(&key)
            && *task != Task::Stuck
        {
            *task = Task::Killed;
        }
        if let Some(&below) = site.sites.get(&key) {
            self.tell(below, Event::Stop(ExitReason::Killed));
        }
    }

    fn exit(&mut self, place: Place, reason: ExitReason) {
        let site = self.site(place);
        let left = site.tasks.values().all(|(_, task)| *task == Task::Stuck);
        assert!(left, "children are left behind: {:?}", site.tasks);
        site.exit = Some(reason.clone());
        let (parent, stuck) = (site.parent, !site.tasks.is_empty());
        self.sites[place] = None;
        let Some((above, key, life)) = parent else {
            self.root_exit = Some(reason);
            return;
        };
        let site = self.site(above);
        site.sites.remove(&key);
        if stuck {
            // The stuck task of below is now this supervisor's.
            let (_, task) = site.tasks.get_mut(&key).expect("the task of a supervisor");
            *task = Task::Stuck;
            let orderly = true;
            self.tell(
                above,
                Event::Lingers {
                    key,
                    life,
                    reason,
                    orderly,
                },
            );
        } else {
            site.tasks.remove(&key);
            self.tell(above, Event::Ended(key, life, reason));
        }
    }

    fn within(times: &[Duration], now: Duration, period: Duration) -> usize {
        times.iter().filter(|&&at| now - at <= period).count()
    }

    /// The rules gave up: one more restart would have been too many, here or for a budget.
    fn gave_up_rightly(&mut self, place: Place) {
        let now = self.now;
        let site = self.site(place);
        let Intensity { restarts, period } = site.plan.flags.intensity;
        let counted = Self::within(&site.rules.calls, now, period);
        let spent = site.budgets.iter().any(|budget| budget.left(now) == 0);
        let full = counted == usize::try_from(restarts).unwrap() + 1;
        assert!(full || spent, "gave up at {counted} of {restarts}");
    }

    /// What holds after every step.
    fn check(&mut self, place: Place) {
        let now = self.now;
        let Some(site) = self.sites[place].as_ref() else {
            return;
        };
        if site.rules.closing.is_none() {
            let Intensity { restarts, period } = site.plan.flags.intensity;
            let counted = Self::within(&site.rules.calls, now, period);
            assert!(
                counted <= usize::try_from(restarts).unwrap(),
                "one restart too many"
            );
        }
        for (key, (life, task)) in &site.tasks {
            let child = site
                .rules
                .child(*key)
                .expect("a task of a child that is there");
            assert_eq!(child.life, *life, "a task of another life");
            let known = match task {
                Task::Starting | Task::Up => {
                    matches!(child.phase, Phase::Starting(_) | Phase::Up)
                }
                Task::Leaving => {
                    matches!(child.phase, Phase::Up | Phase::Asked(_) | Phase::Killed(_))
                }
                Task::Asked => matches!(child.phase, Phase::Asked(_)),
                Task::Killed => matches!(child.phase, Phase::Killed(_) | Phase::Starting(_)),
                Task::Stuck => child.has_task(),
            };
            assert!(known, "{task:?} while {:?}", child.phase);
        }
        for (key, child) in site.rules.children() {
            let gone = matches!(child.phase, Phase::Down { .. } | Phase::Fallen);
            assert!(
                !gone || !site.tasks.contains_key(&key),
                "a task nobody knows of"
            );
        }
        if let (Some(budget), Some(limit)) = (&site.own_budget, site.plan.budget) {
            assert!(budget.left(now) <= limit.restarts);
        }
    }
}
