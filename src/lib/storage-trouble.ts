// Tells a disk that is full, read-only or failing from every other error: such trouble passes, and work must wait for that, not fail.

/** SQLite's primary codes: 8 READONLY, 10 IOERR, 13 FULL, 14 CANTOPEN. Source: sqlite.org/rescode.html. */
const sqliteCodes = new Set([8, 10, 13, 14])
const systemCodes = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'])

/** True also when the trouble is the cause of what was thrown. */
export function isStorageTrouble(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('errcode' in error && sqliteCodes.has(Number(error.errcode) & 0xff)) return true
  if ('code' in error && systemCodes.has(String(error.code))) return true
  return isStorageTrouble(error.cause)
}
