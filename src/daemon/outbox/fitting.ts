// A report that fits into a frame of the link, whatever a run put into it: what is least needed goes first, with a remark.

import type { FromDaemonBody } from '../../protocol/link.ts'
import type { CheckOutcome, Evidence } from '../../protocol/task.ts'
import type { ReportKind } from '../journal/outbox-rows.ts'

/** Of one message; the frame's limit less room for the envelope. */
export const maxMessageBytes = 921_600
const maxDetailChars = 4_000
const maxNested = 20
const maxChecks = 64
const dropped = '[left out: the report was too large for the link]'

/** `body` itself when it fits. */
export function fittingReport<K extends ReportKind>(body: FromDaemonBody<K>): FromDaemonBody<K> {
  const clipped =
    'detail' in body && body.detail.length > maxDetailChars
      ? { ...body, detail: body.detail.slice(0, maxDetailChars) }
      : body
  if (fits(clipped) || !('evidence' in clipped) || clipped.evidence === null) return clipped
  const { evidence } = clipped
  const shorter = [withoutTails, withoutLists, () => null].map((shorten) => ({
    ...clipped,
    evidence: shorten(evidence),
  }))
  return shorter.find(fits) ?? { ...clipped, evidence: null }
}

function fits(body: object): boolean {
  return Buffer.byteLength(JSON.stringify(body)) <= maxMessageBytes
}

function withoutTails(evidence: Evidence): Evidence {
  return { ...evidence, checks: evidence.checks.map(withoutTail) }
}

function withoutTail(check: CheckOutcome): CheckOutcome {
  return check.outputTail === '' ? check : { ...check, outputTail: dropped }
}

function withoutLists(evidence: Evidence): Evidence {
  const left = evidence.nestedRepos.length - maxNested
  const nestedRepos = evidence.nestedRepos.slice(0, maxNested).map((path) => path.slice(0, 200))
  const checks = evidence.checks.slice(0, maxChecks).map(withoutTail)
  return { ...evidence, checks, nestedRepos: left > 0 ? [...nestedRepos, `… and ${left} more`] : nestedRepos }
}
