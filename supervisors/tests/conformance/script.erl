%% Runs one script: starts its tree, takes its steps one by one, and after each waits until the
%% tree is at rest and writes down what happened and what is there.
-module(script).
-export([run/3]).

%% Looks at the tree that must agree before it counts as at rest.
-define(AGREEING, 3).
%% How long a subject may take to die once told to.
-define(DEATH_MS, 10000).

-record(run, {journal, quiet_ms, root}).

%% `QuietMs` is the pause between two looks at the tree; `Pace` multiplies all times.
run({Root, Steps}, QuietMs, Pace) ->
    process_flag(trap_exit, true),
    Journal = journal:open(Pace),
    Key = journal:introduce(Journal, <<"root">>, Root),
    {Answer, Pid} = start(Journal, Key),
    Run = #run{journal = Journal, quiet_ms = QuietMs, root = Pid},
    Started = observe(Answer, Run),
    Trace = [Started | [observe(step(Step, Run), Run) || Step <- Steps]],
    [exit(Left, kill) || {Left, _} <- journal:subjects(Journal)],
    journal:close(Journal),
    Trace.

start(Journal, Key) ->
    case subject:start_supervisor(Journal, <<"root">>, Key) of
        {ok, Pid} ->
            {<<"ok">>, Pid};
        {error, Reason} ->
            receive {'EXIT', _, _} -> ok end,
            {failure(<<"root">>, Reason), none}
    end.

%% Steps. Each answers a text.

