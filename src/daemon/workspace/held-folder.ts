// A folder held open, for folders that an agent writes to: what is looked up in it cannot be led elsewhere by a link put in its place. Linux.

import { closeSync, constants, openSync, readdirSync } from 'node:fs'

/** Nothing is in what is missing, may not be read, or is no folder, such as a link. */
export class HeldFolder implements Disposable {
  readonly #file: number | null

  /** One inside another is opened by the other's `at`. */
  constructor(path: string) {
    this.#file = openFolder(path)
  }

  /** The path of an entry; a link there is not followed by what takes the entry itself (`lstat`, `unlink`, `rmdir`). */
  at(name: string): string {
    return this.#file === null ? '/nonexistent' : `/proc/self/fd/${this.#file}/${name}`
  }

  names(): readonly string[] {
    return this.#file === null ? [] : readdirSync(this.at(''))
  }

  [Symbol.dispose](): void {
    if (this.#file !== null) closeSync(this.#file)
  }
}

function openFolder(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch {
    return null // ENOENT, ELOOP, ENOTDIR, EACCES
  }
}
