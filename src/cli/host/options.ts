// The options of up, server and daemon.

import type { OptionSpec } from '../spec.ts'

const data = {
  name: 'data',
  kind: 'text',
  value: 'DIR',
  summary: 'Data folder; default: ~/.capstan',
} as const satisfies OptionSpec

/** Settings that flags, CAPSTAN_* variables, .env and daemon.toml may have. */
export const settingsOfDaemon = [
  { name: 'name', kind: 'text', value: 'NAME', summary: 'What people see; default: host:workspace' },
  { name: 'identity', kind: 'text', value: 'NAME', summary: 'Named credentials and git author; default: default' },
  {
    name: 'max-agents',
    kind: 'count',
    min: 1,
    max: 100,
    value: 'N',
    summary: 'Agents at once; default: one per 2 GiB free memory',
  },
  { name: 'workspace', kind: 'text', value: 'PATH', summary: 'Repository to serve; default: the current folder' },
  { name: 'add-workspace', kind: 'list', value: 'PATH', summary: 'One more repository (repeatable)' },
  { name: 'host-id', alias: 'vm-id', kind: 'text', value: 'ID', summary: 'Id of this host; default: made once' },
  { name: 'pool', alias: 'pool-id', kind: 'text', value: 'NAME', summary: 'Pool to join' },
  { name: 'roles', kind: 'list', commas: true, value: 'ROLES', summary: 'Roles it serves: qa,dev' },
  { name: 'profile', kind: 'list', value: 'NAME', summary: 'Profile it serves (repeatable, in order of priority)' },
  { name: 'task-types', kind: 'list', commas: true, value: 'TYPES', summary: 'Only these task types' },
  {
    name: 'only',
    kind: 'map',
    value: 'KEY=VALUE',
    summary: 'Only tasks that ask for this, such as role=qa (repeatable)',
  },
  { name: 'labels', kind: 'list', commas: true, value: 'LABELS', summary: 'Labels it has: gpu,os=linux' },
  { name: 'correlation-id', kind: 'text', value: 'ID', summary: 'Only tasks that carry this correlation id' },
  { name: 'heartbeat-interval', kind: 'duration', value: 'DUR', summary: 'Default: as the server says, 10s' },
  {
    name: 'lease-ttl',
    kind: 'duration',
    value: 'DUR',
    summary: 'How long runs may go unheard; default: as the server says',
  },
  {
    name: 'max-batch-size',
    kind: 'count',
    min: 1,
    max: 50,
    value: 'N',
    summary: 'Events in one message; default 50',
  },
  { name: 'poll-interval', kind: 'duration', value: 'DUR', summary: 'Ask again after a claim that failed; default 2s' },
  { name: 'max-poll-interval', kind: 'duration', value: 'DUR', summary: 'The longest such wait; default 30s' },
  {
    name: 'warm-session-ttl',
    kind: 'duration',
    value: 'DUR',
    summary: 'Keep folders of session tasks; default: see retention',
  },
  {
    name: 'transport',
    kind: 'text',
    choices: ['auto', 'ws', 'http'],
    value: 'WAY',
    summary: 'How to reach the server; default auto',
  },
  { name: 'socket-retry', kind: 'duration', value: 'DUR', summary: 'Blocked sockets are tried again; default 60s' },
  { name: 'run-as', kind: 'text', value: 'USER', summary: 'Start agents as this user (a daemon of root)' },
  { name: 'secret-dir', kind: 'text', value: 'DIR', summary: 'Secrets for agents: file name = variable' },
  { name: 'flush-interval', kind: 'duration', value: 'DUR', summary: 'Longest time events wait; default 200ms' },
  { name: 'checkpoint-interval', kind: 'duration', value: 'DUR', summary: 'Keep a working agent’s files; default 5m' },
  {
    name: 'min-free-disk',
    kind: 'amount',
    min: 0,
    value: 'GB',
    summary: 'Take no work below; default: 10 GB and 10 %',
  },
  {
    name: 'stop-agents',
    kind: 'flag',
    summary: 'At a stop signal end the agents (default)',
    negated: 'At a stop signal let agents run on; the next start takes them over',
  },
] as const satisfies readonly OptionSpec[]

