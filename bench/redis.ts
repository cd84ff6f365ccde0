// A real Redis on a free port of loopback, with its append-only file in a folder of its own.

import { spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { pause } from './measure.ts'

export interface Redis {
  readonly port: number
  stop(): Promise<void>
}

/** Null, said aloud, when there is no redis-server on this machine. */
export async function startRedis(dir: string, appendfsync: 'always' | 'everysec'): Promise<Redis | null> {
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    console.error('there is no redis-server here: what is compared with BullMQ is skipped')
    return null
  }
  const port = await freePort()
  const settings = { port, bind: '127.0.0.1', dir, appendonly: 'yes', appendfsync, save: '', daemonize: 'no' }
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn('redis-server', flags, { stdio: 'ignore' })
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  await answers(port)
  return {
    port,
    stop: async () => {
      process.removeListener('exit', kill)
      child.kill('SIGTERM')
      await closed
    },
  }
}

async function answers(port: number): Promise<void> {
  const { connect } = await import('node:net')
  for (let n = 0; n < 200; n += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await pause(25)
  }
  throw new Error('redis-server did not come up within 5 s')
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
