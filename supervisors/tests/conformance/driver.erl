%% Reads scripts, one a line, on standard input; runs a bounded number of them at a time, each in
%% its own tree; writes a trace for each on standard output as soon as it is there.
%%
%% A line is `{Number, QuietMs, Pace, Script}.`; its answer begins with `trace Number` and ends with
%% `end Number`.
-module(driver).
-export([main/0]).

%% Trees at a time: enough to keep all cores busy while most trees wait.
-define(CONCURRENT, 200).
%% A script that takes longer has come to a standstill.
-define(SCRIPT_MS, 60000).

main() ->
    logger:set_primary_config(level, none),
    ok = io:setopts(standard_io, [binary, {encoding, latin1}]),
    process_flag(trap_exit, true),
    serve(0).

serve(Running) when Running >= ?CONCURRENT ->
    receive {'EXIT', _, _} -> serve(Running - 1) end;
serve(Running) ->
    case io:get_line(standard_io, "") of
        Line when is_binary(Line) ->
            spawn_link(fun() -> attempt(Line) end),
            serve(ended(Running + 1));
        eof ->
            drain(Running)
    end.

drain(0) -> halt();
drain(Running) -> receive {'EXIT', _, _} -> drain(Running - 1) end.

%% How many are running once all ends already known are taken off.
ended(Running) ->
    receive {'EXIT', _, _} -> ended(Running - 1) after 0 -> Running end.

attempt(Line) ->
    {ok, Tokens, _} = erl_scan:string(binary_to_list(Line)),
    {ok, {Number, QuietMs, Pace, Script}} = erl_parse:parse_term(Tokens),
    {Pid, Monitor} = spawn_monitor(fun() -> exit({trace, script:run(Script, QuietMs, Pace)}) end),
    Trace = receive
        {'DOWN', Monitor, _, _, {trace, Text}} -> Text;
        {'DOWN', Monitor, _, _, Reason} -> io_lib:format("broken ~0p~n", [Reason])
    after ?SCRIPT_MS * Pace ->
        exit(Pid, kill),
        "broken standstill\n"
    end,
    Name = integer_to_list(Number),
    Text1 = iolist_to_binary(["trace ", Name, $\n, Trace, "end ", Name, $\n]),
    io:put_chars(standard_io, Text1).
