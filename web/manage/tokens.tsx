// Tokens: made here, shown once, revoked at once.

import { useMutation, useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import type { Scope, TokenView } from '../../src/protocol/access.ts'
import { tokens } from '../data/queries.ts'
import { cache, saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Copy } from '../parts/copy.tsx'
import { Field, Select } from '../parts/field.tsx'
import { exactTime, who } from '../parts/figures.ts'
import { Ago } from '../parts/time.tsx'
import { Card } from '../shell/view.tsx'
import { Removable } from './list.tsx'

export function Tokens() {
  const all = useQuery(tokens).data ?? []
  return (
    <Card title="Tokens">
      <NewToken />
      <ul>
        {all.map((token) => (
          <Removable
            key={token.id}
            name={token.name}
            verb="Revoke"
            queryKey={['tokens']}
            remove={() => server.call('revokeToken', { params: { id: token.id } })}
          >
            <span className="flex flex-wrap items-baseline gap-2">
              <span className="font-medium">{token.name}</span>
              <span className="text-xs text-muted">{token.scopes.join(', ')}</span>
            </span>
            <Uses token={token} />
          </Removable>
        ))}
      </ul>
    </Card>
  )
}

function Uses({ token }: { readonly token: TokenView }) {
  return (
    <span className="text-xs text-faint">
      {token.lastUsedAt === null ? (
        'never used'
      ) : (
        <>
          used <Ago at={token.lastUsedAt} />
        </>
      )}
      , made by {who(token.createdBy)}
      {token.expiresAt !== null && `, until ${exactTime(token.expiresAt)}`}
    </span>
  )
}

const choices = [
  { value: 'user', label: 'User: give and review tasks' },
  { value: 'admin', label: 'Admin: everything' },
  { value: 'daemon', label: 'Daemon: a host' },
]

function NewToken() {
  const { mutate, data, error, isPending } = useMutation({
    mutationFn: (body: { name: string; scopes: Scope[] }) => server.call('createToken', { body }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['tokens'] }),
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const scope = String(form.get('scope')) as Scope // one of the choices
    mutate({ name: String(form.get('name')), scopes: scope === 'admin' ? ['admin', 'user'] : [scope] })
  }
  return (
    <form onSubmit={submit} className="grid gap-2">
      <div className="grid items-end gap-2 sm:grid-cols-[1fr_1fr_auto]">
        <Field label="New token" name="name" required placeholder="ada" />
        <Select label="Scope" name="scope" choices={choices} />
        <Button type="submit" disabled={isPending}>
          Make
        </Button>
      </div>
      {data !== undefined && (
        <div role="status" className="grid gap-1 rounded-md bg-good-soft p-3 text-good">
          <span>{data.name}: shown this once</span>
          <Copy label="the token" text={data.secret} />
        </div>
      )}
      {error !== null && (
        <p role="alert" className="text-xs text-bad">
          {saidBy(error)}
        </p>
      )}
    </form>
  )
}
