// What a team keeps: repositories, pools, profiles, models, members, tokens; and who changed what. One at a time, each at an address of its own.

import { Link, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useRights } from '../data/rights.ts'
import { View } from '../shell/view.tsx'
import { Audit } from './audit.tsx'
import { Members } from './members.tsx'
import { Models } from './models.tsx'
import { Pools } from './pools.tsx'
import { Profiles } from './profiles.tsx'
import { Repos } from './repos.tsx'
import type { ManageSection } from './sections.ts'
import { sections } from './sections.ts'
import { Tokens } from './tokens.tsx'

export function Manage() {
  const { section = 'repos' } = useSearch({ from: '/manage' })
  const { manages: admin, owns: owner } = useRights()
  const shown: Readonly<Record<ManageSection, ReactNode>> = {
    repos: <Repos />,
    profiles: <Profiles admin={admin} />,
    models: <Models admin={admin} />,
    pools: <Pools admin={admin} />,
    members: <Members owner={owner} />,
    tokens: owner ? <Tokens /> : <Refused what="Tokens are made and revoked by owners" />,
    audit: admin ? <Audit /> : <Refused what="The audit log is read by managers and owners" />,
  }
  return (
    <View title="Manage" wide>
      {!admin && (
        <p className="text-muted">
          You may look here; changing these takes the role manager and a token with scope admin.
        </p>
      )}
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 md:grid-cols-[9rem_minmax(0,1fr)] lg:gap-8">
        <Sections />
        {shown[section]}
      </div>
    </View>
  )
}

function Sections() {
  const { section: at = 'repos' } = useSearch({ from: '/manage' })
  return (
    <nav aria-label="What to manage" className="flex gap-1 max-md:flex-wrap md:flex-col">
      {sections.map(({ section, title }) => (
        <Link
          key={section}
          to="/manage"
          search={{ section }}
          aria-current={section === at ? 'page' : undefined}
          className={`flex h-9 shrink-0 items-center rounded-md px-3 max-md:h-10 ${section === at ? 'bg-calm-soft font-medium' : 'text-muted hover:bg-calm-soft hover:text-text'}`}
        >
          {title}
        </Link>
      ))}
    </nav>
  )
}

function Refused({ what }: { readonly what: string }) {
  return <p className="rounded-lg border border-line p-4 text-muted">{what}, with a token of scope admin.</p>
}
