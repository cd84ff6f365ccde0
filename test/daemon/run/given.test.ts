// What a profile and a task give, put where each agent reads it.

import { expect, test } from 'vitest'
import { givenTo } from '../../../src/daemon/run/given.ts'
import type { ContextEntry } from '../../../src/protocol/context.ts'
import type { Assignment } from '../../../src/protocol/link.ts'

type Bound = Pick<Assignment, 'task' | 'profile'>

function assignmentWith(task: readonly ContextEntry[], profile: readonly ContextEntry[] = []): Bound {
  // only what is read here
  return { task: { context: task, attachments: [] }, profile: { settings: { context: profile } } } as unknown as Bound
}

const plain = { harness: { title: 'Agent', explicit: false }, runDir: '/runs/1', resumes: false }
const able = { ...plain, harness: { ...plain.harness, takes: ['instructions', 'skills'] as const } }
const style = { slug: 'style', binding: 'context_inline', text: 'Be brief.' } as const
const moon = { slug: 'moon', binding: 'skill', text: 'Count down.' } as const
const first = { slug: 'first', binding: 'prompt_prefix', text: 'You work for Acme.' } as const
const ticket = { slug: 'ticket', text: 'It is broken.' } as const

test('an agent with ways of its own gets instructions and skills by them, the rest around its prompt', () => {
  const given = givenTo(assignmentWith([moon, ticket], [style, first]), able)
  expect(given).toMatchObject({
    instructions: '<context name="style">\nBe brief.\n</context>',
    skills: [moon],
    before: 'You work for Acme.\n\n',
    after: '\n\n<context name="ticket">\nIt is broken.\n</context>',
    notHonoured: [],
  })
})

test('an agent without them is told all in its prompt, and that is said', () => {
  const given = givenTo(assignmentWith([moon, ticket], [style, first]), plain)
  expect(given).toMatchObject({ instructions: null, skills: [] })
  expect(given.before).toBe(
    '<context name="style">\nBe brief.\n</context>\n\n<context name="moon">\nCount down.\n</context>\n\nYou work for Acme.\n\n',
  )
  expect(given.notHonoured).toEqual([
    'context_inline style: Agent is told it in its prompt',
    'skill moon: Agent is told it in its prompt',
  ])
})

test('a task’s own text takes the place of its profile’s of the same slug', () => {
  const given = givenTo(assignmentWith([{ ...first, text: 'You work alone.' }], [first]), able)
  expect(given.before).toBe('You work alone.\n\n')
})

test('a conversation that goes on is not told its profile’s prompt texts again, but those of its new task', () => {
  const given = givenTo(assignmentWith([ticket], [first, style]), { ...able, resumes: true })
  expect(given.before).toBe('')
  expect(given.after).toContain('It is broken.')
  expect(given.instructions).toContain('Be brief.')
})

test('a script is told nothing, and that is said', () => {
  const given = givenTo(assignmentWith([ticket], [first]), { ...plain, harness: { title: 'Script', explicit: true } })
  expect(given).toMatchObject({ before: '', after: '', instructions: null })
  expect(given.notHonoured).toEqual([
    'context first: a script is told nothing',
    'context ticket: a script is told nothing',
  ])
})
