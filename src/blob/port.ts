// Where large bytes live: a few methods, so that a directory and an object store are one to the rest.

/** Bytes by content id. A blob is whole or not there; it never changes. */
export interface Blobs {
  /**
   * Stores bytes under their content id; storing them again changes nothing. Throws Problem `invalid_request` when the id is malformed or
   * is not that of the bytes.
   */
  put(cid: string, bytes: Uint8Array): Promise<void>
  /** The bytes, or null when there are none by that id. Throws when what is stored is damaged. */
  get(cid: string): Promise<Uint8Array | null>
  has(cid: string): Promise<boolean>
  /** False: there were none. */
  remove(cid: string): Promise<boolean>
}
