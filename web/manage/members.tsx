// Who belongs to the team: people and service accounts, what each may do, and how a new one gets in.

import { useMutation, useQuery } from '@tanstack/react-query'
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
import { Entry, Section } from './list.tsx'
import { MakeForm } from './make-form.tsx'

const may: Readonly<Record<Role, string>> = {
  viewer: 'looks',
  member: 'gives tasks, answers, reviews',
  manager: 'also profiles, pools, hosts',
  owner: 'also members and tokens',
}

export function Members({ owner }: { readonly owner: boolean }) {
  const all = useQuery(members).data ?? []
  return (
    <Section
      title="Members"
      about="People and programs of the team, and what each may do. A person gets in by a sign-in link, which works once, or with a token."
    >
      <ul>
        {all.map((member) => (
          <Entry
            key={member.id}
            name={member.name}
            queryKey={['members']}
            remove={owner ? () => server.call('removeMember', { params: { id: member.id } }) : null}
          >
            <Member member={member} owner={owner} />
          </Entry>
        ))}
      </ul>
      {owner && <NewMember />}
    </Section>
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
  return (
    <MakeForm
      label="Add a member"
      verb="Add"
      queryKey={['members']}
      make={(given) => {
        const role = given('role') as Role // one of the choices
        const kind = given('kind') === 'service' ? 'service' : 'user'
        return server.call('createMember', { body: { name: given('name'), role, kind } })
      }}
    >
      <div className="grid gap-3 sm:grid-cols-3">
        <Field label="New member" name="name" required placeholder="grace" />
        <Select
          label="Role"
          name="role"
          defaultValue="member"
          choices={roles.map((role) => ({ value: role, label: `${role}: ${may[role]}` }))}
        />
        <Select
          label="Kind"
          name="kind"
          choices={[
            { value: 'user', label: 'Person' },
            { value: 'service', label: 'Service account' },
          ]}
        />
      </div>
    </MakeForm>
  )
}
