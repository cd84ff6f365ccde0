// Why an attempt ended, in four classes that decide what happens next. The table is the specification of retries.

/**
 * `infrastructure` is retried with backoff and costs an attempt. `free` is retried at once and costs none, but five in a row end the
 * task. `quota` parks the task and costs none. `agent` is retried only if the task's retryOn names it. `final` is never retried.
 */
export type ReasonClass = 'infrastructure' | 'free' | 'quota' | 'agent' | 'final'

export const reasons = {
  dispatch_expired: 'infrastructure',
  harness_unavailable: 'infrastructure',
  workspace_failed: 'infrastructure',
  transport: 'infrastructure',
  daemon_abort: 'free',
  lease_expired: 'free',
  quota: 'quota',
  agent_failed: 'agent',
  timed_out: 'agent',
  stalled: 'agent',
  max_turns_exceeded: 'agent',
  max_tokens_exceeded: 'agent',
  max_cost_exceeded: 'agent',
  max_bash_timeouts_exceeded: 'agent',
  setup_failed: 'agent',
  checks_failed: 'agent',
  no_changes: 'agent',
  output_invalid: 'agent',
  auth: 'agent',
  billing: 'agent',
  model_invalid: 'agent',
  policy_refused: 'final',
  repo_not_allowed: 'final',
  relay_unavailable: 'final',
  not_resumable: 'final',
  cancelled: 'final',
} as const satisfies Record<string, ReasonClass>

export type AttemptReason = keyof typeof reasons
export const attemptReasons = Object.keys(reasons) as AttemptReason[] // the keys of a constant table: exactly the union

/** Reasons a task's `retryOn` may name. */
export const retryableReasons = attemptReasons.filter((reason) => reasons[reason] === 'agent')

/** Why a task failed: its last attempt's reason, or one of the task's own. */
export type TaskReason = AttemptReason | 'infrastructure' | 'condition_unsatisfiable'

/**
 * Two failures are the same when this text is the same: numbers, ids, paths and times are left out, so that
 * "exit 1 after 12.3s in a temp folder" twice running is seen as one failure.
 */
export function normaliseFailure(reason: AttemptReason, detail: string): string {
  const words = detail
    .toLowerCase()
    .replace(/(\/[\w.@~-]+)+/g, '<path>')
    .replace(/\b[0-9a-f]{7,}\b/g, '<id>')
    .replace(/\b[a-z]+_[0-9a-z]{26}\b/g, '<id>')
    .replace(/\d+(\.\d+)?/g, '<n>')
    .replace(/\s+/g, ' ')
    .trim()
  return `${reason}: ${words.slice(0, 500)}`
}
