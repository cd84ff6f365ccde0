// What a model's server answered, as CLIs repeat it.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { apiError } from '../../../src/daemon/harness/api-error.ts'

test.each([
  ['429: {"message":"Slow down.","type":"rate_limit_exceeded"}', 'Slow down. (429)', 'rate_limit'],
  ['429: {"message":"Slow.","type":"insufficient_quota"}', 'Slow. (429)', 'quota'],
  ['500: {"error":{"message":"Oh.","code":500}}', 'Oh. (500)', 'overloaded'],
  ['[API Error: {"error":{"code":401,"message":"No.","details":[{"a":[1]}]}}]', 'No. (401)', 'auth'],
  ['[API Error: You have exhausted your daily quota.]\nWait.', 'You have exhausted your daily quota. Wait.', 'quota'],
  [
    '{"error":{"message":"{\\"error\\":{\\"code\\":503,\\"message\\":\\"Busy.\\"}}","code":503}}',
    'Busy. (503)',
    'overloaded',
  ],
  ['403: {"message":"Not yours."}', 'Not yours. (403)', 'auth'],
  ['terminated', 'terminated', 'network'],
  ['Cannot connect to API: closed', 'Cannot connect to API: closed', 'network'],
  ['The process was terminated', 'The process was terminated', null],
  ['529 overloaded', 'overloaded (529)', 'overloaded'],
  ['', 'the model did not answer', null],
] as const)('%s', (words, message, kind) => {
  expect(apiError(words)).toEqual({ message, class: kind })
})

test('whatever it says, it becomes one line', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (words) => {
      const { message } = apiError(words)
      expect(message).not.toMatch(/\n/)
      expect(message.length).toBeLessThan(460)
    }),
  )
})
