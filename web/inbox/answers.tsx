// Ways to answer a request: one press, words beside it, or a line for each of several questions.

import type { FormEvent } from 'react'
import { useId, useState } from 'react'
import type { Answer, OpenRequest } from '../data/requests.ts'
import { exactText } from '../parts/ansi.ts'
import type { Weight } from '../parts/button.tsx'
import { Button } from '../parts/button.tsx'
import type { Question } from './questions.ts'
import { chosen, questionsOf } from './questions.ts'

interface AnswersProps {
  readonly request: OpenRequest
  /** The keys y and n answer this one. */
  readonly current: boolean
  readonly busy: boolean
  readonly onAnswer: (given: Answer) => void
}

const weights: Readonly<Record<string, Weight>> = { allow: 'main', deny: 'danger' }
export const keyOf: Readonly<Record<string, string>> = { allow: 'y', deny: 'n' }

const lineClass =
  'h-8 min-w-40 flex-1 rounded-md border border-line bg-raised px-2.5 hover:border-strong max-md:h-10 max-md:text-lg'

export function Answers(props: AnswersProps) {
  const questions = unanswerableByPress(props.request)
  return questions === null ? <Presses {...props} /> : <Lines {...props} questions={questions} />
}

/** Questions that no option of the request answers: several, or of several choices. The agent gets a line for each. */
export function unanswerableByPress({ kind, options, body }: OpenRequest): readonly Question[] | null {
  return kind === 'question' && options.length === 0 ? questionsOf(body.questions) : null
}

function Presses({ request, current, busy, onAnswer }: AnswersProps) {
  const [text, setText] = useState('')
  const id = useId()
  const words = text.trim()
  const needsWords = request.options.length === 0
  return (
    <form
      className="flex flex-wrap items-center gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        if (words !== '' && needsWords) onAnswer({ text: words })
      }}
    >
      {request.options.map((option) => {
        const key = current ? keyOf[option.grants] : undefined
        return (
          <Button
            key={option.id}
            weight={weights[option.grants] ?? 'plain'}
            disabled={busy}
            title={key && `Key ${key}`}
            data-grants={option.grants}
            className="h-auto! min-h-8 max-w-full whitespace-normal! [overflow-wrap:anywhere] max-md:min-h-10"
            onClick={() => onAnswer(words === '' ? { optionId: option.id } : { optionId: option.id, text: words })}
          >
            {exactText(option.label)}
          </Button>
        )
      })}
      <label htmlFor={id} className="sr-only">
        {needsWords ? 'Answer' : 'A word with it'}
      </label>
      <input
        id={id}
        value={text}
        onChange={(event) => setText(event.target.value)}
        placeholder={needsWords ? 'Answer in words' : 'A word with it (optional)'}
        className={lineClass}
      />
      {needsWords && (
        <Button type="submit" weight="main" disabled={busy || words === ''}>
          Answer
        </Button>
      )}
    </form>
  )
}

function Lines({ questions, busy, onAnswer }: AnswersProps & { readonly questions: readonly Question[] }) {
  const [lines, setLines] = useState<readonly string[]>(() => questions.map(() => ''))
  const set = (at: number, line: string) => setLines((before) => before.with(at, line))
  const whole = lines.every((line) => line.trim() !== '')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (whole) onAnswer({ text: lines.map((line) => line.trim()).join('\n') })
  }
  return (
    <form onSubmit={submit} className="grid grid-cols-[minmax(0,1fr)] gap-3">
      {questions.map((question, at) => (
        <Line key={question.question} question={question} line={lines[at] ?? ''} onLine={(line) => set(at, line)} />
      ))}
      <Button type="submit" weight="main" disabled={busy || !whole} className="justify-self-start">
        Answer
      </Button>
    </form>
  )
}

interface LineProps {
  readonly question: Question
  readonly line: string
  readonly onLine: (line: string) => void
}

function Line({ question, line, onLine }: LineProps) {
  const id = useId()
  const taken = question.several ? line.split(', ') : [line]
  return (
    <fieldset className="grid grid-cols-[minmax(0,1fr)] gap-1.5">
      <legend className="mb-1.5 [overflow-wrap:anywhere]">{exactText(question.question)}</legend>
      {question.options.map(({ label, description }) => (
        <button
          key={label}
          type="button"
          aria-pressed={taken.includes(label)}
          onClick={() => onLine(chosen(question, line, label))}
          className={`flex min-h-8 flex-wrap items-baseline gap-x-2 rounded-md border px-2.5 py-1 text-left [overflow-wrap:anywhere] max-md:min-h-10 ${taken.includes(label) ? 'border-accent bg-accent-soft' : 'border-line hover:border-strong'}`}
        >
          <span className="font-medium">{exactText(label)}</span>
          <span className="text-muted">{exactText(description)}</span>
        </button>
      ))}
      <label htmlFor={id} className="sr-only">
        Answer to: {question.question}
      </label>
      <input
        id={id}
        value={line}
        onChange={(event) => onLine(event.target.value)}
        placeholder={question.options.length > 0 ? 'Choose, or answer in words' : 'Answer in words'}
        className={lineClass}
      />
    </fieldset>
  )
}
