// Evidence is bounded where it is made: an agent decides how many repositories there are and what its checks print, a report has one frame.

import type { CheckOutcome, Evidence } from '../../protocol/task.ts'

const maxNested = 200
const maxPathChars = 512
/** Of all checks together, as JSON: a control character takes six bytes there. */
const maxTailBytes = 262_144

/** The same evidence when it is of usual size, else a shorter one that says what was left out. */
export function boundedEvidence(evidence: Evidence): Evidence {
  return { ...evidence, checks: boundedTails(evidence.checks), nestedRepos: boundedPaths(evidence.nestedRepos) }
}

function boundedPaths(paths: readonly string[]): string[] {
  const kept = paths
    .slice(0, maxNested)
    .map((path) => (path.length <= maxPathChars ? path : `${path.slice(0, maxPathChars - 1)}…`))
  return paths.length <= maxNested ? kept : [...kept, `… and ${paths.length - maxNested} more`]
}

function boundedTails(checks: readonly CheckOutcome[]): CheckOutcome[] {
  const total = checks.reduce((bytes, check) => bytes + jsonBytes(check.outputTail), 0)
  if (total <= maxTailBytes) return [...checks]
  const share = Math.floor(maxTailBytes / checks.length)
  return checks.map((check) => ({ ...check, outputTail: endOf(check.outputTail, share) }))
}

/** The end of the text, at most `bytes` as JSON. */
function endOf(text: string, bytes: number): string {
  let kept = text
  while (kept !== '' && jsonBytes(kept) > bytes) kept = kept.slice(-Math.floor(kept.length / 2))
  return kept
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text))
}
