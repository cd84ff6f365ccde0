// What an attempt changed: files beside, their lines in one long list of which only what is in sight is in the document.

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useEffect, useMemo, useRef, useState } from 'react'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'
import { patch } from '../data/queries.ts'
import { exactText } from '../parts/ansi.ts'
import { Button } from '../parts/button.tsx'
import { Empty, Failed, Loading } from '../parts/empty.tsx'
import { count, plural } from '../parts/figures.ts'
import { useKeys } from '../shell/keys.tsx'
import { DiffList } from './diff-list.tsx'
import { FileTree, inTreeOrder } from './file-tree.tsx'
import { keepLook, keptLook } from './look.ts'
import type { Review } from './message.ts'
import type { PatchFile } from './patch.ts'
import { readPatch } from './patch.ts'
import type { Placed } from './place.ts'
import { useRange } from './range.ts'
import { reviewOf, useReview } from './review.ts'
import type { DiffLook } from './rows.ts'
import { diffRows } from './rows.ts'

interface ChangesProps {
  readonly task: TaskView
  readonly attempt: AttemptView | undefined
}

export function Changes({ task, attempt }: ChangesProps) {
  const evidence = attempt?.evidence ?? null
  if (attempt === undefined || evidence === null)
    return (
      <Empty title="Nothing yet">
        What the agent changes is shown here when its attempt ends, proved by the daemon.
      </Empty>
    )
  if (evidence.filesChanged === 0)
    return <Empty title="Nothing was changed">The tree at the end is the tree at the start.</Empty>
  if (evidence.diffCid === null)
    return <Empty title="The patch is not here">{evidence.diffWithheld ?? 'It stayed on its host.'}</Empty>
  return <Patch task={task} attempt={attempt} />
}

function Patch({ task, attempt }: { readonly task: TaskView; readonly attempt: AttemptView }) {
  const { data, error } = useQuery(patch(task.id, attempt.n))
  const files = useMemo(() => inTreeOrder(readPatch(data ?? '')), [data])
  if (data === undefined) return error === null ? <Loading what="the changes" /> : <Failed error={error} />
  return <Files key={attempt.id} task={task} attempt={attempt} files={files} />
}

interface FilesProps {
  readonly task: TaskView
  readonly attempt: AttemptView
  readonly files: readonly PatchFile[]
}

function Files({ task, attempt, files }: FilesProps) {
  const store = reviewOf(task.id)
  const review = useReview(store)
  const range = useRange(store, attempt.n)
  const placed = usePlaced(review, attempt.n)
  const { rows, look, choose, onOpen, onUnfold } = useShown(files, placed, review.viewed)
  const [current, setCurrent] = useState(files[0]?.path ?? '')
  const go = useRef<(path: string) => void>(() => {})
  // Another look has other heights: the file that was read is in sight again.
  const shown = useRef(look)
  useEffect(() => {
    if (shown.current !== look) go.current(current)
    shown.current = look
  }, [look, current])
  const jump = (path: string) => {
    setCurrent(path)
    go.current(path)
  }
  const step = (by: number) => {
    const at = files.findIndex((file) => file.path === current)
    const file = files[Math.min(files.length - 1, Math.max(0, at + by))]
    if (file !== undefined) jump(file.path)
  }
  const file = files.find((each) => each.path === current)
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    v: () => file !== undefined && store.toggleViewed(file.mark),
    s: () => choose({ split: !look.split }),
    w: () => choose({ whitespace: !look.whitespace }),
  })
  return (
    <>
      <Bar files={files} viewed={review.viewed} look={look} onLook={choose} onJump={jump} />
      <div className="flex min-h-0 flex-1">
        <FileTree files={files} comments={placed} viewed={review.viewed} current={current} onJump={jump} />
        <DiffList
          rows={rows}
          review={review}
          store={store}
          range={range}
          onGo={(to) => {
            go.current = to
          }}
          onSeen={setCurrent}
          onUnfold={onUnfold}
          onOpen={onOpen}
        />
      </div>
    </>
  )
}

/** The rows as a person chose to see them. */
function useShown(files: readonly PatchFile[], comments: readonly Placed[], viewed: readonly string[]) {
  const [look, setLook] = useState<DiffLook>(keptLook)
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set())
  const rows = useMemo(
    () => diffRows(files, { look, comments, viewed: new Set(viewed), open, closed, unfolded }),
    [files, look, comments, viewed, open, closed, unfolded],
  )
  const choose = (change: Partial<DiffLook>) => {
    setLook({ ...look, ...change })
    keepLook({ ...look, ...change })
  }
  const onOpen = ({ path }: PatchFile, unfold: boolean) => {
    setOpen(unfold ? new Set([...open, path]) : without(open, path))
    setClosed(unfold ? without(closed, path) : new Set([...closed, path]))
  }
  return { rows, look, choose, onOpen, onUnfold: (key: string) => setUnfolded(new Set([...unfolded, key])) }
}

function without(paths: ReadonlySet<string>, path: string): ReadonlySet<string> {
  return new Set([...paths].filter((each) => each !== path))
}

/** Where the comments on an attempt stand: the same while only their words change. */
function usePlaced({ comments }: Review, attempt: number): readonly Placed[] {
  const places = comments
    .filter((comment) => comment.attempt === attempt)
    .map(({ id, path, side, from, line, writing }) => ({ id, path, side, from, line, writing: writing !== undefined }))
  const name = JSON.stringify(places)
  // biome-ignore lint/correctness/useExhaustiveDependencies: its name says all of it
  return useMemo(() => places, [name])
}

interface BarProps {
  readonly files: readonly PatchFile[]
  readonly viewed: readonly string[]
  readonly look: DiffLook
  readonly onLook: (change: Partial<DiffLook>) => void
  readonly onJump: (path: string) => void
}

function Bar({ files, viewed, look, onLook, onJump }: BarProps) {
  const seen = files.filter((file) => viewed.includes(file.mark)).length
  const insertions = files.reduce((sum, file) => sum + file.insertions, 0)
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0)
  return (
    <div className="flex min-h-10 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-1 text-xs text-muted">
      <span className="tabular-nums max-sm:hidden">{plural(files.length, 'file')}</span>
      <span className="tabular-nums">
        <span className="text-good">+{count(insertions)}</span> <span className="text-bad">−{count(deletions)}</span>
      </span>
      <span className="tabular-nums max-sm:hidden">
        {seen} of {files.length} viewed
      </span>
      <span className="flex-1" />
      <select
        aria-label="Go to file"
        value=""
        onChange={(event) => onJump(event.target.value)}
        className="h-9 w-28 rounded-md sm:w-40 border border-line bg-raised px-2 lg:hidden"
      >
        <option value="">Go to file…</option>
        {files.map((file) => (
          <option key={file.path} value={file.path}>
            {exactText(file.path)}
          </option>
        ))}
      </select>
      <Toggle on={!look.whitespace} onPress={() => onLook({ whitespace: !look.whitespace })} title="Key w">
        Ignore whitespace
      </Toggle>
      <Toggle on={look.split} onPress={() => onLook({ split: !look.split })} title="Key s" className="max-lg:hidden">
        Side by side
      </Toggle>
    </div>
  )
}

interface ToggleProps {
  readonly on: boolean
  readonly onPress: () => void
  readonly title: string
  readonly className?: string
  readonly children: ReactNode
}

function Toggle({ on, onPress, title, className = '', children }: ToggleProps) {
  return (
    <Button
      small
      weight={on ? 'plain' : 'quiet'}
      aria-pressed={on}
      onClick={onPress}
      title={title}
      className={className}
    >
      {children}
    </Button>
  )
}
