// Which file a program's name means on the host, and where it is started: never one that an agent could have put there, and in a folder that is
// held open, so that no link takes its place.

import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { realOrNull } from '../workspace/private-git.ts'

/** The program's real path. `written`: folders that agents write. Throws `not_executable`. */
export function findProgram(name: string, searchPath: string, written: readonly string[]): string {
  const own = written.map((folder) => realOrNull(folder) ?? folder)
  const theirs = (path: string) => own.some((folder) => path === folder || path.startsWith(`${folder}/`))
  for (const folder of searchPath.split(delimiter).filter((each) => isAbsolute(each))) {
    const path = realOrNull(join(folder, name))
    if (path !== null && !theirs(path) && !theirs(realOrNull(folder) ?? folder) && isExecutable(path)) return path
  }
  throw new Problem('not_executable', `${name} is not on the PATH of the host`)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The real path of a folder in the workspace. Throws `not_on_host` for one outside, also behind a link. */
export function folderIn(workspace: string, folder: string): string {
  const real = realOrNull(resolve(workspace, folder))
  const isIn = real !== null && (real === workspace || real.startsWith(`${workspace}/`))
  if (isIn && statSync(real, { throwIfNoEntry: false })?.isDirectory() === true) return real
  throw new Problem('not_on_host', `${folder} is not a folder in the workspace ${workspace}`)
}

/** A folder that was opened: what is started in `path` starts there, wherever its name leads by then. */
export class HeldFolder implements Disposable {
  readonly #file: number
  readonly path: string

  /** Throws `not_on_host` when it is not in the workspace any more. */
  constructor(workspace: string, folder: string) {
    this.#file = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    this.path = `/proc/${process.pid}/fd/${this.#file}`
    const real = realOrNull(this.path)
    if (real === workspace || real?.startsWith(`${workspace}/`) === true) return
    this[Symbol.dispose]()
    throw new Problem('not_on_host', `${folder} is not a folder in the workspace ${workspace}`)
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }
}
