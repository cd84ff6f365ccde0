// A process of its own per run, the child of what its supervisor started: so that a restart of the daemon cuts no agent's network.
//
//   node proxy-process.ts PARENT      in the folder that the sandbox sees; `../rules.json` says what is allowed, `../denied` gets what was
//                                     refused; it ends with the process PARENT

import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import type { NetworkRule } from './network-rules.ts'
import { type Denial, makeProxy } from './proxy.ts'

/** A run that tries more than so many things has been told of enough of them. */
const maxTold = 200
const parentLookMs = 500

function main(): void {
  const rules = JSON.parse(readFileSync('../rules.json', 'utf8')) as NetworkRule[] // written whole by the daemon
  const told = new Set<string>()
  const onDenied = (denial: Denial) => {
    const line = JSON.stringify(denial)
    if (told.has(line) || told.size >= maxTold) return
    told.add(line)
    try {
      appendFileSync('../denied', `${line}\n`, { mode: 0o600 })
    } catch {
      // a full disk: the connection is refused all the same, and the others go on
    }
  }
  rmSync('proxy.sock', { force: true }) // of the command before; its proxy has ended
  process.umask(0o177)
  // by its short name: a socket's path has 107 bytes at most, and the state folder may lie deep
  makeProxy({ rules, onDenied }).listen('proxy.sock')
  const parent = Number(process.argv[2])
  const endWithParent = () => {
    if (process.ppid !== parent) process.exit(0)
  }
  setInterval(endWithParent, parentLookMs)
  process.on('SIGTERM', endWithParent) // an agent that is being stopped still has its last words to say
}

main()
