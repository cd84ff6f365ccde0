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
  /** How this program is called here: `capstan`, or `npx capstan` in a checkout that npm started. */
  readonly program: string
}

/** npm sets a variable for what it runs; a person in a checkout has no `capstan` on PATH. */
export function programOf(env: Readonly<Record<string, string | undefined>>): string {
  return env.npm_lifecycle_event === undefined ? 'capstan' : 'npx capstan'
}

export function serverWelcome({ url, signInUrl, dataDir, version, program }: Welcome, look: Look): readonly string[] {
  return [
    look.style.bold(`Capstan ${version} serves ${url}`),
    '',
    ...pageLines(url, signInUrl, look),
    ...entry('add a host', `${program} token add HOST --scope daemon, then there: capstan daemon`, look),
    ...entry('data', dataDir, look),
  ]
}

export function welcome(
  ready: Welcome & { readonly host: DaemonView | null; readonly stopAgents: boolean },
  look: Look,
): readonly string[] {
  const { url, signInUrl, dataDir, version, program, host, stopAgents } = ready
  return [
    look.style.bold(`Capstan ${version} is up at ${url}`),
    '',
    ...pageLines(url, signInUrl, look),
    ...(host === null
      ? entry('hosts', `none here; start one with: ${program} daemon`, look)
      : hostLines(host, program, look)),
    ...entry('data', dataDir, look),
    '',
    look.style.dim(
      stopAgents
        ? 'Ctrl-C stops it. Agents at work are ended then, and their work is kept.'
        : 'Ctrl-C stops it. Agents at work run on, and the next start takes them over.',
    ),
  ]
}

/** The link stands alone on its line, so that terminals make it clickable whole. */
function pageLines(url: string, signInUrl: string | null, look: Look): readonly string[] {
  if (signInUrl === null) return entry('page', url, look)
  return [...entry('page', signInUrl, look), ...entry('', look.style.dim('(signs one browser in, once)'), look)]
}

function hostLines(host: DaemonView, program: string, look: Look): readonly string[] {
  const agents = host.harnesses.filter((each) => each.name !== 'shell' && each.name !== 'custom')
  const ready = agents.filter((each) => each.ready)
  const repos = host.repos.map((repo) => (repo.problem === null ? repo.slug : `${repo.slug}: ${repo.problem}`))
  const command =
    ready.length > 0
      ? `${program} task add "say in one line what this is" --follow`
      : `${program} task add --harness shell "date > now.txt" --follow`
  return [
    ...entry('give work', command, look),
    ...(repos.length === 0 ? entry('repo', `none; add one with: ${program} repo add PATH`, look) : []),
    ...repos.flatMap((text) => entry('repo', oneLine(text), look)),
    ...(ready.length > 0
      ? entry('agents', oneLine(ready.map(harnessText).join(', ')), look)
      : noAgents(agents, program, look)),
    ...entry('autonomy', 'full: agents run any command as you (less: --autonomy edit)', look),
  ]
}

/** What is here and lacks something is told in full; what is not here is a list of what one could install. */
function noAgents(agents: DaemonView['harnesses'], program: string, look: Look): readonly string[] {
  const absent = agents.filter(({ problem }) => problem?.includes('is not on PATH') === true)
  const here = agents.filter((each) => !absent.includes(each))
  const names = absent.map(({ name }) => name).join(', ')
  return [
    ...entry('agents', look.style.yellow('no agent CLI is ready; only --harness shell works'), look),
    ...here.flatMap((each) => entry('', oneLine(harnessText(each)), look)),
    ...(absent.length === 0 ? [] : entry('', `install one of ${oneLine(names)}; how: ${program} doctor`, look)),
  ]
}

export interface Joined {
  readonly url: string
  readonly pid: number
  readonly added: readonly { readonly slug: string; readonly path: string; readonly known: boolean }[]
  readonly notices: readonly string[]
}

/** Of a second `up`. */
export function joinedLines({ url, pid, added, notices }: Joined, look: Look): readonly string[] {
  return [
    look.style.bold(`Capstan runs already at ${url} (pid ${pid})`),
    ...added.flatMap(({ slug, path, known }) => entry(known ? 'serves' : 'added', `${slug}, ${oneLine(path)}`, look)),
    ...notices.flatMap((notice) => entry('note', oneLine(notice), look)),
  ]
}

const nameColumns = 10

/** A dim name, and its value wrapped beside it. Links and commands stay whole: they are copied. */
function entry(name: string, value: string, { style, width }: Look): readonly string[] {
  const room = Math.max(20, width - nameColumns - 4)
  const lines = value.startsWith('http') || /^(npx )?capstan /.test(value) ? [value] : wrap(value, room)
  return lines.map((line, at) => `  ${style.dim(pad(at === 0 ? name : '', nameColumns))}  ${line}`)
}
