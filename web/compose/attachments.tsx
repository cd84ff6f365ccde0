// Files for the agent: dropped, pasted or chosen; uploaded at once, named in the task.

import { useId, useState } from 'react'
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
}

export function useAttachments(): Attaching {
  const [files, setFiles] = useState<readonly Attached[]>([])
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
  return {
    files,
    busy: busy > 0,
    problem,
    add: (all) => {
      for (const file of all) void upload(file)
    },
    remove: (name) => setFiles((before) => before.filter((each) => each.name !== name)),
  }
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
  const { files, busy, problem, add, remove } = attaching
  return (
    <div className="grid gap-2">
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
            {file.name}
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
