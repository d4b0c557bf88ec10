%% What is known of one script while it runs: a journal of events in causal order, and a table of
%% processes, start plans and supervisor code. It exists because a killed process cannot say that
%% it ended: exits are taken from the runtime's own trace, which numbers them, at the moment they
%% happen, with the same counter as every other event.
-module(journal).
-export([open/1, paced/2, unpaced/2, close/1, note/2, watch/2, take/1, size/1]).
-export([plan/3, count/2, next/2, introduce/3, introduce_child/3, code/2, recode/3, recode_all/3]).
-export([put/3, get/3, subjects/1]).

%% `Pace` is by how much all times of the script are multiplied.
open(Pace) ->
    Table = ets:new(journal, [public, set]),
    ets:insert(Table, {pace, Pace}),
    {Table, spawn_link(fun() -> keep([]) end)}.

%% A time of the script in the time of this run.
paced({Table, _}, Time) when is_integer(Time) -> Time * ets:lookup_element(Table, pace, 2);
paced(_, NoTime) -> NoTime.

%% The reverse.
unpaced({Table, _}, Time) when is_integer(Time) -> Time div ets:lookup_element(Table, pace, 2);
unpaced(_, NoTime) -> NoTime.

close({Table, Keeper}) ->
    unlink(Keeper),
    exit(Keeper, kill),
    ets:delete(Table).

note({_, Keeper}, Event) ->
    Keeper ! {note, erlang:unique_integer([monotonic]), Event},
    ok.

%% The calling process is `Who` from now on, and its exit is an event.
watch({Table, Keeper}, Who) ->
    ets:insert(Table, {{subject, self()}, Who}),
    Flags = [procs, strict_monotonic_timestamp, {tracer, Keeper}],
    try erlang:trace(self(), true, Flags) of
        1 -> ok
    catch
        %% Watched already: a code change calls a supervisor's init again.
        error:badarg -> ok
    end.

%% Everything since the last call, in causal order.
take(Journal) -> ask(Journal, take).

%% How much there is to take.
size(Journal) -> ask(Journal, size).

ask({_, Keeper}, What) ->
    Ref = make_ref(),
    Keeper ! {What, self(), Ref},
    receive {Ref, Answer} -> Answer end.

keep(Events) ->
    receive
        {note, Number, Event} ->
            keep([{Number, Event} | Events]);
        {trace_ts, Pid, exit, Reason, {_, Number}} ->
            keep([{Number, {exit, Pid, Reason}} | Events]);
        {take, From, Ref} ->
            From ! {Ref, [Event || {_, Event} <- lists:sort(Events)]},
            keep([]);
        {size, From, Ref} ->
            From ! {Ref, length(Events)},
            keep(Events);
        _Other ->
            keep(Events)
    end.

%% What the next starts of the worker at `Path` do; after that they succeed.
plan({Table, _}, Path, Outcomes) ->
    ets:insert(Table, {{plan, Path}, Outcomes}).

%% How often this was called for `Path`, this time included.
count({Table, _}, Path) ->
    ets:update_counter(Table, {starts, Path}, 1, {{starts, Path}, 0}).

%% The number of this start, and what it is to do.
next({Table, _} = Journal, Path) ->
    Number = count(Journal, Path),
    case ets:lookup(Table, {plan, Path}) of
        [{_, [Outcome | Rest]}] ->
            ets:insert(Table, {{plan, Path}, Rest}),
            {Number, Outcome};
        _ ->
            {Number, ok}
    end.

%% Keeps the code of the supervisor at `Path` and of those below it under keys, because a code
%% change outlives the process that it reached.
introduce(Journal, Path, {sup, Strategy, Restarts, Period, Auto, Children}) ->
    Known = [introduce_child(Journal, Path, Child) || Child <- Children],
    store(Journal, Path, {sup, Strategy, Restarts, Period, Auto, Known});
introduce(Journal, Path, {dyn, Restarts, Period, Auto, Template}) ->
    Known = introduce_child(Journal, Path, Template),
    store(Journal, Path, {dyn, Restarts, Period, Auto, Known}).

%% The same for one child, whatever it is.
introduce_child(Journal, Path, {Id, Restart, Shutdown, Significant, Body}) ->
    Below = <<Path/binary, $/, Id/binary>>,
    Known = case Body of
        {worker, Manner, Outcomes} ->
            plan(Journal, Below, Outcomes),
            {worker, Manner};
        Supervisor ->
            {supervisor, introduce(Journal, Below, Supervisor)}
    end,
    {Id, Restart, Shutdown, Significant, Known}.

store({Table, _} = Journal, Path, Code) ->
    Key = erlang:unique_integer(),
    ets:insert(Table, {{code, Key}, Code}),
    put(Journal, {keys, Path}, [Key | get(Journal, {keys, Path}, [])]),
    Key.

code({Table, _}, Key) -> ets:lookup_element(Table, {code, Key}, 2).

recode({Table, _}, Key, Code) -> ets:insert(Table, {{code, Key}, Code}).

%% Whatever key the supervisor at `Path` is started with next, this is its code.
recode_all(Journal, Path, Code) ->
    [recode(Journal, Key, Code) || Key <- get(Journal, {keys, Path}, [])].

put({Table, _}, Key, Value) -> ets:insert(Table, {Key, Value}).

get({Table, _}, Key, Default) ->
    case ets:lookup(Table, Key) of
        [{_, Value}] -> Value;
        [] -> Default
    end.

%% All processes that were ever watched, and who they are.
subjects({Table, _}) ->
    [{Pid, Who} || [Pid, Who] <- ets:match(Table, {{subject, '$1'}, '$2'})].
