// A review under way: comments on lines and marks on files that were looked at. Kept in this browser until it is sent.

import { useSyncExternalStore } from 'react'
import { randomId } from '../parts/random-id.ts'
import type { Comment, Review } from './message.ts'
import { leftAfter, reviewIn } from './message.ts'

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

  /** Begins a comment, or goes on with what was begun there. A box that nothing was written into is gone. */
  begin(place: Omit<Comment, 'id' | 'text' | 'writing'>): void {
    const { comments } = this.#review
    const known = comments.find((each) => each.text === '' && isAt(each, place) && each.writing?.trim() !== '')
    if (known !== undefined) {
      this.change(known.id, { from: place.from, code: place.code })
      return
    }
    const rest = comments.filter((each) => each.text !== '' || each.writing?.trim() !== '')
    this.#set({ comments: [...rest, { ...place, id: randomId(), text: '', writing: '' }] })
  }

  change(id: string, change: Partial<Pick<Comment, 'from' | 'line' | 'code' | 'writing'>>): void {
    this.#map(id, (comment) => ({ ...comment, ...change }))
  }

  /** What was written is what will be sent. */
  keep(id: string): void {
    this.#map(id, ({ writing, ...comment }) => ({ ...comment, text: (writing ?? comment.text).trim() }))
  }

  /** As it was before it was written; a comment that was never kept is gone. */
  leave(id: string): void {
    this.#map(id, ({ writing: _, ...comment }) => (comment.text === '' ? null : comment))
  }

  remove(id: string): void {
    this.#map(id, () => null)
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

  /** After that much was sent: its words are gone. The marks stay, and what was never kept or was written since. */
  sent(gone: Review): void {
    this.#set(leftAfter(this.#review, gone))
  }

  #map(id: string, change: (comment: Comment) => Comment | null): void {
    this.#set({
      comments: this.#review.comments.flatMap((each) => (each.id === id ? (change(each) ?? []) : [each])),
    })
  }

  #set(change: Partial<Review>): void {
    this.#review = { ...this.#review, ...change }
    const { comments, viewed, message } = this.#review
    if (comments.length + viewed.length + message.length === 0) localStorage.removeItem(this.#key)
    else localStorage.setItem(this.#key, JSON.stringify(this.#review))
    for (const changed of this.#watchers) changed()
  }
}

type Where = Pick<Comment, 'attempt' | 'path' | 'side' | 'line'>

function isAt(a: Where, b: Where): boolean {
  return a.path === b.path && a.side === b.side && a.line === b.line && a.attempt === b.attempt
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

function read(key: string): Review {
  return reviewIn(localStorage.getItem(key))
}
