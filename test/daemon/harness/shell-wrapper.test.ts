// A command as Codex shows it, without the shell around it: what rules see must be what runs.

import { expect, test } from 'vitest'
import { withoutShell } from '../../../src/daemon/harness/codex-items.ts'

test.each([
  [`/bin/bash -lc "make test"`, 'make test'],
  [`bash -lc 'npm test'`, 'npm test'],
  ['zsh -lc ls', 'ls'],
  [`/bin/bash -lc 'echo '"'"'x'"'"''`, "echo 'x'"],
  [`bash -lc 'it'\\''s'`, "it's"],
  [`bash -lc "echo \\"x\\" \\$HOME"`, 'echo "x" $HOME'],
  [`bash -lc 'a\nb'`, 'a\nb'],
])('%s runs %s', (shown, runs) => {
  expect(withoutShell(shown)).toBe(runs)
})

// Each would let a rule for `npm test` or `deploy --dry-run` approve something else.
test.each([
  `./sh -c 'npm test'`,
  `x/bash -lc "npm test"`,
  `foosh -c 'npm test'`,
  `bash -lc deploy --dry-run`,
  `bash -lc 'npm test' evil`,
  `bash -lc 'npm test'; evil 'x'`,
  `bash -lc "npm" "test"`,
  'bash -lc "npm test $x"',
  'bash -x -lc "npm test"',
  'env bash -lc "npm test"',
])('%s is not unwrapped', (shown) => {
  expect(withoutShell(shown)).toBe(shown)
})
