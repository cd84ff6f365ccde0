#!/bin/sh
# Keeps one agent alive independently of the daemon, and writes down how it ended. Contract version 1.
#
#   supervisor.sh RUN_DIR -- PROGRAM [ARGUMENT...]
#
# Started in a session of its own; working folder and environment are the agent's. Plain POSIX sh: dash, busybox, bash, macOS.
#
# Read from RUN_DIR (made by the daemon before the start; numbers are whole seconds; what is missing or empty means "none"):
#   run         lines `name=value`, read once at the start:
#                 marker    the run's id; the agent's tree carries it as CAPSTAN_RUN_ID, this script and its helpers do not
#                 cgroup    folder of a cgroup v2 made for the agent alone
#                 grace     between TERM and KILL
#                 orphan    silence after which a run without daemon is ended; judged by two looks, so that a laptop's sleep does not kill
#                 terminal  not empty: PROGRAM is script(1), which writes what its terminal shows to terminal.fifo; see "With a terminal"
#                 deadline, touched   as below, until there are files of that name
#   deadline    epoch: the tree is ended then. May be replaced (by rename) at any time; what is no number means none for now
#   touched     epoch: when the daemon was last alive. May be replaced at any time
#   stdin.txt   if there: the agent's standard input, with end-of-file at its end
#   stdin.log   else, if there: append to it, then send USR1 to `pump`; the agent gets every byte once and in order
#   stdin.end   once there: end-of-file for the agent, after all of stdin.log (send USR1 too)
# Written to RUN_DIR:
#   stdout.log, stderr.log   the agent's output, opened for append, straight from the agent
#   pid         version, boot id, `supervisor`, `agent`, `group`, `pump`: pid and start time; whole once the line of `pump` is there
#   cause       why the tree is being ended
#   terminal.N  what the terminal showed, in pieces; the last three are kept
#   exit        code (128+n: ended by signal n; 126, 127: could not be executed), cause (exited | deadline | orphaned | hangup), and
#               `ended` in the unit of start times; whole or not there
#
# With a terminal this script has one: PROGRAM runs in its foreground, and so with the terminal and without the signals that a background child of
# a POSIX sh ignores. What else has to be done meanwhile is done by children. The loss of the terminal (HUP) ends none of them.
#
# Traps for the reader: TERM has a handler and is not ignored, because an ignored signal would be ignored in the agent too. SIGINT and
# SIGQUIT are ignored in the agent: POSIX sh does so to every background child and cannot undo it, so agents are ended with TERM.
# Variables set before the agent starts begin with cs_: a plain name could be one that the agent's environment exports.

cs_dir=$1
[ "$2" = -- ] || { echo "usage: supervisor.sh RUN_DIR -- PROGRAM [ARGUMENT...]" >&2; exit 64; }
shift 2
cs_path=$PATH
PATH=/usr/bin:/bin:$PATH

cs_marker= cs_cgroup= cs_grace= cs_orphan= cs_deadline= cs_touched= cs_terminal=
while IFS='=' read -r cs_name cs_value; do
  case $cs_name in
    marker) cs_marker=$cs_value ;;
    cgroup) cs_cgroup=$cs_value ;;
    grace) cs_grace=$cs_value ;;
    orphan) cs_orphan=$cs_value ;;
    deadline) cs_deadline=$cs_value ;;
    touched) cs_touched=$cs_value ;;
    terminal) cs_terminal=$cs_value ;;
  esac
done <"$cs_dir/run"

# A session of its own for the agent, where the host can: its `kill 0` then does not reach this script. With a terminal script(1) makes it.
cs_lead=
if [ -z "$cs_terminal" ]; then
for cs_try in /usr/bin/setsid /bin/setsid; do
  [ -x "$cs_try" ] && cs_lead=$cs_try && break
done
[ -n "$cs_lead" ] || cs_lead=$(command -v setsid)
[ -n "$cs_lead" ] || set -m 2>/dev/null
fi

cs_stdin=/dev/null
if [ -e "$cs_dir/stdin.txt" ]; then
  cs_stdin=$cs_dir/stdin.txt
