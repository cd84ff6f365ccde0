// A command to copy: shown as it is, copied with one press.

import { useRef, useState } from 'react'
import { Icon } from './icon.tsx'

const shownMs = 1_500

export function Copy({ text, label }: { readonly text: string; readonly label: string }) {
  const code = useRef<HTMLElement>(null)
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    if (!(await copyText(text, code.current))) return
    setCopied(true)
    setTimeout(() => setCopied(false), shownMs)
  }
  return (
    <div className="flex items-center gap-1 rounded-md border border-line bg-panel py-1 pr-1 pl-2.5">
      <code ref={code} className="min-w-0 flex-1 py-1 font-mono text-xs break-all whitespace-pre-wrap">
        {text}
      </code>
      <button
        type="button"
        onClick={() => void copy()}
        aria-label={copied ? `Copied ${label}` : `Copy ${label}`}
        title={copied ? 'Copied' : 'Copy'}
        className={`grid size-7 shrink-0 place-items-center rounded hover:bg-calm-soft hover:text-text max-md:size-10 ${copied ? 'text-good' : 'text-muted'}`}
      >
        <Icon name={copied ? 'check' : 'copy'} />
      </button>
    </div>
  )
}

/** On a page that came by plain HTTP from another machine there is no clipboard: the text is selected and copied as by hand. */
async function copyText(text: string, shown: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    if (shown !== null) getSelection()?.selectAllChildren(shown)
    return document.execCommand('copy')
  }
}
