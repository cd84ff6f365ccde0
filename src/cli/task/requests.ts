// capstan task requests: what agents ask, in full while there are few.

import type { Client } from '../../client/client.ts'
import type { RequestView } from '../../protocol/request-operations.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { requestPage, requestTable } from '../render/request.ts'
import type { Given } from '../spec.ts'
import type { requestsOptions } from './options.ts'

/** More than these become a table. */
const maxPages = 5

/** With --json an array; for a request's id that request alone. */
export async function showRequests(given: Given<typeof requestsOptions>, context: Context): Promise<number> {
  const { terminal, signal, clock } = context
  const client = await connect(context)
  const [id] = given.args
  const sheet = { style: terminal.style, width: terminal.width, now: clock.now() }
  if (id?.startsWith('req_') === true) {
    const request = await client.call('getRequest', { params: { id }, signal })
    if (given.json) terminal.json(request)
    else terminal.out(...requestPage(request, sheet))
    return 0
  }
  const requests = await readAll(client, { taskId: id, all: given.options.all === true, signal })
  if (given.json) terminal.json(requests)
  else if (requests.length === 0) terminal.out(nothing(id))
  else if (requests.length > maxPages) {
    terminal.out(
      ...requestTable(requests, sheet),
      '',
      terminal.style.dim('one in full: capstan task requests REQUEST_ID'),
    )
  } else
    terminal.out(...requests.flatMap((request, at) => [...(at === 0 ? [] : ['', '']), ...requestPage(request, sheet)]))
  return 0
}

interface Wanted {
  readonly taskId: string | undefined
  readonly all: boolean
  readonly signal: AbortSignal
}

/** A task that does not exist is said to be so. */
async function readAll(client: Client, { taskId, all, signal }: Wanted): Promise<RequestView[]> {
  if (taskId !== undefined) await client.call('getTask', { params: { id: taskId }, signal })
  const requests: RequestView[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = {
      ...(taskId === undefined ? {} : { task: taskId }),
      ...(all ? { state: 'any' as const } : {}),
      ...(cursor === undefined ? {} : { cursor }),
    }
    const page = await client.call('listRequests', { query, signal })
    requests.push(...page.items)
    cursor = page.nextCursor
  }
  return requests
}

function nothing(taskId: string | undefined): string {
  return taskId === undefined ? 'nobody asks you anything' : `${taskId} asks you nothing`
}
