// One request: exactly what is asked, and one press to answer it.

import { useMutation } from '@tanstack/react-query'
import type { Answer, OpenRequest } from '../data/requests.ts'
import { answer } from '../data/requests.ts'
import { saidBy } from '../data/server.ts'
import { exactText } from '../parts/ansi.ts'
import { span } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { useNow } from '../parts/now.ts'
import { Answers, unanswerableByPress } from './answers.tsx'
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
        <h2 className="min-w-0 flex-1 font-medium [overflow-wrap:anywhere]">{exactText(request.title)}</h2>
        <span className="text-xs whitespace-nowrap text-faint" title="Then it is denied">
          {span(request.expiresAt - now)} left
        </span>
      </header>
      <RequestBody kind={request.kind} body={withoutQuestions(request)} title={request.title} />
      <Answers request={request} current={current} busy={isPending} onAnswer={mutate} />
      {error !== null && (
        <p role="alert" className="text-bad">
          {saidBy(error)}
        </p>
      )}
    </article>
  )
}

/** Questions that are answered line by line stand above their lines. */
function withoutQuestions(request: OpenRequest): OpenRequest['body'] {
  if (unanswerableByPress(request) === null) return request.body
  const { questions: _, ...rest } = request.body
  return rest
}
