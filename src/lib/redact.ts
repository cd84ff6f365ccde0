// Blackens secrets in text, in the forms in which they usually appear. Hygiene, not a boundary: a reversed or zipped value passes.

/** Shorter values would blacken ordinary words. */
export const minSecretLength = 6

/** Encoded forms lose characters at their ends to their neighbours; what is left must still be telling. */
const minEncodedLength = 8

export type Redactor = (text: string) => string

/**
 * Makes a function that replaces each secret by `[redacted NAME]`. Feed it whole strings of events: a value of several lines is also
 * found line by line. `secrets`: value by name; those shorter than 6 characters are left alone.
 */
export function makeRedactor(secrets: Readonly<Record<string, string>>): Redactor {
  const names = new Map<string, string>()
  for (const [name, value] of Object.entries(secrets)) {
    for (const form of formsOf(value)) if (!names.has(form)) names.set(form, name)
  }
  if (names.size === 0) return (text) => text
  const forms = [...names.keys()].sort((a, b) => b.length - a.length)
  // A lookahead finds matches that overlap, too: "abcdef" and "defghi" in "abcdefghi" must both go. Longest first at each place.
  const anywhere = new RegExp(`(?=(${forms.map((form) => escaped(form)).join('|')}))`, 'g')
  return (text) => (text.length < minSecretLength ? text : withoutHalves(replaced(text, anywhere, names), names))
}

/**
 * For text that comes in pieces: how many characters at a piece's end may be the beginning of a secret that the next piece completes. Keep those
 * back until then, or until nothing comes.
 */
export function makeTailWatch(secrets: Readonly<Record<string, string>>): (text: string) => number {
  const forms = [...new Set(Object.values(secrets).flatMap(formsOf))]
  return (text) => forms.reduce((most, form) => Math.max(most, beginningAtEnd(text, form)), 0)
}

/** Redacts every string in a JSON value, keys included; used on events before they leave the host. */
export function redactEvent<T>(event: T, redact: Redactor): T {
  return deep(event, redact) as T // strings become strings and all else keeps its shape
}

/** The values that should be blackened: all of `secrets`, and what the environment names like a credential and is not a path. */
export function secretsAmong(
  env: Readonly<Record<string, string | undefined>>,
  secrets: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const telling = Object.entries(env).filter(
    (pair): pair is [string, string] =>
      pair[1] !== undefined && credentialName.test(pair[0]) && !pair[1].startsWith('/') && !/^\d{0,9}$/.test(pair[1]),
  )
  return { ...Object.fromEntries(telling), ...secrets }
}

const credentialName =
  /(?:^|_)(?:KEY|KEYS|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|PAT|AUTH)(?:_ID)?$|HEADERS$/i

function replaced(text: string, anywhere: RegExp, names: ReadonlyMap<string, string>): string {
  let out = ''
  let done = 0
  for (const match of text.matchAll(anywhere)) {
    const form = match[1] ?? ''
    const end = match.index + form.length
    if (end <= done) continue
    // A match that overlaps the one before lengthens it; one that touches it is another secret.
    if (match.index >= done) {
      out += `${text.slice(done, match.index)}[redacted ${names.get(form)}]`
    }
    done = end
  }
  return out + text.slice(done)
}

/** A line that was made short may end within a secret: its beginning, right before the mark of the cut, goes too. */
function withoutHalves(text: string, names: ReadonlyMap<string, string>): string {
  if (!text.includes('…')) return text
  const pieces = text.split('…')
  return pieces.map((piece, at) => (at === pieces.length - 1 ? piece : withoutHalf(piece, names))).join('…')
}

function withoutHalf(text: string, names: ReadonlyMap<string, string>): string {
  const longest = { length: minSecretLength - 1, name: '' }
  for (const [form, name] of names) {
    const length = beginningAtEnd(text, form)
    if (length > longest.length) Object.assign(longest, { length, name })
  }
  return longest.name === '' ? text : `${text.slice(0, text.length - longest.length)}[redacted ${longest.name}]`
}

/** How many characters at the text's end are the beginning of the form, but not all of it. */
function beginningAtEnd(text: string, form: string): number {
  for (let length = Math.min(form.length - 1, text.length); length > 0; length -= 1)
    if (text.endsWith(form.slice(0, length))) return length
  return 0
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

function deep(value: unknown, redact: Redactor): unknown {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map((item) => deep(item, redact))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [redact(key), deep(item, redact)]))
}

function formsOf(value: string): readonly string[] {
  const lines = value.split(/\r?\n/).map((line) => line.trim())
  return [value, ...lines]
    .filter((plain) => plain.length >= minSecretLength)
    .flatMap((plain) => [plain, ...escapedForms(plain), ...encodedForms(plain)])
}

function escapedForms(plain: string): readonly string[] {
  const json = JSON.stringify(plain).slice(1, -1)
  const twice = JSON.stringify(json).slice(1, -1) // a JSON line inside a JSON line
  const ascii = json.replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return [json, twice, ascii, ...urlForms(plain)]
}

function urlForms(plain: string): readonly string[] {
  const url = encodeURIComponent(plain.toWellFormed())
  const lower = url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())
  return [url, lower, url.replaceAll('%20', '+')]
}

function encodedForms(plain: string): readonly string[] {
  const bytes = Buffer.from(plain, 'utf8')
  const hex = bytes.toString('hex')
  const base64 = [0, 1, 2].map((offset) => base64At(bytes, offset))
  const urlSafe = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  return [hex, hex.toUpperCase(), ...base64, ...urlSafe].filter((form) => form.length >= minEncodedLength)
}

/** The characters of base64 that depend on these bytes alone when `offset` other bytes stand before them in their group of three. */
function base64At(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  const first = Math.ceil((offset * 8) / 6)
  return text.slice(first, Math.floor(((offset + bytes.length) * 8) / 6))
}
