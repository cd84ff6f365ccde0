// How a figure is measured: subjects take turns in one run, what counts is the median of the rounds and the ratio between subjects.

/** What one turn of a subject gave, by name: a rate, a median, a percentile. */
export type Sample = Readonly<Record<string, number>>

/** Runs one turn of a subject. */
export type Subject = () => Promise<Sample>

/** A turn longer than this is hung, not slow, ms. */
const turnMs = 180_000

/**
 * Runs every subject once per round, in an order that moves on each round, so that a neighbour's load falls on all alike. Gives each
 * subject's medians. Throws when a turn takes longer than three minutes.
 */
export async function interleaved<N extends string>(
  rounds: number,
  subjects: Readonly<Record<N, Subject>>,
): Promise<Readonly<Record<N, Sample>>> {
  const names = Object.keys(subjects) as N[] // the record's own keys
  const turns = new Map<N, Sample[]>(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (let i = 0; i < names.length; i += 1) {
      const name = names[(i + round) % names.length]
      if (name === undefined) continue
      turns.get(name)?.push(await within(turnMs, `a turn of ${name}`, subjects[name]()))
    }
  }
  return Object.fromEntries(names.map((name) => [name, medians(turns.get(name) ?? [])])) as Record<N, Sample> // one per name
}

/** The value in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which the share `q` of them lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

/** Milliseconds that `act` takes. */
export async function millis(act: () => unknown): Promise<number> {
  const begun = performance.now()
  await act()
  return performance.now() - begun
}

/** Runs `act` for 0 … count-1 with so many at once; gives how many there were per second. */
export async function rate(count: number, atOnce: number, act: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const worker = async () => {
    while (next < count) {
      next += 1
      await act(next - 1)
    }
  }
  const ms = await millis(() => Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker)))
  return (count * 1_000) / ms
}

/** Rejects when the promise has not settled in time. What it does is not stopped: the figure's end stops it. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Looks until the look gives something. */
export async function until<T>(what: string, look: () => T | Promise<T>, limitMs = 60_000): Promise<NonNullable<T>> {
  const end = performance.now() + limitMs
  while (true) {
    const seen = await look()
    if (seen !== null && seen !== undefined && seen !== false) return seen
    if (performance.now() > end) throw new Error(`${what} did not come about within ${limitMs} ms`)
    await pause(2)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function medians(samples: readonly Sample[]): Sample {
  const keys = Object.keys(samples[0] ?? {})
  return Object.fromEntries(keys.map((key) => [key, median(samples.map((sample) => sample[key] ?? Number.NaN))]))
}
