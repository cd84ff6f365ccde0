// The tab's title: what is shown, and how many wait for the person.

import { useEffect } from 'react'

const own = 'Capstan'
let shown = own
let waiting = 0

/** Names the view while it is shown; null: the product's own name. */
export function useTitle(name: string | null): void {
  useEffect(() => {
    shown = name === null ? own : `${name} · ${own}`
    write()
  }, [name])
}

export function setWaiting(count: number): void {
  waiting = count
  write()
}

function write(): void {
  document.title = waiting === 0 ? shown : `(${waiting}) ${shown}`
}