step({plan, Path, Outcomes}, #run{journal = Journal}) ->
    journal:plan(Journal, Path, Outcomes),
    <<"ok">>;
step({exit, Path, Reason}, Run) ->
    leave(Path, Reason, Run);
step({kill, Path}, Run) ->
    leave(Path, kill, Run);
step({start, Path, Child}, #run{journal = Journal} = Run) ->
    Known = journal:introduce_child(Journal, Path, Child),
    Spec = subject:child_spec(Journal, Path, Known),
    Below = below(Path, element(1, Child)),
    answer(Below, call(Path, Run, fun(Pid) -> supervisor:start_child(Pid, Spec) end));
step({start_dynamic, Path, Id, Outcomes}, #run{journal = Journal} = Run) ->
    Below = below(Path, Id),
    journal:plan(Journal, Below, Outcomes),
    answer(Below, call(Path, Run, fun(Pid) -> supervisor:start_child(Pid, [Id]) end));
step({terminate, Path, Id}, Run) ->
    Below = below(Path, Id),
    Which = case dynamic(Path, Run) of
        %% For a child that never came up stands a process that is no child.
        true -> journal:get(Run#run.journal, {live, Below}, self());
        false -> Id
    end,
    answer(Below, call(Path, Run, fun(Pid) -> supervisor:terminate_child(Pid, Which) end));
step({restart, Path, Id}, Run) ->
    answer(below(Path, Id), call(Path, Run, fun(Pid) -> supervisor:restart_child(Pid, Id) end));
step({delete, Path, Id}, Run) ->
    answer(Path, call(Path, Run, fun(Pid) -> supervisor:delete_child(Pid, Id) end));
step({spec, Path, Id}, #run{journal = Journal} = Run) ->
    case call(Path, Run, fun(Pid) -> supervisor:get_childspec(Pid, Id) end) of
        {ok, Spec} -> specification(Journal, Spec);
        Other -> answer(Path, Other)
    end;
step({which, Path}, #run{journal = Journal} = Run) ->
    case call(Path, Run, fun supervisor:which_children/1) of
        unavailable -> <<"unavailable">>;
        Children -> lists:join($\s, [presence(Journal, Child) || Child <- Children])
    end;
step({count, Path}, Run) ->
    case call(Path, Run, fun supervisor:count_children/1) of
        unavailable -> <<"unavailable">>;
        Counts -> counts(Counts)
    end;
step({change, Path, Code}, #run{journal = Journal} = Run) ->
    Key = journal:introduce(Journal, Path, Code),
    answer(Path, call(Path, Run, fun(Pid) -> change(Pid, Path, Key, Run) end));
step({during, Path, Reason, Step}, Run) ->
    during(Path, Reason, Step, Run);
step({wait, Ms}, #run{journal = Journal}) ->
    timer:sleep(journal:paced(Journal, Ms)),
    <<"ok">>;
step(shutdown, #run{root = none}) ->
    <<"unavailable">>;
step(shutdown, #run{root = Pid}) ->
    case is_process_alive(Pid) of
        true -> exit(Pid, shutdown), <<"ok">>;
        false -> <<"unavailable">>
    end.

%% Makes the process at `Path` leave and waits until it is gone. One that is not up yet can be
%% killed, but has nothing to leave.
leave(Path, kill, #run{journal = Journal}) ->
    gone(Path, journal:get(Journal, {born, Path}, none), fun(Pid) -> exit(Pid, kill) end);
leave(Path, Reason, #run{journal = Journal}) ->
    Tell = fun(Pid) -> gen_server:cast(Pid, {leave, Reason}) end,
    Born = journal:get(Journal, {born, Path}, none),
    case journal:get(Journal, {live, Path}, none) of
        Born -> gone(Path, Born, Tell);
        _ -> <<"none">>
    end.

gone(_, none, _) ->
    <<"none">>;
gone(Path, Pid, Tell) ->
    Monitor = monitor(process, Pid),
    Alive = is_process_alive(Pid),
    Tell(Pid),
    receive
        {'DOWN', Monitor, _, _, _} when Alive -> <<"ok">>;
        {'DOWN', Monitor, _, _, _} -> <<"none">>
    after ?DEATH_MS -> error({does_not_leave, Path})
    end.

%% A step taken while the restart of the worker at `Path` hangs, and with it its supervisor.
during(Path, Reason, Step, #run{journal = Journal} = Run) ->
    journal:plan(Journal, Path, [hang]),
    journal:put(Journal, {hangs, Path}, false),
    case leave(Path, Reason, Run) of
        <<"ok">> ->
            hanging(Path, Run, looks(Run)),
            step(Step, Run);
        Other ->
            Other
    end.

%% Waits until the start hangs, or does not come: not every worker is restarted.
hanging(_, _, 0) ->
    ok;
hanging(Path, #run{journal = Journal} = Run, Looks) ->
    case journal:get(Journal, {hangs, Path}, false) of
        true ->
            ok;
        false ->
            timer:sleep(1),
            case lists:all(fun is_idle/1, [Pid || {Pid, _, _} <- live(Run)]) of
                true -> hanging(Path, Run, Looks - 1);
                false -> hanging(Path, Run, looks(Run))
            end
    end.

%% Looks are short, because a start that hangs does so for a short time.
looks(#run{quiet_ms = QuietMs}) -> ?AGREEING * QuietMs.

%% A supervisor that is busy cannot be asked whether it is.
is_idle(Pid) ->
    case process_info(Pid, [current_function, message_queue_len]) of
        [{current_function, {gen_server, loop, _}}, {message_queue_len, 0}] -> true;
        undefined -> true;
        _ -> false
    end.

call(Path, #run{journal = Journal}, Request) ->
    case journal:get(Journal, {live, Path}, none) of
        none ->
            unavailable;
        Pid ->
            try Request(Pid)
            catch exit:_ -> unavailable
            end
    end.

dynamic(Path, #run{journal = Journal}) ->
    Pid = journal:get(Journal, {live, Path}, none),
    case journal:get(Journal, {subject, Pid}, none) of
        {supervisor, _, Key} -> element(1, journal:code(Journal, Key)) =:= dyn;
        _ -> false
    end.

%% A release upgrade in small: the callback says something else from now on, which holds for
%% later incarnations too, unless the supervisor refuses it.
change(Pid, Path, NewKey, #run{journal = Journal}) ->
    {supervisor, _, Key} = journal:get(Journal, {subject, Pid}, none),
    Old = journal:code(Journal, Key),
    New = journal:code(Journal, NewKey),
    ok = sys:suspend(Pid, infinity),
    journal:recode(Journal, Key, New),
    Result = sys:change_code(Pid, subject, vsn, extra, infinity),
    ok = sys:resume(Pid, infinity),
    case Result of
        ok ->
            journal:recode_all(Journal, Path, New),
            ok;
        {error, _} ->
            journal:recode(Journal, Key, Old),
            {error, {bad_spec, Path}}
    end.

answer(_, ok) -> <<"ok">>;
answer(_, unavailable) -> <<"unavailable">>;
answer(_, {ok, undefined}) -> <<"ignored">>;
answer(_, {ok, Pid}) when is_pid(Pid) -> <<"ok">>;
answer(_, {error, {already_started, _}}) -> <<"already_started">>;
answer(_, {error, {bad_spec, _}}) -> <<"bad_spec">>;
answer(_, {error, {bad_combination, _}}) -> <<"bad_spec">>;
answer(Path, {error, {Reason, Child}}) when element(1, Child) =:= child ->
    failure(Path, Reason);
answer(Path, {error, {shutdown, _} = Reason}) ->
    failure(Path, Reason);
answer(Path, {error, Reason}) when Reason =:= refused; Reason =:= crashed; Reason =:= timeout ->
    failure(Path, Reason);
answer(_, {error, Reason}) ->
    atom_to_binary(Reason).

specification(Journal, Spec) ->
    #{restart := Restart, shutdown := Shutdown, type := Type, significant := Is} = Spec,
    Time = journal:unpaced(Journal, Shutdown),
    io_lib:format("spec ~s ~0p ~s ~s", [Restart, Time, Type, Is]).

%% Which start failed, however deep, and why.
failure(Path, {shutdown, {failed_to_start_child, Id, Reason}}) ->
    failure(below(Path, Id), Reason);
failure(_, {start_spec, _}) ->
    <<"bad_spec">>;
failure(Path, Reason) when is_atom(Reason) ->
    ["failed ", Path, $\s, atom_to_binary(Reason)].

below(Path, Id) -> <<Path/binary, $/, Id/binary>>.

%% Rest and observation.

observe(Answer, #run{journal = Journal} = Run) ->
    Look = rest(Run, none, 0),
    Events = [event(Journal, Event) || Event <- journal:take(Journal)],
    [["step ", Answer, $\n], Events, [status(Journal, One) || One <- Look], left(Run)].

rest(#run{journal = Journal, quiet_ms = QuietMs} = Run, Last, Agreeing) ->
    Look = {journal:size(Journal), look(Run)},
    case Look =:= Last of
        true when Agreeing + 1 >= ?AGREEING ->
            element(2, Look);
        true ->
            timer:sleep(QuietMs),
            rest(Run, Look, Agreeing + 1);
        false ->
            timer:sleep(QuietMs),
            rest(Run, Look, 0)
    end.

%% All live supervisors with their children. A supervisor that is busy does not answer, so this
%% waits for it.
look(Run) ->
    [try {Path, Pid, Key, supervisor:which_children(Pid), supervisor:count_children(Pid)}
     catch exit:_ -> {Path, Pid, Key, make_ref(), gone}
     end || {Pid, Path, Key} <- lists:keysort(2, live(Run))].

live(#run{journal = Journal}) ->
    [{Pid, Path, Key} || {Pid, {supervisor, Path, Key}} <- journal:subjects(Journal),
                         is_process_alive(Pid)].

event(_, {start, Path, Number, Outcome}) ->
    io_lib:format("start ~s ~b ~s~n", [Path, Number, Outcome]);
event(_, {up, Path, Number}) ->
    io_lib:format("up ~s ~b~n", [Path, Number]);
event(_, {fail, Path}) ->
    ["fail ", Path, $\n];
event(Journal, {exit, Pid, Reason}) ->
    case journal:get(Journal, {subject, Pid}, none) of
        {worker, Path, Number} ->
            io_lib:format("stop ~s ~b ~s~n", [Path, Number, reason(Reason)]);
        {supervisor, Path, _} ->
            case journal:get(Journal, {up, Pid}, none) of
                none -> [];
                Number -> io_lib:format("down ~s ~b ~s~n", [Path, Number, reason(Reason)])
            end
    end.

reason(normal) -> "normal";
reason(shutdown) -> "shutdown";
reason({shutdown, Detail}) -> ["shutdown:", atom_to_binary(Detail)];
reason(killed) -> "killed";
reason(_) -> "error".

status(Journal, {Path, _, Key, Children, Counts}) ->
    Texts = [presence(Journal, Child) || Child <- Children],
    Sorted = case element(1, journal:code(Journal, Key)) of
        dyn -> lists:sort([iolist_to_binary(Text) || Text <- Texts]);
        sup -> Texts
    end,
    ["children ", Path, $\s, counts(Counts), [[$\s, Text] || Text <- Sorted], $\n].

counts(Counts) ->
    Keys = [specs, active, supervisors, workers],
    lists:join($\s, [integer_to_list(proplists:get_value(Key, Counts)) || Key <- Keys]).

presence(Journal, {undefined, Pid, Type, _}) when is_pid(Pid) ->
    {_, Path, _} = journal:get(Journal, {subject, Pid}, none),
    presence(Journal, {lists:last(binary:split(Path, <<"/">>, [global])), Pid, Type, []});
presence(_, {undefined, What, Type, _}) ->
    io_lib:format("?:~s:~s", [What, Type]);
presence(_, {Id, Pid, Type, _}) when is_pid(Pid) ->
    io_lib:format("~s:up:~s", [Id, Type]);
presence(_, {Id, What, Type, _}) ->
    io_lib:format("~s:~s:~s", [Id, What, Type]).

%% How the root ended, once, in the step in which it did.
left(#run{root = none}) ->
    [];
left(#run{root = Root}) ->
    receive
        {'EXIT', Root, Reason} -> ["left ", reason(Reason), $\n]
    after 0 -> []
    end.
