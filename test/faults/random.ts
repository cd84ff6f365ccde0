// Chance that can be repeated: CAPSTAN_TEST_SEED=N runs the same again. The seed is printed.

export interface Random {
  readonly seed: number
  /** A whole number in 0…n-1. */
  below(n: number): number
  pick<const T>(of: readonly [T, ...T[]]): T
}

export function makeRandom(seed = Number(process.env.CAPSTAN_TEST_SEED ?? Math.floor(Math.random() * 1e9))): Random {
  console.log(`seed ${seed}`)
  let state = seed >>> 0
  // mulberry32: small, and the same everywhere
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (n: number) => Math.floor(next() * n)
  return { seed, below, pick: (of) => of[below(of.length)] ?? of[0] }
}
