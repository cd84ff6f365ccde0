// The contract over every adapter.

import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { codex } from '../../../src/daemon/harness/codex.ts'
import { customHarness } from '../../../src/daemon/harness/custom.ts'
import { shell } from '../../../src/daemon/harness/shell.ts'
import { harnessContract } from './contract.ts'
import { claudeEndings, codexEndings, plainEndings } from './transcripts.ts'

harnessContract(claudeCode, claudeEndings)
harnessContract(codex, codexEndings)
harnessContract(shell, plainEndings)
harnessContract(customHarness('mine', { command: 'mine', args: ['--file', '{promptFile}'] }), plainEndings)
