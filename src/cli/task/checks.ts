// `--check` as people write it: a command, or `name=command`.

const named = /^([a-z][a-z0-9._-]{0,63})=(.+)$/s

/**
 * Only a name in lower case is one, so that `CI=1 npm test` stays a command. Unnamed checks are called by their first words; two of one
 * name get a number.
 */
export function parseChecks(texts: readonly string[]): { name: string; command: string }[] {
  const taken = new Map<string, number>()
  return texts.map((text) => {
    const [, given, rest] = named.exec(text) ?? []
    const command = rest ?? text
    const wanted = given ?? nameOf(command)
    const times = (taken.get(wanted) ?? 0) + 1
    taken.set(wanted, times)
    return { name: times === 1 ? wanted : `${wanted}-${times}`, command }
  })
}

/** `npm run test -- --bail` → `npm-run-test`. */
function nameOf(command: string): string {
  const words = command.split(/\s+/).filter((word) => !word.includes('=') && !word.startsWith('-'))
  const parts =
    words
      .slice(0, 3)
      .join(' ')
      .toLowerCase()
      .match(/[a-z0-9][a-z0-9._]*/g) ?? []
  return parts.join('-').slice(0, 48) || 'check'
}
