// What was asked: Markdown, or a script as it is; long ones fold.

import type { TaskView } from '../../src/protocol/task.ts'
import { exactText } from '../parts/ansi.ts'
import { plural } from '../parts/figures.ts'
import { AgentText } from '../parts/markdown.tsx'

/** More folds: the answer is what one came for. */
const most = { letters: 600, lines: 12 }

export function Prompt({ task: { prompt, harness } }: { readonly task: Pick<TaskView, 'prompt' | 'harness'> }) {
  const lines = prompt.split('\n').length
  const script = harness === 'shell'
  if (prompt.length <= most.letters && lines <= most.lines)
    return script ? <Script text={prompt} /> : <AgentText text={prompt} />
  return (
    <details className="group">
      <summary className="list-none">
        <p className="line-clamp-6 whitespace-pre-wrap [overflow-wrap:anywhere] group-open:hidden">
          {exactText(prompt.slice(0, most.letters))}
        </p>
        <span className="text-xs text-accent group-open:hidden">Show all of {plural(lines, 'line')}</span>
        <span className="hidden text-xs text-accent group-open:inline">Show less</span>
      </summary>
      <div className="pt-2">
        <Script text={prompt} />
      </div>
    </details>
  )
}

function Script({ text }: { readonly text: string }) {
  return <pre className="font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">{exactText(text)}</pre>
}
