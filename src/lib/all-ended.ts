// Waiting for several things at once without leaving one of them behind.

/** As `Promise.all`, but it settles when the last of them has. */
export async function allEnded<T extends readonly unknown[]>(
  promises: {
    readonly [K in keyof T]: Promise<T[K]>
  },
): Promise<{ -readonly [K in keyof T]: T[K] }> {
  await Promise.allSettled(promises)
  return await Promise.all(promises)
}
