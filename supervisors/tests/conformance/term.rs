//! A script as an Erlang term, as the driver reads it.

use std::fmt::{self, Display, Formatter};

use crate::model::*;

/// Shows a value as an Erlang term.
pub(crate) struct Term<'a, T>(pub(crate) &'a T);

impl Display for Term<'_, Script> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Script { root, steps } = self.0;
        write!(f, "{{{},{}}}", Term(root), List(steps))
    }
}

impl Display for Term<'_, Supervisor> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Supervisor {
            strategy,
            limit,
            auto_shutdown,
            children,
        } = self.0;
        let strategy = match strategy {
            Strategy::OneForOne => "one_for_one",
            Strategy::OneForAll => "one_for_all",
            Strategy::RestForOne => "rest_for_one",
        };
        let (limit, auto) = (Term(limit), Term(auto_shutdown));
        write!(f, "{{sup,{strategy},{limit},{auto},{}}}", List(children))
    }
}

impl Display for Term<'_, Dynamic> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Dynamic {
            limit,
            auto_shutdown,
            template,
        } = self.0;
        let (limit, auto) = (Term(limit), Term(auto_shutdown));
        write!(f, "{{dyn,{limit},{auto},{}}}", Term(&**template))
    }
}

impl Display for Term<'_, Child> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Child {
            id,
            restart,
            shutdown,
            significant,
            body,
        } = self.0;
        let (restart, shutdown) = (Term(restart), Term(shutdown));
        write!(f, "{{{},{restart},{shutdown},{significant},", Term(id))?;
        match body {
            Body::Worker(manner, plan) => {
                write!(f, "{{worker,{},{}}}", Term(manner), List(plan))
            }
            Body::Supervisor(supervisor) => write!(f, "{}", Term(supervisor)),
            Body::Dynamic(dynamic) => write!(f, "{}", Term(dynamic)),
        }?;
        f.write_str("}")
    }
}

impl Display for Term<'_, Step> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut with_id = |name: &str, path: &String, id: &String| {
            write!(f, "{{{name},{},{}}}", Term(path), Term(id))
        };
        match self.0 {
            Step::TerminateChild(path, id) => with_id("terminate", path, id),
            Step::RestartChild(path, id) => with_id("restart", path, id),
            Step::DeleteChild(path, id) => with_id("delete", path, id),
            Step::ChildSpec(path, id) => with_id("spec", path, id),
            Step::Plan(path, plan) => write!(f, "{{plan,{},{}}}", Term(path), List(plan)),
            Step::Exit(path, leave) => write!(f, "{{exit,{},{}}}", Term(path), Term(leave)),
            Step::KillSupervisor(path) => write!(f, "{{kill,{}}}", Term(path)),
            Step::StartChild(path, child) => {
                write!(f, "{{start,{},{}}}", Term(path), Term(child))
            }
            Step::StartDynamic(path, id, plan) => {
                let (path, id) = (Term(path), Term(id));
                write!(f, "{{start_dynamic,{path},{id},{}}}", List(plan))
            }
            Step::WhichChildren(path) => write!(f, "{{which,{}}}", Term(path)),
            Step::CountChildren(path) => write!(f, "{{count,{}}}", Term(path)),
            Step::CodeChange(path, supervisor) => {
                write!(f, "{{change,{},{}}}", Term(path), Term(supervisor))
            }
            Step::During(path, leave, step) => {
                let (path, leave) = (Term(path), Term(leave));
                write!(f, "{{during,{path},{leave},{}}}", Term(&**step))
            }
            Step::Wait { ms } => write!(f, "{{wait,{ms}}}"),
            Step::Shutdown => f.write_str("shutdown"),
        }
    }
}

impl Display for Term<'_, String> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "<<\"{}\">>", self.0)
    }
}

impl Display for Term<'_, Limit> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.0.restarts, self.0.period_s)
    }
}

impl Display for Term<'_, Shutdown> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Shutdown::BrutalKill => f.write_str("brutal_kill"),
            Shutdown::Timeout { ms } => write!(f, "{ms}"),
            Shutdown::Infinity => f.write_str("infinity"),
        }
    }
}

/// Shows values that are one atom, or something as short.
macro_rules! atoms {
    ($kind:ty { $($value:pat => $text:literal),* $(,)? }) => {
        impl Display for Term<'_, $kind> {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str(match self.0 { $($value => $text),* })
            }
        }
    };
}

atoms!(Restart {
    Restart::Permanent => "permanent",
    Restart::Transient => "transient",
    Restart::Temporary => "temporary",
});
atoms!(AutoShutdown {
    AutoShutdown::Never => "never",
    AutoShutdown::AnySignificant => "any_significant",
    AutoShutdown::AllSignificant => "all_significant",
});
atoms!(Manner {
    Manner::Obey => "obey",
    Manner::Fail => "fail",
    Manner::Slow => "slow",
    Manner::Hang => "hang",
});
atoms!(Outcome {
    Outcome::Ok => "ok",
    Outcome::Ignore => "ignore",
    Outcome::Error => "error",
    Outcome::Crash => "crash",
    Outcome::Hang => "hang",
});
atoms!(Leave {
    Leave::Normal => "normal",
    Leave::Shutdown => "shutdown",
    Leave::ShutdownWith => "{shutdown,why}",
    Leave::Error => "error",
    Leave::Crash => "crash",
    Leave::Kill => "kill",
});

struct List<'a, T>(&'a [T]);

impl<T> Display for List<'_, T>
where
    for<'b> Term<'b, T>: Display,
{
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (place, value) in self.0.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{}", Term(value))?;
        }
        f.write_str("]")
    }
}
