// capstan gc: its options.

import type { OptionSpec, VerbSpec } from '../spec.ts'
import { verb } from '../spec.ts'

export const gcOptions = [
  { name: 'dry-run', kind: 'flag', summary: 'Only say what would go, and how much it is' },
  {
    name: 'older-than',
    kind: 'duration',
    value: 'DUR',
    summary: 'Take what is older; default: [retention] in daemon.toml',
  },
  { name: 'data', kind: 'text', value: 'DIR', summary: 'Data folder; default: the running one’s, else ~/.capstan' },
] as const satisfies readonly OptionSpec[]

export const gc: VerbSpec = verb({
  name: 'gc',
  summary: 'Clean up what runs left here; only what is kept elsewhere goes',
  options: gcOptions,
  examples: ['capstan gc --dry-run', 'capstan gc --older-than 1h'],
  load: async () => (await import('./gc.ts')).runGc,
})
