// Tokens: made here, shown once, revoked at once.

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Scope, TokenView } from '../../src/protocol/access.ts'
import type { Output } from '../../src/protocol/operations.ts'
import { members, tokens } from '../data/queries.ts'
import { server } from '../data/server.ts'
import { Copy } from '../parts/copy.tsx'
import { Field, Select } from '../parts/field.tsx'
import { exactTime, who } from '../parts/figures.ts'
import { timeNow } from '../parts/now.ts'
import { Ago } from '../parts/time.tsx'
import { Entry, Section } from './list.tsx'
import { MakeForm } from './make-form.tsx'

const dayMs = 86_400_000

export function Tokens() {
  const all = useQuery(tokens).data ?? []
  return (
    <Section
      title="Tokens"
      about="A token lets a person’s command line, a program or a host in. Its secret is shown once; revoking it ends every connection and browser session that it opened."
    >
      <NewToken />
      <ul>
        {all.map((token) => (
          <Entry
            key={token.id}
            name={token.name}
            verb="Revoke"
            queryKey={['tokens']}
            remove={() => server.call('revokeToken', { params: { id: token.id } })}
          >
            <span className="flex flex-wrap items-baseline gap-x-2">
              <span className="font-medium">{token.name}</span>
              <span className="text-xs text-muted">
                {token.scopes.join(', ')}
                {token.account !== null && `, as ${token.account} (${token.role})`}
              </span>
            </span>
            <Uses token={token} />
          </Entry>
        ))}
      </ul>
    </Section>
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
      , made by {who(token.createdBy)} <Ago at={token.createdAt} />
      {token.expiresAt !== null && `, until ${exactTime(token.expiresAt)}`}
    </span>
  )
}

const scopeChoices = [
  { value: 'user', label: 'User: give and review tasks' },
  { value: 'admin', label: 'Admin: everything its role may' },
  { value: 'daemon', label: 'Daemon: a host' },
]
const lifetimes = [
  { value: '', label: 'Until it is revoked' },
  { value: '7', label: 'A week' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'A year' },
]

function NewToken() {
  const [made, setMade] = useState<Output<'createToken'> | null>(null)
  const accounts = (useQuery(members).data ?? []).map(({ name }) => ({ value: name, label: name }))
  return (
    <>
      <MakeForm
        label="Add a token"
        verb="Make"
        queryKey={['tokens']}
        make={async (given) => {
          const scope = given('scope') as Scope // one of the choices
          const [account, days] = [given('account'), given('days')]
          const scopes: Scope[] = scope === 'admin' ? ['admin', 'user'] : [scope]
          const until = days === '' ? {} : { expiresAt: timeNow() + Number(days) * dayMs }
          const body = { name: given('name'), scopes, ...(account === '' ? {} : { account }), ...until }
          setMade(await server.call('createToken', { body }))
        }}
      >
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label="New token" name="name" required placeholder="ada" />
          <Select label="Scope" name="scope" choices={scopeChoices} />
          <Select label="For" name="account" choices={[{ value: '', label: 'The account of its name' }, ...accounts]} />
          <Select label="Valid" name="days" choices={lifetimes} />
        </div>
      </MakeForm>
      {made !== null && (
        <div role="status" className="grid gap-1 rounded-md bg-good-soft p-3 text-good">
          <span>{made.name}: shown this once</span>
          <Copy label="the token" text={made.secret} />
        </div>
      )}
    </>
  )
}
