// capstan doctor: looks at this host and its server, and says for each finding what to do.

import type { Context } from '../context.ts'
import { dataDirOf } from '../data-dir.ts'
import { findingLines } from '../render/findings.ts'
import type { Given } from '../spec.ts'
import { hostFindings } from './host-findings.ts'
import type { doctorOptions } from './options.ts'
import { serverFindings } from './server-findings.ts'

/** Exit 1 if anything fails. With --json a list of `{what, state, detail, remedy}`. */
export async function examine(given: Given<typeof doctorOptions>, context: Context): Promise<number> {
  const dataDir = dataDirOf(context, given.options.data)
  const findings = [...(await hostFindings(dataDir, context)), ...(await serverFindings(dataDir, context))]
  if (given.json) context.terminal.json(findings)
  else context.terminal.out(...findingLines(findings, context.terminal))
  return findings.some(({ state }) => state === 'fail') ? 1 : 0
}
