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
# bwrap would end at once of a TERM and take the agent with it: the agent itself gets it, and has its grace
# by its place: the run's PATH may name folders of the workspace
if /usr/bin/env --default-signal=TERM /bin/true 2>/dev/null; then trap '' TERM; fi
if [ -s "$box/rules.json" ]; then
  (cd "$box/net" && exec "$node" --disable-warning=ExperimentalWarning "$script" $$ </dev/null >"$box/proxy.log" 2>&1) &
fi
exec "$bwrap" --args 9 -- /bin/sh /run/capstan/start "$@" 9<"$box/arguments"
`

/** The port inside, on a loopback that nobody else has. */
export const innerPort = 3_128

export interface StartScript {
  readonly network: boolean
  /** prlimit's own words. */
  readonly limits: readonly string[]
}

/** Inside: waits for the proxy's socket, listens for the run's clients, sets the limits, becomes the program. */
export function startScript({ network, limits }: StartScript): string {
  const port = innerPort.toString(16).toUpperCase().padStart(4, '0')
  const relay = [
    'tries=0',
    'until [ -S /run/capstan/net/proxy.sock ]; do',
    '  tries=$((tries + 1))',
    '  [ "$tries" -lt 1000 ] || { echo "capstan: the network of the sandbox did not come up" >&2; exit 70; }',
    '  sleep 0.02',
    'done',
    `socat TCP4-LISTEN:${innerPort},fork,reuseaddr,bind=127.0.0.1 UNIX-CONNECT:/run/capstan/net/proxy.sock </dev/null >/dev/null 2>&1 &`,
    'tries=0',
    `until grep -q ":${port} 00000000:0000 0A" /proc/net/tcp || [ "$tries" -ge 500 ]; do`,
    '  tries=$((tries + 1))',
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
  return ['#!/bin/sh', ...(network ? relay : []), ...run, ''].join('\n')
}
