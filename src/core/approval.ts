// Rules that approve a command without asking anybody. They see only plain commands: whatever a shell would do more than run one program
// with these words is left to a person.

/** Approves `executable` when its arguments begin with `argsPrefix` and hold none of `argsExcludes`. */
export interface ApprovalRule {
  /** As the agent writes it, exactly: `git` is not `/usr/bin/git`. */
  readonly executable: string
  readonly argsPrefix?: readonly string[] | undefined
  readonly argsExcludes?: readonly string[] | undefined
}

/** Nobody types longer ones, and no rule is meant for them. */
const maxChars = 4_096
/** Outside quotes: no operator, redirection, expansion, glob, comment, escape or assignment can be written with these. */
const plainChar = /[A-Za-z0-9_./:=@%+,-]/
/** Inside double quotes a shell still expands these; `!` is the history of an interactive one. */
const liveInQuotes = /[$`\\!]/

/** The rule that approves this command, or null: a person is asked. */
export function ruleFor(command: string | null, rules: readonly ApprovalRule[]): ApprovalRule | null {
  if (command === null || rules.length === 0) return null
  const words = wordsOf(command)
  if (words === null) return null
  const [executable, ...args] = words
  return rules.find((rule) => rule.executable === executable && fits(rule, args)) ?? null
}

/** As `ruleFor`, for a program that is started with exactly these words: no shell reads them, so they may be any but a zero byte. */
export function ruleForWords(words: readonly string[], rules: readonly ApprovalRule[]): ApprovalRule | null {
  const [executable, ...args] = words
  if (words.some((word) => word.includes('\0'))) return null
  return rules.find((rule) => rule.executable === executable && fits(rule, args)) ?? null
}

/** The rule as a person reads it in the transcript. */
export function describeRule({ executable, argsPrefix = [], argsExcludes = [] }: ApprovalRule): string {
  const without = argsExcludes.length === 0 ? '' : `, without ${argsExcludes.join(' or ')}`
  return `${[executable, ...argsPrefix].join(' ')} …${without}`
}

/**
 * The words of a plain simple command, or null for everything else: operators, redirections, substitutions, expansions, globs, escapes,
 * comments, several lines, assignments before the command, quotes that do not close.
 */
export function wordsOf(command: string): readonly string[] | null {
  if (command.length > maxChars || hasControl(command)) return null
  const words: string[] = []
  let at = 0
  while (at < command.length) {
    if (command[at] === ' ') {
      at += 1
      continue
    }
    const word = readWord(command, at)
    if (word === null) return null
    words.push(word.text)
    at = word.end
  }
  const [first] = words
  return first === undefined || first === '' || first.includes('=') || words.some((word) => word.startsWith('='))
    ? null
    : words
}

function readWord(command: string, from: number): { readonly text: string; readonly end: number } | null {
  let text = ''
  let at = from
  while (at < command.length && command[at] !== ' ') {
    const char = command.charAt(at)
    if (char === "'" || char === '"') {
      const close = command.indexOf(char, at + 1)
      if (close === -1) return null
      const inside = command.slice(at + 1, close)
      if (char === '"' && liveInQuotes.test(inside)) return null
      text += inside
      at = close + 1
    } else if (plainChar.test(char)) {
      text += char
      at += 1
    } else return null
  }
  return { text, end: at }
}

/** Line ends, tabs, NUL and escapes; also the characters that reorder or hide what a person reads. */
function hasControl(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u.test(text)
}

function fits({ argsPrefix = [], argsExcludes = [] }: ApprovalRule, args: readonly string[]): boolean {
  if (!argsPrefix.every((word, i) => args[i] === word)) return false
  return !args.some((arg) => argsExcludes.some((excluded) => holds(arg, excluded)))
}

/**
 * True when an argument is the excluded one, also in the other ways in which programs read it: `--force=x`, `--for` for `--force`, and `-xf`
 * for `-f`, and `HEAD:main`, `+main` or `refs/heads/main` for `main`. Rather once too often: then a person is asked.
 */
function holds(arg: string, excluded: string): boolean {
  const [name = ''] = arg.split('=')
  if (arg === excluded || name === excluded) return true
  if (excluded.startsWith('--')) return name.length > 2 && excluded.startsWith(name)
  if (/^-[^-]$/.test(excluded)) return /^-[^-]/.test(arg) && arg.includes(excluded.charAt(1))
  if (excluded.startsWith('-')) return arg.startsWith(excluded)
  return arg.split(/[/:+=,@]/).includes(excluded)
}
