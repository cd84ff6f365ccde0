// Repositories that hosts serve.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { repos } from '../data/queries.ts'
import { Copy } from '../parts/copy.tsx'
import { plural } from '../parts/figures.ts'
import { Section } from './list.tsx'

export function Repos() {
  const all = useQuery(repos).data ?? []
  return (
    <Section
      title="Repositories"
      about="A host offers the repositories that were registered on it; their files stay there. On the host, in or with the path of a checkout:"
    >
      <Copy label="the register command" text="capstan repo add PATH" />
      <ul className="grid gap-1.5">
        {all.map((repo) => (
          <li key={repo.slug} className="flex items-baseline gap-3">
            <Link to="/" search={{ repo: repo.slug }} className="min-w-0 flex-1 truncate font-medium hover:underline">
              {repo.slug}
            </Link>
            <span className={`text-xs ${repo.connected === 0 ? 'text-needs' : 'text-muted'}`}>
              {repo.connected === 0 ? 'no host connected' : `on ${plural(repo.connected, 'host')}`}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  )
}
