// What stands where nothing is yet: what would be here, and how to get it.

import type { ReactNode } from 'react'
import { saidBy } from '../data/server.ts'

export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="mx-auto grid max-w-md justify-items-center gap-2 px-4 py-12 text-center">
      <p className="text-base font-medium">{title}</p>
      <div className="grid gap-3 text-muted">{children}</div>
    </div>
  )
}

export function Failed({ error }: { readonly error: unknown }) {
  return (
    <p role="alert" className="m-4 rounded-md bg-bad-soft px-3 py-2 text-bad">
      {saidBy(error)}
    </p>
  )
}

export function Loading({ what }: { readonly what: string }) {
  return (
    <p role="status" className="px-4 py-12 text-center text-faint">
      Reading {what}…
    </p>
  )
}
