// What the transcript says of a person's answer, and whether it counts on this host.

import { oneLine } from '../harness/cut.ts'
import type { Asked } from '../journal/talk.ts'

/** `approvers`: as `user:NAME` or `NAME`; null: whoever the server lets. */
export function mayAnswer(by: string, approvers: readonly string[] | null): boolean {
  return approvers === null || approvers.some((name) => by === name || by === `user:${name}`)
}

export function foreignWords({ title }: Asked, by: string): string {
  return `denied, as ${by} is not among the approvers of this host's policy.toml: ${title}`
}

/** What the transcript says of an answer. */
export function answerWords(
  { title }: Asked,
  label: string | null,
  { by, text }: { readonly by: string; readonly text: string | null },
): string {
  if (label === null && text === null) return `denied, as nobody answered in time: ${title}`
  const words = [label, text].filter((each) => each !== null).join(': ')
  return `${by} answered ${JSON.stringify(oneLine(words, 500))} to: ${title}`
}
