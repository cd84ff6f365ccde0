// The least that could do the same: bare http, ws and SQLite, group commit per tick, no checks, no features. What Capstan keeps of its
// speed is what the features may cost.

import { createServer } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
import type { WebSocket } from 'ws'
import { WebSocketServer } from 'ws'
import { given, ready } from '../processes.ts'

export interface FloorArgument {
  readonly path: string
  readonly synchronous: 'FULL' | 'NORMAL'
}

interface Claim {
  readonly socket: WebSocket
  readonly max: number
  readonly answer: (ids: readonly { id: number; doc: string }[]) => void
}

const { path, synchronous } = given<FloorArgument>()
const db = new DatabaseSync(path)
db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=${synchronous}; PRAGMA wal_autocheckpoint=4000;
  create table tasks (id integer primary key, state integer not null, doc text not null);
  create index pending on tasks (id) where state = 0`)
const insert = db.prepare('insert into tasks (state, doc) values (0, ?) returning id')
const take = db.prepare(
  'update tasks set state = 1 where id in (select id from tasks where state = 0 order by id limit ?) returning id, doc',
)
const end = db.prepare('update tasks set state = 2 where id = ?')

let commands: (() => () => void)[] = []
let claims: Claim[] = []

/** Runs a command in this tick's transaction; what it gives is called after COMMIT. */
function run(command: () => () => void): void {
  if (commands.length === 0) setImmediate(flush)
  commands.push(command)
}

function flush(): void {
  const batch = commands
  commands = []
  db.exec('BEGIN IMMEDIATE')
  const answers = batch.map((command) => command())
  db.exec('COMMIT')
  for (const answer of answers) answer()
}

function look(): void {
  const claim = claims.shift()
  if (claim === undefined) return
  run(() => {
    const rows = take.all(claim.max) as { id: number; doc: string }[] // what take returns
    if (rows.length === 0 && claim.socket.readyState === claim.socket.OPEN) claims.push(claim)
    return () => {
      if (rows.length > 0) claim.answer(rows)
    }
  })
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const doc = JSON.stringify(JSON.parse(Buffer.concat(chunks).toString('utf8')))
    run(() => {
      const row = insert.get(doc)
      return () => {
        const text = JSON.stringify({ id: row?.id, ...JSON.parse(doc) })
        response.writeHead(201, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
        response.end(text)
        look()
      }
    })
  })
})

new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
  const reply = (re: number, body: unknown) => socket.send(JSON.stringify({ re, body }))
  socket.on('close', () => {
    claims = claims.filter((claim) => claim.socket !== socket)
  })
  socket.on('message', (data) => {
    const { id, type, body } = JSON.parse(String(data))
    if (type === 'claim') {
      const answer: Claim['answer'] = (rows) =>
        reply(id, {
          assignments: rows.map(({ id: attemptId, doc }) => ({ attemptId, epoch: 1, task: JSON.parse(doc) })),
        })
      claims.push({ socket, max: body.max, answer })
      look()
    } else if (type === 'result') {
      run(() => {
        end.run(Number(body.attemptId))
        return () => reply(id, { taskState: 'completed' })
      })
    } else reply(id, { daemonId: 'floor' })
  })
})

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  ready({ port, token: 'none', daemonToken: 'none' }, async () => {
    server.close()
    db.close()
  })
})
