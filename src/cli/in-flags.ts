// A server's refusal in the words of a command line: the flag or argument that was given, instead of the field that it became.

export interface Typed {
  /** The verb's options, without dashes. */
  readonly flags: readonly string[]
  /** Its arguments. */
  readonly args: readonly string[]
}

const ofField = /^the (?:body|query|path|address): ([\w.]+): (.+)$/s

/** `the body: runningTimeoutMs: must be …` → `--timeout: must be …`. What names no field stays as it is. */
export function inFlags(detail: string, { flags, args }: Typed): string {
  const [, path, said] = ofField.exec(detail) ?? []
  const field = path?.split('.').findLast((part) => !/^\d+$/.test(part))
  if (field === undefined || said === undefined) return detail
  const words = field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replace(/-(ms|at|usd)$/, '')
  const flag = flags.find((name) => name === words) ?? flags.find((name) => words.endsWith(`-${name}`))
  if (flag !== undefined) return `--${flag}: ${said}`
  return args.includes(words) ? `${words}: ${said}` : `${words.replaceAll('-', ' ')}: ${said}`
}
