%% The measurements of `benches/supervision.rs` on OTP's own supervisors, one line of JSON each.
%%
%% A worker is a gen_server that stops with an error when told to. Logging is off: a report for
%% every crash would be measured otherwise, and the Rust side writes none.
-module(beam).
-behaviour(gen_server).
-export([main/1, start_link/2, init/1, handle_call/3, handle_cast/2]).

%% Where the children are, and what happened to them so far.
-record(ward, {book, counts, children, tokens}).

%% Places in `counts`; from STAMPS on, when child N crashed.
-define(RESTARTS, 1).
-define(GOAL, 2).
-define(PARKED, 3).
-define(ONE_BY_ONE, 4).
-define(STAMPS, 5).

%% Restarts between two times that the window is put back to what is being measured.
-define(BURST, 500).

%% `restarts` in the state of `supervisor`, which has been there since R16.
-define(RESTARTS_FIELD, 8).

main([Section | Arguments]) ->
    logger:set_primary_config(level, none),
    register(driver, self()),
    try run(Section, [list_to_integer(A) || A <- Arguments]) of
        _ -> halt(0)
    catch
        Class:Reason:Stack ->
            io:format(standard_error, "~p~n", [{Class, Reason, Stack}]),
            halt(1)
    end.

run("about", []) ->
    Release = list_to_integer(erlang:system_info(otp_release)),
    line([{otp, Release}, {schedulers, erlang:system_info(schedulers_online)}]);
