// Files for the agent: dropped, pasted or chosen; uploaded at once, named in the task.

import { useEffect, useId, useRef, useState } from 'react'
import { saidBy, server } from '../data/server.ts'
import { buttonClass } from '../parts/button.tsx'
import { bytes } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'

export interface Attached {
  readonly name: string
  readonly cid: string
  readonly bytes: number
}

export interface Attaching {
  readonly files: readonly Attached[]
  readonly busy: boolean
  readonly problem: string | null
  readonly add: (files: Iterable<File>) => void
  readonly remove: (name: string) => void
  readonly clear: () => void
  /** Files are held over the page. */
  readonly over: boolean
}

const key = 'capstan.draft.files'

export function useAttachments(): Attaching {
  const [files, setFiles] = useState(readFiles)
  useEffect(() => localStorage.setItem(key, JSON.stringify(files)), [files])
  const [busy, setBusy] = useState(0)
  const [problem, setProblem] = useState<string | null>(null)
  const upload = async (file: File) => {
    setBusy((n) => n + 1)
    try {
      const { cid, bytes: size } = await server.upload(new Uint8Array(await file.arrayBuffer()))
      setFiles((before) => [...before, { name: freeName(file.name, before), cid, bytes: size }])
      setProblem(null)
    } catch (error) {
      setProblem(`${file.name}: ${saidBy(error)}`)
    } finally {
      setBusy((n) => n - 1)
    }
  }
  const add = (all: Iterable<File>) => {
    for (const file of all) void upload(file)
  }
  return {
    files,
    busy: busy > 0,
    problem,
    add,
    over: useDrop(add),
    clear: () => {
      // Also for when the page is left before it is drawn again.
      localStorage.removeItem(key)
      setFiles([])
    },
    remove: (name) => setFiles((before) => before.filter((each) => each.name !== name)),
  }
}

/** What was attached here and not given yet: the bytes are at the server. */
function readFiles(): readonly Attached[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? '[]')
    return Array.isArray(kept) ? kept.filter(isAttached) : []
  } catch {
    return [] // somebody else's bytes under our key
  }
}

function isAttached(value: unknown): value is Attached {
  if (typeof value !== 'object' || value === null) return false
  const { name, cid, bytes: size } = value as Partial<Record<keyof Attached, unknown>> // looked at field by field
  return typeof name === 'string' && typeof cid === 'string' && typeof size === 'number'
}

/** Files may be dropped anywhere: beside the prompt the browser would leave the page for them. */
function useDrop(add: (files: Iterable<File>) => void): boolean {
  const [over, setOver] = useState(false)
  const latest = useRef(add)
  latest.current = add
  useEffect(() => {
    const hold = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      setOver(true)
    }
    const leave = (event: DragEvent) => event.relatedTarget === null && setOver(false)
    const drop = (event: DragEvent) => {
      setOver(false)
      const files = event.dataTransfer?.files
      if (files === undefined || files.length === 0) return
      event.preventDefault()
      latest.current(files)
    }
    addEventListener('dragover', hold)
    addEventListener('dragleave', leave)
    addEventListener('drop', drop)
    return () => {
      removeEventListener('dragover', hold)
      removeEventListener('dragleave', leave)
      removeEventListener('drop', drop)
    }
  }, [])
  return over
}

/** As the server takes names, and not one that is there already: pasted pictures are all called image.png. */
function freeName(given: string, taken: readonly Attached[]): string {
  const plain =
    given
      .replace(/[^A-Za-z0-9._ @+-]/g, '_')
      .replace(/^[^A-Za-z0-9_]+/, '')
      .replace(/[. ]+$/, '') || 'file'
  const dot = plain.lastIndexOf('.')
  const [stem, end] = dot > 0 ? [plain.slice(0, dot), plain.slice(dot)] : [plain, '']
  const used = new Set(taken.map((each) => each.name.toLowerCase()))
  for (let n = 1; ; n += 1) {
    const name = n === 1 ? plain : `${stem}-${n}${end}`
    if (!used.has(name.toLowerCase())) return name
  }
}

export function Attachments({ attaching }: { readonly attaching: Attaching }) {
  const id = useId()
  const { files, busy, problem, add, remove, over } = attaching
  return (
    <div className="grid gap-2">
      {over && (
        <p role="status" className="rounded-lg border-2 border-dashed border-accent bg-accent-soft p-6 text-center">
          Drop the files to attach them
        </p>
      )}
      <div className="flex flex-wrap items-center gap-2">
        <label htmlFor={id} className={`${buttonClass('quiet', true)} cursor-pointer has-focus-visible:outline-2`}>
          <Icon name="file" className="size-3.5" />
          Attach files
          <input
            id={id}
            type="file"
            multiple
            className="sr-only"
            onChange={(event) => {
              add(event.target.files ?? [])
              event.target.value = ''
            }}
          />
        </label>
        {files.map((file) => (
          <span
            key={file.name}
            className="flex h-7 items-center gap-1.5 rounded-md border border-line bg-panel pl-2 text-xs"
          >
            <span className="max-w-48 truncate" title={file.name}>
              {file.name}
            </span>
            <span className="text-faint">{bytes(file.bytes)}</span>
            <button
              type="button"
              aria-label={`Remove ${file.name}`}
              onClick={() => remove(file.name)}
              className="grid size-6 place-items-center rounded text-muted hover:text-text"
            >
              <Icon name="cross" className="size-3" />
            </button>
          </span>
        ))}
        {busy && (
          <span role="status" className="text-xs text-faint">
            Uploading…
          </span>
        )}
      </div>
      {problem !== null && (
        <p role="alert" className="text-xs text-bad">
          {problem}
        </p>
      )}
    </div>
  )
}
