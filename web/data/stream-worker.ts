// The one stream of all tabs: a shared worker that listens once and tells every tab.

import type { TeamNews } from '../../src/client/team.ts'
import { listen } from './stream-loop.ts'

interface SharedScope {
  onconnect: ((event: MessageEvent) => void) | null
}

const ports = new Set<MessagePort>()
let standing: TeamNews | null = null
const stream = listen((news) => {
  if (news.type !== 'changed') standing = news
  for (const port of ports) port.postMessage(news)
})

const scope = globalThis as unknown as SharedScope // a shared worker's global, which the DOM's types do not name
scope.onconnect = ({ ports: [port] }) => {
  if (port === undefined) return
  ports.add(port)
  port.onmessage = ({ data }) => {
    if (data === 'bye') ports.delete(port)
    if (data === 'again') stream.again()
  }
  // A tab that comes later reads everything by itself; it must know whether it will hear what follows.
  if (standing !== null) port.postMessage(standing)
}
