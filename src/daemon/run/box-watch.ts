// What is done for a sandboxed agent while it works: hosts that were refused and limits that were met are told, and tokens that its CLI renewed
// are brought out of it.

import { messageOf } from '../../lib/error-text.ts'
import type { SandboxSettings } from '../../protocol/sandbox.ts'
import { boxFolder } from '../sandbox/bubblewrap.ts'
import { tokenCopies } from '../sandbox/homes.ts'
import { limitGroups } from '../sandbox/limits.ts'
import { limitsReached } from '../sandbox/limits-reached.ts'
import { exchangeTokens } from '../sandbox/tokens.ts'
import { cgroupOf } from '../supervisor/containment/cgroup.ts'
import type { BoxedRun } from './box.ts'
import { harnessPlaces, sandboxOf } from './box.ts'
import { tellNew } from './denials.ts'
import type { RunDeps } from './deps.ts'

/** The agent waits for nobody here, so seconds do. */
const lookMs = 1_000

export interface BoxWatch {
  /** The agent said something. Looks at once at its first word: others may wait for the tokens that it has renewed. Never throws. */
  heard(): void
  /** The last look; its agent has ended. */
  stop(): Promise<void>
}

/** Does nothing for a run without a sandbox. Each refusal is told once; a crash between telling and noting may tell it twice. */
export function watchBox(
  deps: RunDeps,
  run: Pick<BoxedRun, 'assignment' | 'workspace' | 'harness' | 'runDir'>,
  tell: (messages: readonly string[]) => void,
): BoxWatch {
  const settings = sandboxOf(run.assignment)
  if (settings === null) return { heard: () => {}, stop: async () => {} }
  const { clock, log, sandbox } = deps
  const { attemptId } = run.assignment
  const home = deps.probe().env.HOME ?? '/nonexistent'
  const copies = tokenCopies({ homePaths: harnessPlaces(deps, run), host: { home } }, boxFolder(run.runDir, 'agent'))
  const failing = new Map<string, string>()
  const carefully = (what: string, act: () => void) => {
    try {
      act()
      failing.delete(what)
    } catch (error) {
      const why = messageOf(error)
      if (failing.get(what) !== why) log.warn({ attemptId, error: why }, what) // each second it would be the same
      failing.set(what, why)
    }
  }
  const tellLimits = limitTeller(deps, { attemptId, resources: settings.resources ?? {} }, tell)
  const unkept = new Set<string>()
  const tellUnkept = (path: string) => {
    if (unkept.has(path)) return
    unkept.add(path)
    tell([
      `the agent's CLI renewed its sign-in, which could not be kept: the folder of ${path} does not belong to ${sandbox.user?.name ?? 'the user of the runs'}; give it to them, or sign in again`,
    ])
  }
  const look = () => {
    carefully('limits not told', tellLimits)
    carefully('denied hosts not told', () => tellNew(run.runDir, 'agent', tell))
    carefully('renewed tokens not kept', () => {
      const { upToDate, refused } = exchangeTokens(copies, sandbox.user, clock.now())
      for (const path of upToDate) log.info({ attemptId, path }, 'renewed tokens kept')
      for (const path of refused) tellUnkept(path)
    })
  }
  const over = new AbortController()
  const watching = watch({ clock }, over.signal, look)
  let silent = true
  return {
    heard: () => {
      if (silent) look()
      silent = false
    },
    stop: async () => {
      over.abort()
      await watching
    },
  }
}

async function watch({ clock }: Pick<RunDeps, 'clock'>, signal: AbortSignal, look: () => void): Promise<void> {
  for (let last = false; !last; ) {
    last = signal.aborted
    look()
    if (!last) await clock.sleep(lookMs, signal).catch(() => {}) // over: one more look
  }
}

/** Tells each limit that was met once. */
function limitTeller(
  { sandbox, containment }: Pick<RunDeps, 'sandbox' | 'containment'>,
  {
    attemptId,
    resources,
  }: { readonly attemptId: string; readonly resources: NonNullable<SandboxSettings['resources']> },
  tell: (messages: readonly string[]) => void,
): () => void {
  const own = containment.name === 'cgroup' ? [cgroupOf(containment.root, attemptId)] : []
  const groups = [...limitGroups(sandbox.limits, attemptId), ...own]
  const told = new Set<string>()
  return () => {
    const news = limitsReached(groups, resources).filter((each) => !told.has(each))
    for (const each of news) told.add(each)
    if (news.length > 0) tell(news)
  }
}
