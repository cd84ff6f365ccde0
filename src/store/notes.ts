// Notes on their way: heard by listeners of this process, and packed for the other replicas.

import type { Note } from './port.ts'

/** PostgreSQL refuses a NOTIFY of 8000 bytes. */
const payloadBytes = 7_900

/** The listeners of one store. They must not throw: a note is a hint and nobody answers for it. */
export class Ears {
  readonly #hearers = new Set<(note: Note) => void>()

  listen(hear: (note: Note) => void): () => void {
    // A wrapper, so that one function may listen twice and stop twice.
    const own = (note: Note) => hear(note)
    this.#hearers.add(own)
    return () => this.#hearers.delete(own)
  }

  tell(notes: readonly Note[]): void {
    for (const note of notes) for (const hear of this.#hearers) hear(note)
  }
}

/** Leaves of several notes that say the same only the last. Keeps the order of the first ones. What is relayed never says the same. */
export function coalesce(notes: readonly Note[]): Note[] {
  if (notes.length < 2) return [...notes]
  const kept = new Map<string | Note, Note>()
  for (const note of notes) kept.set(keyOf(note), note)
  return [...kept.values()]
}

/** Packs notes into payloads that NOTIFY takes: `[replicaId, note, note …]`. */
export function packNotes(replicaId: string, notes: readonly Note[]): string[] {
  const payloads: string[] = []
  const start = JSON.stringify(replicaId)
  let body = start
  for (const note of notes) {
    const text = JSON.stringify(note)
    if (Buffer.byteLength(body) + Buffer.byteLength(text) + 3 > payloadBytes) {
      payloads.push(`[${body}]`)
      body = start
    }
    body += `,${text}`
  }
  if (body !== start) payloads.push(`[${body}]`)
  return payloads
}

/** Unpacks another replica's payload; null when it is our own or not one of ours. */
export function unpackNotes(replicaId: string, payload: string): Note[] | null {
  const parts: unknown = JSON.parse(payload)
  if (!Array.isArray(parts) || parts[0] === replicaId) return null
  return parts.slice(1) as Note[] // packNotes wrote them: only replicas of one version speak on this channel
}

function keyOf(note: Note): string | Note {
  switch (note.kind) {
    case 'task':
      return `task ${note.taskId} ${note.state}`
    case 'events':
      return `events ${note.taskId} ${note.attempt}`
    case 'claimable':
      return `claimable ${note.laneId}`
    case 'message':
      return `message ${note.daemonId}`
    case 'fleet':
      return `fleet ${note.teamId}`
    case 'token_revoked':
      return `token ${note.tokenId}`
    case 'relay':
      return note
  }
}
