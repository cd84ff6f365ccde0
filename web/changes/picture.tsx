// A changed picture: before and after, from the bytes in the patch. As <img> of a blob: no script of an SVG runs, nothing is fetched.

import { useEffect, useState } from 'react'
import { bytes as bytesText } from '../parts/figures.ts'
import type { Side } from './binary.ts'
import { bytesOf, pictureType } from './binary.ts'
import type { PatchFile } from './patch.ts'

type Source = { readonly side: Side } | { readonly text: string }

export function Picture({ file }: { readonly file: PatchFile }) {
  const before = file.what === 'added' ? null : sourceOf(file, 'old')
  const after = file.what === 'deleted' ? null : sourceOf(file, 'new')
  const both = before !== null && after !== null
  return (
    <div className="flex flex-wrap gap-4 px-4 py-3">
      {before !== null && <Shown name={both ? 'Before' : 'Deleted'} path={file.path} source={before} />}
      {after !== null && <Shown name={both ? 'After' : 'Added'} path={file.path} source={after} />}
    </div>
  )
}

function sourceOf(file: PatchFile, which: 'old' | 'new'): Source | null {
  if (!file.binary) {
    const other = which === 'new' ? '-' : '+'
    const lines = file.hunks.flatMap((hunk) => hunk.lines.filter((line) => line.kind !== other))
    return { text: lines.map((line) => line.text).join('\n') }
  }
  const side = file.bytes?.[which] ?? null
  return side === null ? null : { side }
}

interface ShownProps {
  readonly name: string
  readonly path: string
  readonly source: Source
}

function Shown({ name, path, source }: ShownProps) {
  const { url, problem } = usePicture(path, source)
  const [broken, setBroken] = useState(false)
  const [size, setSize] = useState<string | null>(null)
  const weight =
    'text' in source ? new Blob([source.text]).size : source.side.how === 'literal' ? source.side.bytes : null
  const facts = [size, weight === null ? null : bytesText(weight)].filter((each) => each !== null).join(', ')
  return (
    <figure className="grid min-w-0 flex-1 basis-60 content-start gap-1.5">
      <figcaption className="text-xs text-muted">
        {name} <span className="text-faint tabular-nums">{facts}</span>
      </figcaption>
      <div className="flex h-60 items-center justify-center overflow-hidden rounded-md border border-line bg-panel p-2">
        {(problem !== null || broken) && (
          <p className="px-4 text-center text-muted">{problem ?? 'The browser cannot read it as a picture.'}</p>
        )}
        {problem === null && url !== null && !broken && (
          <img
            src={url}
            alt={`${path}, ${name.toLowerCase()}`}
            onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
              setSize(`${naturalWidth} × ${naturalHeight}`)
            }
            onError={() => setBroken(true)}
            className="picture-ground max-h-full max-w-full object-contain"
          />
        )}
      </div>
    </figure>
  )
}

function usePicture(path: string, source: Source): { readonly url: string | null; readonly problem: string | null } {
  const [shown, setShown] = useState<{ url: string | null; problem: string | null }>({ url: null, problem: null })
  const what = 'text' in source ? source.text : source.side
  useEffect(() => {
    let url: string | null = null
    let over = false
    const show = async () => {
      const type = pictureType(path) ?? ''
      const blob = new Blob([typeof what === 'string' ? what : await bytesOf(what)], { type })
      if (over) return
      url = URL.createObjectURL(blob)
      setShown({ url, problem: null })
    }
    show().catch((error: unknown) => {
      if (!over)
        setShown({ url: null, problem: `Not shown: ${error instanceof Error ? error.message : String(error)}` })
    })
    return () => {
      over = true
      if (url !== null) URL.revokeObjectURL(url)
    }
  }, [path, what])
  return shown
}
