// The two small programs around a sandboxed run, in POSIX sh: one outside that starts bwrap, one inside that brings the network up.

/**
 * Outside: joins the run's cgroups, starts the proxy beside it, becomes bwrap. Called as `sh gate BWRAP FOLDER NODE SCRIPT PROGRAM …`; nothing
 * of what it may see stands in its arguments. `exec` keeps its process id: the proxy ends with it, and the supervisor reads its exit code.
 */
export const gateScript = `#!/bin/sh
bwrap=$1 box=$2 node=$3 script=$4
shift 4
while read -r group; do
  echo 0 >"$group/cgroup.procs" || { echo "capstan: the run cannot join its limits at $group" >&2; exit 73; }
done <"$box/cgroups"
# Programs by their place: this is outside, and the run's PATH may name folders of the workspace.
# bwrap would end at once of a TERM and take the agent with it: the agent itself gets it, and has its grace
if /usr/bin/env --default-signal=TERM /bin/true 2>/dev/null; then trap '' TERM; fi
if [ -s "$box/rules.json" ]; then
  (cd "$box/net" && exec "$node" --disable-warning=ExperimentalWarning "$script" $$ </dev/null >"$box/proxy.log" 2>&1) &
fi
# bwrap keeps the status file open, and with it the lock by which the sandbox sees that it lives
set -- --args 9 -- /bin/sh /run/capstan/start "$@"
if [ -x /usr/bin/flock ]; then
  exec 8>>"$box/alive"
  /usr/bin/flock 8
  echo locked >&8
  set -- --json-status-fd 8 "$@"
fi
exec "$bwrap" "$@" 9<"$box/arguments"
`

/** The port inside, on a loopback that nobody else has. */
export const innerPort = 3_128

export interface StartScript {
  readonly network: boolean
  /** prlimit's own words. */
  readonly limits: readonly string[]
  /** The worktree in which git must not miss what is denied or hidden; null: there is nothing. */
  readonly top: string | null
}

/**
 * Tracked files that are covered are none of the agent's business: its git leaves them as they are in the index, else `git add -A` would fail
 * on what cannot be read, and a commit say that what is hidden was deleted. Done inside, because the agent may have written git's configuration.
 */
function uncounted(top: string): readonly string[] {
  const git = `git -C '${top.replaceAll("'", "'\\''")}'`
  const list = `GIT_LITERAL_PATHSPECS=1 xargs -0 ${git} ls-files -z -- </run/capstan/covered`
  return [`{ ${list} | ${git} update-index -z --skip-worktree --stdin; } >/dev/null 2>&1`]
}

/**
 * Whoever kills bwrap outside within its first milliseconds kills it alone: the sandbox is bound to it a moment later, and would stay (49 of 60
 * such kills, measured; on a busy host also later). So one process inside waits for the lock that bwrap holds as long as it lives, and ends
 * everything once it has it. In a session of its own, and nobody's child but the sandbox's: an agent does not meet it by its `wait` or `kill 0`.
 */
const attended: readonly string[] = [
  'exec 8>&-',
  'if [ -s /run/capstan/alive ]; then',
  '  (/usr/bin/setsid /usr/bin/flock /run/capstan/alive /bin/kill -KILL -- -1 </dev/null >/dev/null 2>&1 &)',
  'fi',
]

/** Inside: waits for the proxy's socket, listens for the run's clients, sets the limits, becomes the program. */
export function startScript({ network, limits, top }: StartScript): string {
  const port = innerPort.toString(16).toUpperCase().padStart(4, '0')
  const relay = [
    'cs_tries=0',
    'until [ -S /run/capstan/net/proxy.sock ]; do',
    '  cs_tries=$((cs_tries + 1))',
    '  [ "$cs_tries" -lt 1000 ] || { echo "capstan: the network of the sandbox did not come up" >&2; exit 70; }',
    '  sleep 0.02',
    'done',
    `socat TCP4-LISTEN:${innerPort},fork,reuseaddr,bind=127.0.0.1 UNIX-CONNECT:/run/capstan/net/proxy.sock </dev/null >/dev/null 2>&1 &`,
    'cs_tries=0',
    `until grep -q ":${port} 00000000:0000 0A" /proc/net/tcp || [ "$cs_tries" -ge 500 ]; do`,
    '  cs_tries=$((cs_tries + 1))',
    '  sleep 0.01',
    'done',
  ]
  const bounded = limits.length === 0 ? '' : `prlimit ${limits.join(' ')} -- `
  const run = [
    'if env --default-signal=TERM true 2>/dev/null; then', // the gate had it ignored, and a shell cannot take that back
    `  exec env --default-signal=TERM ${bounded}"$@"`,
    'fi',
    `exec ${bounded}"$@"`,
  ]
  return [
    '#!/bin/sh',
    ...attended,
    ...(network ? relay : []),
    ...(top === null ? [] : uncounted(top)),
    ...run,
    '',
  ].join('\n')
}
