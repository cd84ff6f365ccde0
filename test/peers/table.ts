// The outcome table, as Markdown that docs/peers.md can take.

export interface Row {
  readonly what: string
  readonly outcome: string
  readonly wallMs: number
  /** Null: as it should be. */
  readonly problem: string | null
}

export function printTable(title: string, rows: readonly Row[]): void {
  const lines = rows.map(
    (row) => `| ${row.what} | ${row.outcome} | ${(row.wallMs / 1_000).toFixed(1)} s | ${row.problem ?? 'ok'} |`,
  )
  process.stdout.write(`\n${title}\n\n| run | outcome | wall | check |\n|---|---|---|---|\n${lines.join('\n')}\n`)
}
