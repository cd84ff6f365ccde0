// One request: exactly what is asked, and one press to answer it.

import { useMutation } from '@tanstack/react-query'
import { useId, useState } from 'react'
import type { Answer, OpenRequest } from '../data/requests.ts'
import { answer } from '../data/requests.ts'
import { saidBy } from '../data/server.ts'
import { plainText } from '../parts/ansi.ts'
import type { Weight } from '../parts/button.tsx'
import { Button } from '../parts/button.tsx'
import { span } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { useNow } from '../parts/now.ts'
import { RequestBody } from './request-body.tsx'

interface CardProps {
  readonly request: OpenRequest
  /** The keys y and n answer this one. */
  readonly current?: boolean
}

export function RequestCard({ request, current = false }: CardProps) {
  const now = useNow()
  const { mutate, error, isPending } = useMutation({ mutationFn: (given: Answer) => answer(request, given) })
  return (
    <article aria-label={request.title} className="grid grid-cols-[minmax(0,1fr)] gap-2.5">
      <header className="flex items-start gap-2">
        <Icon name={request.kind === 'permission' ? 'alert' : 'comment'} className="mt-0.5 size-4 text-needs" />
        <h2 className="min-w-0 flex-1 font-medium [overflow-wrap:anywhere]">{plainText(request.title)}</h2>
        <span className="text-xs whitespace-nowrap text-faint" title="Then it is denied">
          {span(request.expiresAt - now)} left
        </span>
      </header>
      <RequestBody body={request.body} title={request.title} />
      <Answers request={request} current={current} busy={isPending} onAnswer={mutate} />
      {error !== null && (
        <p role="alert" className="text-bad">
          {saidBy(error)}
        </p>
      )}
    </article>
  )
}

interface AnswersProps {
  readonly request: OpenRequest
  readonly current: boolean
  readonly busy: boolean
  readonly onAnswer: (given: Answer) => void
}

const weights: Readonly<Record<string, Weight>> = { allow: 'main', deny: 'danger' }
export const keyOf: Readonly<Record<string, string>> = { allow: 'y', deny: 'n' }

function Answers({ request, current, busy, onAnswer }: AnswersProps) {
  const [text, setText] = useState('')
  const id = useId()
  const words = text.trim()
  const needsWords = request.options.length === 0
  return (
    <form
      className="flex flex-wrap items-center gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        if (words !== '') onAnswer({ text: words })
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
            onClick={() => onAnswer(words === '' ? { optionId: option.id } : { optionId: option.id, text: words })}
          >
            {option.label}
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
        className="h-8 min-w-40 flex-1 rounded-md border border-line bg-raised px-2.5 hover:border-strong max-md:h-10 max-md:text-lg"
      />
      {needsWords && (
        <Button type="submit" weight="main" disabled={busy || words === ''}>
          Answer
        </Button>
      )}
    </form>
  )
}
