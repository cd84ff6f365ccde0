// A TCP balancer as it stands before replicas: one address, each connection to the least busy server that takes it.

import { connect, createServer, type Socket } from 'node:net'

export interface Balancer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Ports of the servers behind it; may change at any time. */
  backends: number[]
}

export async function startBalancer(): Promise<Balancer> {
  const open = new Set<Socket>()
  const load = new Map<number, number>()
  const count = (port: number, by: number) => load.set(port, (load.get(port) ?? 0) + by)
  const pass = (client: Socket, ports: readonly number[]) => {
    const [port, ...others] = ports
    if (port === undefined) {
      client.destroy()
      return
    }
    const server = connect(port, '127.0.0.1')
    open.add(server)
    let joined = false
    server.once('connect', () => {
      joined = true
      count(port, 1)
      client.pipe(server).pipe(client)
      client.once('close', () => server.destroy())
    })
    server.once('error', () => {
      if (!joined) pass(client, others)
    })
    server.once('close', () => {
      open.delete(server)
      if (!joined) return
      count(port, -1)
      client.destroy()
    })
  }
  const listener = createServer((client) => {
    open.add(client)
    client.on('error', () => client.destroy())
    client.once('close', () => open.delete(client))
    pass(
      client,
      [...balancer.backends].sort((a, b) => (load.get(a) ?? 0) - (load.get(b) ?? 0)),
    )
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const balancer: Balancer = {
    port,
    url: `http://127.0.0.1:${port}`,
    backends: [],
    [Symbol.asyncDispose]: async () => {
      for (const each of open) each.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
  return balancer
}