elif [ -e "$cs_dir/stdin.log" ]; then
  cs_stdin=$cs_dir/stdin.fifo
  mkfifo -m 600 "$cs_stdin" || exit 73
fi

launch() {
  [ -z "$cs_cgroup" ] || { echo 0 >"$cs_cgroup/cgroup.procs"; } 2>/dev/null
  PATH=$cs_path
  CAPSTAN_RUN_ID=$cs_marker
  export PATH CAPSTAN_RUN_ID
  [ -z "$cs_terminal" ] || exec /bin/sh -c 'echo "$$" >"$0/agent" && exec "$@"' "$cs_dir" "$@"
  # Unquoted on purpose: without setsid there is no word.
  exec $cs_lead "$@"
}

cs_agent=
if [ -z "$cs_terminal" ]; then
  launch "$@" <"$cs_stdin" >>"$cs_dir/stdout.log" 2>>"$cs_dir/stderr.log" &
  cs_agent=$!
fi
# Only now: a child that has not been executed yet would run its parent's handler, and so swallow the TERM that should end it.
trap 'interrupted=1' TERM HUP INT
agent=$cs_agent
group=$agent
[ -n "$cs_lead" ] || case $- in *m*) ;; *) group=$$ ;; esac
dir=$cs_dir
marker=$cs_marker
cgroup=$cs_cgroup

# number FILE ELSE: $value is the file's whole number, or, when there is no such file, ELSE; or empty.
number() {
  value=$2
  [ -r "$1" ] && value= && read -r value <"$1"
  case $value in *[!0-9]*) value= ;; esac
}

