// ⌘K: a few letters lead anywhere, to a view or to a task.

import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { readTemplates } from '../compose/templates.ts'
import { board } from '../data/queries.ts'
import { sections } from '../manage/sections.ts'
import { plainText } from '../parts/ansi.ts'
import type { IconName } from '../parts/icon.tsx'
import { Icon } from '../parts/icon.tsx'
import { looks } from '../parts/standing.tsx'
import { chooseTheme } from './theme.ts'

interface Entry {
  readonly id: string
  readonly name: string
  readonly hint: string
  readonly icon: IconName
  readonly dot?: string
  readonly run: () => void
}

const shownTasks = 12

export function Palette({ onClose }: { readonly onClose: () => void }) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  const entries = useEntries(text)
  const run = (entry: Entry | undefined) => {
    if (entry === undefined) return
    onClose()
    entry.run()
  }
  return (
    <dialog
      ref={dialog}
      aria-label="Go anywhere"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}
      onKeyDown={(event) => {
        if (event.key === 'ArrowDown') setAt(Math.min(entries.length - 1, at + 1))
        else if (event.key === 'ArrowUp') setAt(Math.max(0, at - 1))
        else if (event.key === 'Enter') run(entries[at])
        else return
        event.preventDefault()
      }}
      className="mx-auto mt-[12vh] w-[min(94vw,36rem)] overflow-hidden rounded-lg border border-line bg-raised p-0 text-text shadow-pop"
    >
      <input
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={entries[at] === undefined ? undefined : `palette-${at}`}
        aria-label="Go to a view or a task"
        placeholder="Go to a view or a task"
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        className="h-12 w-full border-b border-line bg-transparent px-4 text-lg outline-none"
      />
      <div id="palette-list" role="listbox" aria-label="Places" className="max-h-[50vh] overflow-y-auto p-1.5">
        {entries.map((entry, i) => (
          <div
            key={entry.id}
            id={`palette-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === at}
            ref={(element) => {
              if (i === at) element?.scrollIntoView({ block: 'nearest' })
            }}
            onClick={() => run(entry)}
            onKeyDown={() => {}}
            className={`flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2.5 ${i === at ? 'bg-calm-soft' : ''}`}
          >
            {entry.dot === undefined ? (
              <Icon name={entry.icon} className="size-4 text-muted" />
            ) : (
              <span className={`mx-1 size-2 shrink-0 rounded-full ${entry.dot}`} />
            )}
            <bdi className="min-w-0 flex-1 truncate">{entry.name}</bdi>
            <span className="text-xs text-faint">{entry.hint}</span>
          </div>
        ))}
        {entries.length === 0 && <p className="px-2.5 py-2 text-muted">Nothing by that name</p>}
      </div>
    </dialog>
  )
}

function useEntries(text: string): readonly Entry[] {
  const navigate = useNavigate()
  const wanted = text.trim().toLowerCase()
  const [settled, setSettled] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setSettled(wanted), 120)
    return () => clearTimeout(timer)
  }, [wanted])
  const tasks =
    useQuery(board(settled === '' ? {} : { text: settled })).data?.columns.flatMap((column) => column.items) ?? []
  const places: Entry[] = [
    { id: 'new', name: 'New task', hint: 'c', icon: 'plus', run: () => void navigate({ to: '/new' }) },
    { id: 'board', name: 'Board', hint: 'g b', icon: 'board', run: () => void navigate({ to: '/' }) },
    { id: 'inbox', name: 'Inbox', hint: 'g i', icon: 'inbox', run: () => void navigate({ to: '/inbox' }) },
    { id: 'fleet', name: 'Fleet', hint: 'g f', icon: 'fleet', run: () => void navigate({ to: '/fleet' }) },
    { id: 'manage', name: 'Manage', hint: 'g m', icon: 'manage', run: () => void navigate({ to: '/manage' }) },
    { id: 'settings', name: 'Settings', hint: 'g s', icon: 'settings', run: () => void navigate({ to: '/settings' }) },
    { id: 'light', name: 'Light theme', hint: '', icon: 'settings', run: () => chooseTheme('light') },
    { id: 'dark', name: 'Dark theme', hint: '', icon: 'settings', run: () => chooseTheme('dark') },
  ]
  const templates: Entry[] = readTemplates().map(({ id, name }) => ({
    id,
    name: `New task: ${name}`,
    hint: 'Template',
    icon: 'plus',
    run: () => void navigate({ to: '/new', search: { template: id } }),
  }))
  const managed: Entry[] = sections.map(({ section, title }) => ({
    id: section,
    name: `Manage: ${title}`,
    hint: '',
    icon: 'manage',
    run: () => void navigate({ to: '/manage', search: { section } }),
  }))
  const found: Entry[] = tasks.slice(0, shownTasks).map((task) => ({
    id: task.id,
    name: plainText(task.title),
    hint: looks[task.group].title,
    icon: 'file',
    dot: looks[task.group].dot,
    run: () => void navigate({ to: '/tasks/$taskId', params: { taskId: task.id } }),
  }))
  // Parts of a view only for who looks for them: they would push the tasks out of sight.
  const all = [...places, ...templates, ...(wanted === '' ? [] : managed)]
  const named = all.filter((each) => each.name.toLowerCase().includes(wanted))
  return [...named, ...found]
}
