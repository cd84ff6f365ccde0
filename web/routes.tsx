// The page's addresses. What a first look does not need is loaded when its address is opened.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { Board } from './board/board.tsx'
import { readFilter } from './board/filter.ts'
import { readSection } from './manage/sections.ts'
import { Missing } from './shell/missing.tsx'
import { Shell } from './shell/shell.tsx'

const root = createRootRoute({ component: Shell, notFoundComponent: Missing })

const board = createRoute({ getParentRoute: () => root, path: '/', component: Board, validateSearch: readFilter })

export type TaskTab = 'terminal' | 'transcript' | 'changes' | 'checks' | 'attempts' | 'details'
const tabs: readonly string[] = [
  'terminal',
  'transcript',
  'changes',
  'checks',
  'attempts',
  'details',
] satisfies TaskTab[]

const task = createRoute({
  getParentRoute: () => root,
  path: '/tasks/$taskId',
  validateSearch: (search): { tab?: TaskTab; attempt?: number } => ({
    ...(tabs.includes(String(search.tab)) ? { tab: search.tab as TaskTab } : {}), // one of the list
    ...(Number.isInteger(search.attempt) ? { attempt: Number(search.attempt) } : {}),
  }),
  component: lazyRouteComponent(() => import('./task/task-page.tsx'), 'TaskPage'),
})

const inbox = createRoute({
  getParentRoute: () => root,
  path: '/inbox',
  component: lazyRouteComponent(() => import('./inbox/inbox.tsx'), 'Inbox'),
})

const compose = createRoute({
  getParentRoute: () => root,
  path: '/new',
  // Other fields are read from the address as it is: a prompt may look like JSON.
  validateSearch: ({ template }): { template?: string } => (typeof template === 'string' ? { template } : {}),
  component: lazyRouteComponent(() => import('./compose/new-task.tsx'), 'NewTask'),
})

const fleet = createRoute({
  getParentRoute: () => root,
  path: '/fleet',
  component: lazyRouteComponent(() => import('./fleet/fleet.tsx'), 'Fleet'),
})

const manage = createRoute({
  getParentRoute: () => root,
  path: '/manage',
  validateSearch: readSection,
  component: lazyRouteComponent(() => import('./manage/manage.tsx'), 'Manage'),
})

const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  component: lazyRouteComponent(() => import('./settings/settings.tsx'), 'Settings'),
})

export const router = createRouter({
  routeTree: root.addChildren([board, task, inbox, compose, fleet, manage, settings]),
  defaultPreload: 'intent',
  scrollRestoration: false,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
