%% The processes under test: a worker that starts, leaves and stops as its script says, and the
%% callback of OTP's own supervisor. Both are started through functions of this module, which run
%% in the parent supervisor and note each start before it happens.
-module(subject).
-behaviour(gen_server).
-export([start_worker/3, start_dynamic/4, start_supervisor/3, child_spec/3]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

%% How long a start may take that was told to hang.
-define(START_TIMEOUT_MS, 15).
%% How long a slow stop takes.
-define(SLOW_MS, 5).

start_worker(Journal, Path, Manner) ->
    {Number, Outcome} = journal:next(Journal, Path),
    journal:note(Journal, {start, Path, Number, Outcome}),
    %% Only a start that hangs has a limit: a loaded machine must not fail the others.
    Options = [{timeout, journal:paced(Journal, ?START_TIMEOUT_MS)} || Outcome =:= hang],
    Arguments = {worker, Journal, Path, Number, Manner, Outcome},
    case gen_server:start_link(?MODULE, Arguments, Options) of
        {ok, Pid} ->
            journal:put(Journal, {live, Path}, Pid),
            {ok, Pid};
        Other ->
            Other
    end.

start_dynamic(Journal, Path, Body, Id) ->
    Below = <<Path/binary, $/, Id/binary>>,
    case Body of
        {worker, Manner} -> start_worker(Journal, Below, Manner);
        {supervisor, Key} -> start_supervisor(Journal, Below, Key)
    end.

start_supervisor(Journal, Path, Key) ->
    case supervisor:start_link(?MODULE, {supervisor, Journal, Path, Key}) of
        {ok, Pid} ->
            Number = journal:count(Journal, Path),
            journal:put(Journal, {up, Pid}, Number),
            journal:note(Journal, {up, Path, Number}),
            {ok, Pid};
        Other ->
            journal:note(Journal, {fail, Path}),
            Other
    end.

child_spec(Journal, Path, {Id, Restart, Shutdown, Significant, Body}) ->
    Below = <<Path/binary, $/, Id/binary>>,
    {Type, Start} = case Body of
        {worker, Manner} ->
            {worker, {?MODULE, start_worker, [Journal, Below, Manner]}};
        {supervisor, Key} ->
            {supervisor, {?MODULE, start_supervisor, [Journal, Below, Key]}}
    end,
    specification(Id, Start, Restart, journal:paced(Journal, Shutdown), Significant, Type).

specification(Id, Start, Restart, Shutdown, Significant, Type) ->
    #{id => Id, start => Start, restart => Restart, shutdown => Shutdown,
      significant => Significant, type => Type}.

init({supervisor, Journal, Path, Key}) ->
    journal:watch(Journal, {supervisor, Path, Key}),
    %% It can be killed, and asked, before it is up.
    journal:put(Journal, {live, Path}, self()),
    journal:put(Journal, {born, Path}, self()),
    {Flags, Children} = case journal:code(Journal, Key) of
        {sup, Strategy, Restarts, Period, Auto, Known} ->
            {flags(Strategy, Restarts, journal:paced(Journal, Period), Auto),
             [child_spec(Journal, Path, Child) || Child <- Known]};
        {dyn, Restarts, Period, Auto, {Id, Restart, Shutdown, Significant, Body}} ->
            Start = {?MODULE, start_dynamic, [Journal, Path, Body]},
            Type = element(1, Body),
            Time = journal:paced(Journal, Shutdown),
            Template = specification(Id, Start, Restart, Time, Significant, Type),
            Window = journal:paced(Journal, Period),
            {flags(simple_one_for_one, Restarts, Window, Auto), [Template]}
    end,
    {ok, {Flags, Children}};
init({worker, Journal, Path, Number, Manner, Outcome}) ->
    journal:put(Journal, {born, Path}, self()),
    begin_work(Outcome, {Journal, Path, Number, Manner}).

begin_work(ok, {Journal, Path, Number, Manner}) ->
    process_flag(trap_exit, Manner =/= obey),
    journal:watch(Journal, {worker, Path, Number}),
    {ok, {Manner, false, journal:paced(Journal, ?SLOW_MS)}};
begin_work(ignore, _) ->
    ignore;
begin_work(error, _) ->
    {stop, refused};
begin_work(crash, _) ->
    exit(crashed);
begin_work(hang, {Journal, Path, _, _}) ->
    journal:put(Journal, {hangs, Path}, true),
    timer:sleep(infinity).

flags(Strategy, Restarts, Period, Auto) ->
    #{strategy => Strategy, intensity => Restarts, period => Period, auto_shutdown => Auto}.

handle_call(_, _, State) ->
    {reply, ok, State}.

handle_cast({leave, error}, State) ->
    {stop, failed, setelement(2, State, true)};
handle_cast({leave, crash}, _) ->
    error(crashed);
handle_cast({leave, Reason}, State) ->
    {stop, Reason, setelement(2, State, true)}.

handle_info(_, State) ->
    {noreply, State}.

%% Manners are for the stop that a supervisor orders.
terminate(shutdown, {fail, false, _}) ->
    exit(unwilling);
terminate(shutdown, {slow, false, SlowMs}) ->
    timer:sleep(SlowMs);
terminate(shutdown, {hang, false, _}) ->
    %% Nobody is left to kill this process once its supervisor is dead.
    receive {'EXIT', _, killed} -> exit(killed) end;
terminate(_, _) ->
    ok.
