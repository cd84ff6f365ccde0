// Who changed what, newest first.

import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { AuditLine } from '../../src/protocol/audit.ts'
import { server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { who } from '../parts/figures.ts'
import { Ago } from '../parts/time.tsx'
import { Card } from '../shell/view.tsx'

export function Audit() {
  const log = useInfiniteQuery({
    queryKey: ['audit'],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      server.call('listAudit', { query: { limit: 20, ...(pageParam === '' ? {} : { cursor: pageParam }) }, signal }),
    getNextPageParam: (page) => page.nextCursor,
    refetchOnMount: 'always',
  })
  const lines = log.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Card title="Audit">
      {lines.length === 0 && (
        <p className="text-muted">Every call that changes something is written down here, with who made it.</p>
      )}
      <ul className="grid gap-1">
        {lines.map((line) => (
          <Line key={line.seq} line={line} />
        ))}
      </ul>
      {log.hasNextPage && (
        <Button small weight="quiet" className="justify-self-start" onClick={() => void log.fetchNextPage()}>
          Older
        </Button>
      )}
    </Card>
  )
}

function Line({ line: { actor, operation, target, at } }: { readonly line: AuditLine }) {
  return (
    <li className="flex items-baseline gap-2 text-xs">
      <span className="shrink-0 font-medium">{who(actor)}</span>
      <span className="shrink-0 text-muted">{operation.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}</span>
      <span className="min-w-0 flex-1 truncate text-faint">
        {target?.startsWith('task_') ? (
          <Link to="/tasks/$taskId" params={{ taskId: target }} className="hover:underline">
            {target}
          </Link>
        ) : (
          target
        )}
      </span>
      <span className="shrink-0 text-faint">
        <Ago at={at} />
      </span>
    </li>
  )
}
