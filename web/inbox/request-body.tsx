// What exactly is asked: the command, the file, the change; nothing summed up, nothing left out.

import type { OpenRequest } from '../data/requests.ts'
import { exactText } from '../parts/ansi.ts'
import { words } from '../parts/figures.ts'
import type { AskedChange, ChangeLine } from './asked-change.ts'
import { changesOf } from './asked-change.ts'
import type { Question } from './questions.ts'
import { questionsOf } from './questions.ts'

interface BodyProps {
  readonly kind: OpenRequest['kind']
  readonly body: Readonly<Record<string, unknown>>
  readonly title: string
}

export function RequestBody({ kind, body, title }: BodyProps) {
  const { changes, keys } = changesOf(body)
  const rest = Object.entries(body).filter(([key, value]) => !keys.includes(key) && value !== null && value !== '')
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-2 empty:hidden">
      {rest.map(([key, value]) => {
        // What a tool is given under that name is no question to a person: all of it is shown.
        const questions = kind === 'question' && key === 'questions' ? questionsOf(value) : null
        return questions === null ? (
          <Part key={key} name={key} value={value} title={title} />
        ) : (
          <Questions key={key} questions={questions} title={title} />
        )
      })}
      {changes.map((change, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the changes of one request never change places
        <Change key={i} change={change} />
      ))}
    </div>
  )
}

const backs: Readonly<Record<ChangeLine['sign'], string>> = { ' ': '', '+': 'bg-add', '-': 'bg-del' }

function Change({ change: { path, lines } }: { readonly change: AskedChange }) {
  const count = (sign: string) => lines.filter((line) => line.sign === sign).length
  return (
    <figure className="grid grid-cols-[minmax(0,1fr)] overflow-hidden rounded-md border border-line">
      <figcaption className="flex items-baseline gap-2 border-b border-line bg-panel px-2.5 py-1 text-xs text-muted tabular-nums">
        {path !== null && (
          <span className="min-w-0 font-mono text-text [overflow-wrap:anywhere]">{exactText(path)}</span>
        )}
        <span className="ml-auto text-good">+{count('+')}</span>
        <span className="text-bad">−{count('-')}</span>
      </figcaption>
      <pre tabIndex={0} className={`${scrollClass} py-1 leading-5`}>
        {lines.map(({ sign, text }, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines of one text never change places
          <span key={i} className={`block pr-2 pl-6 -indent-4 ${backs[sign]}`}>
            <span className="inline-block w-4 indent-0 text-faint">{sign === '-' ? '−' : sign}</span>
            {exactText(text)}
          </span>
        ))}
      </pre>
    </figure>
  )
}

const scrollClass = 'max-h-80 overflow-auto font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]'

function Questions({ questions, title }: { readonly questions: readonly Question[]; readonly title: string }) {
  return questions.map(({ question, options }, i) => {
    const described = options.filter(({ description }) => description !== '')
    if (question === title && described.length === 0) return null
    return (
      // biome-ignore lint/suspicious/noArrayIndexKey: the questions of one request never change places
      <div key={i} className="grid gap-1">
        {question !== title && <p>{exactText(question)}</p>}
        <ul className="grid gap-0.5">
          {described.map(({ label, description }, n) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: nor do their options
            <li key={n} className="text-muted">
              <span className="font-medium text-text">{exactText(label)}</span>: {exactText(description)}
            </li>
          ))}
        </ul>
      </div>
    )
  })
}

function Part({ name, value, title }: { readonly name: string; readonly value: unknown; readonly title: string }) {
  const text = exactText(typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? ''))
  if (text === title && typeof value === 'string' && !/command/i.test(name)) return null
  const short = text.length <= 60 && !text.includes('\n') && !/command/i.test(name)
  return (
    <div className={short ? 'flex flex-wrap items-baseline gap-x-2' : 'grid grid-cols-[minmax(0,1fr)] gap-0.5'}>
      <span className="text-xs text-faint">{words(name)}</span>
      {short ? (
        <code className="min-w-0 font-mono text-xs [overflow-wrap:anywhere]">{text}</code>
      ) : (
        <pre tabIndex={0} className={`${scrollClass} rounded-md bg-panel px-2.5 py-1.5`}>
          {text}
        </pre>
      )}
    </div>
  )
}
