// capstan task logs: the transcript, and with -f its growth.

import type { Client } from '../../client/client.ts'
import type { TranscriptEvent } from '../../protocol/events.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import type { Shown } from '../render/transcript.ts'
import { nothingShown, tell } from '../render/transcript.ts'
import type { Given } from '../spec.ts'
import { sayItGoesOn } from './follow.ts'
import type { logsOptions } from './options.ts'

const pageSize = 1_000

/** NDJSON with --json. Exit 0 whatever became of the task: `task wait` tells that. */
export async function showLogs(given: Given<typeof logsOptions>, context: Context): Promise<number> {
  const client = await connect(context)
  const id = given.args[0] ?? ''
  const write = writer(context)
  let any = false
  for await (const event of given.options.follow === true
    ? followed(client, id, context)
    : stored(client, id, given, context)) {
    if (given.options.attempt !== undefined && event.attempt !== given.options.attempt) continue
    any = true
    write(event)
  }
  if (!any && !given.json) context.terminal.note(`${id} has no events yet; see why with: capstan task show ${id}`)
  return 0
}

function writer({ json, terminal }: Context): (event: TranscriptEvent) => void {
  if (json) return (event) => terminal.json(event)
  let shown: Shown = nothingShown
  return (event) => {
    const told = tell(shown, event, terminal)
    shown = told.shown
    terminal.out(...told.lines)
  }
}

async function* followed(client: Client, id: string, context: Context): AsyncGenerator<TranscriptEvent, void, void> {
  try {
    for await (const item of client.follow(id, { signal: context.signal })) {
      if (item.type === 'transcript') yield item.event
    }
  } catch (error) {
    if (context.signal.aborted) sayItGoesOn(id, context)
    throw error
  }
}

async function* stored(
  client: Client,
  id: string,
  { options }: Given<typeof logsOptions>,
  { signal }: Context,
): AsyncGenerator<TranscriptEvent, void, void> {
  const attempt = options.attempt === undefined ? {} : { attempt: options.attempt }
  let cursor: string | null = null
  do {
    const from: { cursor?: string } = cursor === null ? {} : { cursor }
    const page = await client.call('listEvents', {
      params: { id },
      query: { ...attempt, ...from, limit: pageSize },
      signal,
    })
    yield* page.items
    cursor = page.nextCursor
  } while (cursor !== null)
}
