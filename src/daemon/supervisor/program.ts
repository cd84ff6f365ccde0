// Whether a program can be executed, asked before the supervisor is started: a missing CLI is one clear sentence, not exit code 127.

import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { Problem } from '../../core/problem.ts'

/** Throws `not_executable` unless `program` is an executable file, by itself or on `searchPath` (PATH's form); `cwd` must be a folder. */
export function checkProgram(program: string, searchPath: string, cwd: string): void {
  if (!isFolder(cwd)) throw new Problem('not_executable', `The working folder "${cwd}" is not there.`)
  if (program.includes('/')) {
    const path = isAbsolute(program) ? program : resolve(cwd, program)
    if (!isExecutable(path)) throw new Problem('not_executable', `"${path}" is not an executable file.`)
    return
  }
  const folders = searchPath.split(delimiter).filter((each) => each !== '')
  if (!folders.some((folder) => isExecutable(join(resolve(cwd, folder), program)))) {
    throw new Problem('not_executable', `"${program}" was not found on PATH (${searchPath}).`)
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
