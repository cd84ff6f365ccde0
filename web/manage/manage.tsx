// What an administrator keeps: profiles, models, pools, repositories, members, tokens.

import { useQuery } from '@tanstack/react-query'
import { whoami } from '../data/queries.ts'
import { View } from '../shell/view.tsx'
import { Audit } from './audit.tsx'
import { Members } from './members.tsx'
import { Models } from './models.tsx'
import { Pools } from './pools.tsx'
import { Profiles } from './profiles.tsx'
import { Repos } from './repos.tsx'
import { Tokens } from './tokens.tsx'

export function Manage() {
  const me = useQuery(whoami).data
  const scoped = me?.scopes.includes('admin') ?? false
  const owner = scoped && me?.role === 'owner'
  const admin = scoped && (owner || me?.role === 'manager')
  return (
    <View title="Manage" wide>
      {!admin && (
        <p className="text-muted">
          You may look here; changing these takes the role manager and a token with scope admin.
        </p>
      )}
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="grid min-w-0 gap-4">
          <Repos />
          <Profiles admin={admin} />
          <Members owner={owner} />
          {admin && <Audit />}
        </div>
        <div className="grid min-w-0 gap-4">
          <Pools admin={admin} />
          <Models admin={admin} />
          {owner && <Tokens />}
        </div>
      </div>
    </View>
  )
}
