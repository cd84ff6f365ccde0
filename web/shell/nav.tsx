// Where to go: a rail beside the content, a bar under it on a phone.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { whoami } from '../data/queries.ts'
import { useOpenRequests } from '../data/requests.ts'
import { useLink } from '../data/stream.ts'
import { Key } from '../parts/button.tsx'
import { who } from '../parts/figures.ts'
import type { IconName } from '../parts/icon.tsx'
import { Icon } from '../parts/icon.tsx'

const places = [
  { to: '/', name: 'Board', icon: 'board', key: 'g b' },
  { to: '/inbox', name: 'Inbox', icon: 'inbox', key: 'g i' },
  { to: '/fleet', name: 'Fleet', icon: 'fleet', key: 'g f' },
  { to: '/manage', name: 'Manage', icon: 'manage', key: 'g m' },
  { to: '/settings', name: 'Settings', icon: 'settings', key: 'g s' },
] as const satisfies readonly { to: string; name: string; icon: IconName; key: string }[]

/** Words beside the picture where there is room, small ones under it where there is not: a picture alone explains nothing. */
const placeClass =
  'relative flex items-center rounded-md max-2xl:flex-col max-2xl:justify-center max-2xl:gap-0.5 max-2xl:py-1.5 max-2xl:text-[0.6875rem] max-2xl:leading-4 max-md:my-1 max-md:min-w-13 md:max-2xl:min-h-12 2xl:h-9 2xl:gap-2.5 2xl:px-3'
const iconClass = 'size-4 max-2xl:size-4.5'

export function Nav({ onPalette }: { readonly onPalette: () => void }) {
  const waiting = useOpenRequests().data?.length ?? 0
  return (
    <nav
      aria-label="Main"
      className="flex shrink-0 border-line bg-panel max-md:justify-around max-md:border-t max-md:px-1 max-md:pb-[env(safe-area-inset-bottom)] md:w-19 md:flex-col md:gap-0.5 md:border-r md:p-2 2xl:w-52"
    >
      <div className="mb-2 flex h-9 items-center gap-2 max-2xl:justify-center max-md:hidden 2xl:px-2">
        <img src="/icon.svg" alt="" className="size-6" />
        <span className="text-base font-semibold max-2xl:sr-only">Capstan</span>
      </div>
      <Link
        to="/new"
        title="New task (c)"
        className={`${placeClass} font-medium max-md:order-3 max-md:text-accent md:mb-2 md:bg-accent md:text-on-accent md:hover:opacity-90`}
      >
        <Icon name="plus" className={iconClass} />
        <span className="2xl:flex-1">New task</span>
        <span className="text-xs opacity-80 max-2xl:hidden">c</span>
      </Link>
      {places.map(({ to, name, icon, key }) => (
        <Link
          key={to}
          to={to}
          title={`${name} (${key})`}
          activeOptions={{ exact: to === '/', includeSearch: false }}
          activeProps={{ className: 'bg-calm-soft text-text font-medium' }}
          inactiveProps={{ className: 'text-muted hover:bg-calm-soft hover:text-text' }}
          className={`${placeClass} ${to === '/' || to === '/inbox' ? 'max-md:order-1' : 'max-md:order-5'}`}
        >
          <Icon name={icon} className={iconClass} />
          <span className="2xl:flex-1">{name}</span>
          {to === '/inbox' && waiting > 0 && <Waiting count={waiting} />}
        </Link>
      ))}
      <div className="flex-1 max-md:hidden" />
      <button
        type="button"
        onClick={onPalette}
        title="Go to a view or a task (⌘K)"
        className={`${placeClass} text-muted hover:bg-calm-soft hover:text-text max-md:hidden`}
      >
        <Icon name="search" className={iconClass} />
        <span className="text-left 2xl:flex-1">Go to…</span>
        <span className="max-2xl:hidden">
          <Key>⌘K</Key>
        </span>
      </button>
      <Me />
    </nav>
  )
}

function Waiting({ count }: { readonly count: number }) {
  return (
    <span className="rounded-full bg-needs-soft px-1.5 text-xs font-semibold text-needs tabular-nums max-2xl:absolute max-2xl:top-0 max-2xl:left-1/2 max-2xl:ml-1.5 max-2xl:px-1 max-2xl:leading-4">
      {count > 99 ? '99+' : count}
      <span className="sr-only"> waiting for you</span>
    </span>
  )
}

function Me() {
  const me = useQuery(whoami)
  const link = useLink()
  const said = { up: 'connected', connecting: 'connecting', down: 'not connected' }[link]
  const dot = { up: 'bg-good', connecting: 'bg-faint', down: 'bg-bad' }[link]
  return (
    <div
      title={`${who(me.data?.actor ?? '')}, ${said}`}
      className="flex h-9 items-center gap-2.5 text-muted max-2xl:justify-center max-md:hidden 2xl:px-3"
    >
      <span className="grid size-4 shrink-0 place-items-center">
        <span className={`size-2 rounded-full ${dot}`} />
      </span>
      <span className="min-w-0 flex-1 truncate max-2xl:sr-only">{who(me.data?.actor ?? '')}</span>
      <span className="text-xs text-faint max-2xl:hidden">{me.data?.server.version}</span>
    </div>
  )
}
