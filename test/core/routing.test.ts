// Who may take what, and what is said when nobody may.

import { describe, expect, it } from 'vitest'
import { evaluate, namedTasks } from '../../src/core/condition.ts'
import type { Offer, Requirements } from '../../src/core/routing.ts'
import { fitOf, laneKey } from '../../src/core/routing.ts'
import type { Candidate } from '../../src/core/why-queued.ts'
import { whyQueued } from '../../src/core/why-queued.ts'

const needs: Requirements = {
  teamId: 't',
  pool: null,
  daemon: null,
  repo: null,
  role: null,
  type: 'freeform',
  harness: null,
  profiles: [],
  labels: [],
}
const offer: Offer = {
  daemonId: 'd1',
  teamId: 't',
  pool: null,
  repos: ['acme/app'],
  roles: [],
  labels: [],
  types: [],
  harnesses: ['codex', 'shell'],
  unnamed: ['codex'],
  profiles: [],
  only: {},
}

function candidate(changes: Partial<Offer> = {}, rest: Partial<Candidate> = {}): Candidate {
  return {
    offer: { ...offer, ...changes },
    name: 'host',
    draining: false,
    running: 0,
    maxAgents: 2,
    harnessProblems: new Map([['pi', 'pi is not on PATH']]),
    spent: new Map(),
    ...rest,
  }
}

describe('fit', () => {
  it('takes a harness that only the task’s repository names', () => {
    const shellOnly = { ...offer, harnesses: ['shell'], unnamed: [], repoHarness: { 'acme/app': 'shell' } }
    expect(fitOf({ ...needs, repo: 'acme/app' }, shellOnly)).toMatchObject({ fits: true, harness: null })
    expect(fitOf(needs, shellOnly)).toMatchObject({ fits: false, lacks: 'harness' })
  })

  it.each<[string, Partial<Requirements>, Partial<Offer>, string]>([
    ['another team', { teamId: 'u' }, {}, 'team'],
    ['a pool it is not in', { pool: 'p' }, {}, 'pool'],
    ['a pin to another daemon', { daemon: 'd2' }, {}, 'daemon'],
    ['a repository it does not serve', { repo: 'x' }, {}, 'repo'],
    ['a role it does not have', { role: 'qa' }, {}, 'role'],
    ['a type it does not take', { type: 'plan' }, { types: ['freeform'] }, 'type'],
    ['a label it does not carry', { labels: ['gpu'] }, { labels: ['big'] }, 'labels'],
    ['a harness it does not have', { harness: 'pi' }, {}, 'harness'],
    ['any harness where none is ready', {}, { harnesses: ['shell'], unnamed: [] }, 'harness'],
    [
      'the harness of another repository',
      { repo: 'acme/app' },
      { harnesses: ['shell'], unnamed: [], repoHarness: { 'acme/other': 'shell' } },
      'harness',
    ],
    [
      'a harness of its repository that is not ready',
      { repo: 'acme/app' },
      { harnesses: ['shell'], unnamed: [], repoHarness: { 'acme/app': 'codex' } },
      'harness',
    ],
    ['a profile it does not serve', { profiles: ['p1'] }, {}, 'profiles'],
    [
      'a profile whose harness is not ready',
      { profiles: ['p1'] },
      { profiles: [{ id: 'p1', harness: 'pi' }] },
      'profiles',
    ],
    ['something else than the daemon insists on', { role: null }, { only: { role: 'qa' } }, 'only'],
  ])('refuses %s', (_, wanted, has, lacks) => {
    expect(fitOf({ ...needs, ...wanted }, { ...offer, ...has })).toEqual({ fits: false, lacks })
  })

  it('takes the first allowed profile in the daemon’s order, and its harness', () => {
    const profiles = [
      { id: 'p1', harness: 'pi' },
      { id: 'p2', harness: 'codex' },
      { id: 'p3', harness: null },
    ]
    expect(fitOf(needs, { ...offer, profiles })).toEqual({ fits: true, profile: 'p2', rank: 1, harness: 'codex' })
    expect(fitOf({ ...needs, profiles: ['p3'] }, { ...offer, profiles })).toEqual({
      fits: true,
      profile: 'p3',
      rank: 2,
      harness: null,
    })
    expect(fitOf(needs, offer)).toEqual({ fits: true, profile: null, rank: 0, harness: null })
  })

  it('takes a task of a harness that none of its profiles is for without a profile, behind its profiles', () => {
    const web = { id: 'p1', harness: 'shell' }
    const asked = { ...needs, harness: 'codex' }
    expect(fitOf(asked, { ...offer, profiles: [web] })).toEqual({
      fits: true,
      profile: null,
      rank: 1,
      harness: 'codex',
    })
    expect(fitOf(asked, { ...offer, profiles: [web, { id: 'p2', harness: 'codex' }] })).toMatchObject({ profile: 'p2' })
  })

  it.each<[string, Partial<Requirements>, Offer['profiles'][number]]>([
    ['a sandboxed profile of another harness', { harness: 'codex' }, { id: 'p1', harness: 'shell', sandboxed: true }],
    ['a profile whose harness is not ready, when the task names none', {}, { id: 'p1', harness: 'pi' }],
    ['a profile of another harness than a named profile’s', { profiles: ['p2'] }, { id: 'p1', harness: 'shell' }],
  ])('runs nothing without a profile beside %s', (_, wanted, profile) => {
    expect(fitOf({ ...needs, ...wanted }, { ...offer, profiles: [profile] })).toEqual({
      fits: false,
      lacks: 'profiles',
    })
  })

  it('shares a lane between equal needs, whatever their order', () => {
    expect(laneKey({ ...needs, labels: ['a', 'b'] })).toBe(laneKey({ ...needs, labels: ['b', 'a'] }))
    expect(laneKey({ ...needs, labels: ['a'] })).not.toBe(laneKey({ ...needs, profiles: ['a'] }))
  })
})

