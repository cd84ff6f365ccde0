// How a run of Pi ended. In JSON mode its exit code is 0 for model errors too (measured): the newest answer's stop reason decides.

import { exitWords, failureOf, lastWordsFailure } from './failure.ts'
import type { PiState } from './pi-state.ts'
import type { ExitFacts, Failure, Verdict } from './port.ts'
import { resetTime } from './reset-time.ts'
import { isNoUsage } from './usage.ts'

/** Pure. Success needs `agent_settled` as the last word, an answer that ended by `stop`, and exit code 0. */
export function finishPi(state: PiState, exit: ExitFacts): Verdict {
  const summary = {
    usage: isNoUsage(state.usage) ? null : state.usage,
    costUsd: state.costUsd > 0 ? state.costUsd : null,
    model: state.model,
    sessionRef: state.session,
    lastText: state.lastText,
  }
  return { ...summary, ...conclusion(state, exit) }
}

function conclusion(state: PiState, exit: ExitFacts): { readonly ok: true } | Failure {
  const { trouble } = state
  if (!state.isSettled) return unsettled(state, exit)
  if (state.stop === 'error') {
    const detail = trouble?.message ?? 'the model failed'
    return failureOf(trouble?.class ?? null, detail, resetTime(detail, exit.at ?? null))
  }
  if (state.stop !== 'stop') {
    const detail =
      state.stop === 'length' ? 'the answer was cut at the limit of output tokens' : `it ended with ${state.stop}`
    return failureOf(state.stop === null ? 'crashed' : null, `Pi did not finish: ${detail}`)
  }
  if (exit.code === 0) return { ok: true }
  return failureOf('crashed', `Pi settled and then ended with ${exitWords(exit)}`)
}

function unsettled(state: PiState, exit: ExitFacts): Failure {
  const { trouble, stderr } = state
  if (/no session found matching|session found in different project/i.test(stderr)) {
    return { ...failureOf(null, stderr), reason: 'not_resumable' }
  }
  if (trouble === null) return lastWordsFailure('Pi', exit, stderr)
  const detail = `Pi ended with ${exitWords(exit)} while it had trouble: ${trouble.message}`
  return failureOf(trouble.class, detail, resetTime(trouble.message, exit.at ?? null))
}
