// capstan completion: shell completion.

import type { Entry, VerbSpec } from '../spec.ts'
import { none, verb } from '../spec.ts'

/** `entries`: the table this verb itself is in. */
export function completionVerb(entries: () => readonly Entry[]): VerbSpec {
  return verb({
    name: 'completion',
    summary: 'Complete words in your shell: bash, zsh, fish',
    args: [
      { name: 'shell', summary: 'bash, zsh or fish' },
      { name: 'words', summary: 'For the script itself: what is typed so far', optional: true, variadic: true },
    ],
    options: none,
    examples: [
      'capstan completion bash >> ~/.bashrc',
      'capstan completion zsh >> ~/.zshrc',
      'capstan completion fish > ~/.config/fish/completions/capstan.fish',
    ],
    load: async () => {
      const { complete } = await import('./complete.ts')
      return (given, context) => complete(entries(), given, context)
    },
  })
}
