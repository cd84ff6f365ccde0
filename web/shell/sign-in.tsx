// Signing in with a token; the one-time link needs no form.

import type { FormEvent } from 'react'
import { useState } from 'react'
import { cache, saidBy } from '../data/server.ts'
import { signIn } from '../data/session.ts'
import { listenAgain } from '../data/stream.ts'
import { Button } from '../parts/button.tsx'
import { Field } from '../parts/field.tsx'

export function SignIn() {
  const [problem, setProblem] = useState<string | null>(null)
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const token = new FormData(event.currentTarget).get('token')
    try {
      await signIn(String(token).trim())
      listenAgain()
      await cache.resetQueries()
    } catch (error) {
      setProblem(saidBy(error))
    }
  }
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="grid w-full max-w-sm gap-6">
        <div className="flex items-center gap-3">
          <img src="/icon.svg" alt="" className="size-9" />
          <h1 className="text-xl font-semibold">Capstan</h1>
        </div>
        <p className="text-base text-muted">
          Open the link that <code className="font-mono text-sm">capstan up</code> printed or that you were sent, or
          sign in with a token.
        </p>
        <form onSubmit={(event) => void submit(event)} className="grid gap-3">
          <Field
            label="Token"
            name="token"
            type="password"
            required
            placeholder="cap_…"
            autoComplete="current-password"
            hint={
              <>
                Make one with <code className="font-mono">capstan token add NAME --scope user</code>
              </>
            }
          />
          {problem !== null && (
            <p role="alert" className="text-bad">
              {problem}
            </p>
          )}
          <Button type="submit" weight="main">
            Sign in
          </Button>
        </form>
      </div>
    </main>
  )
}