export const daemonOptions = [...settingsOfDaemon, data] as const satisfies readonly OptionSpec[]

export const onceOptions = [
  { name: 'task', kind: 'text', value: 'ID', required: true, summary: 'The task to run' },
  ...daemonOptions,
] as const satisfies readonly OptionSpec[]

export const batchOptions = [
  {
    name: 'wait-for-first-task',
    kind: 'duration',
    value: 'DUR',
    summary: 'Wait so long for the first task; default 0',
  },
  { name: 'wait-after-task', kind: 'duration', value: 'DUR', summary: 'Wait so long after each task; default 0' },
  ...daemonOptions,
] as const satisfies readonly OptionSpec[]

const serverSettings = [
  {
    name: 'database',
    kind: 'text',
    value: 'URL',
    summary: 'postgres://…; better in CAPSTAN_DATABASE, as argv is public',
  },
  {
    name: 'reconnect-grace',
    kind: 'duration',
    value: 'DUR',
    summary: 'Time for a lost host to come back; default 10m',
  },
  { name: 'dispatch-timeout', kind: 'duration', value: 'DUR', summary: 'Claim to first heartbeat; default 5m' },
  {
    name: 'retention',
    kind: 'duration',
    value: 'DUR',
    summary: 'Keep requests and tokens that are over; default 720h',
  },
  {
    name: 'audit-retention',
    kind: 'duration',
    value: 'DUR',
    summary: 'Keep the audit log; default 8760h, 0: for ever',
  },
] as const satisfies readonly OptionSpec[]

export const serverOptions = [
  { name: 'listen', kind: 'text', value: 'HOST:PORT', summary: 'Default: 127.0.0.1:7420' },
  { name: 'tls-cert', kind: 'text', value: 'FILE', summary: 'Certificate chain, PEM' },
  { name: 'tls-key', kind: 'text', value: 'FILE', summary: 'Its key, PEM' },
  { name: 'public-url', kind: 'text', value: 'URL', summary: 'The address behind a proxy' },
  { name: 'trust-proxy', kind: 'flag', summary: 'Believe X-Forwarded-* of the proxy' },
  { name: 'insecure', kind: 'flag', summary: 'Allow plain HTTP beyond this machine' },
  ...serverSettings,
  { name: 'lease-ttl', kind: 'duration', value: 'DUR', summary: 'Lease without a heartbeat; default 90s' },
  { name: 'heartbeat-interval', kind: 'duration', value: 'DUR', summary: 'What daemons are told; default 10s' },
  data,
] as const satisfies readonly OptionSpec[]

export const upOptions = [
  { name: 'port', kind: 'count', min: 0, max: 65_535, value: 'N', summary: 'Default 7420; 0: any free one' },
  {
    name: 'daemon',
    kind: 'flag',
    hidden: true,
    summary: 'Also run a daemon (default)',
    negated: 'Only the server and the page',
  },
  ...daemonOptions,
  ...serverSettings, // its --lease-ttl is the daemon's as well: the server's own
] as const satisfies readonly OptionSpec[]

export const syncOptions = [
  data,
  { name: 'dry-run', kind: 'flag', summary: 'Say what would be uploaded' },
  {
    name: 'state',
    kind: 'list',
    commas: true,
    value: 'STATES',
    choices: ['completed', 'failed', 'aborted', 'timed_out', 'lease_expired', 'cancelled'],
    summary: 'Only of attempts that ended so',
  },
  { name: 'profile', kind: 'text', value: 'NAME', summary: 'Only of attempts with this profile' },
  { name: 'limit', kind: 'count', min: 1, max: 1_000, value: 'N', summary: 'At most so many; default 100' },
] as const satisfies readonly OptionSpec[]
