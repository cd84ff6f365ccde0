// Who belongs to the team: people and service accounts, what each may do, and how a new one gets in.

import { useMutation, useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import type { Role } from '../../src/core/role.ts'
import { roles } from '../../src/core/role.ts'
import type { MemberView } from '../../src/protocol/access.ts'
import { members } from '../data/queries.ts'
import { cache, saidBy, server } from '../data/server.ts'
import { Button } from '../parts/button.tsx'
import { Copy } from '../parts/copy.tsx'
import { Field, Select } from '../parts/field.tsx'
import { plural } from '../parts/figures.ts'
import { Ago } from '../parts/time.tsx'
import { Card } from '../shell/view.tsx'
import { Removable } from './list.tsx'

const may: Readonly<Record<Role, string>> = {
  viewer: 'looks',
  member: 'gives tasks, answers, reviews',
  manager: 'also profiles, pools, hosts',
  owner: 'also members and tokens',
}

export function Members({ owner }: { readonly owner: boolean }) {
  const all = useQuery(members).data ?? []
  return (
    <Card title="Members">
      <ul>
        {all.map((member) => (
          <Removable
            key={member.id}
            name={member.name}
            queryKey={['members']}
            remove={owner ? () => server.call('removeMember', { params: { id: member.id } }) : null}
          >
            <Member member={member} owner={owner} />
          </Removable>
        ))}
      </ul>
      {owner && <NewMember />}
    </Card>
  )
}

function Member({ member, owner }: { readonly member: MemberView; readonly owner: boolean }) {
  const change = useMutation({
    mutationFn: (role: Role) => server.call('changeMember', { params: { id: member.id }, body: { role } }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['members'] }),
  })
  const invite = useMutation({ mutationFn: () => server.call('inviteMember', { params: { id: member.id }, body: {} }) })
  const problem = change.error ?? invite.error
  return (
    <>
      <span className="flex flex-wrap items-center gap-2">
        <span className="font-medium">{member.name}</span>
        {member.kind === 'service' && <span className="text-xs text-faint">service account</span>}
        {owner ? (
          <select
            aria-label={`Role of ${member.name}`}
            value={member.role}
            disabled={change.isPending}
            onChange={(event) => change.mutate(event.target.value as Role)} // one of the list
            className="h-7 rounded-md border border-line bg-raised px-1 text-xs"
          >
            {roles.map((role) => (
              <option key={role}>{role}</option>
            ))}
          </select>
        ) : (
          <span className="text-xs text-muted">{member.role}</span>
        )}
        {owner && member.kind === 'user' && (
          <Button small weight="quiet" disabled={invite.isPending} onClick={() => invite.mutate()}>
            Sign-in link
          </Button>
        )}
      </span>
      <span className="text-xs text-faint">
        {may[member.role]}; {plural(member.tokens, 'token')}
        {member.lastUsedAt !== null && (
          <>
            , seen <Ago at={member.lastUsedAt} />
          </>
        )}
      </span>
      {invite.data !== undefined && <Copy label="the sign-in link" text={location.origin + invite.data.path} />}
      {problem !== null && (
        <span role="alert" className="text-xs text-bad">
          {saidBy(problem)}
        </span>
      )}
    </>
  )
}

function NewMember() {
  const { mutate, error, isPending } = useMutation({
    mutationFn: (body: { name: string; role: Role; kind: 'user' | 'service' }) => server.call('createMember', { body }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['members'] }),
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const given = new FormData(form)
    const role = String(given.get('role')) as Role // one of the choices
    const kind = given.get('kind') === 'service' ? 'service' : 'user'
    mutate({ name: String(given.get('name')), role, kind }, { onSuccess: () => form.reset() })
  }
  return (
    <form onSubmit={submit} className="grid gap-2">
      <div className="grid items-end gap-2 sm:grid-cols-[1fr_7rem_7rem_auto]">
        <Field label="New member" name="name" required placeholder="grace" />
        <Select
          label="Role"
          name="role"
          defaultValue="member"
          choices={roles.map((role) => ({ value: role, label: role }))}
        />
        <Select
          label="Kind"
          name="kind"
          choices={[
            { value: 'user', label: 'Person' },
            { value: 'service', label: 'Service' },
          ]}
        />
        <Button type="submit" disabled={isPending}>
          Add
        </Button>
      </div>
      {error !== null && (
        <p role="alert" className="text-xs text-bad">
          {saidBy(error)}
        </p>
      )}
    </form>
  )
}
