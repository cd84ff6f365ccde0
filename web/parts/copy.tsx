// A command to copy: shown as it is, copied with one press.

import { useState } from 'react'
import { Icon } from './icon.tsx'

const shownMs = 1_500

export function Copy({ text, label }: { readonly text: string; readonly label: string }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), shownMs)
  }
  return (
    <div className="flex items-start gap-1 rounded-md border border-line bg-panel py-1 pr-1 pl-2.5">
      <code className="min-w-0 flex-1 py-1 font-mono text-xs break-all whitespace-pre-wrap">{text}</code>
      <button
        type="button"
        onClick={() => void copy()}
        aria-label={`Copy ${label}`}
        title={copied ? 'Copied' : 'Copy'}
        className="grid size-7 shrink-0 place-items-center rounded text-muted hover:bg-calm-soft hover:text-text"
      >
        <Icon name={copied ? 'check' : 'copy'} />
      </button>
    </div>
  )
}
