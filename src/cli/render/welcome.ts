// What up, server and a second up say when they are ready: where to go and what to do next.

import type { DaemonView } from '../../protocol/fleet.ts'
import { harnessText } from './host.ts'
import type { Look } from './outcome.ts'
import { oneLine } from './visible.ts'
import { pad, wrap } from './wrap.ts'

export interface Welcome {
  readonly url: string
  readonly signInUrl: string | null
  readonly dataDir: string
  readonly version: string
}

export function serverWelcome({ url, signInUrl, dataDir, version }: Welcome, look: Look): readonly string[] {
  return [
    look.style.bold(`Capstan ${version} serves ${url}`),
    '',
    ...pageLines(url, signInUrl, look),
    ...entry('add a host', 'capstan token add HOST --scope daemon, then there: capstan daemon', look),
    ...entry('data', dataDir, look),
  ]
}

export function welcome(ready: Welcome & { readonly host: DaemonView | null }, look: Look): readonly string[] {
  const { url, signInUrl, dataDir, version, host } = ready
  return [
    look.style.bold(`Capstan ${version} is up at ${url}`),
    '',
    ...pageLines(url, signInUrl, look),
    ...(host === null ? entry('hosts', 'none here; start one with: capstan daemon', look) : hostLines(host, look)),
    ...entry('data', dataDir, look),
    '',
    look.style.dim('Ctrl-C stops it. Agents at work are ended then, and their work is kept.'),
  ]
}

/** The link stands alone on its line, so that terminals make it clickable whole. */
function pageLines(url: string, signInUrl: string | null, look: Look): readonly string[] {
  if (signInUrl === null) return entry('page', url, look)
  return [...entry('page', signInUrl, look), ...entry('', look.style.dim('(signs one browser in, once)'), look)]
}

function hostLines(host: DaemonView, look: Look): readonly string[] {
  const agents = host.harnesses.filter((each) => each.name !== 'shell' && each.name !== 'custom')
  const ready = agents.filter((each) => each.ready)
  const repos = host.repos.map((repo) => (repo.problem === null ? repo.slug : `${repo.slug}: ${repo.problem}`))
  const command =
    ready.length > 0
      ? 'capstan task add "say in one line what this is" --follow'
      : 'capstan task add --harness shell --prompt "date > now.txt" --follow'
  return [
    ...entry('give work', command, look),
    ...(repos.length === 0 ? entry('repo', 'none; add one with: capstan repo add PATH', look) : []),
    ...repos.flatMap((text) => entry('repo', oneLine(text), look)),
    ...(ready.length > 0
      ? entry('agents', oneLine(ready.map(harnessText).join(', ')), look)
      : noAgents(
          agents.map((each) => oneLine(harnessText(each))),
          look,
        )),
    ...entry('autonomy', 'full: agents run any command as you (less: --autonomy edit)', look),
  ]
}

function noAgents(missing: readonly string[], look: Look): readonly string[] {
  return [
    ...entry('agents', look.style.yellow('no agent CLI is ready; only --harness shell works'), look),
    ...missing.flatMap((text) => entry('', text, look)),
  ]
}

export interface Joined {
  readonly url: string
  readonly pid: number
  readonly added: readonly { readonly slug: string; readonly path: string }[]
  readonly notices: readonly string[]
}

/** Of a second `up`. */
export function joinedLines({ url, pid, added, notices }: Joined, look: Look): readonly string[] {
  return [
    look.style.bold(`Capstan runs already at ${url} (pid ${pid})`),
    ...added.flatMap(({ slug, path }) => entry('added', `${slug}, ${oneLine(path)}`, look)),
    ...notices.flatMap((notice) => entry('note', oneLine(notice), look)),
  ]
}

const nameColumns = 10

/** A dim name, and its value wrapped beside it. Links and commands stay whole: they are copied. */
function entry(name: string, value: string, { style, width }: Look): readonly string[] {
  const room = Math.max(20, width - nameColumns - 4)
  const lines = value.startsWith('http') || value.startsWith('capstan ') ? [value] : wrap(value, room)
  return lines.map((line, at) => `  ${style.dim(pad(at === 0 ? name : '', nameColumns))}  ${line}`)
}
