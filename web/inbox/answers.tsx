// Ways to answer a request: one press, words beside it, or a line for each of several questions.

import type { FormEvent } from 'react'
import { useId, useState } from 'react'
import type { Answer, OpenRequest } from '../data/requests.ts'
import { exactText } from '../parts/ansi.ts'
import type { Weight } from '../parts/button.tsx'
import { Button } from '../parts/button.tsx'
import type { Given, Question } from './questions.ts'
import { answerOf, chooseOption, nothingGiven, questionsOf } from './questions.ts'

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
  const [all, setAll] = useState<readonly Given[]>(() => questions.map(() => nothingGiven))
  const lines = questions.map((question, i) => answerOf(question, all[i] ?? nothingGiven))
  const whole = lines.every((line) => line !== '')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (whole) onAnswer({ text: lines.join('\n') })
  }
  return (
    <form onSubmit={submit} className="grid grid-cols-[minmax(0,1fr)] gap-3">
      {questions.map((question, i) => (
        <Line
          // biome-ignore lint/suspicious/noArrayIndexKey: the questions of one request never change places
          key={i}
          question={question}
          given={all[i] ?? nothingGiven}
          onGiven={(given) => setAll((before) => before.with(i, given))}
        />
      ))}
      <Button type="submit" weight="main" disabled={busy || !whole} className="justify-self-start">
        Answer
      </Button>
    </form>
  )
}

interface LineProps {
  readonly question: Question
  readonly given: Given
  readonly onGiven: (given: Given) => void
}

function Line({ question, given, onGiven }: LineProps) {
  const id = useId()
  const { chosen, words } = given
  return (
    <fieldset className="grid grid-cols-[minmax(0,1fr)] gap-1.5">
      <legend className="mb-1.5 [overflow-wrap:anywhere]">{exactText(question.question)}</legend>
      {question.options.map(({ label, description }, i) => (
        <button
          // biome-ignore lint/suspicious/noArrayIndexKey: the options of one question never change places
          key={i}
          type="button"
          aria-pressed={chosen.has(i)}
          onClick={() => onGiven(chooseOption(question, given, i))}
          className={`flex min-h-8 flex-wrap items-baseline gap-x-2 rounded-md border px-2.5 py-1 text-left [overflow-wrap:anywhere] max-md:min-h-10 ${chosen.has(i) ? 'border-accent bg-accent-soft' : 'border-line hover:border-strong'}`}
        >
          <span className="font-medium">{exactText(label)}</span>
          <span className="text-muted">{exactText(description)}</span>
        </button>
      ))}
      <label htmlFor={id} className="sr-only">
        Answer to: {exactText(question.question)}
      </label>
      <input
        id={id}
        value={words}
        onChange={(event) => onGiven({ chosen, words: event.target.value })}
        placeholder={placeholderOf(question, given)}
        className={lineClass}
      />
    </fieldset>
  )
}

function placeholderOf({ options }: Question, { chosen }: Given): string {
  if (chosen.size > 0) return 'A word with it (optional)'
  return options.length > 0 ? 'Choose, or answer in words' : 'Answer in words'
}
