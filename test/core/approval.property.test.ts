// Rules approve plain commands alone: whatever a shell would read as more than one program with these words is left to a person.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeRule, ruleFor, wordsOf } from '../../src/core/approval.ts'

const word = fc.stringMatching(/^[a-z0-9_./:@%+,-]{1,12}$/)
const words = fc.array(word, { minLength: 1, maxLength: 6 })
/** What gives a command a second meaning, anywhere in it. */
const live = fc.constantFrom(
  ...[';', '&', '&&', '|', '||', '>', '>>', '<', '<<<', '$(id)', '`id`', '$HOME', '$', '\n', '\r', '\t', '\0', '\\'],
  ...['*', '?', '[a]', '{a,b}', '~', '#', '!', '(', ')', '\u202e', '\u200b', '\u2028', '\x1b[2K', '\u0085', '\u00a0'],
)

describe('a plain command', () => {
  test('is read as its words, however it is quoted', () => {
    fc.assert(
      fc.property(words, fc.infiniteStream(fc.constantFrom('', "'", '"')), (given, quotes) => {
        const text = given.map((each) => {
          const quote = quotes.next().value
          return `${quote}${each}${quote}`
        })
        expect(wordsOf(`  ${text.join('  ')} `)).toEqual(given)
      }),
    )
  })

  test('keeps blanks and quotes of the other kind inside quotes', () => {
    expect(wordsOf(`git commit -m 'it is "done" & $gone' --x="a b"`)).toEqual([
      'git',
      'commit',
      '-m',
      'it is "done" & $gone',
      '--x=a b',
    ])
  })

  test('is nothing else: one live character anywhere outside quotes, and no rule sees it', () => {
    const rules = (executable: string) => [{ executable }]
    fc.assert(
      fc.property(words, live, fc.nat(), (given, more, at) => {
        const text = given.join(' ')
        const place = at % (text.length + 1)
        const changed = text.slice(0, place) + more + text.slice(place)
        expect(ruleFor(changed, rules(given[0] ?? ''))).toBeNull()
      }),
    )
  })

  test('may not expand inside double quotes', () => {
    for (const inside of ['$x', '`x`', '\\', '!x', '$(x)']) expect(wordsOf(`echo "${inside}"`)).toBeNull()
    expect(wordsOf(`echo '$x \`y\` \\ !'`)).toEqual(['echo', '$x `y` \\ !'])
  })

  test('has no variables before it, and its quotes close', () => {
    const refused = ['X=1 git status', "X='1' git", '=git status', 'git =ls', 'echo "a', "echo 'a", '', '   ', "''"]
    for (const text of refused) expect(wordsOf(text)).toBeNull()
    expect(wordsOf('x'.repeat(5_000))).toBeNull()
  })
})

describe('a rule', () => {
  test('approves its program with its first arguments, and never with an excluded one', () => {
    fc.assert(
      fc.property(words, words, word, (prefix, rest, excluded) => {
        const [executable = '', ...argsPrefix] = prefix
        const rule = { executable, argsPrefix, argsExcludes: [excluded] }
        const command = [...prefix, ...rest].join(' ')
        const clean = ![...argsPrefix, ...rest].some((arg) => arg.includes(excluded) || excluded.startsWith(arg))
        if (clean && !excluded.startsWith('-')) expect(ruleFor(command, [rule])).toBe(rule)
        expect(ruleFor(`${command} ${excluded}`, [rule])).toBeNull()
        expect(ruleFor(`x${command}`, [rule])).toBeNull()
      }),
    )
  })

  const push = { executable: 'git', argsPrefix: ['push'], argsExcludes: ['--force', '-f', 'main'] }
  test.each([
    ['git push', true],
    ['git push origin topic', true],
    ["git 'push' origin", true],
    ['git -C x push', false],
    ['/usr/bin/git push', false],
    ['git push --force', false],
    ['git push --force=true', false],
    ['git push --forc', false],
    ['git push -f', false],
    ['git push -uf origin', false],
    ['git push "--for"ce', false],
    ['git push origin main', false],
    ['git push origin HEAD:main', false],
    ['git push origin +main', false],
    ['git push origin refs/heads/main', false],
    ['git push origin domain', true],
    ['git push && rm -rf /', false],
    ['git push $(id)', false],
    ['env git push', false],
    ["sh -c 'git push'", false],
    ['GIT_SSH=x git push', false],
    ['git -c core.pager=x push', false],
    ['git --exec-path=x push', false],
    ['./git push', false],
    ["'git push' x", false],
    ['git push origin HEAD:refs/heads/main', false],
    ['git push ma* origin', false],
    ['git push or\\\nigin', false],
    ['git push\norigin', false],
    ['git push origin m"ai"n', false],
    ["git push origin 'main'", false],
    ['git push ~/x', false],
    ['git pu""sh', true],
  ])('%s', (command, approved) => {
    expect(ruleFor(command, [push]) !== null).toBe(approved)
  })

  test('is told in words', () => {
    expect(describeRule(push)).toBe('git push …, without --force or -f or main')
    expect(describeRule({ executable: 'ls' })).toBe('ls …')
  })

  test('does not approve what is no command', () => {
    expect(ruleFor(null, [{ executable: 'ls' }])).toBeNull()
  })
})