describe('why a task is queued', () => {
  it.each<[string, Partial<Requirements>, Candidate[]]>([
    ['no daemon is connected; start one with: capstan daemon', {}, []],
    [
      'no connected daemon serves repo acme/app with role qa; 2 serve repo acme/app',
      { repo: 'acme/app', role: 'qa' },
      [candidate(), candidate(), candidate({ repos: [] })],
    ],
    ['no connected daemon serves repo x', { repo: 'x' }, [candidate()]],
    ['no connected daemon has harness pi ready; pi is not on PATH', { harness: 'pi' }, [candidate()]],
    [
      'no connected daemon serves repo acme/app and has harness pi ready; 2 serve repo acme/app; pi is not on PATH',
      { repo: 'acme/app', harness: 'pi' },
      [candidate(), candidate()],
    ],
    [
      'no connected daemon is in pool p and serves repo x with role qa with label gpu; 1 is in pool p and serves repo x with role qa',
      { pool: 'p', repo: 'x', role: 'qa', labels: ['gpu'] },
      [candidate({ pool: 'p', repos: ['x'], roles: ['qa'] })],
    ],
    ['1 daemon fits, full (2 of 2 agents at work)', {}, [candidate({}, { running: 2 })]],
    ['1 daemon would fit, but it is draining', {}, [candidate({}, { draining: true })]],
    [
      'waits for a spent quota: quota of codex on host until then',
      {},
      [candidate({ harnesses: [], unnamed: [] }, { spent: new Map([['codex', 'until then']]) })],
    ],
    [
      'no connected daemon has harness pi ready; pi is not on PATH',
      { harness: 'pi' },
      [candidate({}, { spent: new Map([['codex', 'until then']]) })],
    ],
    [
      'waits for a spent quota: quota of codex on host until then',
      { profiles: ['p1'] },
      [
        candidate(
          { harnesses: [], unnamed: [], profiles: [{ id: 'p1', harness: 'codex' }] },
          { spent: new Map([['codex', 'until then']]) },
        ),
      ],
    ],
    [
      'no connected daemon has harness codex ready and serves a profile for harness codex; 1 has harness codex ready; host serves p1 (shell); drop --harness, or have a host serve a profile for it',
      { harness: 'codex' },
      [candidate({ profiles: [{ id: 'p1', harness: 'shell', sandboxed: true }] })],
    ],
    [
      'no connected daemon serves a profile whose harness is ready; host serves p1 (pi); pi is not on PATH',
      {},
      [candidate({ profiles: [{ id: 'p1', harness: 'pi' }] })],
    ],
    ['2 daemons fit with room; the task is about to be claimed', {}, [candidate(), candidate()]],
  ])('%s', (sentence, wanted, candidates) => {
    expect(whyQueued({ ...needs, ...wanted }, candidates)).toBe(sentence)
  })
})

describe('a claim condition', () => {
  const done = { op: 'task_status', taskId: 'a', statuses: ['completed'] } as const
  const accepted = { op: 'task_accepted', taskId: 'b' } as const
  const states = (a: string, b: 'pending' | 'accepted' | 'rejected') => (id: string) =>
    id === 'a'
      ? { state: a as 'completed', verdict: null, over: false }
      : { state: 'completed' as const, verdict: b, over: true } // the state is one of the names below

  it('is met, open or past hope', () => {
    const both = { op: 'all', conditions: [done, accepted] } as const
    expect(evaluate(both, states('completed', 'accepted'))).toEqual({ is: 'met' })
    expect(evaluate(both, states('running', 'accepted'))).toEqual({ is: 'open' })
    expect(evaluate(both, states('completed', 'pending'))).toEqual({ is: 'open' })
    expect(evaluate(both, states('failed', 'pending')).is).toBe('unsatisfiable')
    expect(evaluate({ op: 'any', conditions: [done, accepted] }, states('failed', 'pending'))).toEqual({ is: 'open' })
    expect(namedTasks(both)).toEqual(['a', 'b'])
  })

  it('on a task that does not exist is past hope', () => {
    expect(evaluate(done, () => null)).toEqual({ is: 'unsatisfiable', because: 'there is no task a' })
  })
})
