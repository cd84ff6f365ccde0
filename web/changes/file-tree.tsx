// The changed files as a tree of folders; folders with one child share a line.

import { useMemo } from 'react'
import { exactText } from '../parts/ansi.ts'
import { Icon } from '../parts/icon.tsx'
import type { PatchFile } from './patch.ts'
import type { Placed } from './place.ts'

interface TreeProps {
  readonly files: readonly PatchFile[]
  readonly comments: readonly Placed[]
  /** Marks of files that were looked at. */
  readonly viewed: readonly string[]
  /** The path that is read now. */
  readonly current: string
  readonly onJump: (path: string) => void
}

export function FileTree({ files, ...rest }: TreeProps) {
  const tree = useMemo(() => treeOf(files), [files])
  if (files.length < 2) return null
  return (
    <nav
      aria-label="Changed files"
      className="hidden w-60 shrink-0 overflow-y-auto border-r border-line py-2 lg:block 2xl:w-72"
    >
      <Level folder={tree} depth={0} {...rest} />
    </nav>
  )
}

interface Folder {
  readonly name: string
  readonly folders: Map<string, Folder>
  readonly files: PatchFile[]
}

function treeOf(files: readonly PatchFile[]): Folder {
  const root: Folder = { name: '', folders: new Map(), files: [] }
  for (const file of files) {
    let folder = root
    for (const part of file.path.split('/').slice(0, -1)) {
      const next = folder.folders.get(part) ?? { name: part, folders: new Map(), files: [] }
      folder.folders.set(part, next)
      folder = next
    }
    folder.files.push(file)
  }
  return root
}

/** By name, folders before files, as the tree shows them: the list reads in the same order. */
export function inTreeOrder(files: readonly PatchFile[]): PatchFile[] {
  const flat = ({ folders, files: own }: Folder): PatchFile[] => [...[...folders.values()].flatMap(flat), ...own]
  return flat(treeOf(files.toSorted((a, b) => (a.path < b.path ? -1 : 1))))
}

interface LevelProps extends Omit<TreeProps, 'files'> {
  readonly folder: Folder
  readonly depth: number
}

function Level({ folder, depth, ...rest }: LevelProps) {
  const { comments, viewed, current, onJump } = rest
  const indent = { paddingLeft: `${0.75 + depth * 0.75}rem` }
  return (
    <ul>
      {[...folder.folders.values()].map(joined).map((each) => (
        <li key={each.name}>
          <p style={indent} className="truncate py-0.5 pr-2 text-xs text-faint" title={exactText(each.name)}>
            {exactText(each.name)}
          </p>
          <Level folder={each} depth={depth + 1} {...rest} />
        </li>
      ))}
      {folder.files.map((file) => (
        <li key={file.path}>
          <button
            type="button"
            style={indent}
            title={exactText(file.path)}
            aria-current={file.path === current ? 'true' : undefined}
            onClick={() => onJump(file.path)}
            className={`flex w-full items-center gap-1.5 py-0.5 pr-3 text-left text-xs hover:bg-calm-soft ${file.path === current ? 'bg-accent-soft' : ''}`}
          >
            <FileMark file={file} viewed={viewed.includes(file.mark)} />
            <span className={`min-w-0 flex-1 truncate ${viewed.includes(file.mark) ? 'text-faint' : ''}`}>
              {exactText(file.path.split('/').at(-1) ?? '')}
            </span>
            <Comments count={comments.filter((comment) => comment.path === file.path).length} />
          </button>
        </li>
      ))}
    </ul>
  )
}

/** `src` with only `core` in it becomes `src/core`. */
function joined(folder: Folder): Folder {
  const [only, ...others] = folder.folders.values()
  if (only === undefined || others.length > 0 || folder.files.length > 0) return folder
  return joined({ ...only, name: `${folder.name}/${only.name}` })
}

const letters = { added: 'A', deleted: 'D', modified: 'M', renamed: 'R', copied: 'C' } as const
const tones = {
  added: 'text-good',
  deleted: 'text-bad',
  modified: 'text-faint',
  renamed: 'text-busy',
  copied: 'text-busy',
} as const

export function FileMark({ file, viewed }: { readonly file: PatchFile; readonly viewed: boolean }) {
  if (viewed) return <Icon name="check" className="size-3 text-faint" />
  return (
    <span title={file.what} className={`w-3 text-center font-mono text-xs ${tones[file.what]}`}>
      {letters[file.what]}
    </span>
  )
}

function Comments({ count }: { readonly count: number }) {
  if (count === 0) return null
  return <span className="rounded-full bg-accent-soft px-1.5 text-xs text-accent">{count}</span>
}
