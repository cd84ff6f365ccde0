// What an attempt changed: files beside, their lines in one long list of which only what is in sight is in the document.

import { useQuery } from '@tanstack/react-query'
import { useMemo, useRef, useState } from 'react'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'
import { patch } from '../data/queries.ts'
import { Button } from '../parts/button.tsx'
import { Empty, Failed, Loading } from '../parts/empty.tsx'
import { count, plural } from '../parts/figures.ts'
import { useKeys } from '../shell/keys.tsx'
import { DiffList } from './diff-list.tsx'
import { FileTree } from './file-tree.tsx'
import { keepLook, keptLook } from './look.ts'
import type { PatchFile } from './patch.ts'
import { readPatch } from './patch.ts'
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
  const files = useMemo(() => readPatch(data ?? ''), [data])
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
  const [look, setLook] = useState<DiffLook>(keptLook)
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const [editing, setEditing] = useState<string | null>(null)
  const go = useRef<(path: string) => void>(() => {})
  const current = useRef(0)
  const choose = (change: Partial<DiffLook>) => {
    setLook({ ...look, ...change })
    keepLook({ ...look, ...change })
  }
  const rows = useMemo(
    () => diffRows(files, { look, comments: review.comments, viewed: new Set(review.viewed), open, closed, editing }),
    [files, look, review.comments, review.viewed, open, closed, editing],
  )
  const step = (by: number) => {
    current.current = Math.min(files.length - 1, Math.max(0, current.current + by))
    const file = files[current.current]
    if (file !== undefined) go.current(file.path)
  }
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    v: () => {
      const file = files[current.current]
      if (file !== undefined) store.toggleViewed(file.mark)
    },
    s: () => choose({ split: !look.split }),
    w: () => choose({ whitespace: !look.whitespace }),
  })
  const jump = (path: string) => {
    current.current = files.findIndex((file) => file.path === path)
    go.current(path)
  }
  return (
    <>
      <Bar
        files={files}
        viewed={review.viewed}
        look={look}
        onLook={choose}
        attempt={attempt}
        task={task}
        onJump={jump}
      />
      <div className="flex min-h-0 flex-1">
        <FileTree files={files} review={review} onJump={jump} />
        <DiffList
          rows={rows}
          files={files}
          review={review}
          store={store}
          onGo={(to) => {
            go.current = to
          }}
          onEdit={setEditing}
          onOpen={(file, unfold) => {
            setOpen(unfold ? new Set([...open, file.path]) : new Set([...open].filter((each) => each !== file.path)))
            setClosed(
              unfold ? new Set([...closed].filter((each) => each !== file.path)) : new Set([...closed, file.path]),
            )
          }}
        />
      </div>
    </>
  )
}

interface BarProps {
  readonly task: TaskView
  readonly attempt: AttemptView
  readonly files: readonly PatchFile[]
  readonly viewed: readonly string[]
  readonly look: DiffLook
  readonly onLook: (change: Partial<DiffLook>) => void
  readonly onJump: (path: string) => void
}

function Bar({ task, attempt, files, viewed, look, onLook, onJump }: BarProps) {
  const seen = files.filter((file) => viewed.includes(file.mark)).length
  const insertions = files.reduce((sum, file) => sum + file.insertions, 0)
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0)
  return (
    <div className="flex min-h-10 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-1 text-xs text-muted">
      <span className="tabular-nums max-sm:hidden">{plural(files.length, 'file')}</span>
      <span className="tabular-nums">
        <span className="text-good">+{count(insertions)}</span> <span className="text-bad">−{count(deletions)}</span>
      </span>
      {task.attempts.length > 1 && <span>attempt {attempt.n}</span>}
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
            {file.path}
          </option>
        ))}
      </select>
      <Button
        small
        weight="quiet"
        aria-pressed={!look.whitespace}
        onClick={() => onLook({ whitespace: !look.whitespace })}
        title="Key w"
      >
        {look.whitespace ? 'Hide whitespace' : 'Show whitespace'}
      </Button>
      <Button
        small
        weight="quiet"
        className="max-lg:hidden"
        aria-pressed={look.split}
        onClick={() => onLook({ split: !look.split })}
        title="Key s"
      >
        {look.split ? 'Unified' : 'Side by side'}
      </Button>
    </div>
  )
}
