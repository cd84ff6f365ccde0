// A review under way: comments on lines and marks on files that were looked at. Kept in this browser until it is sent.

import { useSyncExternalStore } from 'react'

export interface Comment {
  readonly id: string
  readonly path: string
  readonly side: 'old' | 'new'
  readonly line: number
  /** The line as it stood. */
  readonly code: string
  readonly text: string
}

export interface Review {
  readonly comments: readonly Comment[]
  /** Marks of changes that were looked at; see PatchFile.mark. */
  readonly viewed: readonly string[]
  /** What is said beside the comments. */
  readonly message: string
}

const nothing: Review = { comments: [], viewed: [], message: '' }
/** Marks of so many files are remembered per task. */
const keptMarks = 500

export class ReviewStore {
  readonly #key: string
  readonly #watchers = new Set<() => void>()
  #review: Review

  constructor(taskId: string) {
    this.#key = `capstan.review.${taskId}`
    this.#review = read(this.#key)
  }

  readonly get = (): Review => this.#review

  readonly watch = (changed: () => void): (() => void) => {
    // another tab of the same task writes the same review
    const hear = ({ key }: StorageEvent) => {
      if (key !== this.#key) return
      this.#review = read(this.#key)
      changed()
    }
    addEventListener('storage', hear)
    this.#watchers.add(changed)
    return () => {
      removeEventListener('storage', hear)
      this.#watchers.delete(changed)
    }
  }

  comment(comment: Comment): void {
    const rest = this.#review.comments.filter((each) => each.id !== comment.id)
    this.#set({ comments: comment.text.trim() === '' ? rest : [...rest, comment] })
  }

  say(message: string): void {
    this.#set({ message })
  }

  toggleViewed(mark: string): void {
    const { viewed } = this.#review
    this.#set({
      viewed: viewed.includes(mark) ? viewed.filter((each) => each !== mark) : [...viewed, mark].slice(-keptMarks),
    })
  }

  /** After it was sent: the words are gone, the marks stay. */
  sent(): void {
    this.#set({ comments: [], message: '' })
  }

  #set(change: Partial<Review>): void {
    this.#review = { ...this.#review, ...change }
    const { comments, viewed, message } = this.#review
    if (comments.length + viewed.length + message.length === 0) localStorage.removeItem(this.#key)
    else localStorage.setItem(this.#key, JSON.stringify(this.#review))
    for (const changed of this.#watchers) changed()
  }
}

const stores = new Map<string, ReviewStore>()

/** One store per task, whoever shows it. */
export function reviewOf(taskId: string): ReviewStore {
  const store = stores.get(taskId) ?? new ReviewStore(taskId)
  stores.set(taskId, store)
  return store
}

export function useReview(store: ReviewStore): Review {
  return useSyncExternalStore(store.watch, store.get)
}

/** The review as the message an agent gets: each comment with its place and its line. */
export function messageOf({ comments, message }: Review): string {
  const parts = [...comments]
    .sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line)
    .map(
      ({ path, line, side, code, text }) =>
        `${path}:${line}${side === 'old' ? ' (as it was)' : ''}\n> ${code.trim()}\n${text.trim()}`,
    )
  return [message.trim(), ...parts].filter((part) => part !== '').join('\n\n')
}

function read(key: string): Review {
  try {
    return { ...nothing, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Review>) } // written by this file
  } catch {
    return nothing // somebody else's bytes under our key
  }
}
