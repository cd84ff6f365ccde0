// Hosts as a table, and one host on a page.

import type { DaemonView, HarnessFound } from '../../protocol/fleet.ts'
import { bytes, dateTime, relative } from './figures.ts'
import type { Style } from './style.ts'
import { tableLines } from './table.ts'
import type { Sheet } from './task-list.ts'
import { oneLine } from './visible.ts'
import { pad, wrap } from './wrap.ts'

export function hostTable(hosts: readonly DaemonView[], sheet: Sheet): readonly string[] {
  const rows = hosts.map((host) => [
    oneLine(host.name),
    { text: stateOf(host), paint: paintState(host, sheet.style) },
    `${host.running}/${host.maxAgents}`,
    host.connected ? 'now' : relative(host.lastSeenAt, sheet.now),
    oneLine(host.repos.map((repo) => repo.slug).join(', ')),
  ])
  const table = { head: ['NAME', 'STATE', 'AGENTS', 'SEEN', 'REPOS'], rows, flexible: 4 }
  return [...tableLines(table, sheet.width, sheet.style), ...quotaLines(hosts, sheet)]
}

export function hostPage(host: DaemonView, sheet: Sheet): readonly string[] {
  const { style } = sheet
  const free = [
    host.freeDiskBytes === null ? '' : `disk ${bytes(host.freeDiskBytes)}`,
    host.freeMemoryBytes === null ? '' : `memory ${bytes(host.freeMemoryBytes)}`,
  ]
  const facts: readonly (readonly [string, string])[] = [
    ['id', host.id],
    ['agents', `${host.running} of ${host.maxAgents} at work`],
    ['seen', host.connected ? 'connected' : relative(host.lastSeenAt, sheet.now)],
    ['host', `${host.hostId}, ${host.platform}, Capstan ${host.version}`],
    ['waits', host.connected ? (host.shortOf ?? '') : ''],
    ['free', free.filter((each) => each !== '').join(', ')],
    ['load', loadText(host)],
    ['pool', host.pool ?? ''],
    ['roles', host.roles.join(', ')],
    ['labels', host.labels.join(', ')],
    ['profiles', host.profiles.join(', ')],
    ['types', host.types.join(', ')],
    ...host.repos.map((repo) => ['repo', repo.problem === null ? repo.slug : `${repo.slug}: ${repo.problem}`] as const),
    ...host.harnesses.map((each) => ['harness', quotaText(each, sheet.now)] as const),
  ]
  const shown = facts.filter(([, value]) => value !== '')
  return [
    `${style.bold(oneLine(host.name))}  ${paintState(host, style)(stateOf(host))}`,
    '',
    ...shown.flatMap(([name, value]) => hanging(name, oneLine(value), sheet)),
  ]
}

/** `1.5 on 8 processors`. */
function loadText({ connected, loadAverage, processors }: DaemonView): string {
  if (!connected || loadAverage == null) return '' // of a host that is away nobody knows it
  const on = processors === undefined ? '' : ` on ${processors} ${processors === 1 ? 'processor' : 'processors'}`
  return loadAverage.toFixed(1) + on
}

/** `codex 0.142.0`, or what is missing. */
export function harnessText(found: HarnessFound): string {
  if (found.ready) return found.version === null ? found.name : `${found.name} ${found.version}`
  return `${found.name}: ${found.problem ?? 'not ready'}`
}

function quotaText(found: HarnessFound, now: number): string {
  const { ready, exhaustedUntil } = found
  const spent = ready && exhaustedUntil !== undefined
  return spent ? `${harnessText(found)}: quota spent until ${untilText(exhaustedUntil, now)}` : harnessText(found)
}

/** Under the table: what no column has room for. */
function quotaLines(hosts: readonly DaemonView[], { style, width, now }: Sheet): readonly string[] {
  return hosts
    .filter((host) => host.connected)
    .flatMap((host) =>
      host.harnesses.flatMap(({ name, ready, exhaustedUntil }) =>
        ready && exhaustedUntil !== undefined
          ? [`quota of ${name} on ${oneLine(host.name)} is spent until ${untilText(exhaustedUntil, now)}`]
          : [],
      ),
    )
    .flatMap((line) => wrap(line, width).map(style.yellow))
}

/** `14:20 (in 35m)`, with the date when it is another day's, in the reader's zone. */
function untilText(at: number, now: number): string {
  const [day, time] = dateTime(at).split(' ')
  const when = day === dateTime(now).split(' ')[0] ? time : `${day} ${time}`
  return `${when} (${relative(at, now)})`
}

const nameColumns = 8

function hanging(name: string, value: string, { style, width }: Sheet): readonly string[] {
  const [first = '', ...rest] = wrap(value, width - nameColumns - 2)
  const space = ' '.repeat(nameColumns + 2)
  return [`${style.dim(pad(name, nameColumns))}  ${first}`, ...rest.map((line) => space + line)]
}

function stateOf(host: DaemonView): string {
  if (!host.connected) return 'away'
  if (host.draining) return 'draining'
  return (host.shortOf ?? null) === null ? 'connected' : 'disk short'
}

function paintState(host: DaemonView, style: Style): (text: string) => string {
  if (!host.connected) return style.dim
  return host.draining || (host.shortOf ?? null) !== null ? style.yellow : style.green
}
