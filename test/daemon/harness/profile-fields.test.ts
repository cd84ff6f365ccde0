// Every field of a profile: where it counts. What a harness takes reaches its command, its environment, its files or its prompt, or is told on the
// attempt; a field that is new here has to be given a place.

import { describe, expect, test } from 'vitest'
import { acpHarness } from '../../../src/daemon/harness/acp.ts'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { codex } from '../../../src/daemon/harness/codex.ts'
import { customHarness } from '../../../src/daemon/harness/custom.ts'
import { geminiCli } from '../../../src/daemon/harness/gemini-cli.ts'
import { tuningOf } from '../../../src/daemon/harness/given.ts'
import { opencode } from '../../../src/daemon/harness/opencode.ts'
import { pi } from '../../../src/daemon/harness/pi.ts'
import type { Harness, Launch } from '../../../src/daemon/harness/port.ts'
import { refuseAutonomy } from '../../../src/daemon/harness/preflight.ts'
import { shell } from '../../../src/daemon/harness/shell.ts'
import { unmeasured } from '../../../src/daemon/run/agent.ts'
import { givenTo } from '../../../src/daemon/run/given.ts'
import type { ProfileSettings } from '../../../src/protocol/fleet.ts'
import { profileSettings } from '../../../src/protocol/fleet.ts'
import type { Assignment } from '../../../src/protocol/link.ts'
import { runInput } from './hosts.ts'

/** `harness`: below. Others: who obeys them, and where that is tested. */
const places: Readonly<Record<keyof ProfileSettings, 'harness' | string>> = {
  model: 'harness',
  provider: 'harness',
  thinkingLevel: 'harness',
  temperature: 'harness',
  topP: 'harness',
  topK: 'harness',
  maxOutputTokens: 'harness',
  maxTurns: 'harness',
  maxBashTimeouts: 'harness',
  autonomy: 'harness',
  context: 'harness',
  workspaceModes: 'harness',
  description: 'people read it',
  harness: 'routing: core/routing.test',
  runningTimeoutMs: 'server and supervisor: server/profiles.test',
  onRateLimit: 'daemon: faults/quota.test',
  requiredEnv: 'daemon, before claiming: journeys/fleet.test',
  passEnv: 'daemon: harness/environment.test',
  requiredTools: 'daemon, before claiming: journeys/fleet.test',
  sandbox: 'daemon: sandbox/*.test, journeys/setup.test',
  autoApprove: 'daemon: journeys/requests.test',
  requestTimeoutMs: 'daemon: journeys/requests.test',
  sessionTtlMs: 'server: server/profiles.test',
  workspaceTtlMs: 'clean-up: gc/clean-up.test',
  leaseTtlMs: 'server: server/leases.test',
  heartbeatIntervalMs: 'daemon: heartbeat.test',
  maxBatchSize: 'daemon: outbox/sender.test',
}

const asked: ProfileSettings = {
  model: 'm-1',
  provider: 'acme',
  thinkingLevel: 'high',
  temperature: 0.5,
  topP: 0.9,
  topK: 40,
  maxOutputTokens: 99,
  maxTurns: 7,
  maxBashTimeouts: 2,
  autonomy: 'edit',
  workspaceModes: ['scratch'],
  context: (['skill', 'context_inline', 'prompt_prefix', 'user_inline'] as const).map((binding) => ({
    slug: `a-${binding.replace('_', '-')}`,
    binding,
    text: `words of ${binding}`,
  })),
}

const harnesses: Harness[] = [
  claudeCode as Harness,
  codex as Harness,
  geminiCli as Harness,
  opencode as Harness,
  pi as Harness,
  shell as Harness,
  acpHarness('mine', { protocol: 'acp', command: 'x' }) as Harness,
  customHarness('own', { command: 'x', args: ['{promptFile}', '{model}'] }) as Harness,
]

/** An agent that speaks ACP hears these after its start: acp.test, acp-permission.test. */
const inConversation: readonly string[] = ['model', 'autonomy']

/** What a harness is started with for such a profile, and what is told. */
function started(harness: Harness, settings: ProfileSettings): { launch: Launch; told: string[]; prompt: string } {
  const task = { context: [], attachments: [], budgets: {}, workspace: { mode: 'worktree' } }
  const assignment = { task, profile: { settings } } as unknown as Assignment // what is read here
  const given = givenTo(assignment, { harness, runDir: '/runs/1', resumes: false })
  const autonomy = settings.autonomy ?? 'full'
  const unable = refuseAutonomy(harness, autonomy)
  const prompt = `${given.before}do it${given.after}` // reaches each agent by its input or as a file: contract.test
  const launch = harness.launch(
    runInput({
      prompt,
      model: settings.model ?? null,
      maxTurns: settings.maxTurns ?? null,
      autonomy: unable === null ? autonomy : 'full',
      given: { ...given, tuning: tuningOf(settings) },
    }),
  )
  const told = [...launch.notHonoured, ...given.notHonoured, ...unmeasured(assignment, harness)]
  return { launch, prompt, told: unable === null ? told : [...told, `autonomy ${autonomy}: ${unable.detail}`] }
}

function reaching({ argv, env, stdin, files }: Launch): string {
  return JSON.stringify([argv, env, stdin, files])
}

test('the table has every field of a profile', () => {
  expect(Object.keys(places).toSorted()).toEqual(Object.keys(profileSettings.shape).toSorted())
})

describe.each(harnesses.map((harness) => [harness.name, harness] as const))('%s', (_, harness) => {
  const plain = started(harness, {})
  const fields = (Object.keys(asked) as (keyof ProfileSettings)[]).filter((field) => field !== 'context')

  test.each(fields)('is told %s, or the attempt says that it is not', (field) => {
    const extra: ProfileSettings = field === 'provider' ? { model: 'm-1' } : {} // a provider is of a model
    const base = field === 'provider' ? started(harness, extra) : plain
    const with_ = started(harness, { ...extra, [field]: asked[field] })
    const reached = reaching(with_.launch) !== reaching(base.launch)
    const told = with_.told.some((each) => each.startsWith(field))
    const later = harness.name === 'mine' && inConversation.includes(field)
    expect({ field, reached: reached || told || later }).toEqual({ field, reached: true })
  })

  test.each(asked.context ?? [])('is told context as $binding, or the attempt says that it is not', (entry) => {
    const { launch, prompt, told } = started(harness, { context: [entry] })
    const reached = `${reaching(launch)}${prompt}`.includes(entry.text)
    expect(reached || told.some((each) => each.includes(entry.slug))).toBe(true)
  })

  test('with nothing asked nothing is told', () => expect(plain.told).toEqual([]))
})
