// What a person must know before they trust what they see: the link is down.

import { useEffect, useState } from 'react'
import { listenAgain, useLink } from '../data/stream.ts'
import { Icon } from '../parts/icon.tsx'

/** A restart of the server is over within this; a banner for it would only make the page jump. */
const patienceMs = 1_200

export function Banner() {
  const link = useLink()
  const [late, setLate] = useState(false)
  useEffect(() => {
    if (link !== 'down') return setLate(false)
    const timer = setTimeout(() => setLate(true), patienceMs)
    return () => clearTimeout(timer)
  }, [link])
  if (!late) return null
  return (
    <div role="status" className="flex items-center gap-2 border-b border-line bg-needs-soft px-4 py-1.5 text-needs">
      <Icon name="alert" />
      <span className="flex-1">
        The server is not answering. This is what it last said; agents go on, and the page catches up by itself.
      </span>
      <button type="button" className="font-medium underline" onClick={listenAgain}>
        Try now
      </button>
    </div>
  )
}
