// Programs that a run finds beside its MCP server: what signs its commits, and the command that starts a program on the host. Each is a line of
// sh around one script that asks the daemon.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { RunUser } from '../../lib/exec.ts'
import { codeFile } from '../../lib/package-files.ts'
import { lend, placeOf } from './place.ts'

const source = codeFile('daemon/mcp/caller')

/** What git is told to sign with. */
export function signPrograms(runDir: string): { readonly ssh: string; readonly openpgp: string } {
  const { folder } = placeOf(runDir)
  return { ssh: join(folder, 'sign-ssh'), openpgp: join(folder, 'sign-gpg') }
}

/** Goes to the end of a run's PATH, where it shadows nothing. */
export function commandFolder(runDir: string): string {
  return join(placeOf(runDir).folder, 'bin')
}

export const hostCommand = 'capstan-host-exec'

/** Writes them for the daemon's user, or for `user` too. The folder of the run's MCP server must be there; agents cannot write in it. */
export function layOutPrograms(
  runDir: string,
  which: { readonly sign: boolean; readonly hostExec: boolean },
  user: RunUser | null,
): void {
  if (!which.sign && !which.hostExec) return
  const { folder } = placeOf(runDir)
  const script = join(folder, `call.m${extname(source).slice(1)}`)
  place(script, readFileSync(source, 'utf8'), { mode: 0o600, lent: 0o640, user })
  const caller = (use: string) => `exec ${quoted(process.execPath)} ${quoted(script)} ${quoted(folder)} ${use} "$@"`
  const program = (path: string, lines: readonly string[]) =>
    place(path, `#!/bin/sh\n${lines.join('\n')}\n`, { mode: 0o700, lent: 0o750, user })
  if (which.sign) {
    const { ssh, openpgp } = signPrograms(runDir)
    // To look at signatures needs no key: that is the run's own program.
    program(ssh, [`[ "$1 $2" = "-Y sign" ] || exec ssh-keygen "$@"`, caller('sign-ssh')])
    program(openpgp, [`case " $* " in *" -bsau "*) ;; *) exec gpg "$@" ;; esac`, caller('sign-gpg')])
  }
  if (!which.hostExec) return
  const bin = commandFolder(runDir)
  mkdirSync(bin, { recursive: true, mode: 0o700 })
  lend(bin, 0o750, user)
  program(join(bin, hostCommand), [caller('host-exec')])
}

function place(
  path: string,
  text: string,
  how: { readonly mode: number; readonly lent: number; readonly user: RunUser | null },
): void {
  writeFileSync(path, text, { mode: how.mode })
  chmodSync(path, how.mode)
  lend(path, how.lent, how.user)
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
