// The contract over every adapter.

import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { codex } from '../../../src/daemon/harness/codex.ts'
import { customHarness } from '../../../src/daemon/harness/custom.ts'
import { geminiCli } from '../../../src/daemon/harness/gemini-cli.ts'
import { opencode } from '../../../src/daemon/harness/opencode.ts'
import { pi } from '../../../src/daemon/harness/pi.ts'
import { shell } from '../../../src/daemon/harness/shell.ts'
import { harnessContract } from './contract.ts'
import { geminiEndings } from './gemini-transcripts.ts'
import { opencodeEndings } from './opencode-transcripts.ts'
import { piEndings } from './pi-transcripts.ts'
import { claudeEndings, codexEndings, plainEndings } from './transcripts.ts'

harnessContract(claudeCode, claudeEndings)
harnessContract(codex, codexEndings)
harnessContract(geminiCli, geminiEndings)
harnessContract(opencode, opencodeEndings)
harnessContract(pi, piEndings)
harnessContract(shell, plainEndings)
harnessContract(customHarness('mine', { command: 'mine', args: ['--file', '{promptFile}'] }), plainEndings)
