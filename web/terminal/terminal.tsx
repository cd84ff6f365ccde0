// The terminal of an interactive task: joined when it is opened, left when it is closed; the agent goes on either way.

import '@xterm/xterm/css/xterm.css'
import type { ReactNode } from 'react'
import { useEffect, useRef, useState } from 'react'
import type { TaskView } from '../../src/protocol/task.ts'
import { Button, Key } from '../parts/button.tsx'
import { Empty } from '../parts/empty.tsx'
import { Icon } from '../parts/icon.tsx'
import type { Joined, Seat } from './join.ts'
import { joinTerminal } from './join.ts'
import type { Screen } from './screen.ts'
import { openScreen } from './screen.ts'

export function TerminalView({ task }: { readonly task: TaskView }) {
  const [left, setLeft] = useState(false)
  if (task.endedAt !== null)
    return <Empty title="The terminal is over">Its agent has left. What it made is under Changes.</Empty>
  if (task.state !== 'running')
    return <Empty title="Not at work yet">{task.why ?? 'The terminal opens here when the agent has started.'}</Empty>
  if (left)
    return (
      <Empty title="You left">
        <p>The agent goes on without you. Finish ends it, and what it made is the result.</p>
        <Button weight="main" className="justify-self-center" onClick={() => setLeft(false)}>
          Join again
        </Button>
      </Empty>
    )
  // Another attempt is another terminal.
  return <Joint key={task.attempts.at(-1)?.id} taskId={task.id} onLeave={() => setLeft(true)} />
}

/** What a phone's keyboard has not. */
const touchKeys = [
  ['Esc', '\u001b'],
  ['Tab', '\t'],
  ['Ctrl C', '\u0003'],
  ['↑', '\u001b[A'],
  ['↓', '\u001b[B'],
  ['Enter', '\r'],
] as const

function Joint({ taskId, onLeave }: { readonly taskId: string; readonly onLeave: () => void }) {
  const place = useRef<HTMLDivElement>(null)
  const screen = useRef<Screen | null>(null)
  const joined = useRef<Joined | null>(null)
  const leave = useRef(onLeave)
  leave.current = onLeave
  const [seat, setSeat] = useState<Seat>({ how: 'joining' })
  const [notice, setNotice] = useState('')
  useEffect(() => {
    if (place.current === null) return
    const opened = openScreen(place.current, {
      typed: (bytes) => joined.current?.type(bytes),
      resized: (size) => joined.current?.resize(size),
      left: () => leave.current(),
    })
    screen.current = opened
    joined.current = joinTerminal(taskId, {
      seat: (next) => {
        setSeat(next)
        opened.typable(next.how === 'joined' && next.input)
        if (next.how === 'joined') opened.focus()
      },
      show: (bytes) => {
        opened.show(bytes)
        setNotice('')
      },
      reset: (reason) => {
        opened.clear()
        setNotice(reason)
      },
    })
    return () => {
      joined.current?.leave()
      opened[Symbol.dispose]()
    }
  }, [taskId])
  const mayType = seat.how === 'joined' && seat.input
  return (
    <section aria-label="Terminal" className="flex min-h-0 flex-1 flex-col">
      <div className="flex min-h-10 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-1 text-xs">
        <p role="status" className="flex min-w-0 flex-1 basis-48 items-center gap-2 text-muted">
          <Standing seat={seat} notice={notice} />
        </p>
        {mayType && (
          <span className="text-faint max-md:hidden">
            <Key>Ctrl ]</Key> leaves it at work
          </span>
        )}
        <Button small onClick={onLeave}>
          <Icon name="out" className="size-3.5" />
          Leave
        </Button>
      </div>
      <div className="min-h-0 flex-1 overflow-hidden p-2 pr-0">
        <div ref={place} className="h-full w-full overflow-hidden" />
      </div>
      {mayType && (
        <div className="flex shrink-0 gap-1 overflow-x-auto border-t border-line p-1.5 md:hidden">
          {touchKeys.map(([name, sequence]) => (
            <Button
              key={name}
              small
              className="min-w-11 flex-1"
              // The keyboard stays where it is.
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => joined.current?.type(new TextEncoder().encode(sequence))}
            >
              {name}
            </Button>
          ))}
        </div>
      )}
    </section>
  )
}

function Standing({ seat, notice }: { readonly seat: Seat; readonly notice: string }) {
  switch (seat.how) {
    case 'joining':
      return <Said tone="bg-faint">Joining…</Said>
    case 'broken':
      return <Said tone="bg-needs">Not connected: the server or the host does not answer. Joining again…</Said>
    case 'ended':
      return <Said tone="bg-faint">It is over: {seat.reason}</Said>
    case 'joined':
      if (notice !== '') return <Said tone="bg-needs">{notice}</Said>
      return (
        <Said tone="bg-good">
          {seat.input ? 'Joined: what you type goes to the agent' : 'You watch; typing takes the role member'}
        </Said>
      )
  }
}

function Said({ tone, children }: { readonly tone: string; readonly children: ReactNode }) {
  return (
    <>
      <span className={`size-2 shrink-0 rounded-full ${tone}`} />
      <span className="min-w-0">{children}</span>
    </>
  )
}