# start_of PID: $started tells this process from a later one with the same pid; empty when it is gone. $state is Z for a dead child that
# nobody has waited for yet.
start_of() {
  started= state=
  if [ -e /proc/self/stat ]; then
    { read -r started <"/proc/$1/stat"; } 2>/dev/null
    started=${started##*) }
    set -- $started
    state=$1
    started=${20}
  else
    started=$(LC_ALL=C TZ=UTC0 ps -o lstart= -p "$1" 2>/dev/null)
    set -- $started
    started=$*
  fi
}

# right_now: $ended is now in the unit of start times (Linux: hundredths of a second since boot; else epoch seconds).
right_now() {
  if [ -r /proc/uptime ]; then
    read -r ended value </proc/uptime
    ended=${ended%.*}${ended#*.}
  else
    ended=$(date +%s)
  fi
}

# put NAME TEXT: replaces a file of RUN_DIR as a whole.
put() {
  printf '%s\n' "$2" >"$dir/$1.tmp" && mv -f "$dir/$1.tmp" "$dir/$1"
}

# nap SECONDS: a sleep that the caller's USR handlers end through $nap. No moment is left in which a signal could be missed. It is ended
# with KILL: between fork and exec a child still has its shell's handlers, and would swallow a TERM.
nap() {
  [ -z "$over$poked" ] || return
  sleep "$1" &
  nap=$!
  [ -z "$over$poked" ] || kill -KILL "$nap" 2>/dev/null
  wait "$nap"
  while kill -0 "$nap" 2>/dev/null; do wait "$nap"; done # TERM interrupts a wait, but ends no sleep
  nap=
}

agent_lives() {
  start_of "$agent"
  [ -n "$started" ] && [ "$started" = "$agent_start" ] && [ "$state" != Z ]
}

# attended: false when there is nobody left to work for.
attended() {
  start_of $$
  [ "$started" = "$supervisor_start" ] && return 0
  agent_lives
}

# feed BYTES: writes that much of stdin.log, from $fed on, to the agent. False when the agent reads no more.
feed() {
  tail -c +$((fed + 1)) "$dir/stdin.log" | head -c "$1" >&3 &
  feeding=$!
  [ -z "$over" ] || kill -KILL "$feeding" 2>/dev/null
  while :; do
    wait "$feeding"
    status=$?
    kill -0 "$feeding" 2>/dev/null || break
  done
  feeding=
  fed=$((fed + $1))
  [ "$status" -lt 128 ] || [ -n "$poked" ]
}

# pump: stdin.log into the agent. Not `tail -f`: that could not be ended without losing what it holds in hand.
pump() {
  over= poked= nap= feeding= fed=0
  # Waits until the agent opens its end. A signal that has a handler would end the opening, and with it this shell: of these only USR2
  # may, which says that there is no agent any more. What a poke would tell is looked for right after.
  trap '' TERM HUP USR1
  trap 'over=1; for each in $nap $feeding; do kill -KILL "$each" 2>/dev/null; done' USR2
  exec 3>"$dir/stdin.fifo"
  trap : TERM HUP
  trap 'poked=1; [ -z "$nap" ] || kill -KILL "$nap" 2>/dev/null' USR1
  while [ -z "$over" ]; do
    poked= at_end=
    [ -e "$dir/stdin.end" ] && at_end=1
    size=$(($(wc -c <"$dir/stdin.log")))
    if [ "$size" -gt "$fed" ]; then
      feed $((size - fed)) || break
    elif [ -n "$at_end" ] || ! attended; then
      break
    else
      nap 60 # appends come with a signal; this is for a daemon that died between the two
    fi
  done
}

# carriers: pids of the agent's tree that can be seen from here.
carriers() {
  for each in $(grep -lsF -- "CAPSTAN_RUN_ID=$marker" /proc/[0-9]*/environ 2>/dev/null); do
    tr '\0' '\n' <"$each" 2>/dev/null | grep -qxF -- "CAPSTAN_RUN_ID=$marker" || continue
    each=${each#/proc/}
    echo "${each%/environ}"
  done
  [ -z "$cgroup" ] || cat "$cgroup/cgroup.procs" 2>/dev/null
  agent_lives && echo "$agent"
}

# signal_tree NAME: true when there was somebody to signal.
signal_tree() {
  [ "$1" != KILL ] || [ -z "$cgroup" ] || { echo 1 >"$cgroup/cgroup.kill"; } 2>/dev/null
  [ "$group" = $$ ] || kill -"$1" -"$group" 2>/dev/null
  found=$(carriers)
  [ -n "$found" ] || return 1
  kill -"$1" $found 2>/dev/null
  return 0
}

# stop CAUSE: TERM, grace, KILL until two looks find nobody; bounded.
stop() {
  trap : USR2
  put cause "$1"
  left=${cs_grace:-10}
  signal_tree TERM
  while [ "$left" -gt 0 ] && [ -n "$(carriers)" ]; do
    sleep 1
    left=$((left - 1))
  done
  clean=0 rounds=0
  while [ "$clean" -lt 2 ] && [ "$rounds" -lt 30 ]; do
    if signal_tree KILL; then clean=0; else clean=$((clean + 1)); fi
    rounds=$((rounds + 1))
    [ "$rounds" -lt 5 ] || sleep 1
  done
}

# judge: $cause when the run must end now, else $planned seconds until the next look.
judge() {
  cause= planned=30
  number "$dir/deadline" "$cs_deadline"
  if [ -n "$value" ]; then
    left=$((value - now))
    if [ "$left" -gt 0 ]; then
      [ "$left" -ge "$planned" ] || planned=$left
    elif [ -z "$jumped" ]; then
      cause=deadline
      return
    fi
  fi
  limit=$cs_orphan
  number "$dir/touched" "$cs_touched"
  [ -n "$limit" ] && [ -n "$value" ] || return
  left=$((value + limit - now))
  if [ "$left" -gt 0 ]; then
    strikes=0
    [ "$left" -ge "$planned" ] || planned=$left
    return
  fi
  strikes=$((strikes + 1))
  [ "$strikes" -lt 2 ] || cause=orphaned
  [ "$limit" -ge "$planned" ] || planned=$limit
}

# ticker: watches deadline and daemon. When the host slept, one more look is granted, so that a waking daemon can speak first.
ticker() {
  over= poked= nap= strikes=0 before= planned=0
  trap : TERM HUP
  trap 'over=1; [ -z "$nap" ] || kill -KILL "$nap" 2>/dev/null' USR2
  while [ -z "$over" ] && attended; do
    now=$(date +%s)
    jumped=
    [ -n "$before" ] && [ $((now - before)) -gt $((planned + 30)) ] && jumped=1
    judge
    if [ -n "$cause" ]; then
      stop "$cause"
      return
    fi
    before=$now
    nap "$planned"
  done
}

# recorder: keeps the last pieces of what the terminal shows. A piece ends after 512 reads, so it has at most 4 MiB. On a full disk it is
# thrown away: script(1) would end with whoever reads it.
recorder() {
  trap '' TERM HUP INT QUIT
  piece=0
  exec 4<"$dir/terminal.fifo"
  while :; do
    piece=$((piece + 1))
    if dd bs=8192 count=512 of="$dir/terminal.$piece" <&4 2>/dev/null; then
      [ -s "$dir/terminal.$piece" ] || break
    else
      dd bs=8192 count=512 of=/dev/null <&4 2>/dev/null
    fi
    [ "$piece" -le 3 ] || rm -f "$dir/terminal.$((piece - 3))"
  done
}

# attendant: what this script does for an agent without terminal while it waits for it.
attendant() {
  trap : HUP INT QUIT
  until [ -s "$dir/agent" ] && read -r agent <"$dir/agent"; do
    start_of $$
    [ "$started" = "$supervisor_start" ] || return
    sleep 0.02 2>/dev/null || sleep 1
  done
  start_of "$agent"
  agent_start=$started
  tell_pid
  ticker </dev/null
}

# tell_pid: not by `put`, and before the ticker is forked: the daemon waits for this file, and each fork costs it up to a millisecond.
tell_pid() {
  boot=
  [ -r /proc/sys/kernel/random/boot_id ] && read -r boot </proc/sys/kernel/random/boot_id
  printf '%s\n' "version=1
boot=$boot
supervisor=$$ $supervisor_start
agent=$agent $agent_start
group=$group
pump=$pump $pump_start" >"$dir/pid"
}

start_of $$
supervisor_start=$started
pump= pump_start=

# finish CODE: writes down how the agent ended.
finish() {
  right_now
  for helper in $ticker $pump; do
    kill -USR2 "$helper" 2>/dev/null
    join "$helper"
  done
  cause=exited
  [ -s "$dir/cause" ] && read -r cause <"$dir/cause"
  rm -f "$dir/stdin.fifo" "$dir/terminal.fifo"
  # On a full disk it waits for room: without this file the daemon would take a finished run for a lost one. Ten minutes at most.
  tries=0
  until put exit "code=$1
cause=$cause
ended=$ended" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] && [ -d "$dir" ] || exit 74
    sleep 2
  done
}

# join PID: waits for a child although TERM may interrupt; $status is its exit code.
join() {
  while :; do
    interrupted=
    wait "$1"
    status=$?
    [ -n "$interrupted" ] && [ "$status" -gt 128 ] || return
    kill -0 "$1" 2>/dev/null && continue
    wait "$1" # bash keeps the code of a child it reaped meanwhile; others say 127
    again=$?
    [ "$again" -eq 127 ] || status=$again
    return
  done
}

if [ -n "$cs_terminal" ]; then
  group=$$
  trap 'hangup=1' HUP
  hangup=
  mkfifo -m 600 "$dir/terminal.fifo" || exit 73
  recorder </dev/null >/dev/null 2>&1 &
  recorder=$!
  attendant </dev/null >/dev/null 2>&1 &
  ticker=$!
  (launch "$@")
  code=$?
  tries=0 # the attendant may not have seen an agent that ended at once
  until [ -s "$dir/pid" ] || [ "$tries" -ge 100 ]; do
    tries=$((tries + 1))
    sleep 0.02 2>/dev/null || sleep 1
  done
  : <>"$dir/terminal.fifo" # a recorder to whom nobody spoke hears the end now
  join "$recorder"
  # script(1) takes the loss for an end of input, at which a shell leaves as if it had been asked to.
  [ -z "$hangup" ] || [ -s "$dir/cause" ] || put cause hangup
  finish "$code"
  exit
fi

start_of "$agent"
agent_start=$started
if [ "$cs_stdin" = "$dir/stdin.fifo" ]; then
  trap '' USR1 # a poke that comes before the pump listens must not end it
  pump &
  pump=$!
  trap - USR1
  start_of "$pump"
  pump_start=$started
fi
tell_pid
ticker </dev/null &
ticker=$!
join "$agent"
finish "$status"
