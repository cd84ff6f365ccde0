// The frame around every view: who is signed in, where to go, whether the link is up.

import { useQuery } from '@tanstack/react-query'
import { Outlet, useLocation } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import { whoami } from '../data/queries.ts'
import { isSignedOut } from '../data/server.ts'
import { startStream } from '../data/stream.ts'
import { Failed } from '../parts/empty.tsx'
import { Banner } from './banner.tsx'
import { Keys } from './keys.tsx'
import { Nav } from './nav.tsx'
import { useNotices } from './notices.ts'
import { SignIn } from './sign-in.tsx'

const loadPalette = () => import('./palette.tsx')
const Palette = lazy(async () => ({ default: (await loadPalette()).Palette }))
const Help = lazy(async () => ({ default: (await import('./help.tsx')).Help }))

export type Overlay = 'palette' | 'help'

export function Shell() {
  const me = useQuery(whoami)
  if (me.data !== undefined && !(me.error !== null && isSignedOut(me.error))) return <SignedIn />
  if (me.error === null) return null
  return isSignedOut(me.error) ? <SignIn /> : <Failed error={me.error} />
}

/** A view that was gone to has the keyboard; one that takes it by itself keeps it. */
function useFocusOnArrival(): void {
  const path = useLocation({ select: ({ pathname }) => pathname })
  const first = useRef(true)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path is what one arrives at
  useEffect(() => {
    if (first.current) {
      first.current = false
      return
    }
    const main = document.getElementById('main')
    if (main !== null && !main.contains(document.activeElement)) main.focus({ preventScroll: true })
  }, [path])
}

function SignedIn() {
  const [overlay, setOverlay] = useState<Overlay | null>(null)
  const close = () => setOverlay(null)
  useEffect(() => {
    startStream()
    // Who presses ⌘K types at once: it must be there.
    const timer = setTimeout(() => void loadPalette(), 1_500)
    return () => clearTimeout(timer)
  }, [])
  useNotices()
  useFocusOnArrival()
  return (
    <div className="flex h-dvh flex-col md:flex-row">
      <a
        href="#main"
        className="absolute -top-10 left-2 z-50 rounded-md bg-accent px-3 py-1.5 text-on-accent focus:top-2"
      >
        Skip to content
      </a>
      <Nav onPalette={() => setOverlay('palette')} />
      <main id="main" tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col outline-none max-md:order-first">
        <Banner />
        <Outlet />
      </main>
      <Keys open={setOverlay} />
      <Suspense>
        {overlay === 'palette' && <Palette onClose={close} />}
        {overlay === 'help' && <Help onClose={close} />}
      </Suspense>
    </div>
  )
}
