// Capstan as a queue: tasks over its REST API, workers over its daemon link, its server in a process of its own.

import { HttpClient, requestText } from './http-client.ts'
import { LinkClient } from './link-client.ts'
import { pause } from './measure.ts'
import type { Process } from './processes.ts'
import { startProcess } from './processes.ts'
import type { Queue } from './queue.ts'
import type { ServerArgument, ServerLine } from './server-process.ts'

/** Places on the wire that the floor has too: where tasks are made, and who may. */
export interface Place {
  readonly port: number
  readonly token: string
  readonly daemonToken: string
}

export interface CapstanOptions {
  readonly daemons?: number
  /** Claimed at once. */
  readonly batch?: number
}

/** Starts a server on this database. */
export function startServerProcess(
  argument: ServerArgument,
  flags: readonly string[] = [],
): Promise<Process<ServerLine>> {
  return startProcess<ServerLine>('server-process.ts', argument, flags)
}

/** A task as a person's script makes it. */
export const plainTask = { prompt: 'echo hello', harness: 'shell', labels: [] }

/** The queue of these servers: adds and daemons are spread over them. Closing it leaves the servers alone. */
export function queueAt(places: readonly Place[], { daemons = 4, batch = 32 }: CapstanOptions = {}): Queue {
  const https = places.map(({ port }) => new HttpClient(port))
  const requests = places.map((place) => requestText(place, 'POST', '/v1/tasks', plainTask))
  let turn = 0
  const add = async () => {
    turn += 1
    const i = turn % places.length
    const answer = await https[i]?.send(requests[i] ?? '')
    if (answer?.status !== 201) throw new Error(`a task was refused: ${answer?.status} ${answer?.body}`)
  }
  return {
    add,
    addMany: (count) => many(count, add),
    work: async (heard) => {
      const links: LinkClient[] = []
      for (let n = 0; n < daemons; n += 1) {
        const place = places[n % places.length]
        if (place === undefined) continue
        const link = await LinkClient.open(place.port, place.daemonToken)
        await link.register(`bench-${n}`)
        links.push(link)
      }
      const working = links.map((link) => takeAll(link, batch, heard))
      return async () => {
        for (const link of links) link.close()
        await Promise.all(working)
        await pause(100) // the server writes that they are gone
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const http of https) http.close()
    },
  }
}

async function many(count: number, add: () => Promise<unknown>): Promise<void> {
  let left = count
  const one = async () => {
    while (left > 0) {
      left -= 1
      await add()
    }
  }
  await Promise.all(Array.from({ length: 48 }, one))
}

/** Claims, ends each run at once, claims again, until the socket closes. */
async function takeAll(link: LinkClient, batch: number, heard: Parameters<Queue['work']>[0]): Promise<void> {
  const under = new Set<Promise<unknown>>()
  try {
    while (link.open) {
      const taken = await link.claim(batch, 20_000)
      for (const assignment of taken) {
        heard.started?.()
        const done: Promise<unknown> = link.result(assignment).then(() => {
          under.delete(done)
          heard.ended?.()
        })
        done.catch(() => {}) // the socket closed: seen below
        under.add(done)
      }
      if (under.size > batch * 2) await Promise.race(under)
    }
  } catch (error) {
    if (link.open) throw error
  }
}