run("latency", [Children, Samples, Window]) ->
    Ward = ward(Children, 0),
    Supervisor = tree(one_for_one, Ward),
    atomics:put(Ward#ward.counts, ?ONE_BY_ONE, 1),
    Times = lists:sort([crash(Supervisor, Ward, Window, N) || N <- lists:seq(1, Samples)]),
    At = fun(Part) -> lists:nth(Samples * Part div 100, Times) end,
    line([{p50_ns, At(50)}, {p99_ns, At(99)}]);
run("window", [Children, Tokens, Milliseconds | Windows]) ->
    [restarts(Kind, ward(Children, Tokens), Window, Milliseconds)
     || Kind <- [one_for_one, simple_one_for_one], Window <- Windows];
run("children", [Tokens, Milliseconds | Counts]) ->
    [restarts(Kind, ward(Children, Tokens), 0, Milliseconds)
     || Kind <- [one_for_one, simple_one_for_one], Children <- Counts];
run("memory", [Children]) ->
    Before = settled_memory(),
    _ = tree(simple_one_for_one, ward(Children, 0)),
    line([{bytes, (settled_memory() - Before) div Children}]);
run("stop", [Children]) ->
    Supervisor = tree(simple_one_for_one, ward(Children, 0)),
    Monitor = monitor(process, Supervisor),
    Started = now_ns(),
    exit(Supervisor, shutdown),
    receive {'DOWN', Monitor, process, _, shutdown} -> ok end,
    line([{wall_ns, now_ns() - Started}]);
run("snapshot", [Children, Samples]) ->
    Supervisor = tree(one_for_one, ward(Children, 0)),
    Times = [element(1, timer:tc(supervisor, which_children, [Supervisor]))
             || _ <- lists:seq(1, Samples)],
    line([{wall_ns, 1000 * lists:nth(Samples div 2 + 1, lists:sort(Times))}]).

%% Crashes go round in bursts, each with so many restarts in the supervisor's window before.
restarts(Kind, Ward, Window, Milliseconds) ->
    Supervisor = tree(Kind, Ward),
    Bursts = bursts(Supervisor, Ward, Window, Milliseconds * 1000000, []),
    stop(Supervisor),
    Sum = fun(Place) -> lists:sum([element(Place, Burst) || Burst <- Bursts]) end,
    line([{kind, Kind}, {window, Window}, {children, Ward#ward.children},
          {count, Sum(1)}, {wall_ns, Sum(2)}, {cpu_ns, Sum(3)}]).

bursts(_, _, _, Left, Bursts) when Left =< 0 ->
    Bursts;
bursts(Supervisor, #ward{counts = Counts} = Ward, Window, Left, Bursts) ->
    fill_window(Supervisor, Window),
    [atomics:put(Counts, Place, 0) || Place <- [?RESTARTS, ?PARKED]],
    atomics:put(Counts, ?GOAL, ?BURST),
    {Cpu, _} = statistics(runtime),
    Started = now_ns(),
    [tell(Ward, Token) || Token <- lists:seq(0, Ward#ward.tokens - 1)],
    receive parked -> ok
    after Left div 1000000 ->
        atomics:put(Counts, ?GOAL, 0),
        receive parked -> ok end
    end,
    Elapsed = now_ns() - Started,
    {CpuAfter, _} = statistics(runtime),
    Burst = {atomics:get(Counts, ?RESTARTS), Elapsed, (CpuAfter - Cpu) * 1000000},
    bursts(Supervisor, Ward, Window, Left - Elapsed, [Burst | Bursts]).

%% What as many restarts would have left there; making them takes minutes at 100,000.
fill_window(Supervisor, Count) ->
    Now = erlang:monotonic_time(1),
    sys:replace_state(Supervisor, fun(State) when is_list(element(?RESTARTS_FIELD, State)) ->
        setelement(?RESTARTS_FIELD, State, lists:duplicate(Count, Now))
    end).

crash(Supervisor, Ward, Window, Sample) ->
    %% The list of restarts is what makes it slow, and grows with every sample.
    Sample rem 100 =:= 0 andalso fill_window(Supervisor, Window),
    tell(Ward, Sample rem Ward#ward.children),
    receive {up, Nanoseconds} -> Nanoseconds end.

tell(#ward{book = Book}, Child) ->
    [{Child, Pid}] = ets:lookup(Book, Child),
    gen_server:cast(Pid, crash).

ward(Children, Tokens) ->
    Options = [public, {read_concurrency, true}, {write_concurrency, true}],
    Counts = atomics:new(?STAMPS + Children, []),
    #ward{book = ets:new(book, Options), counts = Counts, children = Children, tokens = Tokens}.

tree(Kind, Ward) ->
    %% The linked caller must outlive it.
    process_flag(trap_exit, true),
    {ok, Supervisor} = supervisor:start_link(?MODULE, {supervisor, Kind, Ward}),
    case Kind of
        one_for_one -> ok;
        simple_one_for_one ->
            [{ok, _} = supervisor:start_child(Supervisor, [Child])
             || Child <- lists:seq(0, Ward#ward.children - 1)]
    end,
    Supervisor.

stop(Supervisor) ->
    Monitor = monitor(process, Supervisor),
    exit(Supervisor, shutdown),
    receive {'DOWN', Monitor, process, _, _} -> ok end.

start_link(Ward, Child) ->
    gen_server:start_link(?MODULE, {worker, Ward, Child}, []).

init({supervisor, one_for_one, #ward{children = Children} = Ward}) ->
    Specs = [spec(Child, [Ward, Child]) || Child <- lists:seq(0, Children - 1)],
    {ok, {flags(one_for_one), Specs}};
init({supervisor, simple_one_for_one, Ward}) ->
    {ok, {flags(simple_one_for_one), [spec(child, [Ward])]}};
init({worker, #ward{book = Book} = Ward, Child}) ->
    ets:insert(Book, {Child, self()}),
    up(Ward, Child),
    {ok, {Ward, Child}}.

flags(Strategy) ->
    #{strategy => Strategy, intensity => 1000000000, period => 3600}.

spec(Id, Arguments) ->
    #{id => Id, start => {?MODULE, start_link, Arguments}, shutdown => 5000}.

up(#ward{counts = Counts} = Ward, Child) ->
    case atomics:get(Counts, ?ONE_BY_ONE) of
        1 -> driver ! {up, now_ns() - atomics:get(Counts, ?STAMPS + Child)};
        0 -> pass_on(Ward, Child)
    end.

%% The crash goes on to the child that was started longest ago.
pass_on(#ward{tokens = 0}, _) ->
    ok;
pass_on(#ward{counts = Counts, children = Children, tokens = Tokens} = Ward, Child) ->
    case atomics:add_get(Counts, ?RESTARTS, 1) + Tokens =< atomics:get(Counts, ?GOAL) of
        true -> tell(Ward, (Child + Tokens) rem Children);
        false ->
            case atomics:add_get(Counts, ?PARKED, 1) of
                Tokens -> driver ! parked;
                _ -> ok
            end
    end.

handle_call(_, _, State) ->
    {reply, ok, State}.

handle_cast(crash, {#ward{counts = Counts}, Child} = State) ->
    atomics:put(Counts, ?STAMPS + Child, now_ns()),
    {stop, crash, State}.

settled_memory() ->
    [garbage_collect(Pid) || Pid <- processes()],
    erlang:memory(total).

now_ns() ->
    erlang:monotonic_time(nanosecond).

line(Fields) ->
    Text = [io_lib:format("\"~s\":~s", [Key, value(Value)]) || {Key, Value} <- Fields],
    io:format("{~s}~n", [lists:join(",", Text)]).

value(Value) when is_atom(Value) -> io_lib:format("\"~s\"", [Value]);
value(Value) -> io_lib:format("~p", [Value]).
